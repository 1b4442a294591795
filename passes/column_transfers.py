"""Sections of a program that carry a tensor between host memory and its place on the device.

A placement says where every element lies; its inverse says which element lies at a place. A
transfer runs over the places of a placement, column by column, and issues one command for each.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr

from pim_opt.cost.transfers import TransferLoops
from pim_opt.devices import Device
from pim_opt.dialects.placement import BANK, LOCAL, TIME, Piece, Placement, Target
from pim_opt.passes.program_builder import (
    ZERO,
    ProgramBuilder,
    digit,
    level_coordinates,
    total,
    unflatten,
)


@dataclass(frozen=True)
class _Place:
    """A place along hardware targets, and its coordinates along single levels."""

    linear: dict[Target, AffineExpr]
    levels: dict[str, AffineExpr]


@dataclass(frozen=True)
class Transfer:
    """What one transfer issues: `command` for every column of `placement`."""

    device: Device
    command: str
    placement: Placement
    shape: tuple[int, ...]
    """Shape of the host memory, which the placement's axes index (flat: the flattened memory)."""
    lanes: int
    """Elements in a column."""
    moments: Mapping[Piece, AffineExpr] = field(default_factory=dict[Piece, AffineExpr])
    """Digits along time, from the loops around the transfer."""
    slot_base: AffineExpr = ZERO
    """Added to the column number where a register file's slot is addressed."""

    @cached_property
    def nest(self) -> TransferLoops:
        """The loops that the commands stand in."""
        return TransferLoops(self.device, self.command, self.placement, self.lanes)

    def emit(self, builder: ProgramBuilder, group: AffineExpr, staging: SSAValue | None) -> None:
        """All commands of one group, inside a section that runs on `groups` groups."""
        with builder.repeat(self.nest.columns) as column:
            self.emit_column(builder, group, staging, column)

    def emit_column(
        self,
        builder: ProgramBuilder,
        group: AffineExpr,
        staging: SSAValue | None,
        column: AffineExpr,
    ) -> None:
        """The commands of one group for local column `column` of every place."""
        with ExitStack() as stack:
            counters = [
                stack.enter_context(builder.repeat(loop.count)) if loop.count > 1 else ZERO
                for loop in self.nest.loops[1:]
            ]
            self._issue(builder, group, staging, [column, *counters])

    def begins(self, group: AffineExpr, column: AffineExpr) -> list[AffineExpr]:
        """Conditions that a group's first place has any element in local column `column`."""
        place = self._place(group, [ZERO] * (len(self.nest.loops) - 1))
        return self._guards(column, place.linear)

    def emit_at(
        self,
        builder: ProgramBuilder,
        group: AffineExpr,
        staging: SSAValue | None,
        index: AffineExpr,
    ) -> None:
        """The command that `emit` issues as number `index` in a group."""
        counters: list[AffineExpr] = []
        weight = self.nest.commands
        for number, loop in enumerate(self.nest.loops):
            weight //= loop.count
            counters.append(digit(index, weight, loop.count if number else None))
        self._issue(builder, group, staging, counters)

    def _issue(
        self,
        builder: ProgramBuilder,
        group: AffineExpr,
        staging: SSAValue | None,
        counters: Sequence[AffineExpr],
    ) -> None:
        column = counters[0]
        place = self._place(group, counters[1:])
        if self.nest.gathers:
            place.linear.update(self._gathered(builder.lane))
        element = self._element(builder.lane, column, place.linear)
        if self.nest.gathers:
            element[0] = element[0] + self._out_of_use(builder.lane) * self.shape[0]
        with builder.when(self._guards(column, place.linear)):
            core = [place.levels.get(level.short, ZERO) for level in self.device.core_levels]
            row, within_row, operands = self._local_address(column)
            builder.issue(
                self.command,
                [*core, row, within_row],
                operands,
                staging,
                element,
                self._valid_lanes,
            )

    @property
    def _valid_lanes(self) -> int:
        elements = prod(self.shape) if self.placement.flat else self.lanes
        if self.nest.gathers:
            return min(self.lanes, self.device.cores)
        return min(self.lanes, self.placement.extent(LOCAL), elements)

    def _local_address(self, column: AffineExpr) -> tuple[AffineExpr, AffineExpr, list[AffineExpr]]:
        """Row, column and index operands of the command for local column `column`."""
        if self.placement.space == BANK:
            columns, placed = self.device.columns, column + self.placement.column
            return placed // columns + self.placement.row, placed % columns, []
        operands = self.device.commands[self.command].operands
        return ZERO, ZERO, [self.slot_base + column] if operands else []

    def _place(self, group: AffineExpr, counters: Sequence[AffineExpr]) -> "_Place":
        """The place that the loops over targets have reached."""
        place = _Place({}, {})
        if (self.nest.group,) in self.nest.hardware_targets:
            place.linear[self.nest.group,] = group
        for loop, counter in zip(self.nest.loops[1:], counters, strict=True):
            levels = level_coordinates(loop.levels, counter, self.nest.level_sizes)
            if self.nest.group in loop.target:
                levels[self.nest.group] = group
            whole = self.nest.is_whole(loop.target)
            place.linear[loop.target] = self._position(loop.target, levels) if whole else counter
            place.levels.update(levels)
        return place

    def _gathered(self, lane: AffineExpr) -> dict[Target, AffineExpr]:
        """Positions along targets inside the group of the core whose element a lane holds."""
        targets = (t for t in self.nest.hardware_targets if t != (self.nest.group,))
        coordinates = self._coordinates(lane)
        return {target: self._position(target, coordinates) for target in targets}

    def _coordinates(self, lane: AffineExpr) -> dict[str, AffineExpr]:
        """Coordinates of the core whose element a lane holds; cores count in the device's order."""
        levels = [level.short for level in self.device.core_levels]
        return level_coordinates(levels, lane, self.nest.level_sizes)

    def _out_of_use(self, lane: AffineExpr) -> AffineExpr:
        """0 for lanes of cores that hold elements, and more for the others."""
        gathered, coordinates = self._gathered(lane), self._coordinates(lane)
        used = {level for target in gathered for level in target}
        beyond = [
            position // self.placement.extent(target)
            for target, position in gathered.items()
            if not self.nest.is_whole(target)
        ]
        return total([*beyond, *(at for level, at in coordinates.items() if level not in used)])

    def _position(self, target: Target, levels: Mapping[str, AffineExpr]) -> AffineExpr:
        """Position along a target, whose last level runs fastest."""
        return total(
            [
                levels[level] * prod(self.nest.level_sizes[other] for other in target[i + 1 :])
                for i, level in enumerate(target)
            ]
        )

    def _element(
        self, lane: AffineExpr, column: AffineExpr, linear: Mapping[Target, AffineExpr]
    ) -> list[AffineExpr]:
        """Index in host memory of the element at a place: the inverse of the placement."""
        axes = [self._axis_index(axis, lane, column, linear) for axis in self.placement.axes]
        return unflatten(axes[0], self.shape) if self.placement.flat else axes

    def _axis_index(
        self,
        axis: Sequence[Piece],
        lane: AffineExpr,
        column: AffineExpr,
        linear: Mapping[Target, AffineExpr],
    ) -> AffineExpr:
        terms: list[AffineExpr] = []
        weight = 1
        for piece in reversed(axis):
            if piece.size > 1:
                terms.append(self._digit(piece, lane, column, linear) * weight)
            weight *= piece.size
        return total(terms[::-1])

    def _digit(
        self,
        piece: Piece,
        lane: AffineExpr,
        column: AffineExpr,
        linear: Mapping[Target, AffineExpr],
    ) -> AffineExpr:
        if piece.target == TIME:
            return self.moments[piece]
        rivals = (p.stride for p in self.placement.pieces(piece.target) if p.size > 1)
        size = None if piece.stride == max(rivals) else piece.size
        if piece.target != LOCAL:
            return digit(linear[piece.target], piece.stride, size)
        if piece.stride % self.nest.elements == 0:
            return digit(column, piece.stride // self.nest.elements, size)
        if self.lanes % (piece.stride * piece.size) == 0:
            whole = piece.stride * piece.size == self.lanes
            return digit(lane, piece.stride, None if whole else size)
        if self._keeps_columns_apart:
            return digit(lane, piece.stride, piece.size)
        return digit(column * self.lanes + lane, piece.stride, size)

    @cached_property
    def _keeps_columns_apart(self) -> bool:
        """Whether each local digit steps within a column or by whole ones.

        What the digits leave of a column's lanes holds elements of it once more.
        """
        pieces = self.placement.pieces(LOCAL)
        return all(p.stride % self.lanes == 0 or p.stride * p.size <= self.lanes for p in pieces)

    def _guards(self, column: AffineExpr, linear: Mapping[Target, AffineExpr]) -> list[AffineExpr]:
        """Conditions under which a column of a flat tensor holds any element at all."""
        elements = prod(self.shape)
        if not self.placement.flat or self.placement.padded_shape()[0] - elements < self.lanes:
            return []
        return [self._axis_index(self.placement.axes[0], ZERO, column, linear) * -1 + elements - 1]
