"""Schedules: how a kernel's loops spread over the device, and how its operands travel.

A schedule is one line of text, here broken for width:

    h: channel 16, time 2; n: pc*ra*bg 16, time 32; k: ba 4, time 2, lane 16;
    order h n x k; x: multicast, double; y: sum(ba); rows: all

Each dimension is a mixed-radix number, its factors written outermost first. A factor belongs to one
physical level, to several taken together (`pc*ra*bg 16`: the last runs fastest), to `time`
(iterations of one core), to a level and time (`ba*time 2`: the banks that share a core take turns,
one in each iteration) or to `lane` (the elements of one column). Factors may cover more than the
dimension; the rest is padding. `order` lists the time loops, outermost first: the first `n` is n's
first time factor, turns included, and so on. An `x` among them stands where the vector loads, a `y`
where results move out: once for each iteration of the loops before it, with all that the loops
after it need; without them, in the outermost place where the buffers are large enough.

`x:` says how the vector travels to the cores, and whether it loads while the cores multiply
(`double`). `y:` says over which level the device itself sums partial results; what it does not sum
is left to the host. `rows:` says how the host finds the rows open that it writes results to:
`each` bank's for itself, or `all` at once, by a multiplication whose sum nobody reads.

A kernel that runs several loop nests has a schedule for each of them, with ` | ` between.
Kernels that compute where the host has put their data have a `LaneSchedule`.

Pure mathematics, no IR and no device: names of levels are checked against a device elsewhere.
"""

import re
from collections import Counter
from dataclasses import dataclass
from math import prod

from pim_opt.dialects.computation import Computation
from pim_opt.dialects.lane_schedule import (
    KINDS as LANE_KINDS,
)
from pim_opt.dialects.lane_schedule import LaneSchedule, parse_lane_schedule, speaks_of_lanes
from pim_opt.dialects.schedule_error import ScheduleError

TIME = "time"
LANE = "lane"
TRAVELS = ("direct", "multicast")
ROWS = ("each", "all")
MARKS = ("x", "y")
SEPARATOR = " | "


@dataclass(frozen=True)
class Factor:
    """`size` parts of a dimension, over `levels` taken together."""

    levels: tuple[str, ...]
    size: int

    def __str__(self) -> str:
        return f"{'*'.join(self.levels)} {self.size}"

    @property
    def is_time(self) -> bool:
        return self.levels[-1] == TIME

    @property
    def turns(self) -> tuple[str, ...]:
        """The levels whose members take turns in its iterations; none in those of one place."""
        return self.levels[:-1] if self.is_time else ()

    @property
    def is_lane(self) -> bool:
        return self.levels == (LANE,)

    @property
    def is_local(self) -> bool:
        """Inside one core: iterated or in the lanes, not spread over hardware."""
        return self.is_time or self.is_lane


@dataclass(frozen=True)
class Split:
    """The factors of the dimension called `dim`, outermost first."""

    dim: str
    factors: tuple[Factor, ...]

    @property
    def extent(self) -> int:
        """Number of points that the factors cover, padding included."""
        return prod(factor.size for factor in self.factors)

    def stride(self, position: int) -> int:
        """Step of the dimension's index for one step of the factor at `position`."""
        return prod(factor.size for factor in self.factors[position + 1 :])


@dataclass(frozen=True)
class Schedule:
    """Distribution, loop order and strategies of one kernel."""

    splits: tuple[Split, ...]
    order: tuple[str, ...] = ()
    travel: str = "direct"
    """How the vector reaches the cores: one of TRAVELS."""
    double_buffer: bool = False
    """The next chunk of the vector loads into one half of the buffer while the other is used."""
    sum_level: str | None = None
    """Level over whose members the device sums results on their way out."""
    load_at: int | None = None
    """The vector loads inside of so many loops; None for as few as its buffer allows."""
    move_at: int | None = None
    """Results move out inside of so many loops; None for as few as the accumulators allow."""
    rows: str = "each"
    """How rows are opened for the host to write results to: one of ROWS."""

    def __str__(self) -> str:
        parts = [f"{s.dim}: {', '.join(map(str, s.factors))}" for s in self.splits if s.factors]
        order = self._marked_order()
        if order:
            parts.append("order " + " ".join(order))
        parts.append(f"x: {self.travel}" + (", double" if self.double_buffer else ""))
        parts.append(f"y: sum({self.sum_level})" if self.sum_level is not None else "y: host")
        if self.rows != "each":
            parts.append(f"rows: {self.rows}")
        return "; ".join(parts)

    def _marked_order(self) -> list[str]:
        """The order with its marks, a `y` before an `x` in the same place."""
        marks = [(self.move_at, "y"), (self.load_at, "x")]
        order: list[str] = []
        for depth in range(len(self.order) + 1):
            order += [mark for at, mark in marks if at == depth]
            order += self.order[depth : depth + 1]
        return order

    def split(self, dim: str) -> Split:
        """The split of `dim`; a dimension that is not mentioned has no factors."""
        return next((s for s in self.splits if s.dim == dim), Split(dim, ()))

    @property
    def stages(self) -> tuple["Schedule"]:
        return (self,)

    def with_stage(self, number: int, nest: "Schedule") -> "Schedule":
        """The schedule with another one for loop nest `number`."""
        return (nest,)[number]


@dataclass(frozen=True)
class StagedSchedule:
    """The schedules of the loop nests that a kernel runs, in order."""

    stages: tuple[Schedule, ...]

    def __str__(self) -> str:
        return SEPARATOR.join(map(str, self.stages))

    def with_stage(self, number: int, nest: Schedule) -> "StagedSchedule":
        """The schedule with another one for loop nest `number`."""
        return StagedSchedule((*self.stages[:number], nest, *self.stages[number + 1 :]))


AnySchedule = Schedule | StagedSchedule | LaneSchedule


def one_nest(schedule: AnySchedule) -> Schedule:
    """The schedule of a kernel with one loop nest.

    Raises:
        ScheduleError: it is one for several.
    """
    if len(schedule.stages) != 1:
        raise ScheduleError(f"{len(schedule.stages)} loop nests, but the kernel has 1")
    nest = schedule.stages[0]
    if isinstance(nest, LaneSchedule):
        raise ScheduleError(f"'{nest}' has no loop nest")
    return nest


def one_batch(schedule: AnySchedule) -> LaneSchedule:
    """The schedule of a kernel that goes through its data in batches of columns.

    Raises:
        ScheduleError: it is one of loop nests.
    """
    if not isinstance(schedule, LaneSchedule):
        raise ScheduleError(f"'{schedule}' does not say how many columns go together")
    return schedule


def _size(text: str, where: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ScheduleError(f"'{text}' in '{where}' is not a positive number")
    return int(text)


def _parse_factor(text: str) -> Factor:
    match text.split():
        case [levels, size]:
            return Factor(tuple(levels.split("*")), _size(size, text))
        case _:
            raise ScheduleError(f"'{text}' is not a factor; expected 'LEVEL NUMBER' as in 'ba 4'")


def _parse_travel(items: list[str]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for item in items:
        if item in TRAVELS:
            fields["travel"] = item
        elif item in ("double", "single"):
            fields["double_buffer"] = item == "double"
        else:
            raise ScheduleError(
                f"'{item}' after 'x:'; expected {', '.join(TRAVELS)}, single or double"
            )
    return fields


def _parse_result(items: list[str]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for item in items:
        if match := re.fullmatch(r"sum\((\w+)\)", item):
            fields["sum_level"] = match[1]
        elif item != "host":
            raise ScheduleError(f"'{item}' after 'y:'; expected sum(LEVEL) or host")
    return fields


def _parse_order(names: list[str]) -> dict[str, object]:
    loops = tuple(name for name in names if name not in MARKS)
    fields: dict[str, object] = {"order": loops}
    for mark, name in (("x", "load_at"), ("y", "move_at")):
        if names.count(mark) > 1:
            raise ScheduleError(f"'{mark}' stands twice in 'order {' '.join(names)}'")
        if mark in names:
            before = names[: names.index(mark)]
            fields[name] = sum(other not in MARKS for other in before)
    return fields


def _parse_rows(items: list[str]) -> dict[str, object]:
    if len(items) != 1 or items[0] not in ROWS:
        raise ScheduleError(f"'{', '.join(items)}' after 'rows:'; expected {' or '.join(ROWS)}")
    return {"rows": items[0]}


_PARTS = {"x": _parse_travel, "y": _parse_result, "rows": _parse_rows}


def parse_schedule(text: str) -> AnySchedule:
    """Read a schedule from its line of text.

    Raises:
        ScheduleError: a part cannot be read, or is given twice.
    """
    if speaks_of_lanes(text):
        return parse_lane_schedule(text)
    stages = tuple(parse_nest(part) for part in text.split(SEPARATOR.strip()))
    return stages[0] if len(stages) == 1 else StagedSchedule(stages)


def parse_nest(text: str) -> Schedule:
    """Read the schedule of one loop nest.

    Raises:
        ScheduleError: a part cannot be read, or is given twice.
    """
    splits: list[Split] = []
    fields: dict[str, object] = {}
    seen: Counter[str] = Counter()
    for part in (piece.strip() for piece in text.split(";") if piece.strip()):
        key, colon, rest = (piece.strip() for piece in part.partition(":"))
        items = [item.strip() for item in rest.split(",") if item.strip()]
        if not colon and key.split()[0] == "order":
            key = "order"
            fields |= _parse_order(part.split()[1:])
        elif not colon or not key:
            raise ScheduleError(f"'{part}' is not a part of a schedule; expected 'NAME: ...'")
        elif key in _PARTS:
            fields |= _PARTS[key](items)
        else:
            splits.append(Split(key, tuple(map(_parse_factor, items))))
        seen[key] += 1
        if seen[key] > 1:
            raise ScheduleError(f"'{key}' is given twice")
    return Schedule(tuple(splits), **fields)  # pyright: ignore[reportArgumentType]


def check_covers(schedule: AnySchedule, kernel: Computation) -> None:
    """Check that `schedule` speaks of the kernel's dimensions, covers them and orders its loops.

    Raises:
        ScheduleError: naming the dimension, what was found and what was expected.
    """
    if kernel.kind in LANE_KINDS:
        one_batch(schedule)
        return
    if isinstance(schedule, LaneSchedule):
        raise ScheduleError(f"'{schedule}' is no schedule of a {kernel.kind}")
    if len(schedule.stages) != len(kernel.stages):
        raise ScheduleError(
            f"{len(schedule.stages)} loop nests, but the kernel has {len(kernel.stages)}"
        )
    for nest, stage in zip(schedule.stages, kernel.stages, strict=True):
        _check_nest(nest, stage)


def _check_nest(schedule: Schedule, kernel: Computation) -> None:
    names = [dim.name for dim in kernel.dims]
    for split in schedule.splits:
        if split.dim not in names:
            raise ScheduleError(
                f"unknown dimension '{split.dim}'; the kernel has {', '.join(names)}"
            )
    for dim in kernel.dims:
        extent = schedule.split(dim.name).extent
        if extent < dim.size:
            raise ScheduleError(
                f"'{dim.name}' covers {extent} of {dim.size}; its factors must multiply to at least"
                f" {dim.size}"
            )
    _check_lanes(schedule)
    ordered = Counter(schedule.order)
    for dim in kernel.dims:
        loops = sum(f.is_time for f in schedule.split(dim.name).factors)
        if ordered.pop(dim.name, 0) != loops:
            raise ScheduleError(
                f"order lists '{dim.name}' {schedule.order.count(dim.name)} times, but it has"
                f" {loops} time factors"
            )
    if ordered:
        raise ScheduleError(f"order lists '{next(iter(ordered))}', which is not a dimension")


def _check_lanes(schedule: Schedule) -> None:
    lanes = [
        (s.dim, i, len(s.factors))
        for s in schedule.splits
        for i, f in enumerate(s.factors)
        if f.is_lane
    ]
    if len(lanes) != 1:
        raise ScheduleError(
            f"{len(lanes)} lane factors; exactly one dimension runs along the lanes"
        )
    dim, position, count = lanes[0]
    if position != count - 1:
        raise ScheduleError(f"the lane factor of '{dim}' is not its last")
