"""`pim-opt`: runs passes over MLIR files, with mlir-opt's manners."""

import argparse
import io
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pim_opt.output import exit_code

if TYPE_CHECKING:
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from pim_opt.diagnostics import Diagnostic
    from pim_opt.sim.semantics import SemanticsChecker

SPLIT_MARK = "// -----"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "pim-opt",
        description="Runs passes of the compiler for PIM DRAM over MLIR files.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    add = parser.add_argument
    add("input", nargs="?", default="-", help="the file; - is standard input")
    add("-h", "--help", action="store_true", help="show this text, the passes and their options")
    add("--version", action="store_true", help="show the version")
    add(
        "-p",
        "--passes",
        "--pass-pipeline",
        dest="pipeline",
        default="",
        metavar="PIPELINE",
        help="'a,b{x=1}' or 'builtin.module(func.func(a),b{x=1 y=2})'",
    )
    add(
        "-o",
        dest="output",
        default="-",
        metavar="FILE",
        help="where to write; - is standard output",
    )
    add(
        "-t",
        "--target",
        default="mlir",
        metavar="TARGET",
        help="what to write: mlir, pim-trace (requests), aim-trace (instructions)",
    )
    add("--length", type=int, metavar="N", help="positions in a trace of programs that take them")
    add(
        "--split-input-file",
        action="store_true",
        help=f"compile the parts of the file between '{SPLIT_MARK}' lines one by one",
    )
    add(
        "--verify-diagnostics",
        action="store_true",
        help="check diagnostics against 'expected-error@+1 {{..}}' comments; write nothing else",
    )
    add(
        "--verify-each",
        nargs="?",
        const="true",
        default="true",
        choices=("true", "false", "semantics"),
        help="after every pass verify the IR, or also run it and compare with the pass before",
    )
    add("--seed", type=int, default=0, help="of the random data for --verify-each=semantics")
    add(
        "--mlir-print-ir-before-all",
        dest="print_before",
        action="store_true",
        help="show the IR before every pass",
    )
    add(
        "--mlir-print-ir-after-all",
        dest="print_after",
        action="store_true",
        help="show the IR after every pass",
    )
    add(
        "--mlir-print-ir-after-failure",
        dest="print_failure",
        action="store_true",
        help="show the IR when a pass fails",
    )
    add(
        "--mlir-print-op-generic",
        "--print-op-generic",
        dest="generic",
        action="store_true",
        help="write ops in generic form",
    )
    add("--mlir-timing", dest="timing", action="store_true", help="show the time of every pass")
    add("--dump-pass-pipeline", action="store_true", help="show the pipeline that runs")
    add("--allow-unregistered-dialect", action="store_true", help="take ops of unknown dialects")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


@dataclass
class _Driver:
    """One invocation: its options, its passes, and what it has to tell."""

    options: argparse.Namespace
    passes: "list[tuple[str, ModulePass]]"
    file: str
    diagnostics: "list[Diagnostic]" = field(default_factory=list["Diagnostic"])
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def compile(self, text: str, first_line: int) -> str:
        """The output for one part of the input.

        Raises:
            Failure: the part is not valid, or a pass fails.
        """
        from pim_opt.diagnostics import diagnosed, from_remark, verify  # noqa: PLC0415
        from pim_opt.dialects.diagnostics import remarks_to  # noqa: PLC0415
        from pim_opt.parsing import make_context, parse_module  # noqa: PLC0415
        from pim_opt.registry import TARGETS, resolve  # noqa: PLC0415

        context = make_context(allow_unregistered=self.options.allow_unregistered_dialect)
        with diagnosed(self.file, first_line):
            started = time.perf_counter()
            module = parse_module(text, self.file, context, first_line)
            verify(module, self.file)
            self._count("parse and verify", started)
            with remarks_to(lambda remark: self.diagnostics.append(from_remark(remark))):
                self._run_passes(context, module)
                started = time.perf_counter()
                output = io.StringIO()
                write = resolve(TARGETS[self.options.target])
                write(module, output, generic=self.options.generic, length=self.options.length)
                self._count("write", started)
        return output.getvalue()

    def _run_passes(self, context: "Context", module: "ModuleOp") -> None:
        from pim_opt.diagnostics import verify  # noqa: PLC0415

        checker = self._checker()
        if checker is not None:
            checker.check(module, "input")
        for name, pass_ in self.passes:
            if self.options.print_before:
                self._dump(module, f"IR Dump Before {name}")
            started = time.perf_counter()
            try:
                pass_.apply(context, module)
                if self.options.verify_each != "false":
                    verify(module, self.file)
                if checker is not None:
                    checker.check(module, name)
            except BaseException:
                if self.options.print_failure:
                    self._dump(module, f"IR Dump After {name} Failed")
                raise
            self._count(name, started)
            if self.options.print_after:
                self._dump(module, f"IR Dump After {name}")

    def _checker(self) -> "SemanticsChecker | None":
        if self.options.verify_each != "semantics":
            return None
        from pim_opt.sim.semantics import SemanticsChecker  # noqa: PLC0415

        return SemanticsChecker(self.options.seed)

    def _dump(self, module: "ModuleOp", title: str) -> None:
        from pim_opt.targets import print_mlir  # noqa: PLC0415

        sys.stderr.write(f"// -----// {title} //----- //\n")
        print_mlir(module, sys.stderr, generic=self.options.generic)

    def _count(self, name: str, started: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def report_times(self) -> None:
        total = sum(self.seconds.values())
        sys.stderr.write("===---- Execution time report ----===\n")
        for name, seconds in [*self.seconds.items(), ("Total", total)]:
            sys.stderr.write(f"  {seconds:9.4f} s  {seconds / total:6.1%}  {name}\n")


def _parts(text: str, split: bool) -> Iterable[tuple[str, int]]:
    """The parts of the input and the numbers of their first lines."""
    if not split:
        yield text, 1
        return
    lines: list[str] = []
    first = 1
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if line.startswith(SPLIT_MARK) and line.strip() == SPLIT_MARK:
            yield "".join(lines), first
            lines, first = [], number + 1
        else:
            lines.append(line)
    yield "".join(lines), first


def _read_input(path: str) -> str:
    """The text of a file, or of standard input for `-`."""
    from pim_opt.diagnostics import decoded, read_text  # noqa: PLC0415

    return (
        decoded(sys.stdin.buffer.read(), "standard input") if path == "-" else read_text(Path(path))
    )


def _make_passes(options: argparse.Namespace) -> "list[tuple[str, ModulePass]]":
    from pim_opt.diagnostics import failure  # noqa: PLC0415
    from pim_opt.pass_options import closest, expand, format_pipeline, make_pass  # noqa: PLC0415
    from pim_opt.pipeline_spec import PipelineError, parse_pipeline  # noqa: PLC0415
    from pim_opt.registry import TARGETS  # noqa: PLC0415

    try:
        specs = expand(parse_pipeline(options.pipeline), options.pipeline)
        passes = [(spec.name, make_pass(spec, options.pipeline)) for spec in specs]
    except PipelineError as error:
        raise failure(str(error)) from error
    if options.target not in TARGETS:
        hint = closest(options.target, TARGETS)
        raise failure(f"unknown target '{options.target}'{hint} (known: {', '.join(TARGETS)})")
    if options.dump_pass_pipeline:
        sys.stderr.write(f"Pass Manager with {len(specs)} passes:\n{format_pipeline(specs)}\n")
    return passes


def _compile_all(driver: _Driver, text: str) -> tuple[list[str], bool]:
    """Outputs of all parts, and whether any failed; diagnostics are printed, or checked."""
    from pim_opt.diagnostics import Failure  # noqa: PLC0415
    from pim_opt.expectations import unmet  # noqa: PLC0415

    outputs: list[str] = []
    failed = False
    for part, first_line in _parts(text, driver.options.split_input_file):
        driver.diagnostics.clear()
        error: Failure | None = None
        try:
            outputs.append(driver.compile(part, first_line))
        except Failure as failure:
            error = failure
            driver.diagnostics.append(failure.diagnostic)
        shown = driver.diagnostics
        if driver.options.verify_diagnostics:
            shown = unmet(part, driver.file, first_line, driver.diagnostics)
            failed = failed or bool(shown)
        else:
            failed = failed or error is not None
        for diagnostic in shown:
            sys.stderr.write(diagnostic.render({driver.file: text}) + "\n")
        if error is not None and driver.options.debug:
            raise error
    return outputs, failed


def _write(path: str, outputs: Sequence[str]) -> None:
    from pim_opt.diagnostics import failure  # noqa: PLC0415

    text = f"{SPLIT_MARK}\n".join(outputs)
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise failure(f"cannot write '{path}': {error.strerror}") from error


def _run(options: argparse.Namespace) -> int:
    text = _read_input(options.input)
    file = "<stdin>" if options.input == "-" else options.input
    driver = _Driver(options, _make_passes(options), file)
    with ExitStack() as stack:
        limit = sys.getrecursionlimit()
        stack.callback(sys.setrecursionlimit, limit)
        sys.setrecursionlimit(max(limit, 4000))
        outputs, failed = _compile_all(driver, text)
    if options.timing:
        driver.report_times()
    if not failed and not options.verify_diagnostics:
        _write(options.output, outputs)
    return int(failed)


def _show_help(parser: argparse.ArgumentParser, output: TextIO) -> None:
    from pim_opt.help_text import passes_help  # noqa: PLC0415

    output.write(f"{parser.format_help()}\n{passes_help()}\n")


def version() -> str:
    """The installed version of the compiler."""
    from importlib.metadata import version as installed  # noqa: PLC0415

    return installed("pim-opt")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `pim-opt` with `argv`; the exit code: 0, 1 for a diagnosed error, 2 for wrong usage."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.help:
        _show_help(parser, sys.stdout)
        return 0
    if options.version:
        sys.stdout.write(f"pim-opt {version()}\n")
        return 0
    from pim_opt.diagnostics import Failure  # noqa: PLC0415

    try:
        return exit_code(lambda: _run(options))
    except Failure as error:
        if options.debug:
            raise
        sys.stderr.write(error.diagnostic.render({}) + "\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
