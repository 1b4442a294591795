"""Turns whatever goes wrong into diagnostics with a place, and prints them as compilers do."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pim_opt.dialects.diagnostics import DiagnosticError, Place, Remark, place_of
from pim_opt.pipeline_spec import PipelineError

_MARGIN = 120
"""Characters of a source line shown on either side of the caret."""


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    REMARK = "remark"


@dataclass(frozen=True)
class Diagnostic:
    """Something to tell the user."""

    severity: Severity
    message: str
    place: Place | None = None
    hint: str | None = None

    def render(self, sources: Mapping[str, str]) -> str:
        """`file:line:col: error: message`, the source line with a caret, and the hint.

        Args:
            sources: text by file name; what is not there is read from its file, if it is one.
        """
        where = "" if self.place is None else f"{self.place}: "
        lines = [f"{where}{self.severity}: {_printable(self.message)}"]
        if self.place is not None:
            lines += _pointed_at(self.place, sources)
        if self.hint is not None:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


def _pointed_at(place: Place, sources: Mapping[str, str]) -> list[str]:
    """The line at `place` and a caret under the column; nothing if there is no such line."""
    lines = _text_of(place.file, sources).split("\n")
    if not 0 < place.line <= len(lines):
        return []
    source = _printable(lines[place.line - 1])
    before = source[: place.column - 1]
    after = source[place.column - 1 :]
    if len(before) > _MARGIN:
        before = f"...{before[-_MARGIN:]}"
    if len(after) > _MARGIN:
        after = f"{after[:_MARGIN]}..."
    # Tabs stay, so that the caret stands where the terminal puts the character.
    blank = "".join("\t" if c == "\t" else " " for c in before)
    return [f"{before}{after}", f"{blank}^"]


def _printable(text: str) -> str:
    """`text` with a visible mark for every character that a terminal might take for a command."""
    return "".join(
        c if c.isprintable() or c in "\t\n" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _text_of(file: str, sources: Mapping[str, str]) -> str:
    if file in sources:
        return sources[file]
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


class Failure(Exception):
    """A diagnosed error: the driver reports it and ends."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def from_remark(remark: Remark) -> Diagnostic:
    return Diagnostic(Severity(remark.severity), remark.message, remark.place)


def failure(message: str, place: Place | None = None, hint: str | None = None) -> Failure:
    """An error to raise."""
    return Failure(Diagnostic(Severity.ERROR, message, place, hint))


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        Failure: it cannot be read, or it is not UTF-8 text.
    """
    try:
        return decoded(path.read_bytes(), f"'{path}'")
    except OSError as error:
        raise failure(f"cannot read '{path}': {error.strerror}") from error


def decoded(data: bytes, name: str) -> str:
    """The text that `data` is.

    Raises:
        Failure: it is not UTF-8 text; the message calls it `name`.
    """
    try:
        return data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        message = f"{name} is not UTF-8 text: {error.reason} at byte {error.start}"
        raise failure(message) from error


@contextmanager
def diagnosed(file: str, first_line: int = 1) -> Generator[None]:
    """Inside the context, whatever is raised becomes a Failure, with its place if it has one.

    Args:
        file: name of the file being parsed.
        first_line: number of its first line, for parse errors.
    """
    from xdsl.utils.exceptions import (  # noqa: PLC0415
        DiagnosticException,
        ParseError,
        PassFailedException,
        VerifyException,
    )

    try:
        yield
    except ParseError as error:
        location = error.span.get_location()
        place = Place(file, location.line + first_line - 1, location.col)
        raise failure(error.msg.strip(), place) from error
    except DiagnosticError as error:
        raise failure(error.message, error.place, error.hint) from error
    except PipelineError as error:
        raise failure(str(error)) from error
    except (VerifyException, DiagnosticException, PassFailedException) as error:
        raise failure(_one_line(error), Place(file, first_line, 1)) from error
    except RecursionError as error:
        raise failure("nested too deep", Place(file, first_line, 1)) from error
    except MemoryError as error:
        message = "too large for the memory of this machine"
        raise failure(message, Place(file, first_line, 1)) from error
    except Failure:
        raise
    except Exception as error:
        message = f"internal error: {type(error).__name__}: {_one_line(error)}"
        hint = "this is a defect of the compiler; --debug shows where"
        raise failure(message, Place(file, first_line, 1), hint) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _about(op_name: str, error: BaseException) -> str:
    """The message of an op's verifier, which may say the op's name itself already."""
    message = _one_line(error)
    for prefix in (f"'{op_name}' op ", f"'{op_name}' ", f"Operation {op_name} "):
        message = message.removeprefix(prefix)
    return f"'{op_name}' op {message}"


def verify(module: "object", file: str) -> None:
    """Verify a module op by op, so that an error knows which op it is about.

    Raises:
        Failure: an op is invalid.
    """
    from xdsl.dialects.builtin import ModuleOp  # noqa: PLC0415
    from xdsl.ir import Operation  # noqa: PLC0415
    from xdsl.utils.exceptions import VerifyException  # noqa: PLC0415

    assert isinstance(module, ModuleOp)

    def visit(op: Operation) -> None:
        try:
            op.verify(verify_nested_ops=False)
        except VerifyException as error:
            raise failure(_about(op.name, error), place_of(op) or Place(file, 1, 1)) from error
        for region in op.regions:
            for block in region.blocks:
                for inner in block.ops:
                    visit(inner)

    try:
        visit(module)
        # What only shows from above: dominance, terminators, blocks.
        module.verify()
    except VerifyException as error:
        raise failure(_one_line(error), Place(file, 1, 1)) from error
    except RecursionError as error:
        raise failure("nested too deep to verify", Place(file, 1, 1)) from error
