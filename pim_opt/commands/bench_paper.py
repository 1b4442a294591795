"""`pimc bench paper`: the kernels of the published evaluation, tuned in every way."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pim_opt.commands.validate_cost import add_sweep_arguments, exit_code_of, sweep_options

if TYPE_CHECKING:
    from pim_opt.evaluation.kernel_bench import Gpu, KernelBench
    from pim_opt.evaluation.kernel_points import Point

FIGURES = ("6", "7", "all")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "--figure",
        choices=FIGURES,
        default="all",
        help="6: kernels on HBM-PIM, 7: on AttAcc (default: all; `pimc bench llm` has figure 9)",
    )
    parser.add_argument("--device", action="append", help="one of theirs alone; may be repeated")
    parser.add_argument("--kind", action="append", help="one kind alone; may be repeated")
    parser.add_argument("--host", default="a100-hbm3", help="GPU (default: the published one)")
    parser.add_argument("--measured", type=Path, metavar="FILE", help="CSV of its measured times")
    parser.add_argument(
        "--execute", action="store_true", help="run the joint schedules on data; takes long"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to it")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw figures into it")
    add_sweep_arguments(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the kernels and print the tables.

    Raises:
        Failure: an unknown device, kind or host, a file that cannot be read, or a sweep that
            cannot run.
    """
    from pim_opt.devices import DeviceError  # noqa: PLC0415
    from pim_opt.diagnostics import failure  # noqa: PLC0415
    from pim_opt.evaluation.kernel_bench import run_points  # noqa: PLC0415
    from pim_opt.evaluation.kernel_tables import markdown  # noqa: PLC0415

    try:
        bench = run_points(_points(options), _gpu(options), sweep_options(options))
        _write(options, bench)
    except (DeviceError, OSError, ValueError) as error:
        raise failure(str(error)) from error
    print(markdown(bench))
    return exit_code_of(bench.failed, complete=bench.complete)


def _points(options: argparse.Namespace) -> "list[Point]":
    from pim_opt.evaluation.kernel_bench import points  # noqa: PLC0415
    from pim_opt.evaluation.published import SUITES  # noqa: PLC0415

    suites = [suite for suite in SUITES if options.figure in ("all", suite.figure)]
    devices = [device for suite in suites for device in suite.devices]
    kinds = {kind: None for suite in suites for kind in suite.kinds}
    wanted = options.device or devices
    for what, names, known in (("device", wanted, devices), ("kind", options.kind or (), kinds)):
        for name in names:
            if name not in known:
                raise ValueError(f"{what} '{name}' is not in the figure; it has {', '.join(known)}")
    found = list(points([d for d in devices if d in wanted], options.kind or ()))
    if not found:
        raise ValueError("no device of these runs a kernel of these kinds in the figure")
    return [replace(point, execute=options.execute) for point in found]


def _gpu(options: argparse.Namespace) -> "Gpu":
    from pim_opt.devices import load_host  # noqa: PLC0415
    from pim_opt.evaluation.kernel_bench import Gpu  # noqa: PLC0415
    from pim_opt.evaluation.measurements import read_measurements  # noqa: PLC0415

    measured = None if options.measured is None else read_measurements(options.measured)
    return Gpu(load_host(options.host), measured)


def _write(options: argparse.Namespace, bench: "KernelBench") -> None:
    from pim_opt.evaluation.kernel_tables import as_json  # noqa: PLC0415

    if options.json is not None:
        options.json.write_text(json.dumps(as_json(bench), indent=1) + "\n", encoding="utf-8")
    if options.plots is not None:
        from pim_opt.evaluation.kernel_plots import draw  # noqa: PLC0415

        draw(bench, options.plots)
