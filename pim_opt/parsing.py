"""Contexts that know every dialect, and a parser that notes where each op stands."""

from bisect import bisect_right
from itertools import accumulate

from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import (
    FileLineColLoc,
    IntAttr,
    ModuleOp,
    StringAttr,
    UnknownLoc,
)
from xdsl.ir import Operation
from xdsl.parser import ParserState
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.lexer import Input
from xdsl.utils.mlir_lexer import MLIRTokenKind

from pim_opt.dialects.compat.lexer import Lexer
from pim_opt.dialects.compat.parser import Parser
from pim_opt.registry import DIALECTS, resolve


def make_context(*, allow_unregistered: bool = False) -> Context:
    """A context with xDSL's dialects, ours, and linalg as we have mended it."""
    context = Context(allow_unregistered=allow_unregistered)
    own = {name: (lambda entry=entry: resolve(entry)) for name, entry in DIALECTS.items()}
    for name, make in (get_all_dialects() | own).items():
        context.register_dialect(name, make)
    return context


class LocatingParser(Parser):
    """Gives every op without a location of its own the place where its text starts.

    As in MLIR, text without any op is an empty module.
    """

    def __init__(self, context: Context, text: str, name: str, first_line: int = 1) -> None:
        super().__init__(context, "", name)
        self._parser_state = ParserState(Lexer(Input(text, name)))
        self._name = name
        self._first_line = first_line
        self._op_start = self._current_token.span
        lengths = (len(line) + 1 for line in text.split("\n"))
        self._line_starts = [0, *accumulate(lengths)]

    def parse_operation(self) -> Operation:
        start = self._op_start = self._current_token.span
        try:
            op = super().parse_operation()
        except VerifyException as error:
            # Some ops and types check themselves while they are made.
            raise ParseError(start, str(error)) from error
        if isinstance(op.location, UnknownLoc):
            op.location = self._location(start.start)
        return op

    def _get_op_by_name(self, name: str) -> type[Operation]:
        try:
            return super()._get_op_by_name(name)
        except ParseError as error:
            # xDSL has read on by then, to the next line at times.
            raise ParseError(self._op_start, error.msg) from error

    def parse_module(self, allow_implicit_module: bool = True) -> ModuleOp:
        if self._current_token.kind is MLIRTokenKind.EOF:
            return ModuleOp([])
        try:
            return super().parse_module(allow_implicit_module)
        except RecursionError as error:
            raise ParseError(self._current_token.span, "nested too deep") from error

    def _location(self, offset: int) -> FileLineColLoc:
        line = bisect_right(self._line_starts, offset) - 1
        return FileLineColLoc(
            StringAttr(self._name),
            IntAttr(line + self._first_line),
            IntAttr(offset - self._line_starts[line] + 1),
        )


def parse_module(text: str, name: str, context: Context, first_line: int = 1) -> ModuleOp:
    """Parse a module, or ops without one around them.

    Args:
        text: MLIR text.
        name: of the file, for locations.
        context: with the dialects of the text.
        first_line: the number of the text's first line in the file.

    Raises:
        ParseError: the text is not a module; the error's span is relative to `text`.
    """
    return LocatingParser(context, text, name, first_line).parse_module()
