"""The cost model of elementwise kernels: cycles and work from a schedule bound to a device."""

from collections import Counter
from collections.abc import Iterator
from math import inf, prod

import numpy as np

from pim_opt.cost.bound import Bound
from pim_opt.cost.energy import energy_pj
from pim_opt.cost.estimate import CycleParts, Estimate
from pim_opt.cost.host_accesses import host_columns
from pim_opt.cost.host_columns import HostColumns, Ints
from pim_opt.cost.host_work import bank_rows
from pim_opt.cost.lane_mapping import ElementwiseMapping, FileShare
from pim_opt.cost.lane_program import Step
from pim_opt.cost.lane_stream import Phase, Run, gap, stream_cycles
from pim_opt.cost.nest import refresh_cycles
from pim_opt.cost.streams import issue_cycles, level_counts, reach, rows_of
from pim_opt.cost.timings import Refreshing, host_phase, settled
from pim_opt.devices import Device

SCALAR_ROW = -1
"""Stands for the row of the constants, which is none of the tensors'."""


def command_of(share: FileShare, step: Step) -> str:
    """The command that a step is in a register file."""
    name: str | None = getattr(share.commands, step.use)
    assert name is not None, "a file without is refused"
    return name


def _rows_of(
    mapping: ElementwiseMapping, tensor: int, columns: range
) -> Iterator[tuple[int, range]]:
    """The parts of some columns of a tensor that lie in one row, and that row."""
    placement = mapping.placement(tensor, 0)
    in_row = mapping.device.columns
    start = columns.start
    while start < columns.stop:
        place = placement.column + start
        stop = min(columns.stop, start + in_row - place % in_row)
        yield placement.row + place // in_row, range(start, stop)
        start = stop


class Paces:
    """Runs of commands that go round the banks, worked out once for equal ones."""

    def __init__(self, tensor: HostColumns) -> None:
        self._tensor = tensor
        self._known: dict[tuple[object, ...], Run] = {}

    def phase(
        self, command: str, spans: tuple[str, ...], row: int, columns: range, group: int
    ) -> Iterator[Phase]:
        """A group's commands for some columns; none if it has none of them."""
        numbers = self._tensor.numbers(spans, columns, group)
        held = numbers[numbers < self._tensor.columns]
        yield from self.numbered(command, spans, row, held, (len(columns),))

    def numbered(
        self,
        command: str,
        spans: tuple[str, ...],
        row: int,
        held: Ints,
        kind: tuple[object, ...],
    ) -> Iterator[Phase]:
        """Commands for the columns of some numbers; runs of one kind and length are alike."""
        if not len(held):
            return
        key = (command, len(held), *kind)
        if key not in self._known:
            self._known[key] = self._run(command, spans, held)
        yield Phase(self._known[key], row)

    def _run(self, command: str, spans: tuple[str, ...], numbers: Ints) -> Run:
        device = self._tensor.device
        names = [level.name for level in device.core_levels]
        address = np.zeros((len(numbers), len(names)), np.int64)
        for loop in self._tensor.loops_of(spans):
            member = numbers // loop.weight % loop.level.count
            address[:, names.index(loop.level.name)] = member
        rows = rows_of(device, command)
        return Run(
            command, address, issue_cycles(address, level_counts(device), rows, reach(device))
        )


def phases(mapping: ElementwiseMapping, group: int = 0) -> Iterator[Phase]:
    """The phases of a group, in the order in which the lowered program issues them."""
    scalars, paces = mapping.kernels.scalars, Paces(mapping.tensor)
    if mapping.program.scalars:
        assert scalars is not None, "a kernel with constants is refused on a device without"
        spans = mapping.scalar_spans
        yield from paces.phase(scalars.load, spans, SCALAR_ROW, range(1), group)
    for batch in range(mapping.batches):
        for step in mapping.program.steps:
            for share in mapping.shares:
                columns = mapping.columns_of(batch, share)
                command = command_of(share, step)
                spans = mapping.device.commands[command].spans
                for row, part in _rows_of(mapping, step.tensor, columns):
                    yield from paces.phase(command, spans, row, part, group)


def cycle_parts(mapping: ElementwiseMapping, *, from_dram: bool = True) -> CycleParts:
    """Cycles of one call by cause; those of group 0, which has most to do."""
    stream = stream_cycles(mapping.device, phases(mapping))
    parts = CycleParts(
        host_read=_read_cycles(mapping, from_dram),
        multiply=stream.issue,
        rows=stream.rows,
        move=stream.drain,
        host_write=_write_cycles(mapping, from_dram),
    )
    refresh = refresh_cycles(
        parts.cycles, 0.0, refreshing(mapping.device, next(phases(mapping)).command)
    )
    return parts + CycleParts(refresh=refresh)


def refreshing(device: Device, command: str) -> Refreshing:
    """How refreshes interrupt a stream of commands."""
    if device.refresh is None:
        return Refreshing(inf, 0.0)
    opener, closer = device.rows_by(command)
    reopen = gap(device, closer, opener) + gap(device, opener, command)
    period = device.timing.cycles(device.refresh.interval)
    return Refreshing(float(period), float(device.timing.cycles(device.refresh.duration) + reopen))


def _host_inputs(mapping: ElementwiseMapping, from_dram: bool) -> tuple[tuple[int, ...], int]:
    """Columns of each input that the host reads, and how many inputs it writes as results lie."""
    kernel, inputs = mapping.kernel, range(len(mapping.kernel.inputs))
    written = mapping.unaligned if from_dram else tuple(inputs)
    read = [
        -(-prod(kernel.shape(kernel.inputs[number])) // mapping.lanes)
        for number in written
        if from_dram
    ]
    return tuple(read), len(written)


def _read_cycles(mapping: ElementwiseMapping, from_dram: bool) -> float:
    device, read = mapping.device, mapping.device.kernels.host.read
    total = 0
    for columns in _host_inputs(mapping, from_dram)[0]:
        phase = host_phase(device, read, host_columns(columns, device), closed=total == 0)
        total += phase.issued + settled(device, read)
    return float(total)


def _write_cycles(mapping: ElementwiseMapping, from_dram: bool) -> float:
    device, write = mapping.device, mapping.device.kernels.host.write
    columns = host_columns(mapping.tensor.columns, device)
    read, written = _host_inputs(mapping, from_dram)
    total = 0
    for _ in range(written):
        phase = host_phase(device, write, columns, closed=total == 0 and not read)
        total += phase.issued + settled(device, write)
    return float(total)


def bound(mapping: ElementwiseMapping) -> Bound:
    """What no schedule gets around: every column of an input is read, every one of the result
    written; units take one at a time.

    Args:
        mapping: the kernel under any schedule.
    """
    device, share, tensor = mapping.device, mapping.shares[0], mapping.tensor
    columns, paces = range(tensor.depth), Paces(tensor)
    inputs = len(mapping.kernel.inputs)
    steps = {step.tensor: step for step in mapping.program.steps}
    cycles = 0
    for number in (*range(inputs), mapping.program.result):
        command = command_of(share, steps[number])
        spans = device.commands[command].spans
        cycles += sum(p.cycles + 1 for p in paces.phase(command, spans, 0, columns, 0))
    stream = refresh_cycles(float(cycles), 0.0, refreshing(device, next(phases(mapping)).command))
    return Bound(float(cycles), 0.0, stream)


def estimate(mapping: ElementwiseMapping, *, from_dram: bool = True) -> Estimate:
    """Time and work of one call.

    Args:
        mapping: the kernel's schedule bound to a device.
        from_dram: whether inputs start in DRAM, in host layout; else the host has them.
    """
    device = mapping.device
    commands, activations = _issued(mapping)
    read, written = _host_inputs(mapping, from_dram)
    host = Counter({device.kernels.host.read: sum(read)})
    host[device.kernels.host.write] += written * mapping.tensor.columns
    opener, _ = device.row_commands(())
    activations[opener] += sum(bank_rows(device, columns) for columns in read)
    rows = min(written, 1) if mapping.schedule.rows == "shared" else written
    activations[opener] += rows * bank_rows(device, mapping.tensor.columns)
    moved = sum(host.values()) * device.column_bytes
    commands.update(host)
    return Estimate(
        cycle_parts(mapping, from_dram=from_dram),
        dict(+commands),
        dict(+activations),
        moved,
        0,
        energy_pj(device, commands, activations),
    )


def _issued(mapping: ElementwiseMapping) -> tuple[Counter[str], Counter[str]]:
    """Commands of the units on all groups, and rows opened for them."""
    commands, activations = Counter[str](), Counter[str]()
    for group in range(mapping.tensor.group_loop.count):
        row: int | None = None
        for phase in phases(mapping, group):
            commands[phase.command] += phase.commands
            activations[mapping.device.rows_by(phase.command)[0]] += phase.row != row
            row = phase.row
    return commands, activations
