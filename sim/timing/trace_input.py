"""Reads the reference trace format (sim/trace.py) into blocks of requests, fast."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from pim_opt.cost.jit import compiled_kernel, part
from pim_opt.devices import Device
from pim_opt.sim.byte_address import address_fields
from pim_opt.sim.timing.arrays import Ints, Lines, Words
from pim_opt.sim.timing.requests import (
    ADDRESS,
    BANK,
    COLUMN,
    COMMAND,
    GROUP,
    ROW,
    empty_requests,
)
from pim_opt.sim.timing.tables import Model

BLOCK_BYTES = 1 << 20
"""Text read at once; some fifty thousand requests."""

GOOD, BAD_FORM, BAD_COMMAND, BAD_ADDRESS = range(4)
SPACE, NEWLINE, RETURN, ZERO, NINE = (ord(c) for c in " \n\r09")
LOWER_X, LOWER_A, LOWER_F = (ord(c) for c in "xaf")
TO_LOWER = 0x20
NONE = -1

# A part of an address: its column in a request, lowest bit, mask, and members of its level.
F_INTO, F_START, F_MASK, F_COUNT = range(4)


class TraceError(ValueError):
    """A line that is no request: its file, line and column, and what is wrong with it."""

    def __init__(self, name: str, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.line = line
        self.column = column


@part
def _is_name(text: Words, start: int, end: int, names: Lines, number: int) -> bool:
    differ = 0
    for k in range(end - start):
        differ |= text[start + k] ^ names[number, k]
    return differ == 0


@part
def _find_name(text: Words, start: int, end: int, names: Lines, lengths: Words, likely: int) -> int:
    """The number of the name between two places, or NONE; neighbours are mostly of one name."""
    for offset in range(len(lengths)):
        number = (likely + offset) % len(lengths)
        if lengths[number] == end - start and _is_name(text, start, end, names, number):
            return number
    return NONE


@part
def _digit(character: int, base: int) -> int:
    """The value of a digit, or NONE."""
    if ZERO <= character <= NINE:
        return character - ZERO
    lower = character | TO_LOWER
    if base == 16 and LOWER_A <= lower <= LOWER_F:
        return lower - LOWER_A + 10
    return NONE


@part
def _number(text: Words, at: int, limit: int) -> tuple[int, int]:
    """A number and where it ends; it is `limit` if it is no less, or NONE if there is no digit."""
    base = 10
    if text[at] == ZERO and (text[at + 1] | TO_LOWER) == LOWER_X:
        at += 2
        base = 16
    value = NONE
    digit = _digit(text[at], base)
    while digit != NONE:
        value = min(max(value, 0) * base + digit, limit)
        at += 1
        digit = _digit(text[at], base)
    return value, at


@part
def _line_end(text: Words, at: int) -> int:
    """Where a line that should end here does, or NONE."""
    if text[at] == RETURN:
        at += 1
    return at if text[at] == NEWLINE else NONE


@part
def _take_apart(address: int, fields: Lines, requests: Lines, line: int) -> None:
    """Fill in what an address says, the outer levels of the bank first."""
    requests[line, ADDRESS] = address
    requests[line, BANK] = 0
    for k in range(len(fields)):
        into = fields[k, F_INTO]
        before = requests[line, into] * fields[k, F_COUNT] if into == BANK else 0
        requests[line, into] = before + (address >> fields[k, F_START] & fields[k, F_MASK])


def parse_lines(
    text: Words,
    names: Lines,
    lengths: Words,
    commands: Words,
    limit: int,
    fields: Lines,
    requests: Lines,
) -> tuple[int, int, int]:
    """Parse whole lines `NAME NUMBER`; numbers are decimal, or hexadecimal after 0x.

    Args:
        text: ends in a newline.
        names: shape (names, longest), padded with 0.
        lengths: shape (names).
        commands: per name the number of its command.
        limit: addresses must be below it.
        fields: shape (parts of an address, F_COUNT + 1); parts of the bank outermost first.
        requests: filled, a request per line; operands stay as they are.

    Returns:
        Lines parsed, GOOD or what is wrong with the next line, and the byte where it is wrong.
    """
    at, line, name = 0, 0, 0
    while at < len(text):
        start = at
        while text[at] not in (SPACE, NEWLINE):
            at += 1
        if text[at] == NEWLINE or at == start:
            return line, BAD_FORM, at
        name = _find_name(text, start, at, names, lengths, name)
        if name == NONE:
            return line, BAD_COMMAND, start
        start = at + 1
        value, at = _number(text, start, limit)
        end = _line_end(text, at)
        if min(value, end) == NONE:
            return line, BAD_FORM, at
        if value == limit:
            return line, BAD_ADDRESS, start
        requests[line, COMMAND] = commands[name]
        _take_apart(value, fields, requests, line)
        line += 1
        at = end + 1
    return line, GOOD, at


class TraceReader:
    """Blocks of requests from a trace.

    Args:
        model: of the device that the trace is for.
        name: of the file, for messages.
        jit: whether to parse by compiled code.
    """

    def __init__(self, model: Model, name: str, *, jit: bool = True) -> None:
        self._model = model
        self._name = name
        self._jit = jit
        self._parse = compiled_kernel(parse_lines) if jit else parse_lines
        self._lines = 0
        traces = [c.trace for c in model.device.commands.values()]
        self._known = [t for t in dict.fromkeys(traces) if t is not None]
        self._command = np.array([traces.index(t) for t in self._known], np.int64)
        width = max(len(t) for t in self._known)
        padded = [t.encode().ljust(width, b"\0") for t in self._known]
        self._names = np.array([list(p) for p in padded], np.int64)
        self._lengths = np.array([len(t) for t in self._known], np.int64)
        self._fields = _field_lines(model.device)
        self._size = 1 << address_fields(model.device).group.stop
        self._limit = (1 << 62) // 16 if model.device.controller.wraps_addresses else self._size

    def read(self, chunks: Iterable[bytes]) -> Iterator[Ints]:
        """Blocks of requests from pieces of text, which may end anywhere.

        Raises:
            TraceError: a line is no request, its command unknown or its address out of range.
        """
        rest = b""
        for chunk in chunks:
            whole, newline, tail = (rest + chunk).rpartition(b"\n")
            rest = tail
            if newline:
                yield self._block(whole + newline)
        if rest:
            yield self._block(rest + b"\n")

    def _block(self, data: bytes) -> Ints:
        text = np.frombuffer(data, np.uint8)
        if not self._jit:
            text = text.astype(np.int64)  # NumPy by itself would reckon in eight bits
        requests = empty_requests(self._model, data.count(b"\n"))
        count, verdict, at = self._parse(
            text,
            self._names,
            self._lengths,
            self._command,
            self._limit,
            self._fields,
            requests,
        )
        if verdict != GOOD:
            raise self._error(data, count, verdict, at)
        self._lines += count
        return requests

    def _error(self, data: bytes, count: int, verdict: int, at: int) -> TraceError:
        start = data.rfind(b"\n", 0, at) + 1
        line = data[start : data.find(b"\n", at)].decode("utf-8", "replace")
        if verdict == BAD_COMMAND:
            name = line.split(" ")[0]
            message = (
                f"unknown request '{name}'; device \"{self._model.device.name}\" has"
                f" {', '.join(self._known)}"
            )
        elif verdict == BAD_ADDRESS:
            address = line.split()[1]
            message = f"address {address} is beyond the device's {self._size:#x} bytes"
        else:
            message = f"'{line[:80].rstrip()}' is no request; expected 'NAME 0xADDRESS'"
        return TraceError(self._name, self._lines + count + 1, at - start + 1, message)


def _field_lines(device: Device) -> Ints:
    """The parts of the device's addresses, as parse_lines takes them."""
    fields = address_fields(device)
    parts = [(GROUP, fields.group, 1), (ROW, fields.row, 1), (COLUMN, fields.column, 1)]
    levels = zip(fields.core_levels, device.core_levels, strict=True)
    parts += [(BANK, part_of_bank, level.count) for part_of_bank, level in levels]
    return np.array([(into, f.start, f.mask, count) for into, f, count in parts], np.int64)


def file_chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, piece by piece.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        while chunk := file.read(BLOCK_BYTES):
            yield chunk


def line_chunks(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines of text, with or without their ends, as pieces of text."""
    iterator = iter(lines)
    while some := "".join(f"{line.rstrip()}\n" for line in islice(iterator, 1 << 14)):
        yield some.encode()
