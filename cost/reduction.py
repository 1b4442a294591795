"""The cost model of reductions: cycles and work from a schedule bound to a device."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

import numpy as np

from pim_opt.cost.bound import Bound
from pim_opt.cost.elementwise import Paces, refreshing
from pim_opt.cost.energy import energy_pj
from pim_opt.cost.estimate import CycleParts, Estimate
from pim_opt.cost.host_accesses import host_columns
from pim_opt.cost.host_work import bank_rows
from pim_opt.cost.lane_stream import Phase, stream_cycles
from pim_opt.cost.nest import refresh_cycles
from pim_opt.cost.rates import latency
from pim_opt.cost.reduction_mapping import ReductionMapping
from pim_opt.cost.timings import completion, host_phase, open_phase, settled


def phases(mapping: ReductionMapping) -> Iterator[Phase]:
    """What units do in a group, in the order in which the lowered program issues it.

    Every group does the same.
    """
    if not mapping.by_units:
        return
    commands, columns = mapping.commands, mapping.schedule.columns
    assert commands.add is not None, "a file of a reduction adds"
    paces, banks = Paces(mapping.tensor), mapping.banks_of_unit
    for batch in range(mapping.batches):
        first = batch * mapping.together
        results = range(first, min(first + mapping.together, mapping.kernel.results))
        parts = (
            (commands.load, range(1), range(1)),
            (commands.add, range(1), range(1, banks)),
            (commands.add, range(1, columns), range(banks)),
        )
        for command, within, inner in parts:
            locals_ = [result * columns + column for result in results for column in within]
            yield from _phases(mapping, paces, command, (locals_, 0), inner)
        row, column = mapping.partial_place
        place = ([result + column for result in results], row)
        yield from _phases(mapping, paces, commands.store, place, range(1))


def _phases(
    mapping: ReductionMapping,
    paces: Paces,
    command: str,
    place: tuple[list[int], int],
    inner: range,
) -> Iterator[Phase]:
    """A command for local columns, counted from a row, in these banks of every unit."""
    tensor, device = mapping.tensor, mapping.device
    spans = device.commands[command].spans
    columns, base = place
    weights = {loop.level.name: loop.weight for loop in tensor.loops}
    offsets = [_bank_number(mapping, bank, weights) for bank in inner]
    if not offsets:
        return
    units = tensor.numbers((*spans, *mapping.inner_levels), range(1))
    for row, part in groupby(columns, lambda column: base + column // device.columns):
        numbers = np.array([column * tensor.banks for column in part], np.int64)
        held = np.add.outer(np.add.outer(numbers, offsets), units).reshape(-1)
        yield from paces.numbered(command, spans, row, held, (len(numbers), inner))


def _bank_number(mapping: ReductionMapping, bank: int, weights: dict[str, int]) -> int:
    """By how much columns of a bank of a unit are numbered higher than those of its first."""
    total = 0
    for name in reversed(mapping.inner_levels):
        bank, coordinate = divmod(bank, mapping.device.level(name).count)
        total += coordinate * weights[name]
    return total


def _read_columns(mapping: ReductionMapping) -> int:
    """Columns that the host reads, over all groups."""
    if mapping.by_units:
        return mapping.units * mapping.kernel.results
    return mapping.tensor.columns


def _written_columns(mapping: ReductionMapping) -> int:
    return -(-mapping.kernel.results // mapping.lanes)


def _read_issued(mapping: ReductionMapping) -> int:
    """Cycles from when the host may read to its last access."""
    device, read = mapping.device, mapping.device.kernels.host.read
    if not mapping.by_units:
        columns = host_columns(_read_columns(mapping), device)
        return host_phase(device, read, columns, closed=True).issued
    columns = _read_columns(mapping) // device.groups
    # The row that the units have stored to last is open, in all banks.
    if mapping.partial_rows == 1:
        return open_phase(device, read, columns)
    return host_phase(device, read, columns, closed=False).issued


def cycle_parts(mapping: ReductionMapping, *, from_dram: bool = True) -> CycleParts:
    """Cycles of one call by cause; those of group 0, which has most to do."""
    device, host = mapping.device, mapping.device.kernels.host
    stream, placed = None, 0
    if mapping.by_units:
        stream = stream_cycles(device, phases(mapping))
        if not from_dram:
            columns = host_columns(mapping.tensor.columns, device)
            phase = host_phase(device, host.write, columns, closed=True)
            placed = phase.issued + settled(device, host.write)
    reads, read = from_dram or mapping.by_units, 1
    if reads:
        read += _read_issued(mapping) + settled(device, host.read)
    columns = host_columns(_written_columns(mapping), device)
    if mapping.shares_row and reads:
        turn = latency(device, host.read, host.write) - settled(device, host.read)
        written = max(turn, 0) + open_phase(device, host.write, columns)
    else:
        written = host_phase(device, host.write, columns, closed=not reads).issued
    parts = CycleParts(
        host_read=float(read),
        multiply=0.0 if stream is None else float(stream.issue),
        rows=0.0 if stream is None else float(stream.rows),
        move=0.0 if stream is None else float(stream.drain),
        host_write=float(placed + written + completion(device, host.write)),
    )
    if stream is None:
        return parts
    refresh = refresh_cycles(parts.cycles, 0.0, refreshing(device, phases(mapping)))
    return parts + CycleParts(refresh=refresh)


def bound(mapping: ReductionMapping) -> Bound:
    """What no schedule gets around: the host reads a column of every bank, or units do."""
    device, read = mapping.device, mapping.device.kernels.host.read
    columns = host_columns(min(mapping.tensor.columns, mapping.units), device)
    return Bound(float(host_phase(device, read, columns, closed=True).issued), 0.0, 0.0)


def estimate(mapping: ReductionMapping, *, from_dram: bool = True) -> Estimate:
    """Time and work of one call.

    Args:
        mapping: the kernel's schedule bound to a device.
        from_dram: whether the input starts in DRAM, in host layout; else the host has it.
    """
    device, host = mapping.device, mapping.device.kernels.host
    commands, activations = _units_work(mapping)
    reads = from_dram or mapping.by_units
    commands[host.read] += _read_columns(mapping) if reads else 0
    commands[host.write] += _written_columns(mapping)
    if mapping.by_units and not from_dram:
        commands[host.write] += mapping.tensor.columns
    opener, _ = device.row_commands(())
    if reads and not mapping.by_units:
        activations[opener] += bank_rows(device, mapping.tensor.columns)
    if not (mapping.shares_row and reads):
        activations[opener] += bank_rows(device, _written_columns(mapping))
    moved = (commands[host.read] + commands[host.write]) * device.column_bytes
    partials = mapping.partials if mapping.by_units else mapping.kernel.terms
    return Estimate(
        cycle_parts(mapping, from_dram=from_dram),
        dict(+commands),
        dict(+activations),
        moved,
        mapping.kernel.results * (partials - 1),
        energy_pj(device, commands, activations),
    )


def _units_work(mapping: ReductionMapping) -> tuple[Counter[str], Counter[str]]:
    """Commands of the units on all groups, and rows opened for them."""
    commands, activations = Counter[str](), Counter[str]()
    row: int | None = None
    for phase in phases(mapping):
        commands[phase.command] += phase.commands * mapping.device.groups
        opener, _ = mapping.device.rows_by(phase.command)
        activations[opener] += (phase.row != row) * mapping.device.groups
        row = phase.row
    return commands, activations
