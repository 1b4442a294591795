"""The schedules of attention that the tuner looks at.

Keys lie over one level at most, over which scores are summed as they move, and positions over the
others; values lie over some of the levels that positions leave. Positions go in blocks of an entry
of the buffer between the two products, one to every core before any has a second, so that few
positions take little time under the schedule for many. Weights go in chunks of as many blocks as
half an operand buffer holds, or fewer. Queries that share keys stay in one group, or go to several,
which then have copies of the keys and values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from math import prod

from pim_opt.cost.floor import command_interval
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


@dataclass(frozen=True)
class Spread:
    """Heads, and the queries of each, over the groups."""

    heads: tuple[Split, ...]
    shared: tuple[Split, ...]
    """Queries that share keys."""

    @property
    def turns(self) -> int:
        """Queries that a group goes through, one after the other."""
        splits = (*self.heads, *self.shared)
        return prod(f.size for split in splits for f in split.factors if f.is_time)


class AttentionSpace:
    """Schedules of both products of one kernel on one device."""

    def __init__(self, kernel: Attention, device: Device, lanes: int) -> None:
        kernels = device.kernels.attention
        if kernels is None:
            raise ScheduleError(f'device "{device.name}" has no attention commands')
        self._kernel, self._device, self._lanes = kernel, device, lanes
        self._kernels: AttentionKernels = kernels

    def _dims(self, role: AttentionRole) -> list[Dim]:
        return [self._kernel.dims[i] for i in self._kernel.with_role(role)]

    def spreads(self) -> tuple[Spread, ...]:
        """Ways to spread heads over the groups, one dimension first, or the other; then queries.

        Those that keep most groups busy come first.
        """
        dims = self._dims(AttentionRole.HEAD)
        found: dict[Spread, None] = {}
        for order in (dims, dims[::-1]):
            free, sizes = self._device.groups, dict[str, int]()
            for dim in order:
                sizes[dim.name] = balanced(dim.size, free)
                free //= sizes[dim.name]
            heads = tuple(self._over_groups(dim, sizes[dim.name]) for dim in dims)
            for shared in self._shared(free):
                found[Spread(heads, shared)] = None
        return tuple(sorted(found, key=lambda spread: spread.turns))

    def floor_cycles(self, spread: Spread) -> int:
        """Cycles in which a group can multiply all that it has to at best, on all cores at once."""
        (length,), device = self._dims(AttentionRole.LENGTH), self._device
        per_query = 0
        for role, mode in (
            (AttentionRole.KEY, self._kernels.score),
            (AttentionRole.VALUE, self._kernels.context),
        ):
            products = length.size * prod(dim.size for dim in self._dims(role))
            rounds = _ceil(products, device.cores * self._lanes)
            per_query += rounds * command_interval(device, mode.multiply)
        return spread.turns * per_query

    def _shared(self, free: int) -> Iterator[tuple[Split, ...]]:
        """Ways to spread queries that share keys over so many groups, as many to each."""
        dims = self._dims(AttentionRole.GROUP)
        choices = [[n for n in range(1, free + 1) if dim.size % n == 0] for dim in dims]
        for numbers in product(*choices):
            if prod(numbers) <= free:
                pairs = zip(dims, numbers, strict=True)
                yield tuple(self._over_groups(dim, number) for dim, number in pairs)

    def _over_groups(self, dim: Dim, number: int) -> Split:
        """A dimension over so many groups, and in each one after the other."""
        factor = Factor((self._device.group_level.short,), number)
        rest = _time(_ceil(dim.size, number))
        alone = number == 1 and dim.role is AttentionRole.GROUP
        return Split(dim.name, (rest,) if alone else (factor, rest))

    def scores(self, spread: Spread) -> Iterator[Schedule]:
        """Schedules of the product of query and key: blocks of positions, moved when done."""
        (key,), (length,) = self._dims(AttentionRole.KEY), self._dims(AttentionRole.LENGTH)
        mode, names = self._kernels.score, [split.dim for split in spread.heads]
        shared = [split.dim for split in spread.shared]
        for summed, rest in self._summed(mode):
            keys, columns = self._spread(summed, _ceil(key.size, self._lanes))
            positions, blocks = self._spread(rest, _ceil(length.size, self._lanes))
            splits = (
                *spread.heads,
                *spread.shared,
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

    def contexts(self, spread: Spread) -> Iterator[Schedule]:
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
                    splits = (*spread.heads, *spread.shared, n, e)
                    for order, marks in self._orders(spread, length.name, value.name, outer):
                        for travel in mode.load:
                            for rows in ROWS:
                                level = self._level(summed)
                                yield Schedule(splits, order, travel, True, level, *marks, rows)

    def _orders(
        self, spread: Spread, n: str, e: str, outer: int
    ) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
        """Orders of the context's loops, and where weights load and results move."""
        names = [split.dim for split in spread.heads]
        shared = [split.dim for split in spread.shared]
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
