"""The schedules of a contraction that the tuner considers: how its dimensions spread over hardware.

A spread gives every dimension its part of the groups and whole core levels, or as much of these as
the dimension can fill. What is left are the rounds that each core takes for a dimension; their
product is the number of its multiplications, which bounds a spread's time from below before
anything else of it is looked at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from pim_opt.cost.rooms import inner_levels_of, lane_modes, passes_rows
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode, Level
from pim_opt.dialects.iteration import Contraction

Ints = NDArray[np.int64]

IDLE = -1
"""In place of a dimension: no dimension is spread over the level."""


def ceil_div(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


def balanced_sizes(points: int, limit: int) -> list[int]:
    """Numbers of equal parts, at most `limit`, of which no smaller one needs as few rounds."""
    return [
        parts
        for parts in range(1, min(points, limit) + 1)
        if parts == 1 or ceil_div(points, parts) < ceil_div(points, parts - 1)
    ]


@dataclass(frozen=True)
class Spread:
    """Where each dimension runs: per dimension its factors over groups and core levels."""

    lane_dim: int
    groups: tuple[int, ...]
    """Per dimension, how many groups share it."""
    levels: tuple[tuple[str, ...], ...]
    """Per dimension the core levels that carry it, outermost first."""
    cores: tuple[int, ...]
    """Per dimension, how many members of its levels taken together share it."""
    rounds: tuple[int, ...]
    """Per dimension, how many points each core takes one after the other."""

    @property
    def multiplications(self) -> int:
        """Multiplications of a core that has most to do."""
        return prod(self.rounds)


@dataclass(frozen=True)
class ContractionSpace:
    """All spreads of a kernel over a device, and the schedules that follow from each."""

    kernel: Contraction
    device: Device
    lanes: int
    """Elements of the matrix in one DRAM column."""

    def lane_dims(self) -> Iterator[tuple[int, ContractionMode]]:
        """Dimensions that can run along the lanes, and the device's commands for it."""
        for role, mode in lane_modes(self.device, self.lanes).items():
            for dim in self.kernel.lane_dims:
                if self.kernel.dims[dim].role is role:
                    yield dim, mode

    @property
    def passes_rows(self) -> bool:
        """Whether vector and results pass through rows of the cores, whatever runs on the lanes."""
        return all(passes_rows(self.device, mode) for _, mode in self.lane_dims())

    @cached_property
    def core_levels(self) -> tuple[Level, ...]:
        """The levels that dimensions spread over: those whose members take no turns."""
        device = self.device
        inner = {name for _, mode in self.lane_dims() for name in inner_levels_of(device, mode)}
        return tuple(level for level in device.core_levels if level.short not in inner)

    def points(self, lane_dim: int) -> list[int]:
        """Per dimension its size, that of the lane dimension in columns."""
        return [
            ceil_div(dim.size, self.lanes) if number == lane_dim else dim.size
            for number, dim in enumerate(self.kernel.dims)
        ]

    def spreads(self, lane_dim: int) -> "SpreadTable":
        """Every spread whose levels are all needed: without any of them some dimension would take
        more rounds."""
        points = self.points(lane_dim)
        owners = self._owners(points)
        tables = [self._table(groups, points, owners) for groups in self._group_factors(points)]
        return SpreadTable(
            self,
            lane_dim,
            np.concatenate([np.broadcast_to(t.groups, t.rounds.shape) for t in tables]),
            np.concatenate([t.owners for t in tables]),
            np.concatenate([t.rounds for t in tables]),
        )

    def _group_factors(self, points: Sequence[int]) -> Iterator[tuple[int, ...]]:
        limit = self.device.groups
        choices = [balanced_sizes(p, limit) for p in points]
        return (groups for groups in product(*choices) if prod(groups) <= limit)

    def _owners(self, points: Sequence[int]) -> Ints:
        """Per choice and core level the dimension that carries the level, or IDLE."""
        able = [number for number, size in enumerate(points) if size > 1]
        choices = product(*([*able, IDLE] for _ in self.core_levels))
        return np.array(list(choices), np.int64).reshape(-1, len(self.core_levels))

    def _table(self, groups: tuple[int, ...], points: Sequence[int], owners: Ints) -> "_Rows":
        counts = np.array([level.count for level in self.core_levels])
        left = np.array([ceil_div(p, g) for p, g in zip(points, groups, strict=True)])
        carries = owners[:, :, None] == np.arange(len(left))
        members = np.where(carries, counts[:, None], 1)
        most = members.prod(axis=1)
        rounds = -(-left // most)
        without = -(-left // (most[:, None, :] // members))
        needed = (~carries | (without > rounds[:, None, :])).all(axis=(1, 2))
        return _Rows(np.array(groups), owners[needed], rounds[needed])


@dataclass(frozen=True)
class _Rows:
    groups: Ints
    owners: Ints
    rounds: Ints


@dataclass(frozen=True)
class SpreadTable:
    """Spreads as arrays, one row each."""

    space: ContractionSpace
    lane_dim: int
    groups: Ints
    """Shape (n, dims): how many groups share the dimension."""
    owners: Ints
    """Shape (n, core levels): the dimension that carries the level, or IDLE."""
    rounds: Ints
    """Shape (n, dims): points that a core takes one after the other."""

    def __len__(self) -> int:
        return len(self.rounds)

    @property
    def multiplications(self) -> Ints:
        """Multiplications of a core that has most to do, shape (n,)."""
        return self.rounds.prod(axis=1)

    @property
    def matrix_columns(self) -> Ints:
        """Columns of the matrix of a core that has most to do, shape (n,)."""
        return self.rounds[:, list(self.space.kernel.matrix.dims)].prod(axis=1)

    @property
    def members(self) -> Ints:
        """Shape (n, dims): members of all core levels that carry the dimension together."""
        counts = np.array([level.count for level in self.space.core_levels])
        dims = range(len(self.space.kernel.dims))
        return np.stack(
            [np.where(self.owners == dim, counts, 1).prod(axis=1) for dim in dims], axis=1
        )

    def spread(self, row: int) -> Spread:
        """One row as a Spread."""
        core_levels = self.space.core_levels
        points = self.space.points(self.lane_dim)
        owners: list[int] = self.owners[row].tolist()
        levels = tuple(
            tuple(lv.short for lv, own in zip(core_levels, owners, strict=True) if own == d)
            for d in range(len(points))
        )
        groups = tuple(self.groups[row].tolist())
        rounds = tuple(self.rounds[row].tolist())
        cores = tuple(
            ceil_div(ceil_div(p, g), r) for p, g, r in zip(points, groups, rounds, strict=True)
        )
        return Spread(self.lane_dim, groups, levels, cores, rounds)
