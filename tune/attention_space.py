"""The schedules of attention that the tuner looks at.

Keys lie over one level at most, over which scores are summed as they move, and positions over the
others; values lie over some of the levels that positions leave. Positions go in blocks of an entry
of the buffer between the two products, one to every core before any has a second, so that few
positions take little time under the schedule for many. Weights go in chunks of as many blocks as
half an operand buffer holds, or fewer.
"""

from collections.abc import Iterator
from itertools import combinations
from math import prod

from pim_opt.devices import Device
from pim_opt.devices.model import AttentionKernels, ContractionMode
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.iteration import AttentionRole, Dim
from pim_opt.dialects.schedule import LANE, ROWS, TIME, Factor, Schedule, ScheduleError, Split
from pim_opt.tune.rule_of_thumb import balanced

Levels = tuple[str, ...]


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _time(size: int) -> Factor:
    return Factor((TIME,), size)


def _subsets(levels: Levels) -> Iterator[Levels]:
    for number in range(len(levels) + 1):
        yield from combinations(levels, number)


class AttentionSpace:
    """Schedules of both products of one kernel on one device."""

    def __init__(self, kernel: Attention, device: Device, lanes: int) -> None:
        kernels = device.kernels.attention
        if kernels is None:
            raise ScheduleError(f'device "{device.name}" has no attention commands')
        self._kernel, self._device, self._lanes = kernel, device, lanes
        self._kernels: AttentionKernels = kernels
        self._groups = tuple(
            Split(dim.name, (_time(dim.size),)) for dim in self._dims(AttentionRole.GROUP)
        )

    def _dims(self, role: AttentionRole) -> list[Dim]:
        return [self._kernel.dims[i] for i in self._kernel.with_role(role)]

    def heads(self) -> tuple[tuple[Split, ...], ...]:
        """Ways to spread heads over the groups: one dimension first, or the other."""
        dims, group = self._dims(AttentionRole.HEAD), self._device.group_level.short
        found: dict[tuple[Split, ...], None] = {}
        for order in (dims, dims[::-1]):
            free, sizes = self._device.groups, dict[str, int]()
            for dim in order:
                sizes[dim.name] = balanced(dim.size, free)
                free //= sizes[dim.name]
            factors = {
                dim.name: (
                    Factor((group,), sizes[dim.name]),
                    _time(_ceil(dim.size, sizes[dim.name])),
                )
                for dim in dims
            }
            found[tuple(Split(dim.name, factors[dim.name]) for dim in dims)] = None
        return tuple(found)

    def scores(self, heads: tuple[Split, ...]) -> Iterator[Schedule]:
        """Schedules of the product of query and key: blocks of positions, moved when done."""
        (key,), (length,) = self._dims(AttentionRole.KEY), self._dims(AttentionRole.LENGTH)
        mode, names = self._kernels.score, [split.dim for split in heads]
        shared = [split.dim for split in self._groups]
        for summed, rest in self._summed(mode):
            keys, columns = self._spread(summed, _ceil(key.size, self._lanes))
            positions, blocks = self._spread(rest, _ceil(length.size, self._lanes))
            splits = (
                *heads,
                *self._groups,
                Split(length.name, (_time(blocks), *positions, _time(self._lanes))),
                Split(key.name, (*keys, _time(columns), Factor((LANE,), self._lanes))),
            )
            inner = [length.name, key.name]
            whole, move_at = len(names), len(names) + len(shared) + 1
            # All queries that share keys are loaded at once, or one after the other.
            orders = [((*shared, length.name), whole)]
            if shared:
                orders += [((length.name, *shared), whole), (orders[0][0], move_at - 1)]
            for loops, load_at in orders:
                order = (*names, *loops, *inner)
                for travel in mode.load:
                    level = self._level(summed)
                    yield Schedule(splits, order, travel, True, level, load_at, move_at)

    def contexts(self, heads: tuple[Split, ...]) -> Iterator[Schedule]:
        """Schedules of the product of weights and value."""
        (value,), (length,) = self._dims(AttentionRole.VALUE), self._dims(AttentionRole.LENGTH)
        mode = self._kernels.context
        blocks_in_all = _ceil(length.size, self._lanes)
        for summed, rest in self._summed(mode):
            whole, left = self._spread(summed, blocks_in_all)
            for levels in _subsets(rest):
                others = tuple(level for level in rest if level not in levels)
                values, columns = self._spread(levels, _ceil(value.size, self._lanes))
                positions, blocks = self._spread(others, left)
                e = Split(value.name, (*values, _time(columns), Factor((LANE,), self._lanes)))
                for outer, inner in self._chunks(blocks):
                    times = (_time(outer), _time(inner))
                    n = Split(length.name, (*times, *positions, *whole, _time(self._lanes)))
                    splits = (*heads, *self._groups, n, e)
                    for order, marks in self._orders(heads, length.name, value.name, outer):
                        for travel in mode.load:
                            for rows in ROWS:
                                level = self._level(summed)
                                yield Schedule(splits, order, travel, True, level, *marks, rows)

    def _orders(
        self, heads: tuple[Split, ...], n: str, e: str, outer: int
    ) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
        """Orders of the context's loops, and where weights load and results move."""
        names, shared = [split.dim for split in heads], [split.dim for split in self._groups]
        depth, all_ = len(names), len(names) + len(shared)
        # A chunk of weights serves all values, whose partial sums move chunk by chunk.
        yield (*names, n, *shared, e, n, n), (depth + 1, all_ + 2)
        if shared:
            yield (*names, *shared, n, e, n, n), (all_ + 1, all_ + 2)
        if outer > 1:
            # Whole sums of one column of values after the other, the weights loaded for each.
            yield (*names, *shared, e, n, n, n), (all_ + 2, all_ + 1)

    def _chunks(self, blocks: int) -> Iterator[tuple[int, int]]:
        """Chunks, and blocks in each: all that differ in the number of chunks and fit."""
        operand = self._device.registers[self._kernels.context.operand]
        seen: set[int] = set()
        for most in range(operand.entries // operand.halves, 0, -1):
            inner = balanced(blocks, most)
            if inner not in seen:
                seen.add(inner)
                yield _ceil(blocks, inner), inner

    def _summed(self, mode: ContractionMode) -> Iterator[tuple[Levels, Levels]]:
        """The level that moves sum over, none at first, and the others."""
        levels = tuple(level.short for level in self._device.core_levels)
        for name in mode.move:
            summed = (self._device.level(name).short,) if name else ()
            yield summed, tuple(level for level in levels if level not in summed)

    def _spread(self, levels: Levels, points: int) -> tuple[tuple[Factor, ...], int]:
        """`points` over all members of levels taken together, and what each gets."""
        if not levels:
            return (), points
        members = prod(self._device.level(level).count for level in levels)
        return (Factor(levels, members),), _ceil(points, members)

    @staticmethod
    def _level(summed: Levels) -> str | None:
        return summed[0] if summed else None
