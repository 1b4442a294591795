"""Schedules one step away from another: to say what each of its decisions is worth."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

from pim_opt.dialects.lane_schedule import ROW_USES, LaneSchedule
from pim_opt.dialects.schedule import ROWS, TIME, TRAVELS, AnySchedule, Factor, Schedule, Split

MOST_LOOPS = 5
"""Loops of which all orders are tried."""


def neighbours(schedule: AnySchedule) -> Iterator[tuple[str, AnySchedule]]:
    """Schedules that differ in one decision, legal or not, each with what is different."""
    if isinstance(schedule, LaneSchedule):
        yield from _lane_neighbours(schedule)
        return
    for number, nest in enumerate(schedule.stages):
        for text, other in _neighbours(nest):
            yield text, schedule.with_stage(number, other)


def _lane_neighbours(schedule: LaneSchedule) -> Iterator[tuple[str, LaneSchedule]]:
    for rows in ROW_USES:
        if rows != schedule.rows:
            yield f"rows: {rows}", replace(schedule, rows=rows)
    for columns in (schedule.columns // 2, 2 * schedule.columns):
        if columns:
            yield f"columns: {columns}", replace(schedule, columns=columns)


def _neighbours(schedule: Schedule) -> Iterator[tuple[str, Schedule]]:
    """Those of one loop nest.

    Where data load and move is left to the buffers' sizes, since other loops need other places.
    """
    free = replace(schedule, load_at=None, move_at=None)
    double = "no loading ahead" if schedule.double_buffer else "loading ahead"
    yield double, replace(free, double_buffer=not schedule.double_buffer)
    for travel in TRAVELS:
        if travel != schedule.travel:
            yield f"x: {travel}", replace(free, travel=travel)
    for rows in ROWS:
        if rows != schedule.rows:
            yield f"rows: {rows}", replace(schedule, rows=rows)
    if schedule.sum_level is not None:
        yield "the host sums everything", replace(free, sum_level=None)
    yield from _orders(free)
    for number, split in enumerate(schedule.splits):
        for text, other in _tilings(split):
            splits = (*schedule.splits[:number], other, *schedule.splits[number + 1 :])
            yield text, replace(free, splits=splits)


def _orders(schedule: Schedule) -> Iterator[tuple[str, Schedule]]:
    if len(schedule.order) > MOST_LOOPS:
        return
    for order in dict.fromkeys(permutations(schedule.order)):
        if order != schedule.order:
            yield f"order {' '.join(order)}", replace(schedule, order=order)


def _tilings(split: Split) -> Iterator[tuple[str, Split]]:
    """Two time loops of a dimension with other sizes, which cover as much or a little more."""
    times = [i for i, factor in enumerate(split.factors) if factor.is_time]
    if len(times) != 2:
        return
    outer, inner = times
    whole = split.factors[outer].size * split.factors[inner].size
    old = split.factors[inner].size
    for size in (old * 2, old // 2):
        if not 0 < size <= whole or size == old:
            continue
        factors = list(split.factors)
        factors[outer] = Factor((TIME,), -(-whole // size))
        factors[inner] = Factor((TIME,), size)
        yield f"{split.dim} in tiles of {size}", Split(split.dim, tuple(factors))
