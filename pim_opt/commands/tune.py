"""`pimc tune`: the best schedule of a kernel, and how good it is."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pim_opt.commands.options import (
    add_import_options,
    add_json_option,
    add_length_option,
    add_objective_option,
    add_record_options,
    show_remarks,
)

if TYPE_CHECKING:
    from pim_opt.tuning import TuneReport


def add_kernel_options(parser: argparse.ArgumentParser) -> None:
    """Which kernels, on which device, and by which measure."""
    from pim_opt.kinds import KINDS  # noqa: PLC0415

    kinds = "; ".join(f"{name} ({','.join(kind.listed)})" for name, kind in KINDS.items())
    parser.add_argument(
        "file", metavar="KIND|FILE", help=f"a kind of kernel with --shape: {kinds}; or MLIR"
    )
    parser.add_argument("--shape", type=_shape, metavar="A,B,..", help="sizes of the kind")
    parser.add_argument(
        "--kv-heads", type=_positive, metavar="N", help="heads of keys and values (default: all)"
    )
    parser.add_argument("--device", default="attacc", help="name or file (default: attacc)")
    add_objective_option(parser)
    add_import_options(parser)
    parser.add_argument(
        "--schedule", help="one line of text, or 'baseline': evaluate it, search nothing"
    )
    parser.add_argument(
        "--top-k",
        type=_positive,
        default=16,
        metavar="N",
        help="schedules to simulate, the best under the model (default: 16)",
    )
    add_record_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    add_kernel_options(parser)
    add_length_option(parser, "are timed under the schedule that is best with all")
    parser.add_argument("--trace", metavar="FILE", help="write the best schedule's requests")
    add_json_option(parser)


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers A,B,..") from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of at least 1")
    return int(text)


def reports(options: argparse.Namespace, **changed: Any) -> "Iterator[TuneReport]":
    """Tune what the options name; remarks are shown as they come.

    Raises:
        Failure: it cannot be tuned.
    """
    from pim_opt.diagnostics import failure, from_remark  # noqa: PLC0415
    from pim_opt.dialects.diagnostics import remarks_to  # noqa: PLC0415
    from pim_opt.kinds import KINDS  # noqa: PLC0415
    from pim_opt.tuning import autotune  # noqa: PLC0415

    named = options.shape is not None
    if not named and options.file in KINDS:
        sizes = ",".join(KINDS[options.file].listed)
        raise failure(f"kernel kind '{options.file}' needs a shape: --shape {sizes}")
    names = (
        "shape",
        "kv_heads",
        "device",
        "objective",
        "inputs",
        "narrow_to",
        "schedule",
        "top_k",
        "records",
    )
    arguments = {name: getattr(options, name) for name in names} | changed
    arguments["lengths"] = getattr(options, "lengths", ())
    with remarks_to(lambda remark: show_remarks([from_remark(remark)])):
        yield from autotune(options.file if named else Path(options.file), **arguments)


def execute(options: argparse.Namespace) -> int:
    """Tune and report, kernel by kernel.

    Raises:
        Failure: a kernel cannot be tuned; those before it have been shown.
    """
    from pim_opt.diagnostics import failure  # noqa: PLC0415

    done: list[TuneReport] = []
    for report in reports(options):
        print(json.dumps(report.as_json()) if options.json else report_text(report), flush=True)
        done.append(report)
    if options.trace is None:
        return 0
    if len(done) != 1:
        raise failure(f"--trace writes one kernel's requests; tuned were {len(done)}")
    if len(options.lengths) > 1:
        raise failure(
            f"--trace writes one call's requests; given are {len(options.lengths)} lengths"
        )
    try:
        with Path(options.trace).open("w", encoding="utf-8") as file:
            done[0].write_trace(file)
    except OSError as error:
        raise failure(f"cannot write '{options.trace}': {error.strerror}") from error
    return 0


def title(report: "TuneReport") -> str:
    """The kernel and its device, in a line."""
    shape = ", ".join(f"{name} {size}" for name, size in report.shape.items())
    return f"{report.name}: {report.kind} {shape} on {report.device}"


def report_text(report: "TuneReport") -> str:
    """The report for people."""
    best, bound = report.best, report.bound.cycles
    lines = [
        title(report),
        f"  schedule   {report.schedule}",
        f"  predicted  {best.estimate.cycles:,.0f} cycles",
        f"  simulated  {best.cycles:,} cycles, {best.energy_pj / 1e6:,.2f} uJ",
        f"  bound      {bound:,.0f} cycles, {bound / best.cycles:.0%} of the time",
    ]
    if report.baseline_cycles is not None:
        speedup = report.baseline_cycles / best.cycles
        lines.append(f"  baseline   {report.baseline_cycles:,} cycles; {speedup:.2f}x as fast")
    lines += [
        f"  length     {call.length:,}: {call.simulated_cycles:,} cycles, predicted"
        f" {call.predicted_cycles:,.0f}"
        for call in report.calls
    ]
    lines.append(f"  search     {_search_text(report)}")
    if report.rejected:
        lines.append(
            f"  rejected   {report.rejected} schedules whose commands the device would reorder"
            " against a dependence"
        )
    return "\n".join(lines)


def _search_text(report: "TuneReport") -> str:
    counts = f"{report.candidates:,} schedules priced, {report.pruned:,} bounds cut off the rest"
    if report.recorded:
        return f"from a record, verified in {report.seconds:.2f} s; {counts} then"
    if report.candidates == 1:
        return f"none; the schedule was given ({report.seconds:.2f} s)"
    return f"{counts}, {report.seconds:.2f} s; proved best under the model, then simulated"
