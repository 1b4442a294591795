"""`pimc explore`: what a device with other values of its fields would be worth."""

import argparse
import json
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pim_opt.commands.options import (
    add_json_option,
    add_objective_option,
    add_record_options,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from pim_opt.exploring import Explored, KernelShape


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="attacc", help="name or file (default: attacc)")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        required=True,
        metavar="FIELD=A,B,..",
        help="a field by its path, as registers.acc.entries or organisation.levels.bank.count, and"
        " its values; several make all combinations",
    )
    parser.add_argument(
        "--kernel",
        dest="kernels",
        action="append",
        required=True,
        metavar="KIND:A,B,..",
        help="a kind of kernel and its shape, as for pimc tune: gemv:1,32,128,512",
    )
    add_objective_option(parser)
    parser.add_argument("--top-k", type=int, default=16, help="schedules to simulate (default: 16)")
    add_record_options(parser)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the devices' files there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it: .png, .svg or .pdf")
    add_json_option(parser)


def execute(options: argparse.Namespace) -> int:
    """Explore and report.

    Raises:
        Failure: no such device, field, kind or shape.
    """
    from pim_opt.exploring import explore  # noqa: PLC0415

    settings = dict(map(_setting, options.settings))
    kernels = list(map(_kernel, options.kernels))
    with _folder(options.keep) as folder:
        found = list(
            explore(
                options.device,
                settings,
                kernels,
                folder=folder,
                objective=options.objective,
                top_k=options.top_k,
                records=options.records,
            )
        )
    if options.json:
        import msgspec  # noqa: PLC0415

        print(json.dumps(msgspec.to_builtins(found)))
    else:
        print("\n\n".join(_table([e for e in found if e.kernel == k]) for k in kernels))
    if options.plot is not None:
        from pim_opt.exploration_plot import draw  # noqa: PLC0415

        draw(found, options.plot)
    return 0


def _setting(text: str) -> tuple[str, tuple[object, ...]]:
    import yaml  # noqa: PLC0415

    from pim_opt.diagnostics import failure  # noqa: PLC0415

    path, equals, values = text.partition("=")
    if not (path and equals and values):
        raise failure(f"--set {text}: expected FIELD=VALUE,VALUE,..")
    return path, tuple(yaml.safe_load(value) for value in values.split(","))


def _kernel(text: str) -> "KernelShape":
    from pim_opt.diagnostics import failure  # noqa: PLC0415
    from pim_opt.exploring import KernelShape  # noqa: PLC0415

    kind, _, sizes = text.partition(":")
    try:
        return KernelShape(kind, tuple(int(size) for size in sizes.split(",")))
    except ValueError as error:
        raise failure(f"--kernel {text}: expected KIND:A,B,.. as gemv:1,32,128,512") from error


@contextmanager
def _folder(kept: Path | None) -> "Generator[Path]":
    if kept is None:
        with TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept


def _table(found: "Sequence[Explored]") -> str:
    """The devices of one kernel beside each other, and their schedules by letter below."""
    fields = list(found[0].values)
    letters = _letters(found)
    reference = found[0].time_us or 0.0
    rows = [(*fields, "cycles", "time", "speed", "energy", "schedule")]
    for one in found:
        values = [str(value) for value in one.values.values()]
        if one.cycles is None or one.time_us is None:
            rows.append((*values, "-", "", "", "", one.problem))
            continue
        speed = "as it is" if one.unchanged else f"{reference / one.time_us:.2f}x"
        costs = (f"{one.cycles:,}", f"{one.time_us:.2f} us", speed, f"{one.energy_uj:,.2f} uJ")
        rows.append((*values, *costs, letters[one.schedule]))
    schedules = [f"  {letter}  {schedule}" for schedule, letter in letters.items()]
    return "\n".join([str(found[0].kernel), *_aligned(rows), *schedules])


def _letters(found: "Sequence[Explored]") -> dict[str, str]:
    schedules = dict.fromkeys(one.schedule for one in found if one.schedule)
    return {schedule: _letter(number) for number, schedule in enumerate(schedules)}


def _letter(number: int) -> str:
    """A to Z, then AA and on."""
    rest, last = divmod(number, 26)
    return (_letter(rest - 1) if rest else "") + chr(ord("A") + last)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns, numbers to the right; the last column to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return [
        "  " + "  ".join([*(c.rjust(w) for c, w in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]
