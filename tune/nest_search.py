"""Exhaustive search over the time loops of one distribution, compiled.

A distribution fixes what runs where; what is left is how each core's loops are split and ordered,
where the vector loads and whether it loads ahead. Every choice is priced by `cost.nest`.
"""

from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pim_opt.cost.bulk import cycles_of
from pim_opt.cost.jit import compiled
from pim_opt.cost.nest import (
    FirstRow,
    Ints,
    NestCounts,
    Traffic,
    Turns,
    matrix_columns,
    nest_cycles,
    refresh_cycles,
    rows_opened,
    valid_iterations,
    valid_points,
)
from pim_opt.cost.streams import Pace
from pim_opt.cost.timings import NestTimings, Refreshing
from pim_opt.tune.objectives import COMPUTE, Goal, NestTimes, NestWork, score

Floats = NDArray[np.float64]

OUTPUT, REDUCTION, ROW = 0, 2, 4
"""Numbers of the outer loops of what is split in two; each inner loop has the number after it."""

SPLIT_LOOPS = 6

NO_LOOP = -1
"""Fills the rest of a row of ORDERS."""


def _in_order(loops: tuple[int, ...]) -> bool:
    """Whether each inner loop that is there stands behind its outer one."""
    pairs = ((loop, loop + 1) for loop in loops if loop % 2 == 0 and loop + 1 in loops)
    return all(loops.index(outer) < loops.index(inner) for outer, inner in pairs)


def _orders(present: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Orders of the loops that are there.

    Rows that are split go around everything in tiles, innermost, so that each column of the matrix
    serves a tile; rows in one piece go anywhere.
    """
    if ROW in present and ROW + 1 in present:
        return [(ROW, *order, ROW + 1) for order in _orders(present[: present.index(ROW)])]
    return [order for order in permutations(present) if _in_order(order)]


def _tables() -> tuple[Ints, Ints]:
    rows: list[tuple[int, ...]] = []
    starts = [0]
    for mask in range(1 << SPLIT_LOOPS):
        rows += _orders(tuple(loop for loop in range(SPLIT_LOOPS) if mask >> loop & 1))
        starts.append(len(rows))
    padded = [(*row, *(NO_LOOP for _ in range(SPLIT_LOOPS - len(row)))) for row in rows]
    return np.array(padded, np.int64), np.array(starts, np.int64)


ORDERS, _STARTS = _tables()
"""Orders of the outer and inner loops of outputs, reduction and rows, by number; and for each set
of loops of more than one iteration, as a bit mask, where its orders start."""

SCORE, OUTPUT_INNER, REDUCTION_INNER, ROW_INNER, ORDER, LOAD_DEPTH, DOUBLE = range(7)
"""Columns of a search's result."""

WIDTH = 7
"""How many these are."""


TIE_BREAK = 1e-7
"""What one command more counts as: less than any difference in score."""


class Places(NamedTuple):
    """The pace of loads and moves over all places of a group that they go to."""

    load: Pace
    move: Pace
    turns: Turns


class MatrixWrites(NamedTuple):
    """How the host writes a streamed matrix to its place before the nest."""

    issued: Ints
    """When the accesses of a group issue, as cost.bulk gives it; empty where nothing is written."""
    places: int
    """Banks of a group that it goes to."""
    settles: float
    """Cycles from the last write until the nest may begin."""
    all_banks: bool
    """Whether it goes to all banks, so that its last row stands open in all of them."""
    column_pj: float
    """Picojoules of writing one column of every bank."""
    row_pj: float
    """Of opening a row for it in every bank."""


NO_WRITES = MatrixWrites(np.empty(0, np.int64), 0, 0.0, False, 0.0, 0.0)
"""A resident matrix."""


class Distribution(NamedTuple):
    """What the search over time loops needs to know of a distribution."""

    around: Ints
    """Loops around the split ones, shape (loops, 3): dimension, iterations, stride."""
    sizes: Ints
    """Sizes of all dimensions."""
    in_matrix: Ints
    """Per dimension whether the matrix has it."""
    in_vector: Ints
    """Per dimension whether the vector has it."""
    in_result: Ints
    """Per dimension whether the result has it."""
    output: Ints
    """Dimension, iterations and stride of the output loop that is split in two."""
    reduction: Ints
    """The same of the reduction loop."""
    row: Ints
    """The same of the loop over the vectors that share the matrix."""
    places: Places
    load_room: int
    """Loop iterations over the vector that one load can serve, not loading ahead."""
    halves: int
    """Parts of the operand buffer; from 2 on, loads can run ahead."""
    move_room: int
    load_lanes: float
    """Loop iterations over the vector that one column serves."""
    move_lanes: int
    """Loop iterations over the result that one moved column carries."""
    columns_per_step: int
    """Columns of the vector that a multiplication takes."""
    first_row: FirstRow
    around_cycles: float
    """Of the host's accesses before and after the nest."""
    row_hold: float
    """How long the last row must have been open when the last result moves."""
    refreshing: Refreshing
    writes: MatrixWrites
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
def _split(d: Distribution, inner: tuple[int, int, int]) -> Ints:
    """The split loops, by number: dimension, iterations, stride."""
    split = np.empty((SPLIT_LOOPS, 3), np.int64)
    wholes = (d.output, d.reduction, d.row)
    for i in range(3):
        whole, size = wholes[i], inner[i]
        split[2 * i] = (whole[0], -(-whole[1] // size), whole[2] * size)
        split[2 * i + 1] = (whole[0], size, whole[2])
    return split


@compiled
def _nest(d: Distribution, split: Ints, order: int) -> Ints:
    """The loops of one choice of splits and order, those of one iteration left out."""
    loops = np.empty((len(d.around) + SPLIT_LOOPS, 3), np.int64)
    number = 0
    for i in range(len(d.around)):
        if d.around[i, 1] > 1:
            loops[number] = d.around[i]
            number += 1
    for loop in ORDERS[order]:
        if loop != NO_LOOP:
            loops[number] = split[loop]
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
def _present(split: Ints) -> int:
    """The split loops of more than one iteration, as a bit mask."""
    mask = 0
    for loop in range(SPLIT_LOOPS):
        if split[loop, 1] > 1:
            mask |= 1 << loop
    return mask


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
        best: shape (kept, WIDTH), sorted by score; the best candidates are inserted. Its columns
            are SCORE to DOUBLE.
        enough: score from which on a candidate is of no interest.

    Returns:
        How many candidates were priced.
    """
    priced = 0
    row = np.empty(WIDTH, np.float64)
    for output_inner in range(1, min(d.output[1], d.move_room) + 1):
        if not _is_split(d.output[1], output_inner, d.move_room):
            continue
        for reduction_inner in range(1, min(d.reduction[1], d.load_room) + 1):
            if not _is_split(d.reduction[1], reduction_inner, d.load_room):
                continue
            for row_inner in range(1, d.row[1] + 1):
                if not _is_split(d.row[1], row_inner, d.row[1]):
                    continue
                inner = (output_inner, reduction_inner, row_inner)
                present = _present(_split(d, inner))
                for order in range(_STARTS[present], _STARTS[present + 1]):
                    priced += _price(d, t, inner, order, best, enough, row)
    return priced


@compiled
def write_cycles(writes: MatrixWrites, columns: int) -> float:
    """Cycles that writing so many columns of the matrix to every bank adds."""
    if len(writes.issued) == 0:
        return 0.0
    return cycles_of(writes.issued, columns * writes.places) + writes.settles


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
    traffic = Traffic(
        d.places.load, loads, d.places.move, moves, d.places.turns, d.columns_per_step
    )
    columns = matrix_columns(loops, d.in_matrix, 0, len(loops))
    row_is_open = d.writes.all_banks and columns <= t.columns
    waits = 0.0 if row_is_open else 1.0
    first_row = FirstRow(waits * d.first_row.begin, waits * d.first_row.takes)
    cycles = nest_cycles(
        loops, d.in_matrix, counts, depths[0], depths[1], double, traffic, first_row, t
    )
    compute = cycles.multiply + cycles.rows
    moving = cycles.load + cycles.move + d.around_cycles
    moving += write_cycles(d.writes, columns)
    moving += max(d.row_hold - cycles.row_age, 0.0)
    total = compute + moving
    total += refresh_cycles(total, cycles.rest, d.refreshing)
    times = NestTimes(total, compute, cycles.multiply + moving)
    work = NestWork(
        depths[0],
        depths[1],
        loads * d.places.load.places,
        moves * d.places.move.places,
        columns * d.writes.column_pj + -(-columns // t.columns) * d.writes.row_pj,
        1 if row_is_open else 0,
    )
    result = score(d.goal, times, loops, d.sizes, d.in_matrix, work, t.columns)
    return result + TIE_BREAK * (counts.chunks * work.loads + counts.rounds * work.moves)


@compiled
def _columns(d: Distribution, loops: Ints) -> int:
    """Columns of the matrix that a core multiplies, each counted once."""
    result = 1
    for dim in range(len(d.sizes)):
        if d.in_matrix[dim]:
            result *= valid_points(dim, d.sizes[dim], loops, len(loops))
    return result


@compiled
def _price(
    d: Distribution,
    t: NestTimings,
    inner: tuple[int, int, int],
    order: int,
    best: Floats,
    enough: float,
    row: Floats,
) -> int:
    """Price a nest with every place of its loads, ahead or not; the number of choices."""
    loops = _nest(d, _split(d, inner), order)
    multiplications = valid_iterations(loops, d.sizes, len(loops))
    # No nest opens fewer rows; those that may be of interest are counted in full. With more rows,
    # one part of the time may shrink.
    rows, exact = -(-_columns(d, loops) // t.columns), False
    if d.goal.objective >= COMPUTE:
        rows, exact = rows_opened(loops, d.sizes, d.in_matrix, t.columns), True
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
                rows, exact = rows_opened(loops, d.sizes, d.in_matrix, t.columns), True
                counts = NestCounts(multiplications, chunks, rounds, rows)
                total = _total(d, t, loops, counts, depths, parts > 1)
            if total < limit:
                row[SCORE] = total
                row[OUTPUT_INNER], row[REDUCTION_INNER], row[ROW_INNER] = inner
                row[ORDER] = order
                row[LOAD_DEPTH], row[DOUBLE] = load_depth, parts > 1
                _keep(best, row)
    return priced
