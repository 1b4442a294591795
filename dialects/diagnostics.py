"""Errors and remarks that know the place in the source that they speak of."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    CallSiteLoc,
    FileLineColLoc,
    FusedLoc,
    LocationAttr,
    NameLoc,
)
from xdsl.ir import Operation


@dataclass(frozen=True)
class Place:
    """A file, line and column, counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def place_of(op: Operation) -> Place | None:
    """Where an op was parsed; of an op that a pass made, where the ops around it were."""
    current: Operation | None = op
    while current is not None:
        place = place_of_location(current.location)
        if place is not None:
            return place
        current = current.parent_op()
    return None


def place_of_location(location: LocationAttr) -> Place | None:
    """The first file position that a location holds, if it holds one."""
    match location:
        case FileLineColLoc():
            return Place(location.filename.data, location.line.data, location.column.data)
        case FusedLoc():
            parts = cast(ArrayAttr[LocationAttr], location.locations)
            places = (place_of_location(part) for part in parts)
            return next((place for place in places if place is not None), None)
        case NameLoc():
            return place_of_location(cast(LocationAttr, location.location))
        case CallSiteLoc():
            return place_of_location(cast(LocationAttr, location.callee))
        case _:
            return None


class DiagnosticError(Exception):
    """An error that the user is told with its place, found by a pass or a simulator."""

    def __init__(
        self,
        message: str,
        op: Operation | None = None,
        place: Place | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = place if place is not None or op is None else place_of(op)
        self.hint = hint


@dataclass(frozen=True)
class Remark:
    """Something worth knowing that is no error."""

    message: str
    place: Place | None
    severity: Literal["remark", "warning"] = "remark"
    """A warning speaks of something that is not as it should be, but can be left aside."""

    def __str__(self) -> str:
        where = "" if self.place is None else f"{self.place}: "
        return f"{where}{self.severity}: {self.message}"


_sink: ContextVar[Callable[[Remark], None] | None] = ContextVar("remark_sink", default=None)


def emit_remark(op: Operation, message: str) -> None:
    """Tell whoever listens something about an op; nobody listening, it is dropped."""
    listener = _sink.get()
    if listener is not None:
        listener(Remark(message, place_of(op)))


def emit_warning(place: Place | None, message: str) -> None:
    """Warn whoever listens of something at a place; nobody listening, it is dropped."""
    listener = _sink.get()
    if listener is not None:
        listener(Remark(message, place, "warning"))


@contextmanager
def remarks_to(listener: Callable[[Remark], None]) -> Generator[None]:
    """Inside the context, remarks go to `listener`."""
    token = _sink.set(listener)
    try:
        yield
    finally:
        _sink.reset(token)
