"""A contraction's schedule bound to a device: loop nest, placements, where operands load and move.

One account of work: the lowering emits exactly these loops and placements, and the cost model
counts them. Raises ScheduleError wherever the schedule asks for what the device cannot do.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from pim_opt.cost.host_layout import host_layout, level_sizes
from pim_opt.cost.rooms import (
    inner_levels_of,
    lane_modes,
    passes_rows,
    result_room,
    vector_room,
)
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.flat_placement import same_places
from pim_opt.dialects.iteration import Access, Contraction, Role
from pim_opt.dialects.placement import BANK, LOCAL, TIME, Piece, Placement, Target
from pim_opt.dialects.schedule import Factor, Schedule, ScheduleError, check_covers


@dataclass(frozen=True)
class Loop:
    """A time loop of every core: `size` iterations, each a step of `stride` of the dimension."""

    dim: int
    size: int
    stride: int
    position: int
    """Which factor of its dimension this is, outermost 0."""
    turns: Target = ()
    """The levels whose members take turns, one in each iteration; none if all are of one bank."""


@dataclass(frozen=True)
class Digit:
    """A digit of a dimension that is spread over hardware: `size` members, `stride` apart."""

    dim: int
    position: int
    piece: Piece


@dataclass(frozen=True)
class Mapping:
    """A kernel, its schedule and a device, with all that follows from the three."""

    kernel: Contraction
    schedule: Schedule
    device: Device
    column_elements: int
    """Elements of the matrix in one DRAM column: the lanes."""
    given_mode: ContractionMode | None = None
    """The commands, where they are not those of contractions by themselves."""

    def __post_init__(self) -> None:
        check_covers(self.schedule, self.kernel)
        self._check_targets()
        self._check_lanes()
        self._check_turns()
        self._check_sum()
        self._check_travel()
        self._check_results()
        self._check_capacity()
        self._check_rows()

    # Roles of operands

    @cached_property
    def lane_dim(self) -> int:
        """The dimension that runs along the lanes."""
        return next(
            i
            for i, dim in enumerate(self.kernel.dims)
            if any(f.is_lane for f in self.schedule.split(dim.name).factors)
        )

    @property
    def reduces_lanes(self) -> bool:
        """Whether the lanes hold summands of one output (else: one summand of each output)."""
        return self.kernel.dims[self.lane_dim].role is Role.REDUCTION

    @cached_property
    def mode(self) -> ContractionMode:
        """The device's commands for this use of the lanes."""
        if self.given_mode is not None:
            return self.given_mode
        use = Role.REDUCTION if self.reduces_lanes else Role.OUTPUT
        mode = lane_modes(self.device, self.column_elements).get(use)
        if mode is None:
            role = self.kernel.dims[self.lane_dim].role
            raise ScheduleError(
                f'device "{self.device.name}" has no units whose lanes run along a {role} dimension'
            )
        return mode

    @property
    def vector_lanes(self) -> int:
        """Elements of the vector, or of the result, in one DRAM column or entry of a register."""
        return self.device.vector_lanes

    @property
    def columns_per_step(self) -> int:
        """Columns of the vector that a multiplication takes elements of."""
        return self.column_elements // self.vector_lanes if self.reduces_lanes else 1

    @property
    def sums_lanes(self) -> bool:
        """Whether a multiplication adds its lanes up; else an accumulator entry holds them all."""
        return self.device.meaning(self.mode.multiply).sums_lanes

    @property
    def through_rows(self) -> bool:
        """Whether vector and results pass through DRAM columns of the cores; see `passes_rows`."""
        return passes_rows(self.device, self.mode)

    @cached_property
    def inner_levels(self) -> tuple[str, ...]:
        """Levels inside of a core: members share its operand buffer, and so they take turns."""
        return inner_levels_of(self.device, self.mode)

    # Hardware digits

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """All digits spread over hardware, with their strides along their levels."""
        found: list[tuple[int, int, Target, int]] = []
        for number, dim in enumerate(self.kernel.dims):
            for position, factor in enumerate(self.schedule.split(dim.name).factors):
                if not factor.is_local:
                    found.append((number, position, self._target(factor), factor.size))
        result: list[Digit] = []
        for i, (number, position, target, size) in enumerate(found):
            stride = prod(other[3] for other in found[i + 1 :] if other[2] == target)
            result.append(Digit(number, position, Piece(target, size, stride)))
        return tuple(result)

    def _target(self, factor: Factor) -> Target:
        return tuple(self.device.level(name).short for name in self._known_levels(factor))

    def _known_levels(self, factor: Factor) -> tuple[str, ...]:
        names = {name for level in self.device.levels for name in (level.name, level.short)}
        for name in factor.levels:
            if name not in names:
                shorts = ", ".join(level.short for level in self.device.levels)
                raise ScheduleError(
                    f"unknown level '{name}' in '{factor}'; device \"{self.device.name}\" has"
                    f" {shorts}"
                )
        return factor.levels

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """The hardware targets in use, in order of first use."""
        return tuple(dict.fromkeys(digit.piece.target for digit in self.digits))

    def used(self, target: Target) -> int:
        """Number of members of `target` that have work."""
        return prod(d.piece.size for d in self.digits if d.piece.target == target)

    def size(self, target: Target) -> int:
        """Number of members of `target` that the device has."""
        return prod(self.device.level(name).count for name in target)

    @property
    def group_target(self) -> Target:
        return (self.device.group_level.short,)

    @property
    def core_targets(self) -> tuple[Target, ...]:
        """The targets in use inside a group."""
        return tuple(target for target in self.targets if target != self.group_target)

    def carries(self, target: Target, dims: Iterable[int]) -> bool:
        """Whether any of `dims` is spread over `target`."""
        wanted = set(dims)
        return any(d.piece.target == target and d.dim in wanted for d in self.digits)

    # Shapes

    def padded_shape(self, access: Access) -> tuple[int, ...]:
        """Shape of an operand with its padding: the points that the factors cover."""
        return tuple(
            1 if dim is None else self.schedule.split(self.kernel.dims[dim].name).extent
            for dim in access.axes
        )

    def tile_shape(self, access: Access) -> tuple[int, ...]:
        """Shape of one core's part of an operand: the points of its time and lane factors."""
        shape: list[int] = []
        for dim in access.axes:
            factors = self._factors(dim)
            shape.append(prod(factor.size for factor in factors if factor.is_local))
        return tuple(shape)

    def _factors(self, dim: int | None) -> tuple[Factor, ...]:
        return () if dim is None else self.schedule.split(self.kernel.dims[dim].name).factors

    # The loop nest

    @cached_property
    def loops(self) -> tuple[Loop, ...]:
        """The time loops, outermost first."""
        nth = dict.fromkeys(self.schedule.order, 0)
        result: list[Loop] = []
        for name in self.schedule.order:
            number = self.kernel.dim_number(name)
            assert number is not None, "check_covers has seen to it"
            split = self.schedule.split(name)
            times = [i for i, factor in enumerate(split.factors) if factor.is_time]
            position = times[nth[name]]
            nth[name] += 1
            factor = split.factors[position]
            turns = self._known_levels(Factor(factor.turns, factor.size))
            names = tuple(self.device.level(level).short for level in turns)
            result.append(Loop(number, factor.size, split.stride(position), position, names))
        return tuple(result)

    @cached_property
    def turn_pieces(self) -> dict[int, Piece]:
        """Per loop in which banks take turns its digit over their level."""
        strides: dict[Target, int] = {}
        result: dict[int, Piece] = {}
        for number, loop in reversed(tuple(enumerate(self.loops))):
            if loop.turns:
                stride = strides.setdefault(loop.turns, 1)
                result[number] = Piece(loop.turns, loop.size, stride)
                strides[loop.turns] *= loop.size
        return result

    def _iterations(self, dims: Iterable[int], depth: int) -> int:
        wanted = set(dims)
        return prod(loop.size for loop in self.loops[depth:] if loop.dim in wanted)

    @property
    def load_room(self) -> int:
        """Loop iterations over the vector that one load can serve: what its buffer holds."""
        return vector_room(
            self.device,
            self.mode,
            self.column_elements,
            reduces_lanes=self.reduces_lanes,
            double_buffer=self.schedule.double_buffer,
        )

    @property
    def move_room(self) -> int:
        """Loop iterations over the result that one move can empty: what the accumulators hold."""
        return result_room(self.device, self.mode, self.column_elements)

    @cached_property
    def load_depth(self) -> int:
        """Vector elements load before loops[load_depth:]."""
        dims = self.kernel.vector.dims
        return self._depth("x", self.schedule.load_at, dims, self.load_room)

    @cached_property
    def move_depth(self) -> int:
        """Results move out after loops[move_depth:]."""
        dims = self.kernel.result.dims
        return self._depth("y", self.schedule.move_at, dims, self.move_room)

    def _depth(self, mark: str, given: int | None, dims: tuple[int, ...], room: int) -> int:
        """Where the schedule has its mark, or the outermost place inside of which `dims` fit."""
        if given is None:
            depths = range(len(self.loops) + 1)
            return next(d for d in depths if self._iterations(dims, d) <= room)
        needed = self._iterations(dims, given)
        if needed > room:
            raise ScheduleError(
                f"'{mark}' in the order stands where {needed} steps are needed at once, but device"
                f' "{self.device.name}" has room for {room}'
            )
        return given

    @property
    def loaded_columns(self) -> int:
        """Columns of the vector that one load brings to a core."""
        points = self._iterations(self.kernel.vector.dims, self.load_depth)
        lanes = self.column_elements if self.reduces_lanes else 1
        return -(-points * lanes // self.vector_lanes)

    @property
    def moved_results(self) -> int:
        """Results of a core that one move carries: the lanes in use."""
        points = self._iterations(self.kernel.result.dims, self.move_depth)
        return points if self.sums_lanes else points * self.column_elements

    @property
    def moved_columns(self) -> int:
        """Columns of results that one move takes from a core."""
        return -(-self.moved_results // self.vector_lanes)

    @property
    def operand_register(self) -> str:
        """The register file that the vector is loaded to."""
        return self.mode.operand

    @property
    def accumulator(self) -> str:
        """The register file that results gather in."""
        return self.mode.accumulator

    # Placements

    def _loop_pieces(
        self, dims: Iterable[int], depth: int, unit: int, elsewhere: Collection[int] = ()
    ) -> dict[int, Piece]:
        """Per loop over `dims` its digit: local inside `depth`, a moment in time outside of it.

        The innermost local digit steps by `unit` elements; loops `elsewhere` have none.
        """
        wanted = set(dims)
        result: dict[int, Piece] = {}
        moment = 1
        for number, loop in reversed(tuple(enumerate(self.loops))):
            if number in elsewhere:
                continue
            if number >= depth:
                if loop.dim in wanted:
                    result[number] = Piece(LOCAL, loop.size, unit)
                    unit *= loop.size
                continue
            if loop.dim in wanted:
                result[number] = Piece(TIME, loop.size, moment)
            moment *= loop.size
        return result

    @cached_property
    def matrix_loops(self) -> dict[int, Piece]:
        """Per loop its digit in the matrix's placement: columns follow the loop order."""
        turns = self.turn_pieces
        return self._loop_pieces(self.kernel.matrix.dims, 0, self.column_elements, turns) | turns

    @cached_property
    def vector_loops(self) -> dict[int, Piece]:
        """Per loop its digit in the vector's placement in the operand buffers."""
        unit = self.column_elements if self.reduces_lanes else 1
        return self._loop_pieces(self.kernel.vector.dims, self.load_depth, unit)

    @cached_property
    def result_loops(self) -> dict[int, Piece]:
        """Per loop its digit in the results' placement in the accumulators."""
        unit = 1 if self.sums_lanes else self.column_elements
        return self._loop_pieces(self.kernel.result.dims, self.move_depth, unit)

    @cached_property
    def round_loops(self) -> dict[int, Piece]:
        """Per reduction loop around the moves its digit: partial sums that come one by one."""
        reductions = self.kernel.with_role(Role.REDUCTION)
        pieces = self._loop_pieces(reductions, self.move_depth, 1)
        return {number: piece for number, piece in pieces.items() if number < self.move_depth}

    def _axes(self, access: Access, loops: dict[int, Piece]) -> tuple[tuple[Piece, ...], ...]:
        pieces = {(d.dim, d.position): d.piece for d in self.digits}
        for number, piece in loops.items():
            pieces[self.loops[number].dim, self.loops[number].position] = piece
        pieces[self.lane_dim, len(self._factors(self.lane_dim)) - 1] = Piece(
            LOCAL, self.column_elements
        )
        return tuple(
            tuple(pieces[dim, i] for i in range(len(self._factors(dim)))) if dim is not None else ()
            for dim in access.axes
        )

    def _copies(self, access: Access) -> tuple[Piece, ...]:
        return tuple(d.piece for d in self.digits if d.dim not in access.dims)

    def matrix_placement(self, row: int) -> Placement:
        """The matrix in DRAM from `row` on, columns in the order in which the loops read them."""
        access = self.kernel.matrix
        return Placement(BANK, self._axes(access, self.matrix_loops), self._copies(access), row)

    @cached_property
    def vector_placement(self) -> Placement:
        """The vector in the operand buffers of the cores that use it."""
        access = self.kernel.vector
        axes = self._axes(access, self.vector_loops)
        return Placement(self.operand_register, axes, self._copies(access))

    def _row_loops(self, dims: Iterable[int], depth: int, unit: int) -> dict[int, Piece]:
        """Per loop over `dims` its digit in DRAM: each iteration of the loops before `depth` starts
        a column."""
        wanted = set(dims)
        pieces = self._loop_pieces(dims, depth, unit)
        inside = {number: piece for number, piece in pieces.items() if piece.target == LOCAL}
        unit *= prod(piece.size for piece in inside.values())
        unit = -(-unit // self.vector_lanes) * self.vector_lanes
        for number, loop in reversed(tuple(enumerate(self.loops[:depth]))):
            if loop.dim in wanted:
                inside[number] = Piece(LOCAL, loop.size, unit)
                unit *= loop.size
        return inside

    @cached_property
    def vector_row_loops(self) -> dict[int, Piece]:
        """Per loop its digit in the vector's placement in DRAM, a column for each load."""
        unit = self.column_elements if self.reduces_lanes else 1
        return self._row_loops(self.kernel.vector.dims, self.load_depth, unit)

    @cached_property
    def result_row_loops(self) -> dict[int, Piece]:
        """Per loop its digit in the results' placement in DRAM."""
        unit = 1 if self.sums_lanes else self.column_elements
        return self._row_loops(self.kernel.result.dims, self.move_depth, unit)

    def vector_row_placement(self, row: int) -> Placement:
        """The vector in DRAM from `row` on, in the first bank of every core that uses it."""
        access = self.kernel.vector
        axes = self._axes(access, self.vector_row_loops)
        return Placement(BANK, axes, self._copies(access), row)

    def result_row_placement(self, row: int) -> Placement:
        """Results in DRAM from `row` on, in the first bank of every core.

        Axis 0 counts the partial sums of the cores.
        """
        partial = tuple(d.piece for d in self.partial_digits)
        axes = self._axes(self.kernel.result, self.result_row_loops)
        return Placement(BANK, (partial, *axes), row=row)

    def rows_of(self, placement: Placement) -> int:
        """DRAM rows per bank that a placement of the vector or of results takes."""
        return -(-placement.extent(LOCAL) // (self.vector_lanes * self.device.columns))

    @cached_property
    def partial_digits(self) -> tuple[Digit, ...]:
        """Digits of reduction dimensions over hardware: each value is a partial sum of its own."""
        reductions = self.kernel.with_role(Role.REDUCTION)
        return tuple(d for d in self.digits if d.dim in reductions)

    @property
    def partials(self) -> int:
        """Partial sums per result over the cores, those that the device sums itself included."""
        return prod(d.piece.size for d in self.partial_digits)

    @cached_property
    def partial_placement(self) -> Placement:
        """Results in the accumulators; axis 0 counts the partial sums of the cores."""
        partial = tuple(d.piece for d in self.partial_digits)
        axes = self._axes(self.kernel.result, self.result_loops)
        return Placement(self.accumulator, (partial, *axes))

    @cached_property
    def moved_placement(self) -> Placement:
        """Results as they move out: `partial_placement` less what the device sums on the way.

        Axis 0 counts the partial sums that reach the host: those of reduction loops that run around
        the moves, then those of cores.
        """
        rounds = tuple(self.round_loops.values())[::-1]
        hardware = tuple(
            d.piece for d in self.partial_digits if d.piece.target != self.summed_target
        )
        placement = self.partial_placement
        return replace(placement, axes=(rounds + hardware, *placement.axes[1:]))

    @property
    def host_partials(self) -> int:
        """Partial sums per result that the host adds."""
        return prod(piece.size for piece in self.moved_placement.axes[0])

    @property
    def summed_target(self) -> Target | None:
        """The target over which the device sums results as they move."""
        level = self.schedule.sum_level
        return None if level is None else (self.device.level(level).short,)

    @property
    def matrix_rows(self) -> int:
        """DRAM rows per bank that the matrix takes."""
        dims = self.kernel.matrix.dims
        loops = (loop for loop in self.loops if loop.dim in dims and not loop.turns)
        return -(-prod(loop.size for loop in loops) // self.device.columns)

    @cached_property
    def in_place(self) -> bool:
        """Whether a matrix in host layout lies where the cores need it."""
        kernel, device = self.kernel, self.device
        shape = kernel.shape(kernel.matrix)
        host = host_layout(device, prod(shape), self.column_elements, 0)
        return same_places(self.matrix_placement(0), host, shape, level_sizes(device))

    # Checks

    def _check_targets(self) -> None:
        group = self.device.group_level.short
        for i, target in enumerate(self.targets):
            text = "*".join(target)
            if len(set(target)) != len(target):
                raise ScheduleError(f"'{text}' names a level twice")
            if group in target and len(target) > 1:
                raise ScheduleError(
                    f"'{text}' joins {group}, whose members take separate commands, with others"
                )
            self._check_core(target)
            if self.used(target) > self.size(target):
                raise ScheduleError(
                    f"the factors over {text} multiply to {self.used(target)}, but device"
                    f' "{self.device.name}" has {self.size(target)}'
                )
            for other in self.targets[:i]:
                if set(other) & set(target):
                    raise ScheduleError(
                        f"'{'*'.join(other)}' and '{text}' share a level; use one of them"
                    )

    def _check_core(self, target: Target) -> None:
        for level in target:
            if level in self.inner_levels:
                raise ScheduleError(
                    f"'{'*'.join(target)}': members of {level} share '{self.operand_register}', so"
                    f" they take turns; expected '{level}*time'"
                )

    def _check_turns(self) -> None:
        """Only members that share a core take turns, and no more of them than there are."""
        for turns in dict.fromkeys(loop.turns for loop in self.loops if loop.turns):
            text = "*".join(turns)
            if not set(turns) <= set(self.inner_levels) or len(set(turns)) != len(turns):
                raise ScheduleError(
                    f"'{text}*time': the levels inside of a core of device \"{self.device.name}\","
                    f" whose members take turns, are {', '.join(self.inner_levels) or 'none'}"
                )
            used = prod(loop.size for loop in self.loops if set(loop.turns) & set(turns))
            if used > self.size(turns):
                raise ScheduleError(
                    f"the factors over {text}*time multiply to {used}, but device"
                    f' "{self.device.name}" has {self.size(turns)}'
                )
            for loop in self.loops:
                if loop.turns and loop.dim not in self.kernel.matrix.dims:
                    name = self.kernel.dims[loop.dim].name
                    raise ScheduleError(
                        f"'{text}*time' of '{name}', which the matrix lacks: the banks of a core"
                        " would hold the same"
                    )

    def _check_results(self) -> None:
        """What passes through rows is stored by every core that shares a result, and once."""
        if not self.through_rows:
            return
        if any(piece.size > 1 for piece in self.round_loops.values()):
            raise ScheduleError(
                "results are stored inside of a loop over a reduction, where the sums of a core are"
                " not complete"
            )
        for dim in self.kernel.with_role(Role.REDUCTION):
            name, size = self.kernel.dims[dim].name, self.kernel.dims[dim].size
            split = self.schedule.split(name)
            spread = [
                d for d in self.digits if d.dim == dim and d.piece.target == self.group_target
            ]
            if sum((d.piece.size - 1) * split.stride(d.position) for d in spread) >= size:
                raise ScheduleError(
                    f"the last {self.device.group} has none of the {size} points of '{name}', but"
                    " the host would read its sums"
                )

    def _check_lanes(self) -> None:
        dim = self.kernel.dims[self.lane_dim]
        size = self.schedule.split(dim.name).factors[-1].size
        if size != self.column_elements:
            raise ScheduleError(
                f"'{dim.name}' has lane {size}; a column of device \"{self.device.name}\" holds"
                f" {self.column_elements} elements"
            )
        if dim.role in (Role.BATCH, Role.ROW):
            raise ScheduleError(
                f"the lanes run along {dim.role} dimension '{dim.name}'; they must run along a"
                " reduction"
                " or an output dimension"
            )
        assert self.mode is not None
        if self.reduces_lanes and self.lane_dim not in self.kernel.vector.dims:
            raise ScheduleError(
                f"the lanes run along '{dim.name}', of which the vector has one point for all"
            )

    def _check_sum(self) -> None:
        level = self.schedule.sum_level
        known = [name for name in self.mode.move if name]
        if level is None:
            return
        if level not in {name for lv in self.device.levels for name in (lv.name, lv.short)} or (
            self.device.level(level).name not in known
        ):
            raise ScheduleError(
                f"'y: sum({level})': device \"{self.device.name}\" sums over"
                f" {', '.join(known) or 'no level'}"
            )
        target = self.summed_target
        assert target is not None
        reductions = self.kernel.with_role(Role.REDUCTION)
        others = set(range(len(self.kernel.dims))) - set(reductions)
        if self.used(target) != self.size(target) or self.carries(target, others):
            raise ScheduleError(
                f"'y: sum({level})' sums all {self.size(target)} members of {level}, so reduction"
                f" dimensions alone must fill it; they take {self.used(target)}"
            )

    def _check_travel(self) -> None:
        travel = self.schedule.travel
        if travel not in self.mode.load:
            raise ScheduleError(
                f"'x: {travel}': device \"{self.device.name}\" loads by {', '.join(self.mode.load)}"
            )
        if self.through_rows:
            return  # Every core loads from a bank of its own, however many load at once.
        spans = {self.device.level(s).short for s in self.load_command_spans}
        for target in self.core_targets:
            inside = set(target) & spans
            if inside and inside != set(target):
                raise ScheduleError(
                    f"'x: {travel}' reaches all of {', '.join(sorted(spans))} at once, but"
                    f" '{'*'.join(target)}' joins some of them with others"
                )
            if inside and self.carries(target, self.kernel.vector.dims):
                raise ScheduleError(
                    f"'x: {travel}' writes the same to all of {'*'.join(target)}, over which the"
                    " vector is split"
                )

    @property
    def load_command_spans(self) -> tuple[str, ...]:
        """Core levels on all of whose members one load command acts."""
        return self.device.commands[self.mode.load[self.schedule.travel]].spans

    def _check_capacity(self) -> None:
        if self.matrix_rows > self.device.rows:
            raise ScheduleError(
                f"the matrix takes {self.matrix_rows} rows of every bank in use, but a bank has"
                f" {self.device.rows}"
            )
        if self.schedule.double_buffer and (
            self.device.registers[self.operand_register].halves < 2
        ):
            raise ScheduleError(
                f"'x: double': the operand buffer of device \"{self.device.name}\" is in one piece"
            )
        assert self.load_depth >= 0, "a mark that leaves no room is refused"
        assert self.move_depth >= 0, "a mark that leaves no room is refused"

    def _check_rows(self) -> None:
        spans = self.device.commands[self.mode.multiply].spans
        if self.schedule.rows == "all" and len(spans) < len(self.device.core_levels):
            raise ScheduleError(
                f"'rows: all': {self.mode.multiply} of device \"{self.device.name}\" does not open"
                " its row in all banks"
            )
