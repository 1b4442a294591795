"""The cost model of contractions: cycles and work from a schedule bound to a device.

The time is that of group 0, whose indices are the lowest, so that no group has more to do. A
constant part does not depend on the schedule: the host reads the vector and writes the result.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from pim_opt.cost.bulk import cycles_of
from pim_opt.cost.energy import energy_pj
from pim_opt.cost.estimate import CycleParts, Estimate
from pim_opt.cost.group_sizes import sizes_by_group
from pim_opt.cost.host_accesses import HostAccesses
from pim_opt.cost.host_work import host_work
from pim_opt.cost.mapping import Loop, Mapping
from pim_opt.cost.nest import (
    FirstRow,
    Ints,
    NestCycles,
    Traffic,
    Turns,
    count,
    nest_cycles,
    refresh_cycles,
    rows_opened,
    valid_iterations,
)
from pim_opt.cost.origins import Origins
from pim_opt.cost.rates import interval
from pim_opt.cost.streams import Pace, Paces
from pim_opt.cost.timings import NestTimings, entering, nest_timings, refreshing_of
from pim_opt.cost.transfers import TransferLoops
from pim_opt.cost.unit_contraction import unit_cost
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Contraction

USUAL = Origins()
"""The vector in DRAM, the matrix resident."""

ROW_IS_OPEN = FirstRow(0.0, 0.0)
"""The first multiplication waits for no row."""


def loads_of(mapping: Mapping) -> TransferLoops:
    """The commands that load the vector once."""
    command = mapping.mode.load[mapping.schedule.travel]
    return TransferLoops(mapping.device, command, mapping.vector_placement, mapping.vector_lanes)


def moves_of(mapping: Mapping) -> TransferLoops:
    """The commands that move results out once."""
    level = mapping.schedule.sum_level
    name = "" if level is None else mapping.device.level(level).name
    return TransferLoops(
        mapping.device,
        mapping.mode.move[name],
        mapping.moved_placement,
        mapping.vector_lanes,
    )


def resets_of(moves: TransferLoops, mode: ContractionMode) -> TransferLoops | None:
    """The commands that clear what `moves` has taken; None if moving does."""
    return None if mode.reset is None else replace(moves, command=mode.reset)


def traffic_of(
    loads: TransferLoops,
    moves: TransferLoops,
    resets: TransferLoops | None,
    columns_per_step: int = 1,
) -> Traffic:
    """Commands of one load and one move, and their pace.

    Args:
        loads: the commands of one load.
        moves: those of one move.
        resets: those that clear what it has taken, if there are any.
        columns_per_step: columns of the vector that a multiplication takes.
    """
    paces = Paces(loads.device)
    return Traffic(
        paces.pace(loads),
        float(loads.columns),
        move_pace(moves, resets, paces),
        float(moves.columns),
        turns_of(loads, moves, resets, paces),
        columns_per_step,
    )


def move_pace(moves: TransferLoops, resets: TransferLoops | None, paces: Paces) -> Pace:
    """The pace of moves, with a command that clears for each of them."""
    move = paces.pace(moves)
    if resets is None:
        return move
    clear = paces.pace(resets)
    return Pace(
        move.places + clear.places,
        move.first + paces.turn(moves, resets) + clear.first,
        move.period + clear.period,
    )


def turns_of(
    loads: TransferLoops, moves: TransferLoops, resets: TransferLoops | None, paces: Paces
) -> Turns:
    """Cycles from one transfer to the next."""
    last = moves if resets is None else resets
    return Turns(
        move_load=paces.turn(last, loads),
        move_move=paces.turn(last, moves),
        load_load=paces.turn(loads, loads),
        load_move=paces.turn(loads, moves),
    )


def loops_of(mapping: Mapping) -> Ints:
    """The time loops, shape (loops, 3): dimension, iterations, stride; outermost first."""
    rows = [(loop.dim, loop.size, loop.stride) for loop in mapping.loops]
    return np.array(rows, np.int64).reshape(-1, 3)


def sizes_of(kernel: Contraction) -> Ints:
    """Sizes of the kernel's dimensions."""
    return np.array([dim.size for dim in kernel.dims], np.int64)


def in_matrix_of(kernel: Contraction) -> Ints:
    """Per dimension whether the matrix has it."""
    return np.array([dim in kernel.matrix.dims for dim in range(len(kernel.dims))], np.int64)


def accesses_of(mapping: Mapping, origins: Origins) -> HostAccesses:
    """What the host does around the nest."""
    return HostAccesses(
        mapping.kernel, mapping.device, mapping.column_elements, origins, mapping.in_place
    )


def writes_of(mapping: Mapping) -> TransferLoops:
    """The commands that write the matrix to its place."""
    device = mapping.device
    return TransferLoops(
        device, device.kernels.host.write, mapping.matrix_placement(0), mapping.column_elements
    )


def leaves_row_open(writes: TransferLoops, columns: int) -> bool:
    """Whether writing so many columns of the matrix leaves its first row open in all banks."""
    device = writes.device
    return writes.commands == columns * device.cores and columns <= device.columns


def _first_row(mapping: Mapping, accesses: HostAccesses) -> FirstRow:
    """When the first row of multiplications can open."""
    if finds_row_open(mapping, accesses):
        return ROW_IS_OPEN
    return accesses.first_row(mapping.mode)


def finds_row_open(mapping: Mapping, accesses: HostAccesses) -> bool:
    if not accesses.moves_matrix:
        return False
    writes = writes_of(mapping)
    return leaves_row_open(writes, writes.columns)


def host_cycles(mapping: Mapping, origins: Origins) -> CycleParts:
    """What the host's accesses to DRAM take before and after the nest.

    Args:
        origins: where the operands start.
    """
    accesses = accesses_of(mapping, origins)
    matrix = 0.0
    if accesses.moves_matrix:
        writes = writes_of(mapping)
        matrix = cycles_of(accesses.matrix_writes(writes), writes.commands) + accesses.write_settles
    written = accesses.write_cycles(
        mapping.mode, moves_of(mapping).command, rows=mapping.schedule.rows
    )
    return CycleParts(host_read=accesses.read_cycles, host_write=matrix + written)


def inner_turns(mapping: Mapping) -> tuple[Loop, ...]:
    """The innermost loops in which the banks of a core take turns, inside of all transfers."""
    begin = len(mapping.loops)
    while begin > max(mapping.load_depth, mapping.move_depth) and mapping.loops[begin - 1].turns:
        begin -= 1
    return mapping.loops[begin:]


def in_turns(t: NestTimings, turns: Sequence[Loop], mapping: Mapping) -> NestTimings:
    """Timings of a nest whose steps are a multiplication in every bank of a core.

    While the others have their turns, a bank closes its row and opens the next.
    """
    sizes = {level.short: level.count for level in mapping.device.levels}
    digits = [(level, sizes[level]) for loop in turns[::-1] for level in loop.turns[::-1]]
    every = interval(mapping.device, mapping.mode.multiply, digits)
    others = (prod(loop.size for loop in turns) - 1) * every
    return t._replace(multiply=others + every, drain=t.drain + others, enter=t.enter + others)


def nest_of(mapping: Mapping, origins: Origins = USUAL) -> NestCycles:
    """Cycles of the loop nest by cause, refresh and the host's accesses left out."""
    sizes, in_matrix = sizes_of(mapping.kernel), in_matrix_of(mapping.kernel)
    depths = (mapping.load_depth, mapping.move_depth)
    timings, turns = nest_timings(mapping.device, mapping.mode), inner_turns(mapping)
    loops = loops_of(mapping)[: len(mapping.loops) - len(turns)]
    if turns:
        timings = in_turns(timings, turns, mapping)
    counts = count(loops, sizes, in_matrix, *depths, mapping.device.columns)
    moves = moves_of(mapping)
    return nest_cycles(
        loops,
        in_matrix,
        counts,
        *depths,
        mapping.schedule.double_buffer,
        traffic_of(
            loads_of(mapping), moves, resets_of(moves, mapping.mode), mapping.columns_per_step
        ),
        _first_row(mapping, accesses_of(mapping, origins)),
        timings,
    )


def cycle_parts(mapping: Mapping, origins: Origins = USUAL) -> CycleParts:
    """Cycles of one call by cause."""
    nest = nest_of(mapping, origins)
    hold = accesses_of(mapping, origins).row_hold(
        mapping.mode, moves_of(mapping).command, rows=mapping.schedule.rows
    )
    parts = host_cycles(mapping, origins) + CycleParts(
        load=nest.load + entering(mapping.device, mapping.mode),
        multiply=nest.multiply,
        rows=nest.rows,
        move=nest.move,
        host_write=max(hold - nest.row_age, 0.0),
    )
    refreshing = refreshing_of(mapping.device, mapping.mode)
    return parts + CycleParts(refresh=refresh_cycles(parts.cycles, nest.rest, refreshing))


def estimate(mapping: Mapping, origins: Origins = USUAL) -> Estimate:
    """Time and work of one call.

    Args:
        mapping: the kernel's schedule bound to a device.
        origins: where the operands start.
    """
    if mapping.through_rows:
        return unit_cost(mapping, origins).estimate()
    device = mapping.device
    commands = _commands(mapping, origins)
    activations = _activations(mapping, origins)
    moved = sum(
        number * device.column_bytes
        for name, number in commands.items()
        if name not in (mapping.mode.multiply, mapping.mode.reset)
    )
    return Estimate(
        cycle_parts(mapping, origins),
        commands,
        activations,
        moved,
        prod(mapping.kernel.shape(mapping.kernel.result)) * (mapping.host_partials - 1),
        energy_pj(device, commands, activations, mapping.column_elements),
    )


def _commands(mapping: Mapping, origins: Origins) -> dict[str, int]:
    loops = loops_of(mapping)
    groups = sizes_by_group(mapping).items()

    def on_all_groups(depth: int) -> int:
        return sum(
            number * valid_iterations(loops, np.array(sizes, np.int64), depth)
            for sizes, number in groups
        )

    loads, moves = loads_of(mapping), moves_of(mapping)
    commands = Counter(
        {
            loads.command: on_all_groups(mapping.load_depth) * loads.commands,
            mapping.mode.multiply: on_all_groups(len(loops)),
            moves.command: on_all_groups(mapping.move_depth) * moves.commands,
        }
    )
    if mapping.mode.reset is not None:
        commands[mapping.mode.reset] = on_all_groups(mapping.move_depth) * mapping.moved_results
    commands.update(_host_work(mapping, origins)[0])
    if accesses_of(mapping, origins).moves_matrix:
        writes = writes_of(mapping)
        commands[writes.command] += writes.commands * writes.groups
    return dict(commands)


def _activations(mapping: Mapping, origins: Origins) -> dict[str, int]:
    device, loops = mapping.device, loops_of(mapping)
    in_matrix = in_matrix_of(mapping.kernel)
    opener, _ = device.row_commands(device.commands[mapping.mode.multiply].spans)
    rows = sum(
        number * rows_opened(loops, np.array(sizes, np.int64), in_matrix, device.columns)
        for sizes, number in sizes_by_group(mapping).items()
    )
    accesses = accesses_of(mapping, origins)
    if finds_row_open(mapping, accesses):
        rows -= sizes_by_group(mapping).total()
    activations = Counter({opener: rows})
    activations.update(_host_work(mapping, origins)[1])
    if accesses.moves_matrix:
        writes = writes_of(mapping)
        places = writes.commands // writes.columns * writes.groups
        single, _ = device.row_commands(())
        activations[single] += places * -(-writes.columns // device.columns)
    return dict(activations)


def _host_work(mapping: Mapping, origins: Origins) -> tuple[dict[str, int], dict[str, int]]:
    accesses = accesses_of(mapping, origins)
    return host_work(accesses, mapping.mode, mapping.schedule.rows)
