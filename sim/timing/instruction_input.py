"""Reads traces of instructions into blocks, for devices whose dispatcher takes them.

A line has the two words that name an instruction and its numbers, decimal or hexadecimal, with
spaces between. A line whose first word is `#` is a comment; blank lines are skipped; what follows
the instruction that ends the trace is not read. The highest bit of a mask is the first group.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from pim_opt.devices import Device
from pim_opt.devices.model import Instruction, InstructionField
from pim_opt.devices.problem import unknown
from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.trace_input import TraceError

BLOCK_LINES = 1 << 14

COMMENT = "#"
PREFIX = "ISR_"
"""May stand before the second word of an instruction's name and means nothing."""

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")
_WORD = re.compile(r"\S+")
_MOST = 1 << 62
"""Numbers are below it, so that they fit the simulator's integers."""

Line = tuple[int, int, int, int, int, int]
"""A row of a block: see dispatch/layout.py."""


class _BadWordError(ValueError):
    """A word of a line is wrong: its position, or the number of words if one is missing."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position


class InstructionReader:
    """Blocks of instructions from a trace.

    Args:
        device: whose trace it is.
        name: of the file, for messages.
    """

    def __init__(self, device: Device, name: str) -> None:
        self._device = device
        self._name = name
        self._number = {name: i for i, name in enumerate(device.instructions)}
        self._registers: dict[int, int] = {}
        self._limits = {
            "mask": 1 << device.groups,
            "mask_of_one": 1 << device.groups,
            "channel": device.groups,
            "bank": device.cores,
        }
        self._line = 0
        self._ended = False

    def read(self, chunks: Iterable[bytes]) -> Iterator[Ints]:
        """Blocks of instructions from pieces of text, which may end anywhere.

        Raises:
            TraceError: a line is no instruction, a number is out of range, or none ends the trace.
        """
        rows = self._rows(_lines(chunks))
        while some := list(islice(rows, BLOCK_LINES)):
            yield np.array(some, np.int64)
        if not self._ended:
            ending = [n for n, i in self._device.instructions.items() if i.ends]
            message = f"the trace ends without {' or '.join(map(repr, ending))}"
            raise TraceError(self._name, self._line + 1, 1, message)

    def _rows(self, lines: Iterable[str]) -> Iterator[Line]:
        for line in lines:
            self._line += 1
            words = line.split()
            if not words or words[0] == COMMENT:
                continue
            try:
                yield self._row(words)
            except _BadWordError as error:
                raise self._located(line, error) from error
            if self._ended:
                return

    def _row(self, words: Sequence[str]) -> Line:
        name = " ".join((words[0], *(word.removeprefix(PREFIX) for word in words[1:2])))
        if name not in self._number:
            raise _BadWordError(0, unknown("instruction", name, self._number))
        instruction = self._device.instructions[name]
        numbers = self._numbers(name, instruction, words)
        if "value" in numbers:
            self._registers[numbers["register"]] = numbers["value"]
        self._ended = instruction.ends
        return (
            self._number[name],
            0,
            numbers.get("bank", 0),
            self._row_of(instruction, numbers),
            numbers.get("opsize", 1),
            self._groups(instruction, numbers),
        )

    def _numbers(
        self, name: str, instruction: Instruction, words: Sequence[str]
    ) -> dict[InstructionField, int]:
        """The numbers of a line by what they say."""
        fields, given = instruction.fields, len(words) - 2
        if given < len(fields) or (given > len(fields) and not instruction.more_numbers):
            takes = f"{len(fields)}: {' '.join(fields)}" if fields else "none"
            at = min(len(words), len(fields) + 2)
            raise _BadWordError(at, f"{given} numbers after '{name}'; expected {takes}")
        return {
            field: self._value(instruction, field, position, words[position])
            for position, field in enumerate(fields, 2)
        }

    def _value(
        self, instruction: Instruction, field: InstructionField, position: int, word: str
    ) -> int:
        if _NUMBER.fullmatch(word) is None:
            raise _BadWordError(position, f"{field} '{word}'; expected a number such as 12 or 0xc")
        value = int(word, 16 if word[:2] in ("0x", "0X") else 10)
        limit = instruction.limits.get(field, self._limits.get(field, _MOST))
        if value >= limit:
            most = f"{limit - 1:#x}" if "mask" in field else str(limit - 1)
            message = f'{field} {word}; device "{self._device.name}" takes 0 to {most}'
            raise _BadWordError(position, message)
        if field == "mask_of_one" and value.bit_count() != 1:
            raise _BadWordError(position, f"mask {word}; expected exactly one bit")
        return value

    def _row_of(self, instruction: Instruction, numbers: dict[InstructionField, int]) -> int:
        row = instruction.row
        if row is None:
            return numbers.get("row", 0)
        return row.plus + self._registers.get(row.register, 0)

    def _groups(self, instruction: Instruction, numbers: dict[InstructionField, int]) -> int:
        """A mask whose bit g says that group g takes part."""
        if "channel" in numbers:
            return 1 << numbers["channel"]
        every = self._limits["mask"] - 1
        mask = numbers.get("mask", numbers.get("mask_of_one", every))
        return int(f"{mask:0{self._device.groups}b}"[::-1], 2)

    def _located(self, line: str, error: _BadWordError) -> TraceError:
        starts = [match.start() for match in _WORD.finditer(line)]
        column = starts[error.position] if error.position < len(starts) else len(line.rstrip())
        return TraceError(self._name, self._line, column + 1, str(error))


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines of text from pieces that may end anywhere."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")
    if rest:
        yield rest.decode("utf-8", "replace")
