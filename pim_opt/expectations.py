"""Diagnostics that a test file expects: `// expected-error@+1 {{text}}`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pim_opt.diagnostics import Diagnostic, Severity
from pim_opt.dialects.diagnostics import Place

_PATTERN = re.compile(
    r"expected-(error|warning|note|remark)\s*(?:@([+-]\d+|above|below|unknown|\d+))?\s*\{\{(.*?)\}\}"
)


@dataclass
class _Expectation:
    severity: Severity
    text: str
    at: int | None
    """Line of the diagnostic; None for one without a place in this file."""
    line: int
    """Line of the comment."""
    met: bool = False


def _line(designator: str | None, line: int) -> int | None:
    match designator:
        case None:
            return line
        case "unknown":
            return None
        case "above":
            return line - 1
        case "below":
            return line + 1
        case _ if designator[0] in "+-":
            return line + int(designator)
        case _:
            return int(designator)


def unmet(
    text: str, file: str, first_line: int, diagnostics: Iterable[Diagnostic]
) -> list[Diagnostic]:
    """What is wrong with `diagnostics` against the expectations in `text`; empty if nothing is.

    Args:
        text: a chunk of the file, its first line being number `first_line`.
        diagnostics: all that compiling the chunk gave.
    """
    expectations = [
        _Expectation(Severity(match[1]), match[3], _line(match[2], number), number)
        for number, source in enumerate(text.splitlines(), first_line)
        for match in _PATTERN.finditer(source)
    ]
    problems: list[Diagnostic] = []
    for diagnostic in diagnostics:
        place = diagnostic.place
        line = place.line if place is not None and place.file == file else None
        for expectation in expectations:
            if (
                not expectation.met
                and expectation.severity is diagnostic.severity
                and expectation.at == line
                and expectation.text in diagnostic.message
            ):
                expectation.met = True
                break
        else:
            # Remarks and notes that nobody asked for are no fault, as in MLIR with a remark filter.
            if diagnostic.severity is not Severity.REMARK:
                message = f"unexpected {diagnostic.severity}: {diagnostic.message}"
                problems.append(Diagnostic(Severity.ERROR, message, diagnostic.place))
    for expectation in expectations:
        if not expectation.met:
            message = f'expected {expectation.severity} "{expectation.text}" was not produced'
            problems.append(Diagnostic(Severity.ERROR, message, Place(file, expectation.line, 1)))
    return problems
