"""The schedule of attention that a device's authors write by hand.

No search and no cost: heads, positions, keys and values over the levels that the device file names,
a whole query in the buffers and as many weights as fit, positions in blocks of an entry.
"""

from collections.abc import Sequence
from math import prod

from pim_opt.devices import Device
from pim_opt.devices.model import AttentionKernels
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.iteration import AttentionRole, Dim
from pim_opt.dialects.schedule import (
    LANE,
    TIME,
    Factor,
    Schedule,
    ScheduleError,
    Split,
    StagedSchedule,
)
from pim_opt.tune.rule_of_thumb import balanced


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _time(size: int) -> Factor:
    return Factor((TIME,), size)


def _spread(device: Device, targets: Sequence[str], points: int) -> tuple[list[Factor], int]:
    """Factors that spread `points` over all members of targets, and what each gets."""
    factors: list[Factor] = []
    for text in targets:
        levels = tuple(device.level(name).short for name in text.split("*"))
        factors.append(Factor(levels, device.members(levels)))
    return factors, _ceil(points, prod(factor.size for factor in factors))


def attention_rule(kernel: Attention, device: Device, lanes: int) -> StagedSchedule:
    """The hand mapping of `device` for attention.

    Args:
        lanes: elements in one DRAM column.

    Raises:
        ScheduleError: the device has no attention commands.
    """
    kernels = device.kernels.attention
    if kernels is None:
        raise ScheduleError(f'device "{device.name}" has no attention commands')
    rule = _Rule(kernel, device, kernels, lanes)
    return StagedSchedule((rule.score(), rule.context()))


class _Rule:
    """What both nests have in common."""

    def __init__(
        self, kernel: Attention, device: Device, kernels: AttentionKernels, lanes: int
    ) -> None:
        self.kernel, self.device, self.kernels, self.lanes = kernel, device, kernels, lanes

    def _dims(self, role: AttentionRole) -> list[Dim]:
        return [self.kernel.dims[i] for i in self.kernel.with_role(role)]

    def _heads(self) -> list[Split]:
        """Heads over the groups, the outermost dimension first; and the queries that share one."""
        free = self.device.groups
        splits: list[Split] = []
        for dim in self._dims(AttentionRole.HEAD):
            size = balanced(dim.size, free)
            free //= size
            factor = Factor((self.device.group_level.short,), size)
            splits.append(Split(dim.name, (factor, _time(_ceil(dim.size, size)))))
        shared = self._dims(AttentionRole.GROUP)
        return [*splits, *(Split(dim.name, (_time(dim.size),)) for dim in shared)]

    def _blocks(self) -> tuple[list[Factor], int]:
        """Positions over the hardware, and the blocks of an entry that a core has of them."""
        (dim,) = self._dims(AttentionRole.LENGTH)
        targets = self.kernels.hand_mapping[AttentionRole.LENGTH]
        return _spread(self.device, targets, _ceil(dim.size, self.lanes))

    def _lane_split(self, dim: Dim, role: AttentionRole) -> Split:
        targets = self.kernels.hand_mapping[role]
        factors, columns = _spread(self.device, targets, _ceil(dim.size, self.lanes))
        return Split(dim.name, (*factors, _time(columns), Factor((LANE,), self.lanes)))

    def _sum_level(self, role: AttentionRole, moves: dict[str, str]) -> str | None:
        """The level of the role's mapping over which moves sum."""
        targets = self.kernels.hand_mapping[role]
        return next((target for target in targets[::-1] if target in moves), None)

    def _schedule(
        self,
        splits: list[Split],
        order: list[str],
        marks: tuple[int, int],
        level: str | None,
        loads: dict[str, str],
    ) -> Schedule:
        """A nest with its loads and moves inside of so many loops."""
        short = None if level is None else self.device.level(level).short
        travel = "multicast" if "multicast" in loads else "direct"
        return Schedule(tuple(splits), tuple(order), travel, True, short, *marks)

    def score(self) -> Schedule:
        """Blocks of positions, each moved when its scores are whole."""
        (length,), (key,) = self._dims(AttentionRole.LENGTH), self._dims(AttentionRole.KEY)
        level = self._sum_level(AttentionRole.KEY, self.kernels.score.move)
        heads = self._heads()
        factors, blocks = self._blocks()
        positions = Split(length.name, (_time(blocks), *factors, _time(self.lanes)))
        keys = self._lane_split(key, AttentionRole.KEY)
        names = [split.dim for split in heads]
        order = [*names, length.name, length.name, key.name]
        marks = (len(names), len(names) + 1)
        splits = [*heads, positions, keys]
        return self._schedule(splits, order, marks, level, self.kernels.score.load)

    def context(self) -> Schedule:
        """Columns of the value, all positions of each; weights stay where they fit."""
        (length,), (value,) = self._dims(AttentionRole.LENGTH), self._dims(AttentionRole.VALUE)
        level = self._sum_level(AttentionRole.LENGTH, self.kernels.context.move)
        heads = self._heads()
        factors, blocks = self._blocks()
        operand = self.device.registers[self.kernels.context.operand]
        # One entry holds the ones by which a mask is added.
        taken = 0 if self.kernel.mask is None else 1
        inner = balanced(blocks, operand.entries // operand.halves - taken)
        outer = _ceil(blocks, inner)
        positions = Split(length.name, (_time(outer), _time(inner), *factors, _time(self.lanes)))
        values = self._lane_split(value, AttentionRole.VALUE)
        names = [split.dim for split in heads]
        n, e = length.name, value.name
        depth = len(names)
        order = [*names, n, e, n, n] if outer == 1 else [*names, e, n, n, n]
        marks = (depth + 1, depth + 2) if outer == 1 else (depth + 2, depth + 1)
        splits = [*heads, positions, values]
        return self._schedule(splits, order, marks, level, self.kernels.context.load)
