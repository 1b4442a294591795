"""Turns whatever goes wrong into diagnostics with a place, and prints them as compilers do."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from pim_opt.dialects.diagnostics import DiagnosticError, Place, Remark, place_of
from pim_opt.pipeline_spec import PipelineError


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
            sources: text by file name.
        """
        where = "" if self.place is None else f"{self.place}: "
        lines = [f"{where}{self.severity}: {self.message}"]
        if self.place is not None:
            text = sources.get(self.place.file, "").splitlines()
            if self.place.line <= len(text):
                source = text[self.place.line - 1]
                # Tabs stay, so that the caret stands where the terminal puts the character.
                blank = "".join("\t" if c == "\t" else " " for c in source[: self.place.column - 1])
                lines += [source, f"{blank}^"]
        if self.hint is not None:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class Failure(Exception):
    """A diagnosed error: the driver reports it and ends."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def from_remark(remark: Remark) -> Diagnostic:
    return Diagnostic(Severity.REMARK, remark.message, remark.place)


def failure(message: str, place: Place | None = None, hint: str | None = None) -> Failure:
    """An error to raise."""
    return Failure(Diagnostic(Severity.ERROR, message, place, hint))


@contextmanager
def diagnosed(file: str, first_line: int = 1) -> Generator[None]:
    """Inside the context, what xDSL and the compiler raise becomes a Failure with its place.

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
        raise failure(_first_line(error), Place(file, first_line, 1)) from error
    except RecursionError as error:
        raise failure("nested too deep", Place(file, first_line, 1)) from error
    except MemoryError as error:
        raise failure("too large for the memory of this machine", Place(file, 1, 1)) from error


def _first_line(error: BaseException) -> str:
    """The message proper: xDSL puts the whole module before and around it."""
    cause = error.__cause__
    text = str(cause if cause is not None and str(cause) else error).strip()
    return text.splitlines()[-1] if text else type(error).__name__


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
            message = f"'{op.name}' op {_first_line(error)}"
            raise failure(message, place_of(op) or Place(file, 1, 1)) from error
        for region in op.regions:
            for block in region.blocks:
                for inner in block.ops:
                    visit(inner)

    try:
        visit(module)
        # What only shows from above: dominance, terminators, blocks.
        module.verify()
    except VerifyException as error:
        raise failure(_first_line(error), Place(file, 1, 1)) from error
    except RecursionError as error:
        raise failure("nested too deep to verify", Place(file, 1, 1)) from error
