"""Tuning with a memory: what a file records of an earlier tuning is taken, once it is verified."""

from pathlib import Path

from pim_opt.dialects.diagnostics import (
    DiagnosticError,
    Place,
    emit_remark,
    emit_warning,
)
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import ScheduleError, parse_schedule
from pim_opt.passes.kernel_access import device_of, element_of
from pim_opt.passes.kernel_tuning import Choice, Tuned, predicted, simulated
from pim_opt.tune.objectives import Objective
from pim_opt.tune.records import Record, RecordFile, append_record, record_key


def key_of(kernel: KernelOp) -> str:
    """The key of a kernel's records: all that the time of a schedule depends on."""
    context = {
        "inputs": [str(element_of(value)) for value in kernel.inputs],
        "outputs": [str(element_of(value)) for value in kernel.outputs],
        "resident": list(kernel.resident_operands),
        "origin": kernel.origin.data,
    }
    if kernel.length is not None:
        context["length"] = "argument"
    return record_key(kernel.computation, device_of(kernel), context)


def described(kernel: KernelOp) -> str:
    """What a kernel computes, in a few words."""
    dims = ", ".join(f"{dim.name} {dim.size} {dim.role}" for dim in kernel.computation.dims)
    return f"{kernel.kind} {dims}"


def record_of(kernel: KernelOp, tuned: Tuned, objective: Objective, top_k: int, key: str) -> Record:
    """What to record of a tuning whose choices were simulated."""
    best, hand = tuned.best, tuned.baseline
    assert best.result is not None, "only what was simulated is recorded"
    return Record(
        key,
        described(kernel),
        kernel.device.data,
        objective,
        top_k,
        str(best.schedule),
        best.estimate.cycles,
        best.result.cycles,
        None if hand is None or hand.result is None else hand.result.cycles,
        tuned.search.priced,
        tuned.search.pruned,
        tuned.seconds,
    )


def recalled(
    kernel: KernelOp, path: Path, objective: Objective, top_k: int
) -> tuple[Record, Choice] | None:
    """The record of an earlier tuning and its schedule, verified; None if there is none.

    The schedule must still bind to the kernel and take the cycles that the record says. What does
    not is left aside with a remark; damaged lines of the file are, with warnings.
    """

    def warn(line: int, message: str) -> None:
        emit_warning(Place(str(path), line, 1), message)

    try:
        record = RecordFile(path, warn).find(key_of(kernel), objective, top_k)
    except OSError as error:
        emit_warning(None, f"cannot read '{path}': {error.strerror}")
        return None
    if record is None:
        return None
    try:
        choice = simulated(kernel, predicted(kernel, parse_schedule(record.schedule)))
    except (ScheduleError, DiagnosticError) as error:
        _leave(kernel, path, f"its schedule does not fit: {error}")
        return None
    if choice.result is None or choice.rejected is not None:
        _leave(kernel, path, f"its schedule cannot run: {choice.rejected}")
        return None
    if choice.result.cycles != record.simulated_cycles:
        _leave(
            kernel,
            path,
            f"its schedule takes {choice.result.cycles} cycles, not {record.simulated_cycles}",
        )
        return None
    return record, choice


def _leave(kernel: KernelOp, path: Path, why: str) -> None:
    emit_remark(kernel, f"record of kernel {kernel.label} in '{path}' is not used: {why}")


def remember(path: Path, record: Record) -> None:
    """Add a record to a file; where that cannot be done, a warning says so."""
    try:
        append_record(path, record)
    except OSError as error:
        emit_warning(None, f"cannot write '{path}': {error.strerror}")
