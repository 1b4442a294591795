"""A lit test format that runs the project's tools inside lit's own workers.

Starting Python and importing the compiler takes longer than most tests do. A worker imports once,
then runs RUN lines such as

    RUN: pim-opt %s -p linalg-normalize | filecheck %s
    RUN: not pim-opt %s 2>&1 | filecheck %s

as function calls. A test with any other line runs in lit's shell, as a whole.
"""

import io
import re
import shlex
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
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

    def run(self, text: str) -> tuple[bool, str, str]:
        """Whether it ended as it should, its output, and its errors."""
        output = io.StringIO()
        errors = output if self.joins_errors else io.StringIO()
        stdin = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
        with patch("sys.stdin", stdin), redirect_stdout(output), redirect_stderr(errors):
            code = _exit_code(self.tool, self.arguments)
        return (code != 0) is self.fails, output.getvalue(), errors.getvalue()


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


def filecheck(arguments: Sequence[str]) -> int:
    from filecheck.matcher import Matcher  # noqa: PLC0415
    from filecheck.options import parse_argv_options  # noqa: PLC0415

    return Matcher.from_opts(parse_argv_options(["filecheck", *arguments])).run()


TOOLS: Mapping[str, Tool] = {
    "filecheck": filecheck,
    "mlir-parse": mlir_parse,
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
    if command.redirects not in ([], [((">&", 2), "1")]) or arguments[0] not in TOOLS:
        return None
    return _Stage(TOOLS[arguments[0]], tuple(arguments[1:]), fails, bool(command.redirects))


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
        substitutions = lit.TestRunner.getDefaultSubstitutions(test, directory, base)
        features = dict.fromkeys(test.config.available_features, True)
        script = lit.TestRunner.applySubstitutions(script, substitutions, features)
        # lit puts the number of the line before each command.
        return [re.sub(lit.TestRunner.kPdbgRegex, r"\2", line) for line in script]
