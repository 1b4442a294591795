"""`pimc`: the user's tool. Compiles kernels for a PIM device, runs them, and says what happened."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pim_opt.output import exit_code

COMMANDS = {
    "run": "compile, execute on data, compare with the host",
    "compile": "compile to command programs and write the IR",
    "simulate": "time traces and command programs",
    "tune": "find the best schedule of a kernel",
    "explain": "say where a kernel's time goes and why other schedules lose",
    "tune-db": "show or merge what tunings have found",
    "validate-cost": "compare the cost model with the cycle simulator",
    "bench": "run the published evaluation again, with ours beside it",
    "explore": "what other values of a device's fields would be worth",
    "devices": "list devices, show one, or check a device file",
}
"""Subcommands and their help; each is a module of `pim_opt.commands`, imported when it is used."""


def _module(command: str) -> Any:
    """The module of a subcommand, with `add_options(parser)` and `execute(options)`."""
    return importlib.import_module(f"pim_opt.commands.{command.replace('-', '_')}")


def _parser(command: str | None) -> argparse.ArgumentParser:
    """The parser of the tool; of the subcommands, `command` alone has its options."""
    parser = argparse.ArgumentParser("pimc", description=__doc__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        subparser = commands.add_parser(name, help=text)
        if name == command:
            _module(name).add_options(subparser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run `pimc` with `argv`; exit code 0, 1 for an error or wrong numbers, 2 for wrong usage."""
    arguments = sys.argv[1:] if argv is None else argv
    command = next((word for word in arguments if not word.startswith("-")), None)
    options = _parser(command).parse_args(arguments)
    from pim_opt.diagnostics import Failure  # noqa: PLC0415

    try:
        return exit_code(lambda: int(_module(options.command).execute(options)))
    except Failure as error:
        if options.debug:
            raise
        file: str | None = getattr(options, "file", None)
        known = file is not None and Path(file).is_file() and error.diagnostic.place is not None
        sources = {file: Path(file).read_text(encoding="utf-8")} if file and known else {}
        print(error.diagnostic.render(sources), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
