"""The schedules of a contraction whose operands pass through rows of cores, for each spread.

The banks of a core take turns innermost, so that each row serves all of them while it is open.
Outputs go in blocks that the accumulators hold, around the reduction, in chunks that a load brings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import prod

import numpy as np

from pim_opt.cost.mapping import Mapping
from pim_opt.cost.rooms import inner_levels_of, result_room, vector_room
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Role
from pim_opt.dialects.schedule import LANE, TIME, Factor, Schedule, ScheduleError, Split
from pim_opt.tune.contraction_space import ContractionSpace, Spread, balanced_sizes, ceil_div

TILED = (Role.ROW, Role.OUTPUT, Role.REDUCTION)
"""Roles of dimensions whose rounds go in tiles, in the order of their loops."""


@dataclass(frozen=True)
class UnitSpread:
    """A spread over cores, with all schedules that follow from it."""

    space: ContractionSpace
    mode: ContractionMode
    spread: Spread

    def schedules(self) -> Iterator[Schedule]:
        """Every schedule of the spread."""
        for turns in self._turns():
            rounds = [
                ceil_div(size, turns.get(dim, 1)) for dim, size in enumerate(self.spread.rounds)
            ]
            row = self._last(Role.ROW, rounds)
            sizes = [1] if row is None else balanced_sizes(rounds[row], self._results(turns))
            for vectors in sizes:
                yield self._schedule(rounds, turns, self._tiles(rounds, turns, row, vectors))

    def _turns(self) -> Iterator[dict[int, int]]:
        """Per way to take turns the dimension that the banks share and how many of them do."""
        inner = inner_levels_of(self.space.device, self.mode)
        banks = prod(self.space.device.level(name).count for name in inner)
        rounds = self.spread.rounds
        able = [dim for dim in self.space.kernel.matrix.dims if rounds[dim] > 1 and banks > 1]
        for dim in able:
            yield {dim: min(banks, rounds[dim])}
        if not able:
            yield {}

    def _last(self, role: Role, rounds: list[int]) -> int | None:
        """The last dimension of a role that takes several rounds."""
        dims = [dim for dim in self.space.kernel.with_role(role) if rounds[dim] > 1]
        return dims[-1] if dims else None

    def _results(self, turns: dict[int, int]) -> int:
        """Outputs that each bank of a core has accumulators for."""
        room = result_room(self.space.device, self.mode, self.space.lanes)
        return max(room // _shares(turns, self.space.kernel.result.dims), 1)

    def _summands(self, turns: dict[int, int]) -> int:
        """Rounds of a reduction for which each bank of a core has its part of the vector."""
        device, lanes = self.space.device, self.space.lanes
        reduces = self.space.kernel.dims[self.spread.lane_dim].role is Role.REDUCTION
        room = vector_room(device, self.mode, lanes, reduces_lanes=reduces)
        return max(room // _shares(turns, self.space.kernel.vector.dims), 1)

    def _tiles(
        self, rounds: list[int], turns: dict[int, int], row: int | None, vectors: int
    ) -> dict[int, int]:
        """Tiles as large as the registers allow, of so many vectors that share the matrix."""
        tiles = {} if row is None else {row: vectors}
        output, reduction = (self._last(r, rounds) for r in (Role.OUTPUT, Role.REDUCTION))
        if output is not None:
            room = max(self._results(turns) // vectors, 1)
            tiles[output] = balanced_sizes(rounds[output], room)[-1]
        if reduction is not None:
            room = max(self._summands(turns) // vectors, 1)
            tiles[reduction] = balanced_sizes(rounds[reduction], room)[-1]
        return tiles

    def _schedule(
        self, rounds: list[int], turns: dict[int, int], inner: dict[int, int]
    ) -> Schedule:
        kernel = self.space.kernel
        outer = [d for role in (Role.BATCH, *TILED) for d in kernel.with_role(role)]
        # Inside of a chunk vectors come last, so that they share each column.
        within = [d for role in reversed(TILED) for d in kernel.with_role(role)]
        order = [d for d in outer if rounds[d] > inner.get(d, 1)]
        order += [d for d in within if inner.get(d, 1) > 1]
        order += [d for d in turns if turns[d] > 1]
        splits: list[Split] = []
        for number, dim in enumerate(kernel.dims):
            tile = inner.get(number, 1)
            times = (ceil_div(rounds[number], tile), tile)
            factors = [*self._hardware(number), *(Factor((TIME,), n) for n in times if n > 1)]
            factors += self._turn_factor(turns.get(number, 1))
            if number == self.spread.lane_dim:
                factors.append(Factor((LANE,), self.space.lanes))
            splits.append(Split(dim.name, tuple(factors)))
        names = tuple(kernel.dims[d].name for d in order)
        return Schedule(tuple(splits), names, next(iter(self.mode.load)))

    def _hardware(self, dim: int) -> tuple[Factor, ...]:
        group, spread = self.space.device.group_level.short, self.spread
        factors = ((group,), spread.groups[dim]), (spread.levels[dim], spread.cores[dim])
        return tuple(Factor(levels, size) for levels, size in factors if size > 1)

    def _turn_factor(self, members: int) -> tuple[Factor, ...]:
        if members == 1:
            return ()
        inner = inner_levels_of(self.space.device, self.mode)
        return (Factor((*inner, TIME), members),)


def _shares(turns: dict[int, int], dims: tuple[int, ...]) -> int:
    """Banks of a core that need parts of their own of an operand with these dimensions."""
    return prod(members for dim, members in turns.items() if dim in dims)


def unit_schedules(space: ContractionSpace) -> Iterator[Schedule]:
    """Every schedule of the space."""
    for dim, mode in space.lane_dims():
        table = space.spreads(dim)
        for row in range(len(table)):
            yield from UnitSpread(space, mode, table.spread(row)).schedules()


def sampled_unit_schedules(
    space: ContractionSpace, count: int, rng: np.random.Generator
) -> list[Schedule]:
    """At most `count` schedules at random, no two alike, that the device can follow."""
    every = list(dict.fromkeys(unit_schedules(space)))
    order: list[int] = rng.permutation(len(every)).tolist()
    able = (every[number] for number in order if _suits(space, every[number]))
    return list(islice(able, count))


def _suits(space: ContractionSpace, schedule: Schedule) -> bool:
    try:
        Mapping(space.kernel, schedule, space.device, space.lanes)
    except ScheduleError:
        return False
    return True
