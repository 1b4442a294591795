"""Where the columns of a tensor in host layout lie, and which commands reach them all.

The host's consecutive columns go round the device before they go to a bank's next column. So a
column's number is that of its bank's local column times the banks, plus a weight per level.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from pim_opt.devices import Device
from pim_opt.devices.model import Level
from pim_opt.dialects.placement import Placement, interleaved

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LevelLoop:
    """A loop over the members of a level that hold columns."""

    level: Level
    count: int
    weight: int
    """By how many a column's number grows from one member to the next."""


@dataclass(frozen=True)
class HostColumns:
    """The columns of a tensor in host layout from the start of some column of every bank."""

    device: Device
    elements: int
    """At least 1."""
    lanes: int
    """Elements of a column."""

    @property
    def columns(self) -> int:
        """Columns that hold elements."""
        return -(-self.elements // self.lanes)

    @cached_property
    def banks(self) -> int:
        """Banks of the device: columns from one local column to the next."""
        return prod(level.count for level in self.device.levels)

    @property
    def depth(self) -> int:
        """Columns of the first bank, which has most."""
        return -(-self.columns // self.banks)

    @cached_property
    def loops(self) -> tuple[LevelLoop, ...]:
        """Every level's loop, in the order in which the host's addresses run, the fastest first."""
        found: list[LevelLoop] = []
        weight = 1
        for name in self.device.host_layout[:-2]:
            level = self.device.level(name)
            used = min(level.count, -(-self.columns // weight))
            found.append(LevelLoop(level, used, weight))
            weight *= level.count
        return tuple(found)

    @property
    def group_loop(self) -> LevelLoop:
        """The loop over groups."""
        return next(loop for loop in self.loops if loop.level == self.device.group_level)

    def loops_of(self, spans: Iterable[str]) -> tuple[LevelLoop, ...]:
        """Loops of a group's commands for one local column, fastest first.

        Args:
            spans: levels on all of whose members one command acts.
        """
        joined = {self.device.level(name) for name in spans} | {self.device.group_level}
        return tuple(loop for loop in self.loops if loop.level not in joined)

    def used_below(self, level: str) -> tuple[LevelLoop, ...]:
        """Loops over the levels inside a member of `level`, outermost level first."""
        names = [other.name for other in self.device.levels]
        inside = names[names.index(self.device.level(level).name) + 1 :]
        by_name = {loop.level.name: loop for loop in self.loops}
        return tuple(by_name[name] for name in inside)

    def numbers(self, spans: Iterable[str], columns: range, group: int = 0) -> Ints:
        """Numbers of the first columns that a group's commands act on, in the order of its loops.

        Args:
            spans: levels on all of whose members one command acts.
            columns: local columns, for each of which commands go round the loops.
            group: its number.
        """
        total = np.asarray(columns, np.int64) * self.banks + group * self.group_loop.weight
        for loop in self.loops_of(spans)[::-1]:
            total = np.add.outer(total, np.arange(loop.count) * loop.weight)
        return total.reshape(-1)

    def placement(self, row: int, column: int = 0) -> Placement:
        """The tensor's placement from `column` of `row` on."""
        order = [(loop.level.short, loop.level.count) for loop in self.loops]
        return interleaved(self.elements, self.lanes, order, row, column)
