"""`pimc compile`: compile to command programs and write the IR."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from pim_opt.commands.options import add_compile_options, compile_arguments, show_remarks

if TYPE_CHECKING:
    from pim_opt.api import Compiled


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """A file to compile and how."""
    parser.add_argument("file", help="MLIR: linalg on tensors, as torch-mlir prints it")
    parser.add_argument("--device", default="attacc", help="name or file (default: attacc)")
    add_compile_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    add_file_options(parser)
    parser.add_argument("-o", dest="output", default="-", help="where to write the IR")


def compiled_file(options: argparse.Namespace) -> "Compiled":
    """The file that options name, compiled as they say.

    Raises:
        Failure: it cannot be compiled.
    """
    from pim_opt.api import compile  # noqa: PLC0415

    return compile(Path(options.file), device=options.device, **compile_arguments(options))


def execute(options: argparse.Namespace) -> int:
    """Compile the file and write it.

    Raises:
        Failure: it cannot be compiled.
    """
    compiled = compiled_file(options)
    if options.json:
        from dataclasses import asdict  # noqa: PLC0415

        kernels = [asdict(kernel) for kernel in compiled.kernels]
        print(json.dumps({"device": compiled.device, "kernels": kernels,
                          "host_ops": compiled.host_ops}))  # fmt: skip
    else:
        show_remarks(compiled.remarks, options.file, options.remarks)
    if options.output != "-":
        Path(options.output).write_text(f"{compiled}\n", encoding="utf-8")
    elif not options.json:
        print(compiled)
    return 0
