"""Tuning as a library: the best schedule of each kernel of a module, or of one by its shape."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from xdsl.dialects.builtin import ModuleOp

from pim_opt.api import compile_passes, read_module
from pim_opt.cost.bound import Bound
from pim_opt.diagnostics import diagnosed, failure, verify
from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.pim import DistributeOp, KernelOp, ProgramOp
from pim_opt.dialects.schedule import AnySchedule, ScheduleError, parse_schedule
from pim_opt.kinds import KINDS, kernel_text
from pim_opt.parsing import make_context
from pim_opt.pass_options import make_pass
from pim_opt.passes.attention import estimate_at_length
from pim_opt.passes.kernel_access import device_named, device_of, kernels
from pim_opt.passes.kernel_classes import class_of
from pim_opt.passes.kernel_program import lowered
from pim_opt.passes.kernel_tuning import (
    Choice,
    baseline,
    predicted,
    simulated,
    timed,
    tune_kernel,
)
from pim_opt.passes.recorded_tuning import key_of, recalled, record_of, remember
from pim_opt.sim.length import LengthError, check_length
from pim_opt.sim.timing import simulate_program
from pim_opt.targets import print_trace
from pim_opt.tune.objectives import Objective

BASELINE = "baseline"
"""In place of a schedule: the device's hand mapping."""


@dataclass(frozen=True)
class CallTime:
    """A call of a kernel that takes a length, under the best schedule."""

    length: int
    predicted_cycles: float
    simulated_cycles: int


@dataclass(frozen=True)
class TuneReport:
    """The best schedule of a kernel, and how good it is."""

    kind: str
    """As named on a command line, or "contraction" for a kernel of a file."""
    name: str
    shape: dict[str, int]
    """Sizes as the kind lists them, or by loop dimension."""
    device: str
    objective: Objective
    best: Choice
    baseline: Choice | None
    """The device's hand mapping; None where it has none."""
    others: tuple[Choice, ...]
    """The other schedules that were looked at, best first."""
    rejected: int
    """Schedules that the device's controller would reorder against a dependence."""
    floor_cycles: int
    """Cycles that the multiplications take at best, on all cores at once."""
    bound: Bound
    """That, and what else no schedule gets around."""
    candidates: int
    """Schedules that the search priced; 1 for a schedule that was given."""
    pruned: int
    seconds: float
    recorded: bool
    """Whether the schedule comes from the record of an earlier tuning."""
    kernel: KernelOp = field(repr=False)
    calls: tuple[CallTime, ...] = ()
    """At the lengths that were asked for; all else is said of as many positions as there are."""

    @property
    def schedule(self) -> str:
        return str(self.best.schedule)

    @property
    def simulated_cycles(self) -> int | None:
        return None if self.best.result is None else self.best.result.cycles

    @property
    def baseline_cycles(self) -> int | None:
        hand = self.baseline
        return None if hand is None or hand.result is None else hand.result.cycles

    @property
    def breakdown(self) -> dict[str, dict[str, float]]:
        """Cycles by cause, of the model and of the simulator."""
        result = self.best.result
        parts = {name: round(c, 1) for name, c in self.best.estimate.parts.as_dict().items()}
        return {"model": parts, "simulated": {} if result is None else dict(result.breakdown)}

    def as_json(self) -> dict[str, object]:
        """The report, ready for json.dumps."""
        lengths = {"lengths": [asdict(call) for call in self.calls]} if self.calls else {}
        return {
            "kind": self.kind,
            "shape": self.shape,
            "device": self.device,
            "schedule": self.schedule,
            "predicted_cycles": round(self.best.estimate.cycles, 1),
            "simulated_cycles": self.simulated_cycles,
            "floor_cycles": self.floor_cycles,
            "baseline_cycles": self.baseline_cycles,
            "candidates": self.candidates,
            "pruned": self.pruned,
            "seconds": round(self.seconds, 3),
            "breakdown": self.breakdown,
            "name": self.name,
            "objective": self.objective,
            "energy_pj": round(self.best.energy_pj, 1),
            "rejected": self.rejected,
            "recorded": self.recorded,
            **lengths,
        }

    def write_trace(self, output: TextIO) -> None:
        """Write the requests of the best schedule in the reference trace format.

        Of a kernel that takes a length they are those of the first call.
        """
        module, _ = lowered(self.kernel, self.best.schedule)
        print_trace(module, output, length=self.calls[0].length if self.calls else None)


@dataclass(frozen=True)
class _Request:
    """What is asked of every kernel."""

    objective: Objective
    top_k: int
    schedule: str | None
    records: Path | None
    lengths: tuple[int, ...]


def autotune(
    source: str | Path | ModuleOp,
    *,
    shape: Sequence[int] | None = None,
    kv_heads: int | None = None,
    device: str = "attacc",
    objective: Objective = "latency",
    inputs: str = "dram",
    narrow_to: str | None = None,
    schedule: str | None = None,
    top_k: int = 16,
    records: Path | None = None,
    lengths: Sequence[int] = (),
) -> Iterator[TuneReport]:
    """Find the best schedule of every kernel, or evaluate one that is given.

    A kernel is tuned when its report is asked for.

    Args:
        source: a kind of kernel if `shape` is given; else a path, MLIR text, or a module.
        shape: sizes of the kind.
        kv_heads: heads of keys and values, where the kind has them and the shape leaves them out.
        device: a known device's name, or the path of a device file.
        objective: what the best schedule has least of.
        inputs: where streamed operands start: "dram" (host layout) or "host".
        narrow_to: element type that f32 contractions may be rounded to, "f16" say.
        schedule: one line of text, or "baseline", to be evaluated in place of a search.
        top_k: schedules that the search keeps for simulation.
        records: a file that remembers what tunings found.
        lengths: if any are given, programs take the number of positions of attention as an
            argument; these calls are priced and timed, too.

    Raises:
        Failure: what is wrong with source, device or schedule, with its place; or nothing to tune.
    """
    if top_k < 1:
        raise failure(f"top-k is {top_k}; expected at least 1")
    sizes = None if shape is None else _sizes(str(source), shape, kv_heads)
    text = source if sizes is None else kernel_text(str(source), tuple(sizes.values()))
    found, name = _outlined(
        text,
        device=device,
        inputs=inputs,
        narrow_to=narrow_to,
        variable_length="true" if lengths else None,
    )
    whole = None if sizes is None else KINDS[str(source)].becomes
    if whole is not None and any(kernel.kind != whole for kernel in found):
        raise failure(f'device "{device}" runs parts of {source} by themselves, not all of it')
    request = _Request(objective, top_k, schedule, records, tuple(lengths))
    for kernel in found:
        with diagnosed(name):
            _check_lengths(kernel, lengths)
            report = _tuned(kernel, str(source) if sizes is not None else None, sizes, request)
        yield report


def _sizes(kind: str, shape: Sequence[int], kv_heads: int | None) -> dict[str, int]:
    """The shape's sizes by name.

    Raises:
        Failure: unknown kind, or a shape that does not fit it.
    """
    whole = KINDS[kind].completed(shape, kv_heads) if kind in KINDS else shape
    try:
        kernel_text(kind, whole)
    except ValueError as error:
        raise failure(str(error)) from error
    if kv_heads is not None and "kv_heads" not in KINDS[kind].sizes:
        raise failure(f"{kind} has no KV heads")
    return dict(zip(KINDS[kind].sizes, whole, strict=True))


def _check_lengths(kernel: KernelOp, lengths: Sequence[int]) -> None:
    """Check that a kernel takes some lengths, if it takes any.

    Raises:
        DiagnosticError: there are not so many positions.
    """
    try:
        for length in lengths if kernel.length is not None else ():
            check_length(kernel, length)
    except LengthError as error:
        raise DiagnosticError(str(error), kernel) from error


def _calls(kernel: KernelOp, schedule: AnySchedule, lengths: Sequence[int]) -> Iterator[CallTime]:
    """Calls of a kernel, if it takes a length."""
    if kernel.length is None or not lengths:
        return
    _, program = lowered(kernel, schedule)
    for length in lengths:
        predicted = estimate_at_length(kernel, schedule, length).cycles
        result = simulate_program(program, device_of(kernel), length=length)
        yield CallTime(length, round(predicted, 1), result.cycles)


def _outlined(
    source: str | Path | ModuleOp, *, device: str, **options: str | None
) -> tuple[tuple[KernelOp, ...], str]:
    """The kernels of a module, not scheduled yet, and the module's name for messages.

    Args:
        source: as for `autotune`.
        device: what to outline for.
        options: further ones of pim-compile.

    Raises:
        Failure: the source cannot be read, or nothing of it can be offloaded.
    """
    context = make_context()
    module, name = read_module(source, context)
    module = module.clone()
    with diagnosed(name):
        device_named(device)
        for spec in compile_passes(device=device, **options):
            make_pass(spec, "").apply(context, module)
            verify(module, name)
            if spec.name == "pim-outline":
                break
        found = kernels(module)
        if not found:
            raise DiagnosticError("nothing to tune: no kernel of the module can be offloaded")
        for kernel in found:
            if any(isinstance(op, (DistributeOp, ProgramOp)) for op in kernel.body.walk()):
                raise DiagnosticError(f"kernel {kernel.label} is distributed already", kernel)
    return found, name


def _tuned(
    kernel: KernelOp, kind: str | None, sizes: Mapping[str, int] | None, request: _Request
) -> TuneReport:
    class_ = class_of(kernel)
    outcome = _given(kernel, request) if request.schedule is not None else _best(kernel, request)
    bound = class_.bound(kernel)
    assert bound is not None, "a kernel is outlined only where the device has commands for it"
    return TuneReport(
        kind or kernel.kind,
        kernel.label.data,
        dict(sizes or {dim.name: dim.size for dim in kernel.computation.dims}),
        kernel.device.data,
        request.objective,
        outcome.best,
        outcome.baseline,
        outcome.others,
        outcome.rejected,
        class_.floor_cycles(kernel),
        bound,
        outcome.candidates,
        outcome.pruned,
        outcome.seconds,
        outcome.recorded,
        kernel,
        tuple(_calls(kernel, outcome.best.schedule, request.lengths)),
    )


@dataclass(frozen=True)
class _Outcome:
    best: Choice
    baseline: Choice | None
    others: tuple[Choice, ...]
    rejected: int
    candidates: int
    pruned: int
    seconds: float
    recorded: bool = False


def _hand(kernel: KernelOp) -> Choice | None:
    schedule = baseline(kernel)
    return None if schedule is None else timed(kernel, predicted(kernel, schedule))


def _best(kernel: KernelOp, request: _Request) -> _Outcome:
    """The best schedule, recalled or found."""
    started = time.perf_counter()
    path, objective, top_k = request.records, request.objective, request.top_k
    known = None if path is None else recalled(kernel, path, objective, top_k)
    if known is not None:
        record, choice = known
        hand = _hand(kernel)
        seconds = time.perf_counter() - started
        return _Outcome(choice, hand, (), 0, record.candidates, record.pruned, seconds, True)
    tuned = tune_kernel(kernel, objective, top_k)
    if path is not None:
        remember(path, record_of(kernel, tuned, objective, top_k, key_of(kernel)))
    return _Outcome(
        tuned.best,
        tuned.baseline,
        tuned.choices[1:],
        len(tuned.rejected),
        tuned.search.priced,
        tuned.search.pruned,
        tuned.seconds,
    )


def _given(kernel: KernelOp, request: _Request) -> _Outcome:
    """The schedule that was asked about."""
    started = time.perf_counter()
    choice = simulated(kernel, predicted(kernel, _parsed(kernel, request.schedule or "")))
    if choice.rejected is not None:
        raise DiagnosticError(
            f'device "{kernel.device.data}" cannot run kernel {kernel.label} so: {choice.rejected}',
            kernel,
        )
    hand = _hand(kernel)
    return _Outcome(choice, hand, (), 0, 1, 0, time.perf_counter() - started)


def _parsed(kernel: KernelOp, text: str) -> AnySchedule:
    if text != BASELINE:
        try:
            return parse_schedule(text)
        except ScheduleError as error:
            raise DiagnosticError(f"schedule of kernel {kernel.label}: {error}", kernel) from error
    hand = baseline(kernel)
    if hand is None:
        raise DiagnosticError(
            f'device "{kernel.device.data}" has no hand mapping for kernel {kernel.label}', kernel
        )
    return hand
