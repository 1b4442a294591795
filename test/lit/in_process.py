"""A lit test format that runs the project's tools inside lit's own workers.

Starting Python and importing the compiler takes longer than most tests do. A worker imports once,
then runs RUN lines such as

    RUN: pim-opt %s -p linalg-normalize | filecheck %s
    RUN: not pim-opt %s 2>&1 | filecheck %s
    RUN: pim-opt %s > %t
    RUN: pim-opt %s | diff %t -

as function calls. A test with any other line runs in lit's shell, as a whole.
"""

import difflib
import io
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import lit.Test
import lit.TestRunner
from lit.formats import ShTest
from lit.ShCommands import Command, Pipeline
from lit.ShUtil import ShParser

Tool = Callable[[Sequence[str]], int]
"""Runs with arguments, on sys.stdin, sys.stdout and sys.stderr; gives the exit code."""


@dataclass(frozen=True)
class _Stage:
    """One command of a pipeline."""

    tool: Tool
    arguments: tuple[str, ...]
    fails: bool
    """Whether `not` stands before it."""
    joins_errors: bool
    """Whether its errors go where its output goes: `2>&1`."""
    target: str | None
    """The file that its output goes to: `> FILE`."""
    source: str | None
    """The file that its input comes from: `< FILE`."""

    def run(self, text: str) -> tuple[bool, str, str]:
        """Whether it ended as it should, its output, and its errors."""
        output = io.StringIO()
        errors = output if self.joins_errors else io.StringIO()
        data = text.encode() if self.source is None else Path(self.source).read_bytes()
        stdin = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")
        with patch("sys.stdin", stdin), redirect_stdout(output), redirect_stderr(errors):
            code = _exit_code(self.tool, [_with_files(text) for text in self.arguments])
        text = output.getvalue()
        if self.target is not None:
            Path(self.target).write_text(text, encoding="utf-8")
            text = ""
        return (code != 0) is self.fails, text, "" if self.joins_errors else errors.getvalue()


def _with_files(argument: str) -> str:
    """`argument` with the contents of files in place of lit's `%{readfile:FILE}`."""
    return re.sub(r"%{readfile:([^}]*)}", lambda match: Path(match[1]).read_text(), argument)


def _exit_code(tool: Tool, arguments: Sequence[str]) -> int:
    """What the tool's process would end with; an exception is a traceback and code 1."""
    try:
        return tool(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1


def pim_opt(arguments: Sequence[str]) -> int:
    from pim_opt.main import main  # noqa: PLC0415

    return main(arguments)


def pimc(arguments: Sequence[str]) -> int:
    from pim_opt.pimc import main  # noqa: PLC0415

    return main(arguments)


def mlir_parse(arguments: Sequence[str]) -> int:
    from mlir_parse import main  # noqa: PLC0415

    return main(arguments)


def odd_inputs(arguments: Sequence[str]) -> int:
    from odd_inputs import main  # noqa: PLC0415

    return main(arguments)


def diff(arguments: Sequence[str]) -> int:
    texts = [sys.stdin.read() if path == "-" else Path(path).read_text() for path in arguments]
    lines = [text.splitlines(keepends=True) for text in texts]
    sys.stdout.writelines(difflib.unified_diff(*lines, *arguments))
    return int(lines[0] != lines[1])


def filecheck(arguments: Sequence[str]) -> int:
    from filecheck.matcher import Matcher  # noqa: PLC0415
    from filecheck.options import parse_argv_options  # noqa: PLC0415

    return Matcher.from_opts(parse_argv_options(["filecheck", *arguments])).run()


TOOLS: Mapping[str, Tool] = {
    "diff": diff,
    "filecheck": filecheck,
    "mlir-parse": mlir_parse,
    "odd-inputs": odd_inputs,
    "pim-opt": pim_opt,
    "pimc": pimc,
}


def _stage(command: Command) -> _Stage | None:
    """The command as a function call; None if only a shell can run it."""
    arguments = list(command.args)
    fails = arguments[0] == "not"
    if fails:
        arguments.pop(0)
    # A glob, which the shell would expand, is no plain text.
    if not all(isinstance(argument, str) for argument in arguments) or not arguments:
        return None
    joins, source, target = False, None, None
    for redirect in command.redirects:
        match redirect:
            case ((">",), str(path)):
                target = path
            case (("<",), str(path)):
                source = path
            case ((">&", 2), "1"):
                joins = True
            case _:
                return None
    if arguments[0] not in TOOLS:
        return None
    return _Stage(TOOLS[arguments[0]], tuple(arguments[1:]), fails, joins, target, source)


def _stages(line: str) -> list[_Stage] | None:
    """The commands of a RUN line; None if only a shell can run them."""
    try:
        pipeline = ShParser(line, pipefail=True).parse()
    except ValueError:
        return None
    if not isinstance(pipeline, Pipeline) or pipeline.negate:
        return None
    stages = [_stage(command) for command in pipeline.commands]
    return None if None in stages else [stage for stage in stages if stage is not None]


def _run_line(line: str, stages: Sequence[_Stage]) -> str | None:
    """Runs a line; None if all went well, else a report."""
    text, wrong, report = "", False, [f"RUN: {line}"]
    for stage in stages:
        as_expected, text, errors = stage.run(text)
        wrong = wrong or not as_expected
        if not as_expected:
            name = shlex.join(stage.arguments)
            report.append(f"unexpected {'success' if stage.fails else 'failure'}: {name}")
        report.append(errors)
    return "\n".join([*report, text]) if wrong else None


class InProcessTest(ShTest):
    """ShTest that runs what it can by calling functions, and the rest as ShTest does."""

    def execute(self, test, litConfig):
        lines = self._lines(test)
        stages = {line: _stages(line) for line in lines or ()}
        if not stages or None in stages.values() or litConfig.noExecute:
            return super().execute(test, litConfig)
        for line, parts in stages.items():
            report = _run_line(line, parts)
            if report is not None:
                return lit.Test.Result(lit.Test.FAIL, report)
        return lit.Test.Result(lit.Test.PASS)

    @staticmethod
    def _lines(test: lit.Test.Test) -> Sequence[str] | None:
        """The test's RUN lines, substituted; None for a test that is not to be run."""
        if test.config.unsupported:
            return None
        script = lit.TestRunner.parseIntegratedTestScript(test)
        if isinstance(script, lit.Test.Result):
            return None
        directory, base = lit.TestRunner.getTempPaths(test)
        Path(directory).mkdir(parents=True, exist_ok=True)
        substitutions = lit.TestRunner.getDefaultSubstitutions(test, directory, base)
        features = dict.fromkeys(test.config.available_features, True)
        script = lit.TestRunner.applySubstitutions(script, substitutions, features)
        # lit puts the number of the line before each command.
        return [re.sub(lit.TestRunner.kPdbgRegex, r"\2", line) for line in script]
