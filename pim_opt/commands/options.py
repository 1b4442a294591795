"""Options that several subcommands have."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pim_opt.diagnostics import Diagnostic

OBJECTIVES = ("latency", "energy", "edp", "compute", "rearrangement")


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON on one line")


def add_import_options(parser: argparse.ArgumentParser) -> None:
    """How a module is read and what of it is offloaded."""
    parser.add_argument(
        "--narrow-to",
        choices=("f16", "bf16"),
        help="round f32 contractions to this type, so that they can be offloaded",
    )
    parser.add_argument(
        "--inputs",
        choices=("dram", "host"),
        default="dram",
        help="where streamed operands start (default: dram)",
    )


def add_record_options(parser: argparse.ArgumentParser) -> None:
    """Where tunings are remembered."""
    records = parser.add_mutually_exclusive_group()
    records.add_argument(
        "--records",
        type=Path,
        metavar="FILE",
        default=default_records(),
        help="remembers what tuning found (default: %(default)s)",
    )
    records.add_argument(
        "--no-records", dest="records", action="store_const", const=None, help="remember nothing"
    )


def add_compile_options(parser: argparse.ArgumentParser) -> None:
    """How a module is compiled."""
    parser.add_argument("--schedule", help="one line of text, or 'baseline'; by default -O decides")
    parser.add_argument(
        "-O",
        dest="opt",
        type=int,
        choices=(1, 2, 3),
        default=3,
        help="schedules by rule of thumb (1), by cost model (2), by model and simulation (3)",
    )
    add_objective_option(parser)
    add_import_options(parser)
    parser.add_argument(
        "--variable-length",
        action="store_true",
        help="attention takes its number of positions as an argument: one program for all lengths",
    )
    add_record_options(parser)
    add_remark_option(parser)
    add_json_option(parser)


def add_objective_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--objective",
        choices=OBJECTIVES,
        default="latency",
        help="what the best schedule has least of (default: latency)",
    )


def add_length_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Lengths of attention; `what` is done at each."""
    parser.add_argument(
        "--length",
        dest="lengths",
        type=_lengths,
        action="extend",
        default=[],
        metavar="N,..",
        help=f"numbers of positions that {what}, by one program (--variable-length)",
    )


def _lengths(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers N,..") from error


def compile_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What `pim_opt.compile` takes, the device left out."""
    names = ("schedule", "narrow_to", "inputs", "opt", "objective", "records")
    variable = options.variable_length or bool(getattr(options, "lengths", ()))
    return {name: getattr(options, name) for name in names} | {"variable_length": variable}


def default_records() -> Path:
    """The file that remembers tunings, in the user's data directory."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "pim-opt" / "tuning.jsonl"


def add_remark_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--remarks",
        choices=("summary", "all"),
        default="summary",
        help="those that say the same together (default), or each with its line of the source",
    )


def show_remarks(
    remarks: "Sequence[Diagnostic]", file: str | None = None, how: str = "all"
) -> None:
    """Print remarks and warnings where errors go.

    Args:
        remarks: in the order in which they came.
        file: whose lines to show with them.
        how: "all", or "summary" for one line where several say the same.
    """
    sources = {} if file is None else {file: Path(file).read_text(encoding="utf-8")}
    alike: dict[tuple[str, str, int], list[Diagnostic]] = {}
    for number, remark in enumerate(remarks):
        key = (remark.severity.value, remark.message)
        alike.setdefault((*key, number if how == "all" else 0), []).append(remark)
    for same in alike.values():
        text = same[0].render(sources) if len(same) == 1 else _summary(same)
        print(text, file=sys.stderr)


def _summary(same: "Sequence[Diagnostic]") -> str:
    """Several remarks of one message as a line: where the first stands, and the lines of all."""
    lines = sorted({remark.place.line for remark in same if remark.place is not None})
    where = f" (lines {', '.join(map(str, lines))})" if len(lines) > 1 else ""
    first = same[0].render({}).splitlines()[0]
    return f"{first}; {len(same)} such ops{where}"
