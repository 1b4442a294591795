"""`pimc bench llm`: decoding of language models with PIM, by the published rules or honest ones."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pim_opt.commands.validate_cost import add_sweep_arguments, exit_code_of, sweep_options

if TYPE_CHECKING:
    from pim_opt.evaluation.llm_rules import Rules

RULES = ("honest", "paper")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "--rules",
        choices=RULES,
        default="honest",
        help="paper: as published; honest: with every correction (default)",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="CORRECTION",
        help="leave one correction out; may be repeated",
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
        host, rules = load_host(options.host), _rules(options)
        bench = run_llm(host, options.device, sweep_options(options), rules=rules)
        if options.json is not None:
            text = json.dumps(as_json(bench), indent=1)
            options.json.write_text(f"{text}\n", encoding="utf-8")
        if options.plots is not None:
            from pim_opt.evaluation.llm_plots import draw  # noqa: PLC0415

            draw(bench, options.plots)
    except (DeviceError, OSError, ValueError) as error:
        raise failure(str(error)) from error
    print(markdown(bench))
    return exit_code_of(bench.failed, complete=bench.complete)


def _rules(options: argparse.Namespace) -> "Rules":
    """The rules that the command line names.

    Raises:
        ValueError: a correction that there is none of.
    """
    from pim_opt.evaluation.llm_rules import CORRECTIONS, HONEST, PAPER  # noqa: PLC0415

    for name in options.without:
        if name not in CORRECTIONS:
            raise ValueError(f"unknown correction '{name}'; known are {', '.join(CORRECTIONS)}")
    if options.rules == "paper":
        if options.without:
            raise ValueError("--without leaves out a correction; the published rules have none")
        return PAPER
    return replace(HONEST, **dict.fromkeys(options.without, False))
