"""`pimc bench llm`: decoding of language models with PIM, by the published rules."""

import argparse
import json
import sys
from pathlib import Path

from pim_opt.commands.validate_cost import INTERRUPTED, add_sweep_arguments, sweep_options

RULES = ("paper",)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "--rules",
        choices=RULES,
        default="paper",
        help="what is charged and what hides; paper: as published (default)",
    )
    parser.add_argument(
        "--device", default="attacc-ref", help="the stacks, name or file (default: attacc-ref)"
    )
    parser.add_argument("--host", default="a100-hbm3", help="GPU (default: the published one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to it")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw figures into it")
    add_sweep_arguments(parser)


def execute(options: argparse.Namespace) -> int:
    """Tune the kernels and print the tables.

    Raises:
        Failure: an unknown device or host, a file that cannot be read or written, or a sweep that
            cannot run.
    """
    from pim_opt.devices import DeviceError, load_device, load_host  # noqa: PLC0415
    from pim_opt.diagnostics import failure  # noqa: PLC0415
    from pim_opt.evaluation.llm_bench import run_llm  # noqa: PLC0415
    from pim_opt.evaluation.llm_tables import as_json, markdown  # noqa: PLC0415

    try:
        load_device(options.device)
        bench = run_llm(load_host(options.host), options.device, sweep_options(options))
        if options.json is not None:
            text = json.dumps(as_json(bench), indent=1)
            options.json.write_text(f"{text}\n", encoding="utf-8")
        if options.plots is not None:
            from pim_opt.evaluation.llm_plots import draw  # noqa: PLC0415

            draw(bench, options.plots)
    except (DeviceError, OSError, ValueError) as error:
        raise failure(str(error)) from error
    print(markdown(bench))
    for failed in bench.failed:
        print(f"error: {failed}", file=sys.stderr)
    if not bench.complete:
        return INTERRUPTED
    return 1 if bench.failed else 0
