"""Exhaustive search over the time loops of one distribution, compiled.

A distribution fixes what runs where; what is left is how each core's loops are split and ordered,
where the vector loads and whether it loads ahead. Every choice is priced by `cost.nest`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pim_opt.cost.jit import compiled
from pim_opt.cost.nest import (
    FirstRow,
    Ints,
    NestCounts,
    Traffic,
    Turns,
    nest_cycles,
    refresh_cycles,
    rows_opened,
    valid_iterations,
)
from pim_opt.cost.streams import Pace
from pim_opt.cost.timings import NestTimings, Refreshing
from pim_opt.tune.objectives import Goal, NestWork, score

Floats = NDArray[np.float64]

ORDERS = np.array(
    [
        [0, 1, 2, 3],
        [0, 2, 1, 3],
        [0, 2, 3, 1],
        [2, 0, 1, 3],
        [2, 0, 3, 1],
        [2, 3, 0, 1],
    ],
    np.int64,
)
"""Orders of the outer and inner output loop (0, 1) and reduction loop (2, 3)."""

SCORE, OUTPUT_INNER, REDUCTION_INNER, ORDER, LOAD_DEPTH, DOUBLE = range(6)
"""Columns of a search's result."""


TIE_BREAK = 1e-7
"""What one command more counts as: less than any difference in score."""


class Places(NamedTuple):
    """The pace of loads and moves over all places of a group that they go to."""

    load: Pace
    move: Pace
    turns: Turns


class Distribution(NamedTuple):
    """What the search over time loops needs to know of a distribution."""

    around: Ints
    """Loops around the split ones, shape (loops, 3): dimension, iterations, stride."""
    sizes: Ints
    """Sizes of all dimensions."""
    in_vector: Ints
    """Per dimension whether the vector has it."""
    in_result: Ints
    """Per dimension whether the result has it."""
    output: Ints
    """Dimension, iterations and stride of the output loop that is split in two."""
    reduction: Ints
    """The same of the reduction loop."""
    places: Places
    load_room: int
    """Loop iterations over the vector that one load can serve, not loading ahead."""
    halves: int
    """Parts of the operand buffer; from 2 on, loads can run ahead."""
    move_room: int
    load_lanes: int
    """Loop iterations over the vector that one column serves."""
    move_lanes: int
    """Loop iterations over the result that one moved column carries."""
    first_row: FirstRow
    around_cycles: float
    """Of the host's accesses before and after the nest."""
    row_hold: float
    """How long the last row must have been open when the last result moves."""
    refreshing: Refreshing
    goal: Goal


@compiled
def _needed(loops: Ints, has: Ints, depth: int) -> int:
    """Iterations inside of `depth` over dimensions that an operand has."""
    result = 1
    for i in range(depth, len(loops)):
        if has[loops[i, 0]]:
            result *= loops[i, 1]
    return result


@compiled
def _outermost(loops: Ints, has: Ints, room: int) -> int:
    for depth in range(len(loops) + 1):
        if _needed(loops, has, depth) <= room:
            return depth
    return len(loops)


@compiled
def _nest(d: Distribution, output_inner: int, reduction_inner: int, order: int) -> Ints:
    """The loops of one choice of splits and order, those of one iteration left out."""
    split = np.empty((4, 3), np.int64)
    for i in range(2):
        whole = d.output if i == 0 else d.reduction
        inner = output_inner if i == 0 else reduction_inner
        split[2 * i] = (whole[0], -(-whole[1] // inner), whole[2] * inner)
        split[2 * i + 1] = (whole[0], inner, whole[2])
    loops = np.empty((len(d.around) + 4, 3), np.int64)
    number = 0
    for i in range(len(d.around)):
        if d.around[i, 1] > 1:
            loops[number] = d.around[i]
            number += 1
    for i in range(4):
        if split[ORDERS[order, i], 1] > 1:
            loops[number] = split[ORDERS[order, i]]
            number += 1
    return loops[:number]


@compiled
def _keep(best: Floats, row: Floats) -> None:
    """Insert a candidate into `best`, which stays sorted by score."""
    place = len(best)
    while place > 0 and row[SCORE] < best[place - 1, SCORE]:
        place -= 1
    if place < len(best):
        for i in range(len(best) - 1, place, -1):
            best[i] = best[i - 1]
        best[place] = row


@compiled
def _code(d: Distribution, output_inner: int, reduction_inner: int, order: int) -> int:
    """A number for the sequence of split loops that have more than one iteration."""
    code = 0
    for loop in ORDERS[order]:
        whole = d.output[1] if loop < 2 else d.reduction[1]
        inner = output_inner if loop < 2 else reduction_inner
        size = -(-whole // inner) if loop % 2 == 0 else inner
        if size > 1:
            code = code * 5 + loop + 1
    return code


@compiled
def _is_new(d: Distribution, output_inner: int, reduction_inner: int, order: int) -> bool:
    """Whether no earlier order gives the same nest."""
    code = _code(d, output_inner, reduction_inner, order)
    new = True
    for other in range(order):
        new = new and _code(d, output_inner, reduction_inner, other) != code
    return new


@compiled
def _is_split(whole: int, inner: int, room: int) -> bool:
    """Whether to split `whole` rounds so: no smaller inner loop takes as few outer iterations.

    A loop that is not split counts as inner, where there is room for it.
    """
    if inner == 1 and 1 < whole <= room:
        return False
    return -(-whole // -(-whole // inner)) == inner


@compiled
def search_nests(d: Distribution, t: NestTimings, best: Floats, enough: float) -> int:
    """Price every choice of time loops of a distribution.

    Args:
        d: the distribution.
        t: the device's timings.
        best: shape (kept, 6), sorted by score; the best candidates are inserted. Its columns are
            SCORE to DOUBLE.
        enough: score from which on a candidate is of no interest.

    Returns:
        How many candidates were priced.
    """
    priced = 0
    row = np.empty(6, np.float64)
    for output_inner in range(1, min(d.output[1], d.move_room) + 1):
        if not _is_split(d.output[1], output_inner, d.move_room):
            continue
        for reduction_inner in range(1, min(d.reduction[1], d.load_room) + 1):
            if not _is_split(d.reduction[1], reduction_inner, d.load_room):
                continue
            for order in range(len(ORDERS)):
                if _is_new(d, output_inner, reduction_inner, order):
                    choice = (output_inner, reduction_inner, order)
                    priced += _price(d, t, choice, best, enough, row)
    return priced


@compiled
def _total(
    d: Distribution,
    t: NestTimings,
    loops: Ints,
    counts: NestCounts,
    depths: tuple[int, int],
    double: bool,
) -> float:
    """The score of a kernel with this nest, and a trifle for every command of loads and moves."""
    loads = np.ceil(_needed(loops, d.in_vector, depths[0]) / d.load_lanes)
    moves = np.ceil(_needed(loops, d.in_result, depths[1]) / d.move_lanes)
    traffic = Traffic(d.places.load, loads, d.places.move, moves, d.places.turns)
    cycles = nest_cycles(loops, counts, depths[0], depths[1], double, traffic, d.first_row, t)
    total = cycles.multiply + cycles.rows + cycles.load + cycles.move + d.around_cycles
    total += max(d.row_hold - cycles.row_age, 0.0)
    total += refresh_cycles(total, cycles.rest, d.refreshing)
    work = NestWork(
        depths[0], depths[1], loads * d.places.load.places, moves * d.places.move.places
    )
    result = score(d.goal, total, loops, d.sizes, work, t.columns)
    return result + TIE_BREAK * (counts.chunks * work.loads + counts.rounds * work.moves)


@compiled
def _price(
    d: Distribution,
    t: NestTimings,
    choice: tuple[int, int, int],
    best: Floats,
    enough: float,
    row: Floats,
) -> int:
    """Price a nest with every place of its loads, ahead or not; the number of choices."""
    loops = _nest(d, *choice)
    multiplications = valid_iterations(loops, d.sizes, len(loops))
    # No nest opens fewer rows; those that may be of interest are counted in full.
    rows, exact = -(-multiplications // t.columns), False
    move_depth = _outermost(loops, d.in_result, d.move_room)
    rounds = valid_iterations(loops, d.sizes, move_depth)
    priced = 0
    for parts in range(1, min(d.halves, 2) + 1):
        room = d.load_room // parts
        for load_depth in range(_outermost(loops, d.in_vector, room), len(loops) + 1):
            if load_depth == 0 and parts > 1:
                continue  # Nothing is left to load ahead.
            if load_depth > 0 and not d.in_vector[loops[load_depth - 1, 0]]:
                continue  # It would load the same again.
            priced += 1
            chunks = valid_iterations(loops, d.sizes, load_depth)
            depths = (load_depth, move_depth)
            counts = NestCounts(multiplications, chunks, rounds, rows)
            total = _total(d, t, loops, counts, depths, parts > 1)
            limit = min(enough, best[len(best) - 1, SCORE]) if len(best) > 0 else -np.inf
            if total < limit and not exact:
                rows, exact = rows_opened(loops, d.sizes, t.columns), True
                counts = NestCounts(multiplications, chunks, rounds, rows)
                total = _total(d, t, loops, counts, depths, parts > 1)
            if total < limit:
                row[SCORE] = total
                row[OUTPUT_INNER], row[REDUCTION_INNER], row[ORDER] = choice
                row[LOAD_DEPTH], row[DOUBLE] = load_depth, parts > 1
                _keep(best, row)
    return priced
