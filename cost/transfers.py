"""Which commands carry a tensor to or from its placement, and in which order.

One account of work: passes emit these loops, and the cost model counts them.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

from pim_opt.devices import Device
from pim_opt.dialects.placement import LOCAL, TIME, Placement, Target


@dataclass(frozen=True)
class TransferLoop:
    """A loop of a transfer: over columns, or over the members of `target`."""

    count: int
    target: Target
    levels: tuple[str, ...] = ()
    """Levels that the counter runs over, the last fastest."""


@dataclass(frozen=True)
class TransferLoops:
    """The loops of one group's commands: one command for every column of every place.

    Columns are the outermost loop. Targets, and the levels of a target that is used whole, go round
    in the order in which the host's own addresses do, so that neighbouring commands use different
    buses.
    """

    device: Device
    command: str
    placement: Placement
    lanes: int
    """Elements in a column."""

    @property
    def group(self) -> str:
        return self.device.group_level.short

    @property
    def spans(self) -> set[str]:
        """Core levels on all of whose members one command acts."""
        return {self.device.level(name).short for name in self.device.commands[self.command].spans}

    @property
    def gathers(self) -> bool:
        """Whether a command's lanes are those of many cores, with one element of each."""
        given = self.device.commands[self.command]
        return given.meaning is not None and self.device.meaning(self.command).gathers

    @property
    def elements(self) -> int:
        """Consecutive elements of a core that one command carries."""
        return 1 if self.gathers else self.lanes

    @property
    def columns(self) -> int:
        """Commands that carry what one core holds: its columns, as a rule."""
        return -(-self.placement.extent(LOCAL) // self.elements)

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

    @property
    def level_sizes(self) -> dict[str, int]:
        return {level.short: level.count for level in self.device.levels}

    @cached_property
    def loops(self) -> tuple[TransferLoop, ...]:
        """Columns, then one loop per target inside the group, outermost first."""
        loops = [TransferLoop(self.columns, LOCAL)]
        for target in sorted(self.hardware_targets, key=self._rank, reverse=True):
            if set(target) <= self.spans or target == (self.group,):
                continue
            if self.is_whole(target):
                inside = sorted((lv for lv in target if lv != self.group), key=self._host_rank)
                levels = tuple(inside[::-1])
                count = prod(self.level_sizes[level] for level in levels)
            else:
                levels, count = target, self.placement.extent(target)
            loops.append(TransferLoop(count, target, levels))
        return tuple(loops)

    @property
    def commands(self) -> int:
        """Commands that a group issues, those of columns without any element included."""
        return prod(loop.count for loop in self.loops)

    @property
    def digits(self) -> tuple[tuple[str, int], ...]:
        """Levels that the commands for one column go round, with their members, fastest first."""
        digits: list[tuple[str, int]] = []
        for loop in self.loops[:0:-1]:
            left = loop.count
            for level in reversed(loop.levels):
                used = min(left, self.level_sizes[level])
                left = -(-left // self.level_sizes[level])
                digits.append((level, used))
        return tuple(digits)

    def is_whole(self, target: Target) -> bool:
        """Whether every member of every level of `target` has a place."""
        return self.placement.extent(target) == prod(self.level_sizes[lv] for lv in target)

    def _rank(self, target: Target) -> int:
        return min(map(self._host_rank, target))

    def _host_rank(self, level: str) -> int:
        """Place of a level in the order in which the host's addresses run, the fastest 0."""
        order = [self.device.level(name).short for name in self.device.host_layout[:-2]]
        return order.index(level)
