"""From a spread to schedules: how the vector travels, what the device sums, and the loop nest."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from pim_opt.cost.contraction import in_matrix_of, move_pace, resets_of, turns_of
from pim_opt.cost.energy import energy_pj
from pim_opt.cost.host_accesses import HostAccesses
from pim_opt.cost.host_work import host_work
from pim_opt.cost.nest import FirstRow
from pim_opt.cost.streams import Paces
from pim_opt.cost.timings import Refreshing, entering
from pim_opt.cost.transfers import TransferLoops
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Role
from pim_opt.dialects.placement import LOCAL, Piece, Placement
from pim_opt.dialects.schedule import LANE, ROWS, TIME, Factor, Schedule, Split
from pim_opt.tune.contraction_space import ContractionSpace, Spread
from pim_opt.tune.nest_search import NO_LOOP, NO_WRITES, ORDERS, Distribution, MatrixWrites, Places
from pim_opt.tune.objectives import OBJECTIVES, Goal, Objective, counts_energy, energies


@dataclass(frozen=True)
class NestChoice:
    """One result of the search over time loops."""

    output_inner: int
    reduction_inner: int
    row_inner: int
    order: int
    """Row of nest_search.ORDERS."""
    load_depth: int
    double: bool


@dataclass(frozen=True)
class Around:
    """The host's accesses around a nest, with one way to open the rows that it writes to."""

    rows: str
    cycles: float
    row_hold: float
    """How long the nest's last row must have been open when its last result moves."""
    energy_pj: float


@dataclass(frozen=True)
class Variant:
    """A spread with a way for the vector to travel and a level over which the device sums."""

    space: ContractionSpace
    mode: ContractionMode
    spread: Spread
    travel: str
    sum_level: str | None
    """Short name of the level."""

    # Hardware

    @property
    def _load_spans(self) -> set[str]:
        device = self.space.device
        return {device.level(s).short for s in device.commands[self.mode.load[self.travel]].spans}

    def factors(self, dim: int) -> tuple[Factor, ...]:
        """Factors of a dimension over groups and core levels."""
        device, spread = self.space.device, self.spread
        found: list[Factor] = []
        if spread.groups[dim] > 1:
            found.append(Factor((device.group_level.short,), spread.groups[dim]))
        levels, cores = spread.levels[dim], spread.cores[dim]
        sizes = {level.short: level.count for level in device.core_levels}
        # A level that is summed is summed whole, whether the dimension fills it or not.
        whole = self.sum_level in levels or cores == prod(sizes[level] for level in levels)
        if not whole:
            return (*found, Factor(levels, cores)) if cores > 1 else tuple(found)
        for block in self._blocks(levels):
            found.append(Factor(block, prod(sizes[level] for level in block)))
        return tuple(found)

    def _blocks(self, levels: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Levels that can be joined: what is summed and what a load spans stand by themselves."""
        spans = self._load_spans
        for inside in (True, False):
            block = tuple(lv for lv in levels if lv != self.sum_level and (lv in spans) is inside)
            if block:
                yield block
        if self.sum_level in levels:
            yield (self.sum_level,)

    @property
    def is_legal(self) -> bool:
        """Whether the device can load and sum so; `cost.mapping` refuses what is not."""
        return self._can_sum and self._can_load

    @property
    def _can_sum(self) -> bool:
        if self.sum_level is None:
            return True
        reductions = self.space.kernel.with_role(Role.REDUCTION)
        return any(self.sum_level in self.spread.levels[dim] for dim in reductions)

    @property
    def _can_load(self) -> bool:
        spans, vector = self._load_spans, self.space.kernel.vector.dims
        for dim in range(len(self.space.kernel.dims)):
            for factor in self.factors(dim):
                inside = spans & set(factor.levels)
                if inside and (dim in vector or inside != set(factor.levels)):
                    return False
        return True

    def _places(self, command: str, summed: str | None) -> TransferLoops:
        """The loops over hardware of a command that goes to every core in use."""
        pieces = [
            Piece(factor.levels, factor.size)
            for dim in range(len(self.space.kernel.dims))
            for factor in self.factors(dim)
            if factor.levels not in [(summed,), (self.space.device.group_level.short,)]
        ]
        lanes = self.space.device.vector_lanes
        placement = Placement("places", (tuple(pieces), (Piece(LOCAL, lanes),)))
        return TransferLoops(self.space.device, command, placement, lanes)

    # The loop nest

    @property
    def _move_command(self) -> str:
        level = self.sum_level
        return self.mode.move["" if level is None else self.space.device.level(level).name]

    def _last(self, role: Role) -> int | None:
        """The last dimension of a role that takes several rounds, or else the last."""
        dims = self.space.kernel.with_role(role)
        return max(dims, key=lambda dim: (self.spread.rounds[dim] > 1, dim), default=None)

    @property
    def _split_dims(self) -> tuple[int | None, int | None, int | None]:
        """The dimensions whose rounds are split: the last output and reduction that have several,
        and the longest row."""
        rounds = self.spread.rounds
        rows = self.space.kernel.with_role(Role.ROW)
        row = max(rows, key=lambda dim: rounds[dim], default=None)
        return self._last(Role.OUTPUT), self._last(Role.REDUCTION), row

    def _round_loop(self, dim: int | None) -> tuple[int, int, int]:
        """Dimension, rounds and stride of the rounds that a core takes for `dim`."""
        if dim is None:
            return (0, 1, 1)
        stride = self.space.lanes if dim == self.spread.lane_dim else 1
        return (dim, self.spread.rounds[dim], stride)

    @property
    def _around(self) -> list[int]:
        """Dimensions whose rounds are not split: batches first, then the others."""
        kernel = self.space.kernel
        dims = [d for role in Role for d in kernel.with_role(role) if d not in self._split_dims]
        return sorted(dims, key=lambda dim: kernel.dims[dim].role is not Role.BATCH)

    @property
    def hardware(self) -> tuple[object, ...]:
        """All that `places` and `is_legal` depend on."""
        return (
            self.mode.multiply,
            self.spread.levels,
            self.spread.cores,
            self.travel,
            self.sum_level,
        )

    def pricing(
        self, places: Places, around: Around, objective: Objective, *, moves_matrix: bool
    ) -> tuple[object, ...]:
        """All that the prices of the variant's nests depend on, besides kernel and device.

        Time does not depend on which members of a level take part, but for what `places` says, and
        for where the host writes the matrix.
        """
        spread = self.spread
        key = (self.mode.multiply, spread.lane_dim, spread.rounds, places, around)
        by_places = moves_matrix or counts_energy(objective)
        return (*key, *self.hardware, spread.groups) if by_places else key

    def places(self, paces: Paces) -> Places:
        """Where loads and moves go."""
        loads = self._places(self.mode.load[self.travel], None)
        moves = self._places(self._move_command, self.sum_level)
        resets = resets_of(moves, self.mode)
        return Places(
            paces.pace(loads),
            move_pace(moves, resets, paces),
            turns_of(loads, moves, resets, paces),
        )

    def writes(self, accesses: HostAccesses) -> MatrixWrites:
        """How the host writes the matrix, if it must."""
        if not accesses.moves_matrix:
            return NO_WRITES
        device = self.space.device
        write = device.kernels.host.write
        loops = self._places(write, None)
        banks = loops.commands * prod(self.spread.groups)
        opener, _ = device.row_commands(device.commands[write].spans)
        return MatrixWrites(
            accesses.matrix_writes(loops),
            loops.commands,
            accesses.write_settles,
            loops.commands == device.cores,
            energy_pj(device, {write: banks}, {}),
            energy_pj(device, {}, {opener: banks}),
        )

    def around(self, accesses: HostAccesses, rows: str) -> Around:
        """The host's accesses, whose writes find rows open as the schedule's `rows:` says."""
        written = accesses.write_cycles(self.mode, self._move_command, rows=rows)
        commands, activations = host_work(accesses, self.mode, rows)
        return Around(
            rows,
            accesses.read_cycles + entering(self.space.device, self.mode) + written,
            accesses.row_hold(self.mode, self._move_command, rows=rows),
            energy_pj(self.space.device, commands, activations, self.space.lanes),
        )

    @property
    def ways_to_open(self) -> tuple[str, ...]:
        """What the schedule's `rows:` can say on this device."""
        device = self.space.device
        spans = device.commands[self.mode.multiply].spans
        return ROWS if len(spans) == len(device.core_levels) else ROWS[:1]

    def distribution(
        self,
        places: Places,
        first_row: FirstRow,
        refreshing: Refreshing,
        around: Around,
        writes: MatrixWrites,
        goal: Goal,
    ) -> Distribution:
        """What the search over time loops needs to know."""
        kernel, device, lanes = self.space.kernel, self.space.device, self.space.lanes
        operand = device.registers[self.mode.operand]
        vector_lanes, accumulator = device.vector_lanes, device.registers[self.mode.accumulator]
        moves = self._places(self._move_command, self.sum_level)
        tree = kernel.dims[self.spread.lane_dim].role is Role.REDUCTION
        dims = range(len(kernel.dims))
        outer = [self._round_loop(dim) for dim in self._around]
        output, reduction, row = (
            np.array(self._round_loop(dim), np.int64) for dim in self._split_dims
        )
        return Distribution(
            around=np.array(outer, np.int64).reshape(-1, 3),
            sizes=np.array([dim.size for dim in kernel.dims], np.int64),
            in_matrix=in_matrix_of(kernel),
            in_vector=np.array([dim in kernel.vector.dims for dim in dims], np.int64),
            in_result=np.array([dim in kernel.result.dims for dim in dims], np.int64),
            output=output,
            reduction=reduction,
            row=row,
            places=places,
            load_room=operand.entries * vector_lanes // (lanes if tree else 1),
            halves=operand.halves,
            move_room=accumulator.entries if tree else accumulator.entries // lanes,
            load_lanes=vector_lanes / lanes if tree else float(lanes),
            move_lanes=moves.elements if tree else 1,
            columns_per_step=lanes // vector_lanes if tree else 1,
            first_row=first_row,
            around_cycles=around.cycles,
            row_hold=around.row_hold,
            refreshing=refreshing,
            writes=writes,
            goal=goal,
        )

    def goal(self, objective: Objective, around_pj: float) -> Goal:
        """What the search makes small; `around_pj` is the energy of the host's accesses."""
        device, dims = self.space.device, range(len(self.space.kernel.dims))
        load, move = self.mode.load[self.travel], self._move_command
        one = energies(device, load, self.mode.multiply, move, self.space.lanes)
        cores = [
            prod(f.size for f in self.factors(dim) if f.levels != (device.group_level.short,))
            * (self.space.lanes if dim == self.spread.lane_dim else 1)
            for dim in dims
        ]
        return Goal(
            OBJECTIVES.index(objective),
            one,
            around_pj,
            np.array(self.spread.groups, np.int64),
            np.array(cores, np.int64),
        )

    def schedule(self, choice: NestChoice, rows: str) -> Schedule:
        """The schedule of this variant with a loop nest."""
        kernel = self.space.kernel
        times = {dim: [self.spread.rounds[dim]] for dim in range(len(kernel.dims))}
        names = [kernel.dims[dim].name for dim in self._around if times[dim][0] > 1]
        inners = (choice.output_inner, choice.reduction_inner, choice.row_inner)
        for dim, inner in zip(self._split_dims, inners, strict=True):
            if dim is not None:
                times[dim] = [-(-times[dim][0] // inner), inner]
        order: list[int] = ORDERS[choice.order].tolist()
        for loop in order:
            dim = None if loop == NO_LOOP else self._split_dims[loop // 2]
            if dim is not None:
                names.append(kernel.dims[dim].name)
        splits = [Split(kernel.dims[dim].name, self._all_factors(dim, times[dim])) for dim in times]
        return Schedule(
            tuple(splits),
            tuple(names),
            self.travel,
            choice.double,
            self.sum_level,
            choice.load_depth,
            None,
            rows,
        )

    def _all_factors(self, dim: int, times: list[int]) -> tuple[Factor, ...]:
        factors = [*self.factors(dim), *(Factor((TIME,), size) for size in times if size > 1)]
        if dim == self.spread.lane_dim:
            factors.append(Factor((LANE,), self.space.lanes))
        return tuple(factors)


def variants(space: ContractionSpace, mode: ContractionMode, spread: Spread) -> Iterator[Variant]:
    """Every way to load and to sum for a spread, legal or not."""
    levels: list[str | None] = [None]
    levels += [space.device.level(name).short for name in mode.move if name]
    for travel in mode.load:
        for level in levels:
            yield Variant(space, mode, spread, travel, level)
