"""`pimc simulate`: how long command streams take on a device."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from pim_opt.commands.options import (
    add_compile_options,
    add_length_option,
    compile_arguments,
    show_remarks,
)

if TYPE_CHECKING:
    from pim_opt.sim.timing import Result


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a trace, or MLIR (.mlir): programs, or compiled"
    )
    parser.add_argument(
        "--device", help="name or file (default: that of the programs, else attacc)"
    )
    add_compile_options(parser)
    add_length_option(parser, "kernels are timed for, one for each output")
    parser.add_argument(
        "--timeline", metavar="OUT.json", help="write the commands as a Chrome trace (Perfetto)"
    )


def execute(options: argparse.Namespace) -> int:
    """Time the files, one after the other; the text or JSON of each is printed when it is done.

    Raises:
        Failure: a file that cannot be timed; those before it have been printed.
    """
    from pim_opt.diagnostics import failure  # noqa: PLC0415
    from pim_opt.simulation import simulate  # noqa: PLC0415

    calls = [(file, length) for file in options.files for length in options.lengths or [None]]
    if options.timeline is not None and len(calls) != 1:
        what = f"{len(options.files)} files" if len(options.files) != 1 else f"{len(calls)} lengths"
        raise failure(f"--timeline shows one file; given are {what}")
    for file, length in calls:
        options.file = file  # the one that an error speaks of
        result = simulate(
            Path(file),
            device=options.device,
            length=length,
            log=options.timeline is not None,
            **compile_arguments(options),
        )
        name = file if length is None else f"{file} at length {length}"
        print(json.dumps(result.as_json()) if options.json else result_text(name, result))
        if options.timeline is not None:
            _write_timeline(result, Path(options.timeline))
    return 0


def result_text(name: str, result: "Result") -> str:
    """A few lines that say what a stream took."""
    commands = ", ".join(f"{name} {count:,}" for name, count in result.commands.items())
    causes = ", ".join(
        f"{cause} {cycles:,} ({cycles / result.cycles:.0%})"
        for cause, cycles in result.breakdown.items()
        if cycles
    )
    bus = f"column command bus {result.bus_utilisation:.1%}"
    return "\n".join(
        (
            f"{name} on {result.device}",
            f"  cycles     {result.cycles:,} = {result.time_ns / 1000:,.3f} us",
            f"  requests   {sum(result.requests.values()):,}",
            f"  commands   {commands or 'none'}",
            f"  rows       {result.row_hits:,} hits, {result.row_misses:,} misses",
            f"  used       multipliers {result.mac_utilisation:.1%}, {bus}",
            f"  spent on   {causes}",
        )
    )


def _write_timeline(result: "Result", path: Path) -> None:
    from pim_opt.devices import load_device  # noqa: PLC0415
    from pim_opt.diagnostics import Diagnostic, Severity, failure  # noqa: PLC0415
    from pim_opt.timeline import EVENT_LIMIT, chrome_trace  # noqa: PLC0415

    assert result.log is not None, "asked for above"
    count = len(result.log)
    trace = chrome_trace(result.log, load_device(result.device))
    try:
        path.write_text(json.dumps(trace), encoding="utf-8")
    except OSError as error:
        raise failure(f"cannot write '{path}': {error}") from error
    if count > EVENT_LIMIT:
        message = f"'{path}' shows the first {EVENT_LIMIT:,} of {count:,} commands"
        show_remarks([Diagnostic(Severity.WARNING, message)])
