"""The cost model of reductions: cycles and work from a schedule bound to a device."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from math import prod

import numpy as np

from pim_opt.cost.bound import Bound
from pim_opt.cost.bulk import cycles_of, read_in_bulk
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
    commands, joined = mapping.commands, range(mapping.joined_banks)
    assert commands.add is not None, "a file of a reduction adds"
    runs, banks = Paces(mapping.tensor), range(mapping.banks_of_unit)
    apart = range(0, mapping.banks_of_unit, mapping.joined_banks)
    terms = range(mapping.fold.terms)
    for run in range(mapping.runs):
        for batch in range(mapping.batches):
            first = batch * mapping.together
            sums = range(first, min(first + mapping.together, mapping.sums))
            for command, summands, inner in (
                (commands.load, terms[:1], apart),
                (commands.add, terms[:1], joined[1:]),
                (commands.add, terms[1:], banks),
            ):
                places = (_input_columns(mapping, run, sums, summands), 0)
                yield from _phases(mapping, runs, command, places, inner)
            row, column = mapping.sums_place
            places = ([column + run * mapping.sums + number for number in sums], row)
            yield from _phases(mapping, runs, commands.store, places, apart)


def _input_columns(mapping: ReductionMapping, run: int, sums: range, summands: range) -> list[int]:
    """Columns of a bank that hold some summands of some sums, in order."""
    of_sum, of_summand = mapping.steps
    return sorted(
        run * mapping.run_columns + number * of_sum + summand * of_summand
        for number in sums
        for summand in summands
    )


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


# The host


def _read_columns(mapping: ReductionMapping, *, from_dram: bool) -> tuple[int, ...]:
    """Columns of each tensor that the host reads, over all groups, in order."""
    if not mapping.by_units:
        return (mapping.tensor.columns,) if from_dram else ()
    partial = 0 if mapping.gives_result else prod(mapping.partial_shape) // mapping.lanes
    rest = 0 if mapping.rest is None or not from_dram else mapping.rest.columns
    return tuple(columns for columns in (partial, rest) if columns)


def _written_columns(mapping: ReductionMapping, *, from_dram: bool) -> tuple[int, ...]:
    """Columns that the host writes: of the input, if it has it, then of the result."""
    head = mapping.head.columns if mapping.by_units and not from_dram else 0
    return head, 0 if mapping.gives_result else mapping.result.columns


def _placing_cycles(mapping: ReductionMapping, columns: int) -> float:
    """Cycles in which the host writes the input."""
    device, write = mapping.device, mapping.device.kernels.host.write
    if not columns:
        return 0.0
    phase = host_phase(device, write, host_columns(columns, device), closed=True)
    return float(phase.issued + settled(device, write))


def _reading_cycles(mapping: ReductionMapping, reads: tuple[int, ...]) -> float:
    """Cycles from when the host may read until it has all."""
    device, read = mapping.device, mapping.device.kernels.host.read
    total = 0.0
    for number, columns in enumerate(reads):
        own = host_columns(columns, device)
        # The row that the units have stored to last is open, in all banks.
        if mapping.by_units and (number == 0 or mapping.shares_row):
            issued: float = open_phase(device, read, own)
        elif own <= device.cores * device.columns:
            issued = host_phase(device, read, own, closed=not mapping.by_units).issued
        else:
            issued = cycles_of(read_in_bulk(device, closed=not mapping.by_units), own)
        total += issued + settled(device, read)
    return total


def _writing_cycles(mapping: ReductionMapping, columns: int, reading: float) -> float:
    """Cycles from when the host has read until the result has recovered."""
    device, host = mapping.device, mapping.device.kernels.host
    if not columns:
        return 0.0
    own = host_columns(columns, device)
    if mapping.shares_row and reading:
        turn = latency(device, host.read, host.write) - settled(device, host.read)
        issued = max(turn, 0) + open_phase(device, host.write, own)
    else:
        # The row that was read first stays open for a while before it closes.
        opener, closer = device.row_commands(device.commands[host.read].spans)
        hold = latency(device, opener, closer) - reading if reading else 0.0
        issued = max(hold, 0.0) + host_phase(device, host.write, own, closed=not reading).issued
    # What was read last may be under way longer than what is written.
    return max(
        issued + completion(device, host.write),
        float(completion(device, host.read) - settled(device, host.read)),
    )


def cycle_parts(mapping: ReductionMapping, *, from_dram: bool = True) -> CycleParts:
    """Cycles of one call by cause; those of group 0, which has most to do."""
    reads = _read_columns(mapping, from_dram=from_dram)
    placed, written = _written_columns(mapping, from_dram=from_dram)
    reading = _reading_cycles(mapping, reads)
    parts = CycleParts(
        host_read=reading,
        host_write=_placing_cycles(mapping, placed) + _writing_cycles(mapping, written, reading),
    )
    parts += _units_cycles(mapping, reads=bool(reads))
    command = mapping.commands.load if mapping.by_units else mapping.device.kernels.host.read
    refresh = refresh_cycles(parts.cycles, 0.0, refreshing(mapping.device, command))
    return parts + CycleParts(refresh=refresh)


def _units_cycles(mapping: ReductionMapping, *, reads: bool) -> CycleParts:
    """Cycles in which units work, until the host may read, or else their results are safe."""
    device, host = mapping.device, mapping.device.kernels.host
    if not mapping.by_units:
        return CycleParts(host_read=1.0)  # what the host does begins in the first cycle
    stream = stream_cycles(device, phases(mapping))
    drain = stream.drain
    if reads and device.controller.keeps_order:
        # Order protects what units store and the host reads: no barrier stands there.
        drain = latency(device, mapping.commands.store, host.read)
    return CycleParts(multiply=float(stream.issue), rows=float(stream.rows), move=float(drain))


def bound(mapping: ReductionMapping) -> Bound:
    """What no schedule gets around: the host or the units read every column of the input.

    Args:
        mapping: the kernel under any schedule.
    """
    device, tensor = mapping.device, mapping.tensor
    read = device.kernels.host.read
    columns = host_columns(tensor.columns, device)
    least = host_phase(device, read, columns, closed=True).issued
    if mapping.unit_columns:
        load = mapping.commands.load
        spans = device.commands[load].spans
        depth = range(mapping.head.depth)
        units = sum(p.cycles + 1 for p in Paces(tensor).phase(load, spans, 0, depth, 0))
        least = min(least, units)
    return Bound(float(least), 0.0, 0.0)


def estimate(mapping: ReductionMapping, *, from_dram: bool = True) -> Estimate:
    """Time and work of one call.

    Args:
        mapping: the kernel's schedule bound to a device.
        from_dram: whether the input starts in DRAM, in host layout; else the host has it.
    """
    device, host = mapping.device, mapping.device.kernels.host
    commands, activations = _units_work(mapping)
    reads = _read_columns(mapping, from_dram=from_dram)
    written = _written_columns(mapping, from_dram=from_dram)
    commands[host.read] += sum(reads)
    commands[host.write] += sum(written)
    opener, _ = device.row_commands(())
    if not mapping.by_units:
        activations[opener] += sum(bank_rows(device, columns) for columns in reads)
    if not (mapping.shares_row and reads):
        activations[opener] += bank_rows(device, written[1])
    moved = (commands[host.read] + commands[host.write]) * device.column_bytes
    return Estimate(
        cycle_parts(mapping, from_dram=from_dram),
        dict(+commands),
        dict(+activations),
        moved,
        _host_additions(mapping),
        energy_pj(device, commands, activations),
    )


def _host_additions(mapping: ReductionMapping) -> int:
    if mapping.gives_result:
        return 0
    parts = mapping.kernel.elements
    if mapping.by_units:
        parts = prod(mapping.partial_shape) + mapping.fold.rest
    return parts - mapping.kernel.results


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
