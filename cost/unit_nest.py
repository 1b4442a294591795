"""Loop nests whose operands and results pass through rows of the cores' own banks, in phases.

A core's commands come in phases of one kind: accumulators are cleared, the vector is loaded from
its row, columns of the matrix are multiplied row after row, sums are stored to theirs. The phases
of a nest are walked one by one, each as soon as the device's table lets it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pim_opt.cost.jit import compiled
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.nest import Ints
from pim_opt.cost.transfers import TransferLoops
from pim_opt.dialects.placement import LOCAL, Piece, Placement

Floats = NDArray[np.float64]

RESET, LOAD, MULTIPLY, STORE = range(4)
"""Kinds of phases."""

KINDS = 4

DIM, SIZE, STRIDE, MATRIX, VECTOR, RESULT = range(6)
"""What the walk knows of a loop: dimension, iterations, stride; and columns that one iteration
steps through the rows of the matrix, of the vector and of the results."""

OTHER_ROW = 10**9
"""Rows from here on are none of the matrix's: a multiple for each kind of phase."""

UNKNOWN_ROW = OTHER_ROW - 1
"""A row that the nest does not use."""

NEVER = -1e12
"""When a command issued that never did."""


class PhaseTimes(NamedTuple):
    """Cycles of a nest's commands, per kind of phase."""

    gap: Floats
    """Shape (kinds, kinds): from a command of one kind to one of another."""
    close: Floats
    """From a command to the precharge of its row."""
    open: Floats
    """From an activation to a command."""
    first: Floats
    """From the first command of a column to its last, the cores taken in order."""
    period: Floats
    """From one column to the next."""
    needs_row: NDArray[np.bool_]
    active: float
    """From an activation to a precharge."""
    reopen: float
    """From a precharge to an activation."""
    again: float
    """From an activation to the next."""
    barriers: bool
    """Whether barriers keep phases apart; else commands issue in order, with rows opened ahead."""
    window: float
    """Commands ahead of the one issued for which rows are opened."""


class NestShape(NamedTuple):
    """The loops of a nest, and what its phases consist of."""

    loops: Ints
    """Shape (loops, 6), see DIM and the others; outermost first."""
    load_depth: int
    move_depth: int
    depth: int
    """Outer loops that are walked: those inside run through the matrix without gap, or return
    inside of a row."""
    loaded: int
    """Columns of a load."""
    moved: int
    """Columns of a store, and accumulators that are cleared."""
    row_columns: int


class NestWalk(NamedTuple):
    """What a walk finds."""

    cycles: float
    """From the start to the last command."""
    loading: float
    """Of these, until the last command of all loads, counted from the phase before."""
    multiplying: float
    storing: float
    """Stores, and clearing of accumulators."""
    waiting: float
    """For rows."""
    loads: int
    """Columns loaded; so for the others."""
    multiplications: int
    stores: int
    """And accumulators cleared."""
    rows: int
    """Times that a row opens."""
    last_row: int
    """Of the results, counted from their first: what stands open in the end."""


def unit_loops(mapping: Mapping, command: str) -> TransferLoops:
    """The loops of a group's commands, one for every core in use that is not spanned."""
    pieces = tuple(d.piece for d in mapping.digits if d.piece.target != mapping.group_target)
    lanes = mapping.column_elements
    placement = Placement("cores", (pieces, (Piece(LOCAL, lanes),)))
    return TransferLoops(mapping.device, command, placement, lanes)


def phase_commands(mapping: Mapping) -> tuple[str, str, str, str]:
    """The commands of the kinds of phases."""
    mode = mapping.mode
    assert mode.reset is not None, "a mode that stores to rows says how to clear accumulators"
    return mode.reset, mode.load[mapping.schedule.travel], mode.multiply, mode.move[""]


def last_in_row_depth(mapping: Mapping) -> int:
    """The fewest outer loops inside of which multiplications never leave a row."""
    columns = mapping.device.columns
    depth, inside = len(mapping.loops), 1
    for number in range(len(mapping.loops) - 1, -1, -1):
        loop = mapping.loops[number]
        if loop.dim in mapping.kernel.matrix.dims and not loop.turns:
            inside *= loop.size
        if columns % inside != 0:
            break
        depth = number
    return depth


def nest_shape(mapping: Mapping, sizes: Ints) -> NestShape:
    """The loops of a mapping, and what its phases consist of.

    Args:
        mapping: with the loops.
        sizes: what a group has of every dimension.
    """
    lanes, columns = mapping.column_elements, mapping.device.columns
    rows: list[tuple[int, ...]] = []
    for number, loop in enumerate(mapping.loops):
        steps = [
            piece.stride // lanes if piece is not None and piece.target == LOCAL else 0
            for piece in (
                mapping.matrix_loops.get(number),
                mapping.vector_row_loops.get(number) if number < mapping.load_depth else None,
                mapping.result_row_loops.get(number) if number < mapping.move_depth else None,
            )
        ]
        rows.append((loop.dim, loop.size, loop.stride, *steps))
    loops = np.array(rows, np.int64).reshape(-1, 6)
    depth = max(mapping.load_depth, mapping.move_depth, _irregular(mapping, loops, sizes))
    return NestShape(
        loops,
        mapping.load_depth,
        mapping.move_depth,
        depth,
        mapping.loaded_columns,
        mapping.moved_columns,
        columns,
    )


def _irregular(mapping: Mapping, loops: Ints, sizes: Ints) -> int:
    """Outer loops around all that have padding or go back over more than a part of a row."""
    depth, inside = 0, 1
    for number in range(len(loops) - 1, -1, -1):
        if loops[number, MATRIX]:
            inside *= int(loops[number, SIZE])
        elif loops[number, SIZE] > 1 and mapping.device.columns % inside:
            depth = max(depth, number + 1)
    for dim, size in enumerate(sizes.tolist()):
        own = np.flatnonzero(loops[:, DIM] == dim)
        reach = int(((loops[own, SIZE] - 1) * loops[own, STRIDE]).sum())
        if len(own) and reach >= size:
            depth = max(depth, int(own[-1]) + 1)
    return depth


@compiled
def _phase(
    kind: int, row: int, columns: int, state: Floats, last: Floats, spent: Floats, t: PhaseTimes
) -> None:
    """Issue a phase of `columns` in a row.

    Args:
        state: the last issue; that of a command with a row; its row; when that opened; rows opened.
        last: the last issue of each kind.
        spent: cycles of each kind, and behind them those of waiting for rows.
    """
    now = state[0]
    first = now + 1
    for other in range(KINDS):
        first = max(first, last[other] + t.gap[other, kind])
    begin = first
    if t.needs_row[kind]:
        if state[2] != row:
            start = now + 1 if t.barriers else state[1]
            if kind == LOAD and last[RESET] == now:
                # Clearing needs no row, and has no barrier behind it.
                start = max(state[1] + (1.0 if t.barriers else 0.0), now - t.window)
            if state[2] >= 0:
                close = max(start, state[3] + t.active)
                for other in range(KINDS):
                    if t.needs_row[other]:
                        close = max(close, last[other] + t.close[other])
                start = max(close + t.reopen, state[3] + t.again)
            state[2], state[3] = row, start
            state[4] += 1
        begin = max(first, state[3] + t.open[kind])
    end = begin + (columns - 1) * t.period[kind] + t.first[kind]
    spent[kind] += end - now - (begin - first)
    spent[KINDS] += begin - first
    state[0], last[kind] = end, end
    if t.needs_row[kind]:
        state[1] = end


@compiled
def _set_index(step: int, loops: Ints, index: Ints) -> None:
    """Set the counters of the outer loops to those of iteration `step`."""
    for i in range(len(index) - 1, -1, -1):
        index[i] = step % loops[i, SIZE]
        step //= loops[i, SIZE]


@compiled
def _reached(index: Ints, loops: Ints, column: int) -> int:
    """Columns, along one of MATRIX to RESULT, that the counters have come to."""
    total = 0
    for i in range(len(index)):
        total += index[i] * loops[i, column]
    return total


@compiled
def _begins(index: Ints, depth: int) -> bool:
    """Whether the counters are at the start of an iteration of the first `depth` loops."""
    return not index[depth:].any()


@compiled
def _is_inside(index: Ints, loops: Ints, sizes: Ints) -> bool:
    """Whether an iteration of the outer loops has any point in bounds."""
    first = np.zeros(len(sizes), np.int64)
    for i in range(len(index)):
        first[loops[i, DIM]] += index[i] * loops[i, STRIDE]
    return bool((first < sizes).all())


@compiled
def walk(shape: NestShape, sizes: Ints, closed: bool, t: PhaseTimes) -> NestWalk:
    """Walk the phases of a group.

    Args:
        shape: the nest.
        sizes: what the group has of every dimension.
        closed: whether the first row opens without another being closed.
        t: times of the commands.
    """
    loops = shape.loops
    state = np.array([0.0, 0.0, -1.0 if closed else UNKNOWN_ROW, NEVER, 0.0])
    last, spent = np.full(KINDS, NEVER), np.zeros(KINDS + 1)
    index = np.zeros(shape.depth, np.int64)
    loads, blocks, rounds, stored = 0, 0, 0, -1
    for step in range(_product(loops[: shape.depth, SIZE])):
        _set_index(step, loops, index)
        if not _is_inside(index, loops, sizes):
            continue
        new_round = _begins(index, shape.move_depth)
        if new_round and stored >= 0:
            _columns(STORE, stored, shape.moved, shape, state, last, spent, t)
        if new_round and shape.load_depth >= shape.move_depth:
            _phase(RESET, 0, shape.moved, state, last, spent, t)
        if _begins(index, shape.load_depth):
            first = _reached(index, loops, VECTOR)
            _columns(LOAD, first, shape.loaded, shape, state, last, spent, t)
            loads += 1
        if new_round and shape.load_depth < shape.move_depth:
            _phase(RESET, 0, shape.moved, state, last, spent, t)
        if new_round:
            stored = _reached(index, loops, RESULT)
            rounds += 1
        _multiply(_reached(index, loops, MATRIX), shape, state, last, spent, t)
        blocks += 1
    if stored >= 0:
        _columns(STORE, stored, shape.moved, shape, state, last, spent, t)
    inner = _product(loops[shape.depth :, SIZE])
    moving = spent[STORE] + spent[RESET]
    last_row = (stored + shape.moved - 1) // shape.row_columns
    counts = (loads * shape.loaded, blocks * inner, rounds * shape.moved, int(state[4]), last_row)
    return NestWalk(state[0], spent[LOAD], spent[MULTIPLY], moving, spent[KINDS], *counts)


@compiled
def _product(sizes: Ints) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result


@compiled
def _multiply(
    first: int, shape: NestShape, state: Floats, last: Floats, spent: Floats, t: PhaseTimes
) -> None:
    """Multiply what the inner loops cover, row after row, from column `first` of the matrix on."""
    columns, repeats = 1, 1
    for loop in shape.loops[shape.depth :]:
        if loop[MATRIX] > 0:
            columns *= loop[SIZE]
        else:
            repeats *= loop[SIZE]
    done = 0
    while done < columns:
        row = (first + done) // shape.row_columns
        part = min(columns - done, (row + 1) * shape.row_columns - first - done)
        _phase(MULTIPLY, row, part * repeats, state, last, spent, t)
        done += part


@compiled
def _columns(
    kind: int,
    first: int,
    columns: int,
    shape: NestShape,
    state: Floats,
    last: Floats,
    spent: Floats,
    t: PhaseTimes,
) -> None:
    """Loads or stores of consecutive columns, row after row."""
    done = 0
    while done < columns:
        row = (first + done) // shape.row_columns
        part = min(columns - done, (row + 1) * shape.row_columns - first - done)
        # Rows of the vector and of results are none of the matrix's.
        _phase(kind, row + kind * OTHER_ROW, part, state, last, spent, t)
        done += part
