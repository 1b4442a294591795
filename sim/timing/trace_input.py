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


def parse_lines(
    text: Words, names: Lines, lengths: Words, limit: int, which: Words, address: Words
) -> tuple[int, int, int]:
    """Parse whole lines `NAME NUMBER`; numbers are decimal, or hexadecimal after 0x.

    Args:
        text: ends in a newline.
        names: shape (names, longest), padded with 0.
        lengths: shape (names).
        limit: addresses must be below it.
        which: filled with the number of the name, one element per line.
        address: filled with the address.

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
        which[line] = name
        address[line] = value
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
        self._parse = compiled_kernel(parse_lines) if jit else parse_lines
        self._lines = 0
        traces = [c.trace for c in model.device.commands.values()]
        self._known = [t for t in dict.fromkeys(traces) if t is not None]
        self._command = np.array([traces.index(t) for t in self._known], np.int64)
        width = max(len(t) for t in self._known)
        padded = [t.encode().ljust(width, b"\0") for t in self._known]
        self._names = np.array([list(p) for p in padded], np.int64)
        self._lengths = np.array([len(t) for t in self._known], np.int64)
        self._decoder = _Decoder(model.device)

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
        text = np.frombuffer(data, np.uint8).astype(np.int64)
        lines = data.count(b"\n")
        which, address = np.empty(lines, np.int64), np.empty(lines, np.int64)
        count, verdict, at = self._parse(
            text, self._names, self._lengths, self._decoder.limit, which, address
        )
        if verdict != GOOD:
            raise self._error(data, count, verdict, at)
        self._lines += count
        requests = empty_requests(self._model, lines)
        requests[:, COMMAND] = self._command[which]
        self._decoder.decode(address, requests)
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
            size = self._decoder.size
            message = f"address {line.split()[1]} is beyond the device's {size:#x} bytes"
        else:
            message = f"'{line[:80].rstrip()}' is no request; expected 'NAME 0xADDRESS'"
        return TraceError(self._name, self._lines + count + 1, at - start + 1, message)


class _Decoder:
    """Takes addresses apart."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._fields = address_fields(device)
        self.size = 1 << self._fields.group.stop
        self.limit = (1 << 62) // 16 if device.controller.wraps_addresses else self.size

    def decode(self, address: Ints, requests: Ints) -> None:
        """Fill in the address of a block of requests, and what it says."""
        fields = self._fields
        requests[:, ADDRESS] = address
        requests[:, COLUMN] = fields.column.of(address)
        requests[:, ROW] = fields.row.of(address)
        requests[:, GROUP] = fields.group.of(address)
        bank = np.zeros_like(address)
        for field, level in zip(fields.core_levels, self._device.core_levels, strict=True):
            bank = bank * level.count + field.of(address)
        requests[:, BANK] = bank


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
