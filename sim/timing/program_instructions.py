"""Command programs as the instructions of a dispatcher.

What all groups that receive a command have in common becomes one instruction: a run of commands of
one kind, each of which goes on where the one before it was, and a mask of groups. Where its groups
share what they receive, there is an instruction for each data; these come in pieces that fit the
queues, so that no group waits until others have received all of theirs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Attribute

from pim_opt.devices import Device
from pim_opt.devices.model import Instruction
from pim_opt.dialects.pim import IssueOp, ProgramOp
from pim_opt.sim.affine import evaluate_affine
from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.program_input import ProgramReader, Scope
from pim_opt.sim.timing.requests import ADDRESS, BANK, COLUMN, COMMAND, GROUP, OPERAND, ROW
from pim_opt.sim.timing.tables import Model

Bools = NDArray[np.bool_]

ONE_PART = -1
"""Number of the parts of a step whose groups are all in one instruction."""

Line = tuple[int, int, int, int, int, int]
"""A row of a block of instructions: see dispatch/layout.py."""


class InstructionError(ValueError):
    """A program has a command that no instruction of the device becomes."""


class _DataReader(ProgramReader):
    """Requests whose ADDRESS is the number of the first element that they carry in its memory."""

    def _issue(self, op: IssueOp, scope: Scope) -> tuple[Ints, Bools]:
        fields, mask = super()._issue(op, scope)
        fields[:, 0, :, ADDRESS] = 0
        if op.staging is not None and op.element_map is not None:
            dims = [*self._dims(op.counters, scope), np.array(0)]
            shape = cast(MemRefType[Attribute], op.staging.type).get_shape()
            for expr, size in zip(op.element_map.data.results, shape, strict=True):
                fields[:, 0, :, ADDRESS] *= size
                fields[:, 0, :, ADDRESS] += evaluate_affine(expr, dims)
        return fields, mask


@dataclass(frozen=True)
class _Steps:
    """Commands that some groups receive at the same point of the program."""

    first: Ints
    """Shape (n,): the first request of each in its block."""
    requests: Ints
    """Shape (n, words): that request."""
    mask: Ints
    """Shape (n,): bit g says that group g takes part."""
    parts: Ints
    """Shape (n,): which masks share data, by number; ONE_PART where all do."""


class InstructionMaker:
    """Makes instructions of programs.

    Args:
        model: of the device.

    Raises:
        InstructionError: when it reads a program; see there.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._device = model.device
        self._number = _numbers(model.device)
        commands = [self._instruction(name) for name in model.names]
        self._joins = np.array([i is not None and "opsize" in i.fields for i in commands])
        self._shares = np.array([i is not None and i.shares_data for i in commands])
        self._growth = np.stack([self._growth_of(name) for name in model.names])
        self._parts: dict[tuple[int, ...], int] = {}

    def read(self, program: ProgramOp, length: int | None) -> Iterator[Ints]:
        """Blocks of a program's instructions, the one that ends the trace included.

        Args:
            program: for the maker's device.
            length: the length that the program takes, if it takes one.

        Raises:
            InstructionError: a command of the program that no instruction becomes.
        """
        reader = _DataReader(self._model, range(self._device.groups))
        rest = np.zeros((0, OPERAND + self._model.operands), np.int64)
        for block in reader.read(program, length):
            requests = np.concatenate([rest, block])
            lines, begun = self._lines(requests, last=False)
            rest = requests[begun:]
            if lines:
                yield np.array(lines, np.int64)
        lines, _ = self._lines(rest, last=True)
        end = next(n for n, i in enumerate(self._device.instructions.values()) if i.ends)
        yield np.array([*lines, (end, 0, 0, 0, 1, self._everyone)], np.int64)

    @property
    def _everyone(self) -> int:
        return (1 << self._device.groups) - 1

    def _instruction(self, command: str) -> Instruction | None:
        number = self._number.get(command)
        return None if number is None else [*self._device.instructions.values()][number]

    def _growth_of(self, command: str) -> Ints:
        """How much each word of a request grows from one command of an instruction to the next."""
        growth = np.zeros(OPERAND + self._model.operands, np.int64)
        instruction = self._instruction(command)
        for name in () if instruction is None else instruction.advances:
            operands = self._device.commands[command].operands
            growth[COLUMN if name == "column" else OPERAND + operands.index(name)] = 1
        return growth

    def _lines(self, requests: Ints, *, last: bool) -> tuple[list[Line], int]:
        """Instructions of the requests' runs, and where the run begins that may go on after them.

        Args:
            requests: in order.
            last: whether none come after these, so that all of them become instructions.
        """
        if len(requests) == 0:
            return [], 0
        steps = self._steps(requests)
        begins: list[int] = np.flatnonzero(~self._goes_on(steps)).tolist()
        lines: list[Line] = []
        for begin, end in pairwise([*begins, len(steps.first)]):
            if not last and end == len(steps.first):
                return lines, int(steps.first[begin])
            lines += self._run(steps, begin, end - begin)
        return lines, len(requests)

    def _steps(self, requests: Ints) -> _Steps:
        same = (requests[1:, OPERAND:] == requests[:-1, OPERAND:]).all(axis=1)
        for word in (COMMAND, BANK, ROW, COLUMN):
            same &= requests[1:, word] == requests[:-1, word]
        same &= requests[1:, GROUP] > requests[:-1, GROUP]
        first = np.flatnonzero(np.concatenate([[True], ~same]))
        bits = np.left_shift(1, requests[:, GROUP])
        parts = np.full(len(first), ONE_PART)
        data = requests[:, ADDRESS]
        several = np.maximum.reduceat(data, first) != np.minimum.reduceat(data, first)
        ends = np.append(first[1:], len(requests))
        for number in np.flatnonzero(several & self._shares[requests[first, COMMAND]]).tolist():
            step = slice(first[number], ends[number])
            parts[number] = self._part_number(data[step].tolist(), bits[step].tolist())
        return _Steps(first, requests[first], np.bitwise_or.reduceat(bits, first), parts)

    def _part_number(self, data: Sequence[int], bits: Sequence[int]) -> int:
        masks: dict[int, int] = {}
        for item, bit in zip(data, bits, strict=True):
            masks[item] = masks.get(item, 0) | bit
        return self._parts.setdefault(tuple(masks.values()), len(self._parts))

    def _goes_on(self, steps: _Steps) -> Bools:
        """Whether each step goes on with the run of the one before it."""
        requests = steps.requests
        command = requests[1:, COMMAND]
        grown = requests[1:] - requests[:-1] == self._growth[command]
        grown[:, [GROUP, ADDRESS]] = True  # the mask and the parts say what matters of them
        goes_on = grown.all(axis=1) & self._joins[command]
        goes_on &= (steps.mask[1:] == steps.mask[:-1]) & (steps.parts[1:] == steps.parts[:-1])
        return np.concatenate([[False], goes_on])

    def _run(self, steps: _Steps, begin: int, length: int) -> Iterator[Line]:
        """The instructions of one run."""
        request: list[int] = steps.requests[begin].tolist()
        name = self._model.names[request[COMMAND]]
        if name not in self._number:
            raise InstructionError(f'device "{self._device.name}" has no instruction for {name}')
        number, bank, row = self._number[name], request[BANK], request[ROW]
        if steps.parts[begin] == ONE_PART:
            is_barrier = self._device.commands[name].kind == "barrier"
            mask = self._everyone if is_barrier else int(steps.mask[begin])
            yield (number, 0, bank, row, length, mask)
            return
        masks = next(masks for masks, n in self._parts.items() if n == steps.parts[begin])
        piece = self._device.controller.window
        for done in range(0, length, piece):
            for mask in masks:
                yield (number, 0, bank, row, min(piece, length - done), mask)


def _numbers(device: Device) -> dict[str, int]:
    """Per command the number of the first instruction that becomes it and goes on."""
    found: dict[str, int] = {}
    for number, instruction in enumerate(device.instructions.values()):
        if instruction.command is not None and not instruction.ends:
            found.setdefault(instruction.command, number)
    return found
