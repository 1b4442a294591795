"""Bounds from below on what the schedules of a spread reach, for leaving out those that lose."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pim_opt.cost.nest import Ints, refresh_cycles
from pim_opt.cost.timings import NestTimings, Refreshing
from pim_opt.tune.contraction_space import SpreadTable
from pim_opt.tune.nest_search import Distribution
from pim_opt.tune.objectives import Energies

_Number = TypeVar("_Number", float, NDArray[Any])
"""A number, or an array of them."""


def floor_cycles(multiplications: _Number, columns: _Number, t: NestTimings) -> _Number:
    """A bound from below on the cycles of a nest with so many multiplications in a core.

    They are of so many `columns` of the matrix.

    Multiplications follow each other at the device's rate; every full row of columns ends in a row
    switch, which nothing but waiting for something else can hide; the first multiplication waits
    for a load, and the last is followed by a move.
    """
    switches = -(-columns // t.columns) - 1
    switch = t.close + t.reopen - t.multiply
    return (multiplications - 1) * t.multiply + switches * switch + t.use + t.drain


def compute_floor(multiplications: _Number, t: NestTimings) -> _Number:
    """A bound from below on the part of that time that so many multiplications take.

    Whatever moves while rows open counts as movement.
    """
    return (multiplications - 1) * t.multiply


def with_refresh_floor(cycles: float, multiplications: int, t: NestTimings, r: Refreshing) -> float:
    """A bound from below on the time with refreshes of what takes `cycles` or more without.

    A refresh costs its pause less the mean rest before the next multiplication, which is
    sum(g^2) / 2T for gaps g in T cycles. All gaps but one at their least, the rests of T / period
    refreshes gain at most (extra + c)^2 / (2 period) for `extra` cycles more, which is less than
    these while extra is under two periods; from there on the extra cycles alone are the bound.
    """
    gained = (multiplications + 1) * t.multiply**2 / (2 * r.period)
    return cycles + min(max(refresh_cycles(cycles, 0.0, r) - gained, 0.0), 2 * r.period)


def floor_nest_pj(
    multiplications: _Number, columns: _Number, e: Energies, row_columns: int
) -> _Number:
    """A bound from below on the picojoules of so many multiplications on all groups.

    They are of so many `columns` of the matrix, whose rows of `row_columns` each must be opened.
    """
    return multiplications * e.multiply + -(-columns // row_columns) * e.row


@dataclass(frozen=True)
class WorkFloor:
    """Least numbers of what a spread's nests do on all groups."""

    rounds: tuple[int, ...]
    """Per dimension: no round of a group takes more points than its cores have."""

    @property
    def multiplications(self) -> int:
        """Multiplications of all groups."""
        return self._product(np.ones(len(self.rounds), np.int64))

    def columns(self, in_matrix: Ints) -> int:
        """Columns of the matrix in one core of all groups; `in_matrix` marks its dimensions."""
        return self._product(in_matrix)

    def _product(self, has: Ints) -> int:
        result = 1
        for rounds, wanted in zip(self.rounds, has.tolist(), strict=True):
            result *= rounds if wanted else 1
        return result

    def transfers_pj(self, d: Distribution) -> float:
        """A bound on the energy of loads and moves.

        Every core gets each column of the vector that it uses, and every result moves out, once.
        """
        loads = self._product(d.in_vector) / d.load_lanes * d.places.load.places
        moves = self._product(d.in_result) / d.move_lanes * d.places.move.places
        return loads * d.goal.energies.load + moves * d.goal.energies.move


def work_floors(table: SpreadTable) -> Ints:
    """Shape (spreads, dims): per dimension a bound on the rounds of all groups together."""
    return -(-np.array(table.space.points(table.lane_dim)) // table.members)
