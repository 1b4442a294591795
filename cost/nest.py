"""Closed-form cycles of a contraction's loop nest, compiled, for millions of schedules a second.

The nest multiplies column after column. What interrupts it happens at boundaries: rows end, results
move out, a chunk of the vector loads. Boundaries that coincide overlap as far as the device allows.
"""

from math import gcd
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pim_opt.cost.timings import NestTimings

Ints = NDArray[np.int64]


class Traffic(NamedTuple):
    """Commands that one load and one move take, in one group."""

    loads: float
    load_interval: float
    moves: float
    move_interval: float
    loads_back_to_back: bool
    """Loads take the column bus in every cycle, so that nothing overtakes them."""
    moves_back_to_back: bool


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


@njit(cache=True)
def valid_points(dim: int, size: int, loops: Ints, depth: int) -> int:
    """Iterations of the loops of `dim` among the first `depth` that start inside of its size.

    Args:
        loops: shape (loops, 3): dimension, iterations and stride of each loop, outermost first.
    """
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


@njit(cache=True)
def iterations(loops: Ints, begin: int, end: int) -> int:
    """Product of the sizes of loops `begin` to `end`."""
    result = 1
    for i in range(begin, end):
        result *= loops[i, 1]
    return result


@njit(cache=True)
def valid_iterations(loops: Ints, sizes: Ints, depth: int) -> int:
    """Iterations of the first `depth` loops that have any point in bounds."""
    result = 1
    for dim in range(len(sizes)):
        result *= valid_points(dim, sizes[dim], loops, depth)
    return result


@njit(cache=True)
def rows_opened(loops: Ints, sizes: Ints, columns: int) -> int:
    """Rows that the valid iterations touch, column after column, with `columns` in a row."""
    depth = len(loops)
    padded = 0
    for dim in range(len(sizes)):
        whole = 1
        for i in range(depth):
            if loops[i, 0] == dim:
                whole *= loops[i, 1]
        if valid_points(dim, sizes[dim], loops, depth) < whole:
            for i in range(depth):
                if loops[i, 0] == dim:
                    padded = max(padded, i + 1)
    block = iterations(loops, padded, depth)
    opened, last = 0, -1
    index = np.zeros(depth, np.int64)
    for number in range(iterations(loops, 0, padded)):
        left = number
        for i in range(padded - 1, -1, -1):
            index[i] = left % loops[i, 1]
            left //= loops[i, 1]
        inside = True
        for dim in range(len(sizes)):
            first = 0
            for i in range(padded):
                if loops[i, 0] == dim:
                    first += index[i] * loops[i, 2]
            inside = inside and first < sizes[dim]
        if inside:
            begin, end = number * block // columns, ((number + 1) * block - 1) // columns
            opened += end - max(begin, last + 1) + 1
            last = end
    return opened


@njit(cache=True)
def count(loops: Ints, sizes: Ints, load_depth: int, move_depth: int, columns: int) -> NestCounts:
    """The nest's counts in group 0, whose indices are the lowest, so that it has most to do."""
    return NestCounts(
        valid_iterations(loops, sizes, len(loops)),
        valid_iterations(loops, sizes, load_depth),
        valid_iterations(loops, sizes, move_depth),
        rows_opened(loops, sizes, columns),
    )


@njit(cache=True)
def coincident(boundaries: int, every: int, rows: int, columns: int) -> float:
    """How many of `boundaries`, one after `every` columns, are ends of rows as well."""
    if rows <= 1:
        return 0.0
    return float(min(boundaries // (columns // gcd(every, columns)), rows - 1))


@njit(cache=True)
def _stall(pause: float, commands: float, free: bool, row: bool, t: NestTimings) -> float:
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
    return max(pause, begin + t.reopen) - t.multiply


@njit(cache=True)
def _boundaries(
    number: int, every: int, pause: float, commands: float, free: bool, rows: int, t: NestTimings
) -> tuple[float, float, float]:
    """Stalls at `number` boundaries, `every` so many columns apart; of `rows` rows.

    Returns:
        Cycles for what happens there; cycles more for rows that end there; and how many do.
    """
    plain = _stall(pause, commands, free, False, t)
    ends = coincident(number, every, rows, t.columns)
    return number * plain, ends * (_stall(pause, commands, free, True, t) - plain), ends


@njit(cache=True)
def _overlapped(chunks: int, per_chunk: int, traffic: Traffic, t: NestTimings) -> float:
    """Cycles by which loads between the multiplications before them slow these down."""
    share = np.ceil(traffic.loads / per_chunk)
    step = max(t.multiply, share * traffic.load_interval, share + 1)
    return (chunks - 1) * np.ceil(traffic.loads / share) * (step - t.multiply)


@njit(cache=True)
def _rows_alone(left: float, counts: NestCounts, t: NestTimings) -> float:
    """Stalls at rows that end between two multiplications with nothing else to wait for."""
    in_row = counts.multiplications / counts.rows
    short = t.active - t.open - (in_row - 1) * t.multiply - t.close
    return max(left, 0.0) * _stall(0.0, 0.0, True, True, t) + (counts.rows - 1) * max(short, 0.0)


@njit(cache=True)
def nest_cycles(
    loops: Ints,
    counts: NestCounts,
    load_depth: int,
    move_depth: int,
    double: bool,
    traffic: Traffic,
    t: NestTimings,
) -> NestCycles:
    """Cycles from the last barrier before the nest to the last command in it."""
    per_chunk = iterations(loops, load_depth, len(loops))
    per_round = iterations(loops, move_depth, len(loops))
    load_time = (traffic.loads - 1) * traffic.load_interval
    move_time = (traffic.moves - 1) * traffic.move_interval
    barrier = 0.0 if t.ordered else 1.0
    moves, loads = counts.rounds - 1, 0 if double else counts.chunks - 1
    both = min(moves, loads)
    move_stall, more_rows, ends = _boundaries(
        moves - both,
        per_round,
        t.drain + move_time + t.resume,
        traffic.moves,
        t.ordered or traffic.moves_back_to_back,
        counts.rows,
        t,
    )
    load_stall, row_stall, load_ends = _boundaries(
        loads - both,
        per_chunk,
        1 + load_time + t.use + barrier,
        traffic.loads,
        t.ordered or traffic.loads_back_to_back,
        counts.rows,
        t,
    )
    both_stall, both_rows, both_ends = _boundaries(
        both,
        max(per_chunk, per_round),
        t.drain + move_time + traffic.move_interval + load_time + t.use + barrier,
        traffic.moves + traffic.loads,
        t.ordered,
        counts.rows,
        t,
    )
    row_stall += more_rows + both_rows
    row_stall += _rows_alone(counts.rows - 1 - ends - load_ends - both_ends, counts, t)
    load_stall += both_stall + load_time + t.use + 1
    if double and counts.chunks > 1:
        load_stall += _overlapped(counts.chunks, per_chunk, traffic, t)
    move_stall += t.drain + move_time
    return NestCycles((counts.multiplications - 1) * t.multiply, row_stall, load_stall, move_stall)
