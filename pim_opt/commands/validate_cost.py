"""`pimc validate-cost`: how far the cost model is from the cycle simulator."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pim_opt.tune.sweep import SweepOptions
    from pim_opt.validation_report import Comparison, Validation

SHOWN = 10
"""Samples with the largest errors that are shown."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

CAUSES = (
    (("multiply",), ("mac",)),
    (("rows",), ("row",)),
    (("load",), ("operand_load",)),
    (("move",), ("result_move",)),
    (("host_read", "host_write"), ("host",)),
    (("refresh",), ("refresh",)),
    ((), ("barrier",)),
    ((), ("other",)),
)
"""Parts of the model beside the causes of the simulator that they speak of."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--device", default="attacc", help="name or file (default: attacc)")
    parser.add_argument("--kind", default="gemv", help="of kernels (default: gemv)")
    parser.add_argument("--seed", type=int, default=0, help="of kernels and schedules")
    parser.add_argument(
        "--samples", type=_count, default=500, help="random kernels and schedules (default: 500)"
    )
    parser.add_argument(
        "--spaces", type=_count, default=20, help="kernels whose spaces to simulate (default: 20)"
    )
    parser.add_argument(
        "--schedules", type=_positive, default=1000, help="of each space (default: 1000)"
    )
    parser.add_argument("--shape", help="compare one kernel, as 1,8,128,256, under --schedule")
    parser.add_argument("--schedule", help="the schedule of --shape, one line of text")
    parser.add_argument("--json", action="store_true", help="as JSON on one line")
    add_sweep_arguments(parser)


def add_sweep_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that say how a sweep runs."""
    parser.add_argument(
        "--workers", type=_positive, default=None, help="processes (default: one for each core)"
    )
    parser.add_argument("--cluster", metavar="URL", help="a Dask scheduler, as tcp://host:port")
    parser.add_argument(
        "--results",
        metavar="FILE",
        type=Path,
        help="JSON lines: results are added to it, and not computed again",
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of 0 or more")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of 1 or more")
    return int(text)


def exit_code_of(failed: Sequence[str], *, complete: bool) -> int:
    """The exit code of a sweep, whose errors are printed; one that was interrupted has its own."""
    for message in failed:
        print(f"error: {message}", file=sys.stderr)
    if not complete:
        return INTERRUPTED
    return 1 if failed else 0


def sweep_options(options: argparse.Namespace) -> "SweepOptions":
    """How to run, as the command line says."""
    from pim_opt.tune.sweep import SweepOptions  # noqa: PLC0415

    workers = options.workers or os.cpu_count() or 1
    return SweepOptions(workers=workers, cluster=options.cluster, results=options.results)


def execute(options: argparse.Namespace) -> int:
    """Validate, and print the figures.

    Raises:
        Failure: an unknown device, kind or schedule, or a sweep that cannot run.
    """
    from pim_opt.devices import DeviceError, load_device  # noqa: PLC0415
    from pim_opt.diagnostics import failure  # noqa: PLC0415

    try:
        load_device(options.device)
        if options.shape is not None or options.schedule is not None:
            return _compare_one(options)
        return _validate(options)
    except (DeviceError, OSError, ValueError) as error:
        raise failure(str(error)) from error


def _compare_one(options: argparse.Namespace) -> int:
    from dataclasses import asdict  # noqa: PLC0415

    from pim_opt.dialects.schedule import parse_schedule  # noqa: PLC0415
    from pim_opt.measuring import Kernel, compare  # noqa: PLC0415

    if options.shape is None or options.schedule is None:
        raise ValueError("--shape and --schedule come together")
    kernel = Kernel(options.device, options.kind, _shape(options.shape))
    found = compare(kernel, parse_schedule(options.schedule))
    print(json.dumps(asdict(found)) if options.json else comparison_text(found))
    return 0


def _shape(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ValueError(f"shape '{text}'; expected numbers with commas between them")
    return tuple(map(int, parts))


def _validate(options: argparse.Namespace) -> int:
    from pim_opt.kinds import KINDS  # noqa: PLC0415
    from pim_opt.validation import validate  # noqa: PLC0415

    if options.kind not in KINDS:
        raise ValueError(f"unknown kind '{options.kind}'; known are {', '.join(KINDS)}")
    found = validate(
        options.device,
        options.kind,
        seed=options.seed,
        samples=options.samples,
        spaces=options.spaces,
        schedules=options.schedules,
        options=sweep_options(options),
    )
    print(json.dumps(found.as_json()) if options.json else validation_text(found))
    for failed in found.failed:
        print(f"error: {failed}", file=sys.stderr)
    if not found.complete:
        return INTERRUPTED
    return 1 if found.failed else 0


def validation_text(found: "Validation") -> str:
    """A table of the figures, the spaces, and the samples with the largest errors."""
    how = "in" if found.complete else "interrupted after"
    title = f"cost model of {found.kind} on {found.device}, seed {found.seed}"
    lines = [f"{title}, {how} {found.seconds:.0f} s"]
    return "\n".join(lines + _figures(found) + _spaces(found) + _worst(found.comparisons))


def _figures(found: "Validation") -> list[str]:
    lines: list[str] = []
    error = found.error
    if error is not None:
        lines += [
            f"  samples          {len(found.comparisons):,}",
            f"  mean error       {error.mape:.2%}",
            f"  9 of 10 within   {error.p90:.2%}",
            f"  largest error    {error.max_error:.2%}",
            f"  bias             {error.bias:+.2%}",
            f"  Kendall's tau    {error.kendall_tau:.4f}",
        ]
    regrets = found.regrets()
    if regrets:
        simulated = sum(space.schedules for space in found.spaces)
        lines.append(f"  spaces           {len(found.spaces):,}, {simulated:,} schedules simulated")
        for label, name in (("regret", "regret"), ("after simulation", "confirmed_regret")):
            mean, worst = regrets[f"{name}_geomean"], regrets[f"{name}_worst"]
            lines.append(f"  {label:<17}{mean:.2%}, worst {worst:.2%}")
    return lines


def _spaces(found: "Validation") -> list[str]:
    """The spaces in which the model's choice is not the best, the worst first."""
    missed = sorted((s for s in found.spaces if s.regret > 0), key=lambda s: -s.regret)
    lines: list[str] = []
    for space in missed[:SHOWN]:
        confirmed = f"after simulation {space.confirmed_regret:.2%}"
        lines += [
            f"space of --shape {_joined(space.shape)}: regret {space.regret:.2%}, {confirmed}",
            f"  chosen {space.chosen:,} cycles: {space.chosen_schedule}",
            f"  best   {space.best:,} cycles: {space.best_schedule}",
        ]
    return lines


def _worst(comparisons: "Sequence[Comparison]") -> list[str]:
    worst = sorted(comparisons, key=lambda c: -abs(c.error))[:SHOWN]
    return [line for comparison in worst for line in comparison_text(comparison).split("\n")]


def comparison_text(found: "Comparison") -> str:
    """What model and simulator say of a kernel under a schedule, cause by cause."""
    arguments = f"--shape {_joined(found.shape)} --schedule '{found.schedule}'"
    lines = [f"error {found.error:+.2%}: {arguments}"]
    rows = [("", "model", "simulator")]
    rows.append(("cycles", f"{found.predicted:,.1f}", f"{found.cycles:,}"))
    for parts, causes in CAUSES:
        predicted = sum(found.parts[name] for name in parts)
        simulated = sum(found.breakdown[name] for name in causes)
        name = " + ".join(parts) or ", ".join(causes)
        if predicted or simulated:
            rows.append((name, f"{predicted:,.1f}" if parts else "-", f"{simulated:,}"))
    lines += [f"  {name:<23}{predicted:>12}{simulated:>12}" for name, predicted, simulated in rows]
    return "\n".join(lines)


def _joined(shape: tuple[int, ...]) -> str:
    return ",".join(map(str, shape))
