"""Legal schedules of a contraction, drawn at random: what tests and model validation run on.

A draw decides, from the outside in, what joins which levels, how the dimensions share them, how the
rest splits into time loops and in which order these run, and how operands travel. Whatever a
device cannot do, cost.mapping.Mapping refuses, and the draw is repeated.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod

import numpy as np

from pim_opt.cost.mapping import Mapping
from pim_opt.cost.rooms import inner_levels_of, lane_modes
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Contraction, Role
from pim_opt.dialects.schedule import LANE, ROWS, TIME, Factor, Schedule, ScheduleError, Split

MOST_TIME_FACTORS = 3
"""Time factors of one dimension at most."""

PAD_CHANCE = 0.1
"""How often a factor is larger than what is left of its dimension."""

DRAWS_PER_SCHEDULE = 200
"""Draws before the kernel is given up."""


def _anything(mapping: Mapping) -> bool:
    return True


def random_schedule(
    kernel: Contraction,
    device: Device,
    column_elements: int,
    rng: np.random.Generator,
    accept: Callable[[Mapping], bool] = _anything,
) -> Schedule:
    """A schedule that `device` can follow.

    Args:
        kernel: the contraction to schedule.
        device: whose levels, buffers and commands bound the schedule.
        column_elements: elements of the matrix in one DRAM column.
        rng: where the choices come from; the same state gives the same schedule.
        accept: what else a schedule must meet: a bound on the commands of its program, say.

    Raises:
        ScheduleError: none of DRAWS_PER_SCHEDULE draws was legal and accepted.
    """
    for schedule in _draws(kernel, device, column_elements, rng):
        try:
            mapping = Mapping(kernel, schedule, device, column_elements)
        except ScheduleError:
            continue
        if accept(mapping):
            return schedule
    raise ScheduleError(
        f'none of {DRAWS_PER_SCHEDULE} random schedules suits device "{device.name}"'
    )


def _draws(
    kernel: Contraction, device: Device, column_elements: int, rng: np.random.Generator
) -> Iterator[Schedule]:
    choices = [
        (dim, mode)
        for role, mode in lane_modes(device, column_elements).items()
        for dim in kernel.lane_dims
        if kernel.dims[dim].role is role
    ]
    for _ in range(DRAWS_PER_SCHEDULE if choices else 0):
        lane_dim, mode = choices[rng.integers(len(choices))]
        yield _Draw(kernel, device, column_elements, rng, lane_dim, mode).schedule()


@dataclass
class _Draw:
    """One schedule in the making."""

    kernel: Contraction
    device: Device
    column_elements: int
    rng: np.random.Generator
    lane_dim: int
    mode: ContractionMode
    factors: dict[int, list[Factor]] = field(default_factory=dict[int, list[Factor]])
    """Per dimension its factors so far, outermost first."""
    reached: set[str] = field(default_factory=set[str])
    """Core levels on all of whose members one load acts: the vector is not split over them."""

    def schedule(self) -> Schedule:
        self.factors = {number: [] for number in range(len(self.kernel.dims))}
        travel = str(self.rng.choice(sorted(self.mode.load)))
        spans = self.device.commands[self.mode.load[travel]].spans
        loaded = self.device.meaning(self.mode.load[travel]).reads
        if "column" not in loaded:
            self.reached = {self.device.level(name).short for name in spans}
        sum_level = self._choose_sum()
        if sum_level is not None:
            self._fill(sum_level)
        self._spread(sum_level)
        self._take_turns()
        self._add_time()
        lanes = Factor((LANE,), self.column_elements)
        self.factors[self.lane_dim].append(lanes)
        order = self._order()
        return Schedule(
            tuple(
                Split(dim.name, tuple(self.factors[i])) for i, dim in enumerate(self.kernel.dims)
            ),
            order,
            str(self.rng.choice(sorted(self.mode.load))),
            bool(self.rng.integers(2)),
            sum_level,
            self._mark(order),
            self._mark(order),
            str(self.rng.choice(ROWS)),
        )

    def _mark(self, order: tuple[str, ...]) -> int | None:
        """A place among the loops, or none, for the outermost that fits."""
        return int(self.rng.integers(len(order) + 1)) if self.rng.random() < 0.5 else None

    def _left(self, dim: int) -> int:
        """Points of a dimension that no factor covers yet."""
        lanes = self.column_elements if dim == self.lane_dim else 1
        covered = lanes * prod(factor.size for factor in self.factors[dim])
        return -(-self.kernel.dims[dim].size // covered)

    def _size(self, limit: int, left: int) -> int:
        """A factor of at most `limit` for `left` points: seldom more, often all of them."""
        if self.rng.random() < PAD_CHANCE:
            return int(self.rng.integers(1, limit + 1))
        most = min(limit, left)
        return most if self.rng.random() < 0.4 else int(self.rng.integers(1, most + 1))

    def _choose_sum(self) -> str | None:
        known = [self.device.level(name).short for name in self.mode.move if name]
        levels = [name for name in known if name not in self.reached]
        if not levels or self.rng.random() < 0.5:
            return None
        return str(self.rng.choice(levels))

    def _fill(self, level: str) -> None:
        """Spread reduction dimensions over all members of a level."""
        left = self.device.level(level).count
        reductions = self.rng.permutation(self.kernel.with_role(Role.REDUCTION)).tolist()
        for dim in reductions[:-1]:
            divisors = [size for size in range(1, left + 1) if left % size == 0]
            size = int(self.rng.choice(divisors))
            self._insert(dim, Factor((level,), size))
            left //= size
        self._insert(reductions[-1], Factor((level,), left))

    def _spread(self, taken: str | None) -> None:
        """Spread dimensions over levels, each alone or joined with others."""
        for levels in self._targets(taken):
            left = prod(self.device.level(name).count for name in levels)
            shared = bool(self.reached & set(levels))
            for dim in self.rng.permutation(len(self.kernel.dims)).tolist():
                if shared and dim in self.kernel.vector.dims:
                    continue
                size = self._size(left, self._left(dim)) if self.rng.random() < 0.6 else 1
                if size > 1 or self.rng.random() < 0.05:
                    self._insert(dim, Factor(levels, size))
                    left //= size

    def _targets(self, taken: str | None) -> list[tuple[str, ...]]:
        """The levels of the device, joined at random below the group, in random order."""
        left_out = {taken, *inner_levels_of(self.device, self.mode)}
        shorts = [level.short for level in self.device.core_levels if level.short not in left_out]
        targets: list[tuple[str, ...]] = [(self.device.group_level.short,)]
        for level in map(str, self.rng.permutation(shorts)):
            alike = len(targets) > 1 and (targets[-1][-1] in self.reached) == (
                level in self.reached
            )
            if alike and self.rng.random() < 0.4:
                targets[-1] = (*targets[-1], level)
            else:
                targets.append((level,))
        return [targets[i] for i in self.rng.permutation(len(targets))]

    def _take_turns(self) -> None:
        """Give the banks of a core their turns, in a dimension of the matrix."""
        for level in inner_levels_of(self.device, self.mode):
            dim = int(self.rng.choice(self.kernel.matrix.dims))
            size = self._size(self.device.level(level).count, self._left(dim))
            if size > 1:
                self._insert(dim, Factor((level, TIME), size))

    def _add_time(self) -> None:
        """Cover what is left of every dimension by time factors, among its other factors."""
        for dim in self.factors:
            count = int(self.rng.integers(MOST_TIME_FACTORS))
            for _ in range(count):
                self._insert(dim, Factor((TIME,), self._size(self._left(dim), self._left(dim))))
            if self._left(dim) > 1:
                self._insert(dim, Factor((TIME,), self._left(dim)))

    def _insert(self, dim: int, factor: Factor) -> None:
        """Put a factor at a random position among those of its dimension."""
        self.factors[dim].insert(int(self.rng.integers(len(self.factors[dim]) + 1)), factor)

    def _order(self) -> tuple[str, ...]:
        names = [
            self.kernel.dims[dim].name
            for dim, factors in self.factors.items()
            for factor in factors
            if factor.is_time
        ]
        return tuple(map(str, self.rng.permutation(names)))
