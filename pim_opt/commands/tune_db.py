"""`pimc tune-db`: what tunings have found."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pim_opt.commands.options import add_json_option, default_records, show_remarks

if TYPE_CHECKING:
    from pim_opt.tune.records import Record


def add_options(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", parser_class=argparse.ArgumentParser
    )
    show = actions.add_parser("show", help="list the records of a file")
    show.add_argument("records", nargs="?", type=Path, default=default_records())
    add_json_option(show)
    merge = actions.add_parser("merge", help="join files into one")
    merge.add_argument("inputs", nargs="+", type=Path, metavar="FILE")
    merge.add_argument("-o", dest="output", type=Path, required=True, help="where to write")
    parser.set_defaults(action="show", records=default_records(), json=False)


def execute(options: argparse.Namespace) -> int:
    """Show or merge records.

    Raises:
        Failure: a file cannot be read or written.
    """
    if options.action == "merge":
        return _merge(options.inputs, options.output)
    for record in _read(options.records):
        print(record.line() if options.json else record_text(record))
    return 0


def record_text(record: "Record") -> str:
    """A record for people."""
    baseline = ""
    if record.baseline_cycles is not None:
        baseline = f" (baseline {record.baseline_cycles:,})"
    return (
        f"{record.kernel} on {record.device}, {record.objective}:"
        f" {record.simulated_cycles:,} cycles{baseline}\n  {record.schedule}"
    )


def _read(path: Path) -> "Sequence[Record]":
    from pim_opt.diagnostics import Diagnostic, Severity, failure  # noqa: PLC0415
    from pim_opt.dialects.diagnostics import Place  # noqa: PLC0415
    from pim_opt.tune.records import read_records  # noqa: PLC0415

    def warn(line: int, message: str) -> None:
        show_remarks([Diagnostic(Severity.WARNING, message, Place(str(path), line, 1))])

    try:
        return list(read_records(path, warn))
    except OSError as error:
        raise failure(f"cannot read '{path}': {error.strerror}") from error


def _merge(inputs: Sequence[Path], output: Path) -> int:
    from pim_opt.diagnostics import failure  # noqa: PLC0415
    from pim_opt.tune.records import merged  # noqa: PLC0415

    records = merged(record for path in inputs for record in _read(path))
    try:
        output.write_text("".join(f"{record.line()}\n" for record in records), encoding="utf-8")
    except OSError as error:
        raise failure(f"cannot write '{output}': {error.strerror}") from error
    print(f"{len(records)} records in '{output}'")
    return 0
