"""Closed-form cycles of a contraction's loop nest, compiled, for millions of schedules a second.

The nest multiplies column after column. What interrupts it happens at boundaries: rows end, results
move out, a chunk of the vector loads. Boundaries that coincide overlap as far as the device allows.
"""

from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pim_opt.cost.jit import compiled
from pim_opt.cost.streams import Pace, passes_cycles
from pim_opt.cost.timings import NestTimings, Refreshing

Ints = NDArray[np.int64]

ROUNDING = 1e-9
"""What keeps whole numbers whole that fractions add up to."""


class Turns(NamedTuple):
    """Cycles from the last command of a transfer to the first of the next, by their kinds."""

    move_load: float
    move_move: float
    load_load: float
    load_move: float


class Traffic(NamedTuple):
    """What one load of the vector and one move of results take, in one group.

    What clears the accumulators counts with the move.
    """

    load: Pace
    load_columns: float
    move: Pace
    move_columns: float
    turns: Turns
    columns_per_step: int
    """Columns of the vector that a multiplication takes."""


@compiled
def back_to_back(pace: Pace) -> bool:
    """Whether commands take the column bus in every cycle, so that nothing overtakes them."""
    return pace.period == pace.places and pace.first == pace.places - 1


class NestCounts(NamedTuple):
    """How often things happen in the group that has most to do."""

    multiplications: int
    chunks: int
    """Times that the vector loads."""
    rounds: int
    """Times that results move out."""
    rows: int
    """Times that a row opens."""


class NestCycles(NamedTuple):
    """Cycles of the nest by cause; their sum is its time."""

    multiply: float
    rows: float
    load: float
    move: float
    rest: float
    """Mean time from any moment to the next multiplication; no part of the sum."""
    row_age: float
    """How long the last row has been open when the last result moves; no part of the sum."""


@compiled
def valid_points(dim: int, size: int, loops: Ints, depth: int) -> int:
    """Iterations of the loops of `dim` among the first `depth` that start inside of its size.

    Args:
        loops: shape (loops, 3): dimension, iterations and stride of each loop, outermost first.
    """
    points, last = 1, 0
    for i in range(depth):
        if loops[i, 0] == dim:
            points *= loops[i, 1]
            last += (loops[i, 1] - 1) * loops[i, 2]
    if last < size:
        return points
    left, total = size, 0
    for i in range(depth):
        if loops[i, 0] != dim:
            continue
        inner, reach = 1, 0
        for j in range(i + 1, depth):
            if loops[j, 0] == dim:
                inner *= loops[j, 1]
                reach += (loops[j, 1] - 1) * loops[j, 2]
        full = 0
        if left > reach:
            full = min(loops[i, 1], (left - reach - 1) // loops[i, 2] + 1)
        total += full * inner
        if full == loops[i, 1]:
            return total
        left -= full * loops[i, 2]
        if left <= 0:
            return total
    return total + 1


@compiled
def iterations(loops: Ints, begin: int, end: int) -> int:
    """Product of the sizes of loops `begin` to `end`."""
    result = 1
    for i in range(begin, end):
        result *= loops[i, 1]
    return result


@compiled
def valid_iterations(loops: Ints, sizes: Ints, depth: int) -> int:
    """Iterations of the first `depth` loops that have any point in bounds."""
    result = 1
    for dim in range(len(sizes)):
        result *= valid_points(dim, sizes[dim], loops, depth)
    return result


@compiled
def matrix_columns(loops: Ints, in_matrix: Ints, begin: int, end: int) -> int:
    """Product of the sizes of those of loops `begin` to `end` that step through the matrix."""
    result = 1
    for i in range(begin, end):
        if in_matrix[loops[i, 0]]:
            result *= loops[i, 1]
    return result


@compiled
def _irregular(loops: Ints, sizes: Ints, in_matrix: Ints, columns: int) -> int:
    """Depth from which on the valid iterations run through the matrix without gap or return.

    Or with returns inside of one row, as of blocks that divide it.
    """
    depth = 0
    for i in range(len(loops)):
        if not in_matrix[loops[i, 0]] and loops[i, 1] > 1:
            inside = matrix_columns(loops, in_matrix, i + 1, len(loops))
            depth = depth if columns % inside == 0 else i + 1
    for dim in range(len(sizes)):
        last, innermost = 0, 0
        for i in range(len(loops)):
            if loops[i, 0] == dim:
                last += (loops[i, 1] - 1) * loops[i, 2]
                innermost = i + 1
        if last >= sizes[dim]:
            depth = max(depth, innermost)
    return depth


@compiled
def _is_inside(loops: Ints, sizes: Ints, index: Ints, depth: int) -> bool:
    """Whether an iteration of the first `depth` loops has any point in bounds."""
    inside = True
    for dim in range(len(sizes)):
        first = 0
        for i in range(depth):
            if loops[i, 0] == dim:
                first += index[i] * loops[i, 2]
        inside = inside and first < sizes[dim]
    return inside


@compiled
def rows_opened(loops: Ints, sizes: Ints, in_matrix: Ints, columns: int) -> int:
    """How often the valid iterations find their row not open, with `columns` in a row.

    Columns lie in the order of the loops that step through the matrix; a loop that does not goes
    over the columns inside of it again.
    """
    depth = _irregular(loops, sizes, in_matrix, columns)
    block = matrix_columns(loops, in_matrix, depth, len(loops))
    opened, last = 0, -1
    index = np.zeros(depth, np.int64)
    for number in range(iterations(loops, 0, depth)):
        left, place, weight = number, 0, block
        for i in range(depth - 1, -1, -1):
            index[i] = left % loops[i, 1]
            left //= loops[i, 1]
            if in_matrix[loops[i, 0]]:
                place += index[i] * weight
                weight *= loops[i, 1]
        if _is_inside(loops, sizes, index, depth):
            begin, end = place // columns, (place + block - 1) // columns
            opened += end - begin + (1 if begin != last else 0)
            last = end
    return opened


@compiled
def count(
    loops: Ints, sizes: Ints, in_matrix: Ints, load_depth: int, move_depth: int, columns: int
) -> NestCounts:
    """The nest's counts in group 0, whose indices are the lowest, so that it has most to do."""
    return NestCounts(
        valid_iterations(loops, sizes, len(loops)),
        valid_iterations(loops, sizes, load_depth),
        valid_iterations(loops, sizes, move_depth),
        rows_opened(loops, sizes, in_matrix, columns),
    )


@compiled
def row_ends(
    loops: Ints, in_matrix: Ints, depth: int, number: int, rows: int, columns: int
) -> float:
    """How many of `number` boundaries of iterations of the first `depth` loops are ends of rows.

    Where the loop that steps there goes on through the matrix, a boundary ends a row if the columns
    before it fill one; where it goes back, if the columns that it goes back over leave one.
    """
    boundaries = iterations(loops, 0, depth) - 1
    if rows <= 1 or boundaries == 0:
        return 0.0
    block = matrix_columns(loops, in_matrix, depth, len(loops))
    ends, begin, run = 0.0, depth, 1
    while begin >= 0:
        begin -= 1
        if begin >= 0 and in_matrix[loops[begin, 0]]:
            run *= loops[begin, 1]
            continue
        passes = iterations(loops, 0, begin + 1)
        ends += passes * (run - 1) * gcd(block, columns) / columns
        block, run = block * run, 1
        if begin >= 0:
            returns = iterations(loops, 0, begin) * (loops[begin, 1] - 1)
            ends += returns * min((block - gcd(block, columns)) / columns, 1.0)
    return min(np.floor(number * ends / boundaries + ROUNDING), rows - 1.0)


@compiled
def stall(pause: float, commands: float, free: bool, row: bool, t: NestTimings) -> float:
    """Cycles that a boundary adds to the interval of multiplications.

    Args:
        pause: from the last multiplication to the next, were the row open.
        commands: that issue in between.
        free: whether the next row opens meanwhile, and not only after a barrier.
    """
    if not row:
        return max(pause, t.multiply) - t.multiply
    begin = t.close
    if not free:
        begin = max(begin, pause - 1)
    elif commands > t.window:
        begin = max(begin, pause * (commands - t.window) / commands)
    return max(pause, begin + t.reopen, t.multiply) - t.multiply


class Stalls(NamedTuple):
    """Cycles that boundaries of one kind add to the intervals of multiplications."""

    wait: float
    """For what happens there."""
    rows: float
    """More for rows that end there."""
    ends: float
    """How many rows do."""


@compiled
def _stalls(
    number: int, ends: float, pause: float, commands: float, free: bool, t: NestTimings
) -> Stalls:
    """What `number` boundaries add, `ends` of which are ends of rows."""
    plain = stall(pause, commands, free, False, t)
    return Stalls(number * plain, ends * (stall(pause, commands, free, True, t) - plain), ends)


class Overlap(NamedTuple):
    """What loads between the multiplications of the chunk before them take."""

    longer: float
    """Cycles by which they lengthen a chunk."""
    step: float
    """Interval of multiplications that have their share of loads behind them."""
    tail: float
    """Cycles from such a multiplication to what follows its share."""
    last_gap: float
    """Cycles from the last multiplication of a chunk to the next one."""
    last_tail: float
    """Cycles from the last multiplication of a chunk to what follows the loads behind it."""


@compiled
def loading_step(share: float, in_bounds: float, load: Pace, t: NestTimings) -> float:
    """Mean interval of the steps of a nest that have loads behind them.

    Args:
        share: how many loads.
        in_bounds: the share of steps that multiply; those of padding only load.
        load: the pace of the loads.
    """
    every = load.period / load.places
    return max(in_bounds * max(t.multiply, (share - 1) * every + 2), share * every)


@compiled
def _overlap(per_chunk: int, in_bounds: float, traffic: Traffic, t: NestTimings) -> Overlap:
    """Of a chunk of `per_chunk` steps, of which a share of `in_bounds` multiplies."""
    loads = traffic.load_columns * traffic.load.places
    every = traffic.load.period / traffic.load.places
    share = np.ceil(loads / per_chunk)
    tail = (share - 1) * every + 2
    step, plain = loading_step(share, in_bounds, traffic.load, t), in_bounds * t.multiply
    busy = np.ceil(loads / share)
    before_last = min(busy, per_chunk - 1)
    before = before_last * step + (per_chunk - 1 - before_last) * plain
    last_gap, last_tail = t.multiply, 1.0
    if busy == per_chunk:
        last_tail = (loads - 1 - (busy - 1) * share) * every + 2
        last_gap = max(t.multiply, last_tail)
    # The first columns are used by the first multiplication of the next chunk, the last by a later.
    early = traffic.load.places * traffic.columns_per_step - 1
    first = np.floor(early / share)
    in_last = loads - 1 - (busy - 1) * share
    needed = max(
        first * step + 1 + (early - first * share) * every + t.use,
        (busy - 1) * step + 1 + in_last * every + t.use - _later_steps(traffic) * t.multiply,
    )
    last_gap = max(last_gap, needed - before)
    longer = before + last_gap - (per_chunk - 1) * plain - t.multiply
    return Overlap(longer, max(t.multiply, share * every, tail), tail, last_gap, last_tail)


@compiled
def _rest(number: float, pause: float, counts: NestCounts, total: float, t: NestTimings) -> float:
    """Mean time from any of `total` cycles to the next multiplication, `number` of which come
    `pause` after the one before."""
    others = max(counts.multiplications - number, 0.0)
    return (number * pause * pause + others * t.multiply * t.multiply) / (2 * max(total, 1.0))


@compiled
def _later_steps(traffic: Traffic) -> float:
    """Multiplications of a chunk between the first and the one that takes its last column."""
    return np.ceil(traffic.load_columns / traffic.columns_per_step) - 1


@compiled
def load_pause(traffic: Traffic, t: NestTimings) -> float:
    """Cycles from the first command of a load to the multiplication after it.

    That one needs the first columns, later ones those behind them.
    """
    whole = passes_cycles(traffic.load, traffic.load_columns)
    if not t.ordered:
        return whole + 1
    last = whole + t.use - _later_steps(traffic) * t.multiply
    first = passes_cycles(traffic.load, float(traffic.columns_per_step))
    return max(whole + t.leave, first + t.use, last)


@compiled
def _rows_alone(left: float, counts: NestCounts, t: NestTimings) -> float:
    """Stalls at rows that end between two multiplications with nothing else to wait for."""
    in_row = counts.multiplications / counts.rows
    short = t.active - t.open - (in_row - 1) * t.multiply - t.close
    return max(left, 0.0) * stall(0.0, 0.0, True, True, t) + (counts.rows - 1) * max(short, 0.0)


@compiled
def _row_age(loops: Ints, in_matrix: Ints, counts: NestCounts, t: NestTimings) -> float:
    """Cycles from the activation of the last row to the last multiplication."""
    again, passes = 1.0, 1.0
    for i in range(len(loops)):
        if in_matrix[loops[i, 0]]:
            continue
        if matrix_columns(loops, in_matrix, i + 1, len(loops)) <= t.columns:
            again *= loops[i, 1]
        else:
            passes *= loops[i, 1]
    columns = counts.multiplications / again / passes
    in_last = columns - (counts.rows / passes - 1) * t.columns
    return t.open + (min(max(in_last, 1.0), float(t.columns)) * again - 1) * t.multiply


class FirstRow(NamedTuple):
    """When the first row of multiplications can open, counted from the start of the nest."""

    begin: float
    """When its first row command may issue."""
    takes: float
    """Cycles from that to the first multiplication."""


@compiled
def first_multiplication(traffic: Traffic, row: FirstRow, t: NestTimings) -> float:
    """Cycles by which the first multiplication waits for its row longer than for its operand."""
    whole = passes_cycles(traffic.load, traffic.load_columns)
    commands = traffic.load_columns * traffic.load.places
    begin = row.begin
    if not t.ordered:
        begin = max(begin, whole + 1)
    elif t.window == 0:
        begin = max(begin, load_pause(traffic, t))
    elif commands > t.window:
        begin = max(begin, whole * (commands - t.window) / commands)
    return max(begin + row.takes - load_pause(traffic, t), 0.0)


class Boundaries(NamedTuple):
    """What lies between multiplications, and how often."""

    per_chunk: int
    """Multiplications from one load to the next, with those of padding."""
    per_round: int
    """Multiplications from one move to the next, with those of padding."""
    in_bounds: float
    """The share of multiplications that is not of padding."""
    moves: int
    """All but the last one."""
    loads: int
    """All but the first one; none where loads run ahead."""
    load_pause: float
    """Cycles from the first command of a load to the multiplication after it."""
    move_time: float
    """Cycles from the first command of a move to its last."""
    drain: float
    """Cycles from the last multiplication to a move."""
    move_ends: float
    """Ends of rows at which results move and nothing loads."""
    load_ends: float
    """Those at which the vector loads and nothing moves."""
    joint_ends: float
    """Those at which both happens."""


@compiled
def _boundaries(
    loops: Ints,
    in_matrix: Ints,
    counts: NestCounts,
    depths: tuple[int, int],
    double: bool,
    traffic: Traffic,
    t: NestTimings,
) -> Boundaries:
    per_round = iterations(loops, depths[1], len(loops))
    # A move waits for the bus of the one before it, too, where few multiplications lie between.
    run = (per_round - 1) * t.multiply
    moves, loads = counts.rounds - 1, 0 if double else counts.chunks - 1
    joint, rows, columns = min(moves, loads), counts.rows, t.columns
    per_chunk = iterations(loops, depths[0], len(loops))
    return Boundaries(
        per_chunk,
        per_round,
        counts.multiplications / (counts.chunks * per_chunk),
        moves,
        loads,
        load_pause(traffic, t),
        passes_cycles(traffic.move, traffic.move_columns),
        max(t.drain, traffic.turns.move_move - t.resume - run),
        row_ends(loops, in_matrix, depths[1], moves - joint, rows, columns),
        row_ends(loops, in_matrix, depths[0], loads - joint, rows, columns),
        row_ends(loops, in_matrix, min(depths), joint, rows, columns),
    )


@compiled
def _move_stalls(b: Boundaries, traffic: Traffic, t: NestTimings) -> Stalls:
    """Where results move and nothing loads."""
    return _stalls(
        b.moves - min(b.moves, b.loads),
        b.move_ends,
        b.drain + b.move_time + t.resume,
        traffic.move_columns * traffic.move.places,
        t.ordered or back_to_back(traffic.move),
        t,
    )


@compiled
def _load_stalls(b: Boundaries, traffic: Traffic, t: NestTimings) -> Stalls:
    """Where the vector loads and nothing moves."""
    run = (b.per_chunk - 1) * t.multiply
    return _stalls(
        b.loads - min(b.moves, b.loads),
        b.load_ends,
        max(t.enter, traffic.turns.load_load - 1 - run) + b.load_pause,
        traffic.load_columns * traffic.load.places,
        t.ordered or back_to_back(traffic.load),
        t,
    )


@compiled
def _joint_stalls(b: Boundaries, traffic: Traffic, t: NestTimings) -> Stalls:
    """Where results move, and then the vector loads."""
    run = (min(b.per_chunk, b.per_round) - 1) * t.multiply
    begin = max(t.drain, traffic.turns.load_move - 1 - run)
    commands = traffic.move_columns * traffic.move.places
    return _stalls(
        min(b.moves, b.loads),
        b.joint_ends,
        begin + b.move_time + traffic.turns.move_load + b.load_pause,
        commands + traffic.load_columns * traffic.load.places,
        t.ordered,
        t,
    )


@compiled
def _ahead_stall(b: Boundaries, chunks: int, traffic: Traffic, t: NestTimings) -> float:
    """Cycles that loads running ahead add to multiplications and moves.

    Moves wait for the loads behind the multiplication before them; those at the end of a chunk run
    while the next chunk waits for its operand.
    """
    overlap = _overlap(b.per_chunk, b.in_bounds, traffic, t)
    pause = max(b.drain + b.move_time + t.resume - t.multiply, 0.0)
    together = min(b.moves, chunks - 1)
    begin = max(t.drain, overlap.last_tail + traffic.turns.load_move - 1)
    over = begin + b.move_time + t.resume - overlap.last_gap
    result = (chunks - 1) * overlap.longer + together * (max(over, 0.0) - pause)
    begin = max(t.drain, overlap.tail + traffic.turns.load_move - 1)
    over = begin + b.move_time + t.resume - overlap.step
    return result + (b.moves - together) * (max(over, 0.0) - pause)


@compiled
def _passing(wait: float, chunks: float, longer: float, t: NestTimings) -> float:
    """Cycles that loads ahead gain while a multiplication waits for its row.

    Those behind it pass it, and are done before the chunk is. The next chunk then starts at once:
    its loads pass, too, while its first multiplication waits for its turn.

    Args:
        wait: for the row.
        chunks: until the next such wait.
        longer: cycles by which its loads lengthen a chunk.
    """
    own = min(wait, longer)
    return own + min(wait - own, t.multiply - 1, max(chunks - 1, 0.0) * longer)


@compiled
def _hidden(
    b: Boundaries, counts: NestCounts, first: float, rows: float, traffic: Traffic, t: NestTimings
) -> float:
    """Cycles of loads ahead that a controller that reorders hides in the waits for rows.

    Args:
        first: that the first multiplication waits for its row.
        rows: that later ones wait, all together.
    """
    longer = _overlap(b.per_chunk, b.in_bounds, traffic, t).longer
    ahead = counts.chunks - 1
    between = ahead / counts.rows
    waits = max(min(counts.rows - 1, ahead - 1), 0)
    later = _passing(rows / max(waits, 1), between, longer, t)
    return _passing(first, between, longer, t) + waits * later


@compiled
def nest_cycles(
    loops: Ints,
    in_matrix: Ints,
    counts: NestCounts,
    load_depth: int,
    move_depth: int,
    double: bool,
    traffic: Traffic,
    first_row: FirstRow,
    t: NestTimings,
) -> NestCycles:
    """Cycles from the last barrier before the nest to the last command in it."""
    b = _boundaries(loops, in_matrix, counts, (load_depth, move_depth), double, traffic, t)
    move = _move_stalls(b, traffic, t)
    load = _load_stalls(b, traffic, t)
    joint = _joint_stalls(b, traffic, t)
    alone = counts.rows - 1 - move.ends - load.ends - joint.ends
    later = move.rows + load.rows + joint.rows + _rows_alone(alone, counts, t)
    first = first_multiplication(traffic, first_row, t)
    rows = first + later
    loads = load.wait + joint.wait
    if double and counts.chunks > 1:
        loads += _ahead_stall(b, counts.chunks, traffic, t)
        if not t.ordered:
            loads -= _hidden(b, counts, first, later, traffic, t)
    multiply = (counts.multiplications - 1) * t.multiply
    total = multiply + rows + loads + move.wait
    pauses = max(b.moves, counts.chunks - 1)
    long = t.multiply + (loads + move.wait) / max(pauses, 1)
    return NestCycles(
        multiply,
        rows,
        loads + b.load_pause,
        move.wait + t.drain + b.move_time,
        _rest(pauses, long, counts, total, t),
        _row_age(loops, in_matrix, counts, t) + t.drain + b.move_time,
    )


@compiled
def refresh_cycles(cycles: float, rest: float, r: Refreshing) -> float:
    """Cycles that refreshes add to a kernel of `cycles`.

    What stands before the next multiplication goes on meanwhile: on average `rest`, since
    refreshes fall due at any moment.
    """
    pause = max(r.pause - rest, 0.0)
    if pause >= r.period:
        return np.inf  # It would never end.
    number = np.floor(cycles / r.period)
    while np.floor((cycles + number * pause) / r.period) > number:
        number += 1
    return number * pause
