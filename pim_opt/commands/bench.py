"""`pimc bench`: the published evaluation, run again, with ours beside it."""

import argparse
import importlib
from typing import Any

BENCHES = {
    "llm": "decoding of language models by the published rules or honest ones",
    "paper": "kernels of the published evaluation against GPU baselines",
}
"""Benches and their help; each is a module of `pim_opt.commands`, imported when it is used."""


def _module(name: str) -> Any:
    return importlib.import_module(f"pim_opt.commands.bench_{name}")


def add_options(parser: argparse.ArgumentParser) -> None:
    """A subcommand for each bench."""
    benches = parser.add_subparsers(dest="bench", required=True, metavar="BENCH")
    for name, text in BENCHES.items():
        _module(name).add_options(benches.add_parser(name, help=text))


def execute(options: argparse.Namespace) -> int:
    """Run the bench that is named."""
    return int(_module(options.bench).execute(options))
