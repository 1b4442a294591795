"""Sections of a program that carry a tensor between host memory and its place on the device.

A placement says where every element lies; its inverse says which element lies at a place. A
transfer runs over the places of a placement, column by column, and issues one command for each.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import prod

from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr

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

    @property
    def group(self) -> str:
        return self.device.group_level.short

    @property
    def spans(self) -> set[str]:
        """Core levels on all of whose members one command acts."""
        return {self.device.level(name).short for name in self.device.commands[self.command].spans}

    @property
    def columns(self) -> int:
        """Columns of one core that hold elements."""
        return -(-self.placement.extent(LOCAL) // self.lanes)

    @property
    def hardware_targets(self) -> tuple[Target, ...]:
        return tuple(t for t in self.placement.targets if t not in (LOCAL, TIME))

    @property
    def groups(self) -> int:
        """Groups that take part."""
        if (self.group,) in self.placement.targets:
            return self.placement.extent((self.group,))
        if any(self.group in target for target in self.hardware_targets):
            return self.device.group_level.count
        return 1

    def emit(self, builder: ProgramBuilder, group: AffineExpr, staging: SSAValue) -> None:
        """The commands of one group, inside a section that runs on `groups` groups."""
        with builder.repeat(self.columns) as column, self._places(builder, group) as place:
            element = self._element(builder.lane, column, place.linear)
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
    def _level_sizes(self) -> dict[str, int]:
        return {level.short: level.count for level in self.device.levels}

    @property
    def _valid_lanes(self) -> int:
        return min(self.lanes, self.placement.extent(LOCAL))

    def _local_address(self, column: AffineExpr) -> tuple[AffineExpr, AffineExpr, list[AffineExpr]]:
        """Row, column and index operands of the command for local column `column`."""
        if self.placement.space == BANK:
            columns = self.device.columns
            return column // columns + self.placement.row, column % columns, []
        operands = self.device.commands[self.command].operands
        return ZERO, ZERO, [self.slot_base + column] if operands else []

    @contextmanager
    def _places(self, builder: ProgramBuilder, group: AffineExpr) -> Generator["_Place"]:
        """One loop per target inside the group; gives the place that the loops have reached.

        Targets, and the levels of a target that is used whole, go round in the order in which the
        host's own addresses do, so that neighbouring commands use different buses.
        """
        place = _Place({}, {})
        with ExitStack() as stack:
            for target in sorted(self.hardware_targets, key=self._rank, reverse=True):
                if set(target) <= self.spans:
                    continue
                inside = sorted(
                    (lv for lv in target if lv != self.group), key=self._host_order.index
                )
                if self._is_whole(target):
                    count = prod(self._level_sizes[level] for level in inside)
                    counter = stack.enter_context(builder.repeat(count)) if inside else ZERO
                    levels = level_coordinates(tuple(inside[::-1]), counter, self._level_sizes)
                    if self.group in target:
                        levels[self.group] = group
                    place.linear[target] = self._position(target, levels)
                elif target == (self.group,):
                    levels = {self.group: group}
                    place.linear[target] = group
                else:
                    counter = stack.enter_context(builder.repeat(self.placement.extent(target)))
                    levels = level_coordinates(target, counter, self._level_sizes)
                    place.linear[target] = counter
                place.levels.update(levels)
            yield place

    def _rank(self, target: Target) -> int:
        return min(self._host_order.index(level) for level in target)

    @property
    def _host_order(self) -> list[str]:
        """Levels in the order in which the host's addresses run over them, fastest first."""
        return [self.device.level(name).short for name in self.device.host_layout[:-2]]

    def _is_whole(self, target: Target) -> bool:
        """Whether every member of every level of `target` has a place."""
        return self.placement.extent(target) == prod(self._level_sizes[lv] for lv in target)

    def _position(self, target: Target, levels: Mapping[str, AffineExpr]) -> AffineExpr:
        """Position along a target, whose last level runs fastest."""
        return total(
            [
                levels[level] * prod(self._level_sizes[other] for other in target[i + 1 :])
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
        if piece.stride % self.lanes == 0:
            return digit(column, piece.stride // self.lanes, size)
        if self.lanes % (piece.stride * piece.size) == 0:
            whole = piece.stride * piece.size == self.lanes
            return digit(lane, piece.stride, None if whole else size)
        return digit(column * self.lanes + lane, piece.stride, size)

    def _guards(self, column: AffineExpr, linear: Mapping[Target, AffineExpr]) -> list[AffineExpr]:
        """Conditions under which a column of a flat tensor holds any element at all."""
        elements = prod(self.shape)
        if not self.placement.flat or self.placement.padded_shape()[0] - elements < self.lanes:
            return []
        return [self._axis_index(self.placement.axes[0], ZERO, column, linear) * -1 + elements - 1]
