"""Runs command streams through the engine that a device's controller asks for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pim_opt.devices import Device
from pim_opt.dialects.pim import ProgramOp
from pim_opt.sim.timing import requests as rq
from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.controller import Controller
from pim_opt.sim.timing.dispatch.controller import DispatchController
from pim_opt.sim.timing.fr_fcfs.controller import FrFcfsController
from pim_opt.sim.timing.in_order.controller import InOrderController
from pim_opt.sim.timing.instruction_input import InstructionReader
from pim_opt.sim.timing.layout import CAUSES, COUNTS_AT
from pim_opt.sim.timing.program_input import ProgramReader, alike_groups, alike_neighbours
from pim_opt.sim.timing.program_instructions import InstructionError, InstructionMaker
from pim_opt.sim.timing.result import Result, structured
from pim_opt.sim.timing.tables import Model
from pim_opt.sim.timing.tables import compiled as compiled_tables
from pim_opt.sim.timing.trace_input import TraceReader, file_chunks, line_chunks

LOG_CAPACITY = 1 << 16
SHOWN_REQUESTS = 4


class TimingError(Exception):
    """A stream that never ends on its device, or that the device's controller cannot take."""


def _controller(model: Model, groups: int, *, jit: bool) -> Controller:
    match model.device.controller.policy:
        case "in-order":
            return InOrderController(model, groups, jit=jit)
        case "fr-fcfs":
            return FrFcfsController(model, groups, jit=jit)
        case "dispatch":
            return DispatchController(model, groups, jit=jit)


@dataclass(frozen=True)
class _Stream:
    """Blocks of requests for representatives of groups that are alike."""

    model: Model
    blocks: Iterable[Ints]
    names: Sequence[str | None]
    """What requests are called in traces, by their numbers in the blocks."""
    alike: Sequence[Sequence[int]]
    """Per representative the groups that it stands for, itself first."""
    log: bool
    jit: bool

    def simulate(self) -> Result:
        engine = _controller(self.model, len(self.alike), jit=self.jit)
        log = rq.empty_log(self.model, LOG_CAPACITY if self.log else 0)
        lines: list[Ints] = []
        requested = np.zeros((len(self.alike), len(self.names)), np.int64)
        for block, last in _with_last(self.blocks, rq.empty_requests(self.model, 0)):
            key = block[:, rq.GROUP] * len(self.names) + block[:, rq.COMMAND]
            requested += np.bincount(key, minlength=requested.size).reshape(requested.shape)
            status = rq.LOG_FULL
            while status == rq.LOG_FULL:
                status = engine.run(block, log, last)
                lines.append(log[: engine.shared[engine.logged]].copy())
                engine.shared[engine.logged] = 0
            if status == rq.STUCK:
                raise TimingError(self._stuck(engine))
        return self._result(engine, requested, np.concatenate(lines) if self.log else None)

    def _result(self, engine: Controller, requested: Ints, lines: Ints | None) -> Result:
        device = self.model.device
        sizes = np.array([len(groups) for groups in self.alike])
        first = int(engine.tables[COUNTS_AT])
        issued = sizes @ engine.groups[:, first : first + len(self.model.names)]
        commands = {n: c for n, c in zip(self.model.names, issued.tolist(), strict=True) if c}
        cycles = engine.cycles()
        hits, misses = (int(sizes @ counts) for counts in engine.hits_and_misses())
        all_cycles = cycles * int(sizes.sum())
        columns = sum(c for n, c in commands.items() if device.command_bus(n) == "column")
        busy = sum(
            count * _repeat_interval(device, name)
            for name, count in commands.items()
            if device.commands[name].kind == "compute"
        )
        return Result(
            device.name,
            cycles,
            round(cycles * device.clock_ps / 1000, 3),
            self._by_request(sizes @ requested),
            commands,
            hits,
            misses,
            columns / all_cycles,
            busy / all_cycles,
            dict(zip(CAUSES, engine.causes().tolist(), strict=True)),
            None if lines is None else self._log(lines),
        )

    def _by_request(self, requested: Ints) -> dict[str, int]:
        result: dict[str, int] = {}
        for name, count in zip(self.names, requested, strict=True):
            if count and name is not None:
                result[name] = result.get(name, 0) + int(count)
        return result

    def _log(self, lines: Ints) -> NDArray[Any]:
        """The log with the lines of all groups, in the order of cycles."""
        copies: list[Ints] = []
        for number, groups in enumerate(self.alike):
            own = lines[lines[:, rq.LOG_GROUP] == number]
            for group in groups:
                copy = own.copy()
                copy[:, rq.LOG_GROUP] = group
                copies.append(copy)
        everything = np.concatenate(copies)
        return structured(everything[np.argsort(everything[:, rq.LOG_CYCLE], kind="stable")])

    def _stuck(self, engine: Controller) -> str:
        waiting = list(engine.waiting())
        shown = ", ".join(self._request(line) for line in waiting[:SHOWN_REQUESTS])
        more = len(waiting) - SHOWN_REQUESTS
        return (
            f'livelock on device "{self.model.device.name}": {shown}'
            f"{f' and {more} more' if more > 0 else ''} wait for ever for each other's rows"
        )

    def _request(self, line: Ints) -> str:
        command, group, bank, row, column, *_ = line.tolist()
        where = f"{self.model.device.group} {self.alike[group][0]}, bank {bank}, row {row}"
        return f"{self.model.names[command]} ({where}, column {column})"


def _with_last(blocks: Iterable[Ints], end: Ints) -> Iterator[tuple[Ints, bool]]:
    """The blocks, then `end` as the last."""
    for block in blocks:
        yield block, False
    yield end, True


def _trace_names(device: Device) -> list[str | None]:
    return [command.trace for command in device.commands.values()]


def _repeat_interval(device: Device, command: str) -> int:
    """Cycles from a command to the next of its kind, at best."""
    latencies = (
        device.timing.cycles(row.latency)
        for row in device.timing.constraints
        if command in row.preceding and command in row.following and row.window == 1
    )
    return max(latencies, default=1)


def simulate_program(
    program: ProgramOp,
    device: Device,
    *,
    length: int | None = None,
    log: bool = False,
    jit: bool = True,
    share: bool = True,
) -> Result:
    """Time a command program.

    Args:
        program: a verified program for `device`.
        device: whose controller and constraints hold.
        length: of this call, if the program takes one.
        log: whether to keep every command issued.
        jit: whether to run compiled; plain Python gives the same.
        share: whether one group may stand for others that receive the same commands; where one
            frontend serves all groups, for its neighbours; not where they take instructions.

    Raises:
        LengthError: the program does not take that length.
        TimingError: the program never ends, or no instruction of the device does what it asks for.
    """
    model = compiled_tables(device)
    if device.instructions:
        try:
            blocks = InstructionMaker(model).read(program, length)
            return _instruction_stream(model, blocks, log, jit)
        except InstructionError as error:
            raise TimingError(str(error)) from error
    if not share:
        alike = [[group] for group in range(device.groups)]
    elif device.controller.coupled:
        alike = alike_neighbours(program, device.groups, length)
    else:
        alike = alike_groups(program, device.groups, length)
    reader = ProgramReader(model, [groups[0] for groups in alike])
    names = _trace_names(device)
    return _Stream(model, reader.read(program, length), names, alike, log, jit).simulate()


def _instruction_stream(model: Model, blocks: Iterable[Ints], log: bool, jit: bool) -> Result:
    """Time blocks of instructions."""
    alike = [[group] for group in range(model.device.groups)]
    names = list[str | None](model.device.instructions)
    return _Stream(model, blocks, names, alike, log, jit).simulate()


def simulate_trace(
    trace: Path | Iterable[str],
    device: Device,
    *,
    name: str | None = None,
    log: bool = False,
    jit: bool = True,
) -> Result:
    """Time a trace: requests in the reference format, or instructions if the device has some.

    Args:
        trace: a file, or its lines.
        device: whose controller and constraints hold.
        name: of the trace in messages; by default the path.
        log: whether to keep every command issued.
        jit: whether to run compiled; plain Python gives the same.

    Raises:
        OSError: the file cannot be read.
        TraceError: a line is no request or instruction of the device.
        TimingError: the stream never ends.
    """
    model = compiled_tables(device)
    chunks = file_chunks(trace) if isinstance(trace, Path) else line_chunks(trace)
    name = name or (str(trace) if isinstance(trace, Path) else "<trace>")
    if device.instructions:
        blocks = InstructionReader(device, name).read(chunks)
        return _instruction_stream(model, blocks, log, jit)
    blocks = TraceReader(model, name, jit=jit).read(chunks)
    alike = [[group] for group in range(device.groups)]
    return _Stream(model, blocks, _trace_names(device), alike, log, jit).simulate()
