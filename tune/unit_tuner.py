"""The search among schedules whose operands pass through rows of cores: bounded, then priced."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, prod

import numpy as np
from numpy.typing import NDArray

from pim_opt.cost.energy import energy_pj
from pim_opt.cost.estimate import Estimate
from pim_opt.cost.floor import command_interval
from pim_opt.cost.host_accesses import host_columns
from pim_opt.cost.lane_stream import gap
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.nest import refresh_cycles
from pim_opt.cost.origins import Origins
from pim_opt.cost.rooms import result_room, vector_room
from pim_opt.cost.timings import settled
from pim_opt.cost.unit_contraction import UnitCost
from pim_opt.cost.unit_times import UnitTimes
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Access, Role
from pim_opt.dialects.schedule import Schedule, ScheduleError
from pim_opt.tune.contraction_space import ContractionSpace, SpreadTable, ceil_div
from pim_opt.tune.objectives import Objective, Times, combined, counts_energy, scored, times_of
from pim_opt.tune.unit_space import UnitSpread

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class UnitFloors:
    """Bounds from below on what the schedules of a table's spreads take.

    Every column of the matrix is multiplied with every vector that it serves, a load brings no more
    than the buffer holds and has a row of its own, and the host writes each core its part of the
    vector and reads its sums, one column a cycle at most.
    """

    table: SpreadTable
    mode: ContractionMode
    origins: Origins

    @property
    def _space(self) -> ContractionSpace:
        return self.table.space

    def _rounds(self, *roles: Role) -> Floats:
        """Points of all dimensions of these roles that a core takes, shape (spreads,)."""
        dims = list(self._space.kernel.with_role(*roles))
        return self.table.rounds[:, dims].prod(axis=1).astype(np.float64)

    @property
    def _cores(self) -> Floats:
        """Cores of a group that take part, at least."""
        points = np.array(self._space.points(self.table.lane_dim))
        shares = ceil_div_array(points, self.table.groups)
        return ceil_div_array(shares, self.table.rounds).prod(axis=1).astype(np.float64)

    def _commands(self, command: str) -> Floats:
        """Commands that act once on every core of a group that takes part."""
        spanned = self._space.device.members(self._space.device.commands[command].spans)
        return np.ceil(self._cores / spanned)

    @property
    def _loads(self) -> Floats:
        """Loads of a core."""
        reduces = self._space.kernel.dims[self.table.lane_dim].role is Role.REDUCTION
        device, lanes = self._space.device, self._space.lanes
        room = vector_room(device, self.mode, lanes, reduces_lanes=reduces)
        return np.ceil(self._rounds(Role.BATCH, Role.ROW, Role.REDUCTION) / room)

    @property
    def _host_columns(self) -> Floats:
        """Columns that the host writes to a group before the nest, and reads after it."""
        lanes = self._space.lanes
        reduces = self._space.kernel.dims[self.table.lane_dim].role is Role.REDUCTION
        vector = self._rounds(Role.BATCH, Role.ROW, Role.REDUCTION) / (1 if reduces else lanes)
        results = self._rounds(Role.BATCH, Role.ROW, Role.OUTPUT)
        return self._cores * (np.ceil(vector) + results)

    @property
    def _stores(self) -> Floats:
        """Times that a core stores its accumulators."""
        room = result_room(self._space.device, self.mode, self._space.lanes)
        return np.ceil(self._rounds(Role.BATCH, Role.ROW, Role.OUTPUT) / room)

    @property
    def _steps(self) -> Floats:
        """Cycles of the multiplications."""
        device, multiply = self._space.device, self.mode.multiply
        interval = command_interval(device, multiply, device.group)
        return self._commands(multiply) * self.table.multiplications * interval

    def times(self) -> Times[Floats]:
        """Each of shape (spreads,)."""
        return Times(self.cycles(), self._steps, self._steps + self._host_columns + self.around)

    def cycles(self) -> Floats:
        """Shape (spreads,)."""
        device, mode = self._space.device, self.mode
        opener, closer = device.rows_by(mode.multiply)
        interval = command_interval(device, mode.multiply, device.group)
        commands = (mode.multiply, *mode.load.values(), *mode.move.values())
        switch = gap(device, closer, opener) + min(gap(device, opener, name) for name in commands)
        switch += min(gap(device, name, closer) for name in commands)
        # Loads, stores, and the multiplications between any two of these open a row each.
        opened = self._loads + self._stores + np.maximum(self._loads, self._stores)
        rows = opened * max(switch - interval, 0)
        least = self._steps + rows + self._host_columns + self.around
        refreshing = UnitTimes(device).refreshing(mode)
        values, places = np.unique(least, return_inverse=True)
        refreshes = [refresh_cycles(value, 0.0, refreshing) for value in values.tolist()]
        return least + np.array(refreshes)[places]

    @property
    def around(self) -> float:
        """Cycles of the host's accesses whatever the spread."""
        times, kernel = UnitTimes(self._space.device), self._space.kernel
        device, host = self._space.device, self._space.device.kernels.host

        def own(access: Access) -> int:
            columns = ceil_div(prod(kernel.shape(access)), self._space.lanes)
            return host_columns(columns, device)

        read = times.read(own(kernel.vector), closed=True) if self.origins.vector == "dram" else 0.0
        opener, _ = device.row_commands(device.commands[host.write].spans)
        waits = gap(device, opener, host.write) + settled(device, host.write)
        waits += settled(device, host.read)
        return read + waits + times.written(own(kernel.result))

    def energy_pj(self) -> Floats:
        """Shape (spreads,)."""
        device, multiply = self._space.device, self.mode.multiply
        host = device.kernels.host
        members = device.members(device.commands[multiply].spans)
        points = prod(self._space.points(self.table.lane_dim))
        least = energy_pj(device, {multiply: 1}, {}) / members * points
        one = min(energy_pj(device, {name: 1}, {}) for name in (host.read, host.write))
        # A row each of the vector, the matrix and the results, in every group.
        opener, _ = device.rows_by(multiply)
        rows = 3 * energy_pj(device, {}, {opener: 1}) * self.table.groups.prod(axis=1)
        return least + rows + one * self._moved

    @property
    def _moved(self) -> Floats:
        """Columns, over all groups, of the vector for all cores that use it and of their sums."""
        kernel, points = self._space.kernel, self._space.points(self.table.lane_dim)
        shares = ceil_div_array(np.array(points), self.table.rounds).astype(np.float64)
        vector = prod(kernel.dims[dim].size for dim in kernel.vector.dims) / self._space.lanes
        results = prod(points[dim] for dim in kernel.result.dims)
        users = shares[:, list(kernel.with_role(Role.OUTPUT))].prod(axis=1)
        partials = shares[:, list(kernel.with_role(Role.REDUCTION))].prod(axis=1)
        return vector * users + results * partials


def ceil_div_array(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """a / b, rounded up, element by element."""
    return -(-a // b)


@dataclass(order=True)
class _Found:
    """A schedule in a heap whose first element is the worst."""

    badness: float
    number: int
    schedule: Schedule = field(compare=False)
    estimate: Estimate = field(compare=False)


@dataclass
class UnitSearch:
    """One search under way."""

    space: ContractionSpace
    keep: int
    origins: Origins
    objective: Objective
    heap: list[_Found] = field(default_factory=list[_Found])
    priced: int = 0
    pruned: int = 0

    @cached_property
    def _times(self) -> UnitTimes:
        return UnitTimes(self.space.device)

    @property
    def _enough(self) -> float:
        """A score from which on nothing is of interest."""
        return inf if len(self.heap) < self.keep else -self.heap[0].badness

    def table(self, mode: ContractionMode, table: SpreadTable) -> None:
        """Search all spreads over one lane dimension, those with the lowest bound first."""
        floors = UnitFloors(table, mode, self.origins)
        bounds = combined(self.objective, floors.times(), floors.energy_pj())
        order: list[int] = np.argsort(bounds, kind="stable").tolist()
        for done, row in enumerate(order):
            if bounds[row] >= self._enough:
                self.pruned += len(order) - done
                return
            for schedule in UnitSpread(self.space, mode, table.spread(row)).schedules():
                self._price(schedule)

    def _price(self, schedule: Schedule) -> None:
        space = self.space
        try:
            mapping = Mapping(space.kernel, schedule, space.device, space.lanes)
        except ScheduleError:
            return  # The rounding of shares leaves the last group without a summand.
        self.priced += 1
        cost = UnitCost(mapping, self.origins, self._times)
        score = self._score(cost)
        if score >= self._enough:
            return
        item = _Found(-score, -self.priced, schedule, cost.estimate())
        if len(self.heap) < self.keep:
            heapq.heappush(self.heap, item)
        else:
            heapq.heapreplace(self.heap, item)

    def _score(self, cost: UnitCost) -> float:
        """What a schedule is ranked by; energy is counted where it matters."""
        if counts_energy(self.objective):
            return scored(self.objective, cost.estimate())
        return combined(self.objective, times_of(cost.parts), 0.0)

    def found(self) -> Iterator[tuple[Schedule, Estimate, float]]:
        """What was kept: schedule, estimate and score, the best first."""
        for item in sorted(self.heap, reverse=True):
            yield item.schedule, item.estimate, -item.badness
