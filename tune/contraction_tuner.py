"""The tuner of contractions: every schedule of the space priced or bounded away, the best kept."""

import heapq
import time
from dataclasses import dataclass, field
from math import inf

import numpy as np

from pim_opt.cost.contraction import cycle_parts
from pim_opt.cost.estimate import CycleParts
from pim_opt.cost.host_accesses import HostAccesses
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.nest import FirstRow, refresh_cycles
from pim_opt.cost.timings import NestTimings, Refreshing, nest_timings, refreshing_of
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Contraction
from pim_opt.dialects.schedule import Schedule
from pim_opt.tune.contraction_space import ContractionSpace, SpreadTable
from pim_opt.tune.nest_search import (
    CYCLES,
    DOUBLE,
    LOAD_DEPTH,
    ORDER,
    OUTPUT_INNER,
    REDUCTION_INNER,
    Places,
    search_nests,
)
from pim_opt.tune.variants import NestChoice, Variant, variants

INDIFFERENCE = 0.5
"""Cycles by which a schedule must be better to be of interest."""


@dataclass(frozen=True)
class Candidate:
    """A schedule and what the model predicts for it."""

    schedule: Schedule
    parts: CycleParts
    score: float
    """What the search ranked it by: its cycles, and a trifle for every command."""

    @property
    def cycles(self) -> float:
        return self.parts.cycles


@dataclass(frozen=True)
class TuningResult:
    """The best schedules of a space under the model, best first, and how they were found."""

    candidates: tuple[Candidate, ...]
    priced: int
    """Schedules whose cycles were computed."""
    pruned: int
    """Spreads and variants left out because their bound is no better than the last one kept."""
    seconds: float


@dataclass(order=True)
class _Found:
    """A candidate in a heap whose first element is the worst."""

    badness: float
    number: int
    variant: Variant = field(compare=False)
    choice: NestChoice = field(compare=False)


def floor_cycles(multiplications: int, t: NestTimings) -> float:
    """A bound from below on the cycles of a nest with so many multiplications in a core.

    Multiplications follow each other at the device's rate; every full row of columns ends in a row
    switch, which nothing but waiting for something else can hide; the first multiplication waits
    for a load, and the last is followed by a move.
    """
    switches = -(-multiplications // t.columns) - 1
    switch = t.close + t.reopen - t.multiply
    return (multiplications - 1) * t.multiply + switches * switch + t.use + t.drain


def with_refresh_floor(cycles: float, multiplications: int, t: NestTimings, r: Refreshing) -> float:
    """A bound from below on the time with refreshes of what takes `cycles` or more without.

    A refresh costs its pause less the mean rest before the next multiplication, which is
    sum(g^2) / 2T for gaps g in T cycles. All gaps but one at their least, the rests of T / period
    refreshes gain at most (extra + c)^2 / (2 period) for `extra` cycles more, which is less than
    these while extra is under two periods; from there on the extra cycles alone are the bound.
    """
    gained = (multiplications + 1) * t.multiply**2 / (2 * r.period)
    return cycles + min(max(refresh_cycles(cycles, 0.0, r) - gained, 0.0), 2 * r.period)


class _Search:
    """One tuning under way."""

    def __init__(self, space: ContractionSpace, keep: int, from_dram: bool) -> None:
        self.space = space
        self.accesses = HostAccesses(space.kernel, space.device, space.lanes, from_dram)
        self.keep = keep
        self.heap: list[_Found] = []
        self.priced = 0
        self.pruned = 0
        self._known: dict[tuple[object, ...], Places | None] = {}
        self._first_rows: dict[str, FirstRow] = {}
        self._around: dict[tuple[str, str | None], tuple[float, str]] = {}

    @property
    def enough(self) -> float:
        """Cycles that are not better than the worst schedule kept, once enough are kept."""
        return inf if len(self.heap) < self.keep else -self.heap[0].badness - INDIFFERENCE

    def around(self, variant: Variant) -> tuple[float, str]:
        """Cycles of the host's accesses around the nest, and how these open rows."""
        key = (variant.mode.multiply, variant.sum_level)
        if key not in self._around:
            self._around[key] = variant.around_cycles(self.accesses)
        return self._around[key]

    def _places(self, variant: Variant) -> Places | None:
        """Where the variant's loads and moves go; None if the device cannot do it."""
        key = variant.hardware
        if key not in self._known:
            self._known[key] = variant.places() if variant.is_legal else None
        return self._known[key]

    def _first_row(self, mode: ContractionMode) -> FirstRow:
        if mode.multiply not in self._first_rows:
            self._first_rows[mode.multiply] = self.accesses.first_row(mode)
        return self._first_rows[mode.multiply]

    def table(self, mode: ContractionMode, table: SpreadTable) -> None:
        """Search all spreads over one lane dimension, those with the lowest bound first."""
        t, r = nest_timings(self.space.device, mode), refreshing_of(self.space.device, mode)
        multiplications = table.multiplications
        order = np.argsort(multiplications, kind="stable")
        for done, row in enumerate(order.tolist()):
            number = int(multiplications[row])
            floor = floor_cycles(number, t)
            if with_refresh_floor(floor, number, t, r) >= self.enough:
                self.pruned += len(order) - done
                return
            for variant in variants(self.space, mode, table.spread(row)):
                self._variant(variant, number, floor, t, r)

    def _variant(
        self, variant: Variant, multiplications: int, floor: float, t: NestTimings, r: Refreshing
    ) -> None:
        places = self._places(variant)
        if places is None:
            return
        around, _ = self.around(variant)
        # The first load and the last move are in nobody's shadow, nor are the host's accesses.
        floor += places.load.first + places.move.first + around
        if with_refresh_floor(floor, multiplications, t, r) >= self.enough:
            self.pruned += 1
            return
        distribution = variant.distribution(places, self._first_row(variant.mode), around, r)
        best = np.full((self.keep, 6), np.inf)
        self.priced += search_nests(distribution, t, best, self.enough)
        for row in best[np.isfinite(best[:, CYCLES])]:
            choice = NestChoice(
                int(row[OUTPUT_INNER]),
                int(row[REDUCTION_INNER]),
                int(row[ORDER]),
                int(row[LOAD_DEPTH]),
                bool(row[DOUBLE]),
            )
            found = _Found(-float(row[CYCLES]), -self.priced, variant, choice)
            if len(self.heap) < self.keep:
                heapq.heappush(self.heap, found)
            elif found.badness > self.heap[0].badness:
                heapq.heapreplace(self.heap, found)


def tune_contraction(
    kernel: Contraction, device: Device, lanes: int, *, from_dram: bool = True, keep: int = 16
) -> TuningResult:
    """The best schedules of a contraction under the cost model, proved by exhaustion.

    Args:
        kernel: what to compute.
        device: where.
        lanes: elements in one DRAM column.
        from_dram: whether the vector starts in DRAM, in host layout; else the host has it.
        keep: how many schedules to return.
    """
    started = time.perf_counter()
    space = ContractionSpace(kernel, device, lanes)
    search = _Search(space, keep, from_dram)
    for dim, mode in space.lane_dims():
        search.table(mode, space.spreads(dim))
    found = sorted(search.heap, key=lambda f: (-f.badness, f.number))
    return TuningResult(
        tuple(_candidate(f, search.around(f.variant)[1], from_dram) for f in found),
        search.priced,
        search.pruned,
        time.perf_counter() - started,
    )


def _candidate(found: _Found, rows: str, from_dram: bool) -> Candidate:
    space = found.variant.space
    schedule = found.variant.schedule(found.choice, rows)
    mapping = Mapping(space.kernel, schedule, space.device, space.lanes)
    return Candidate(schedule, cycle_parts(mapping, from_dram=from_dram), -found.badness)
