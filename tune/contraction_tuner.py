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
from pim_opt.cost.timings import NestTimings, nest_timings
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Contraction
from pim_opt.dialects.schedule import ROWS, Schedule
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
    nest_cycles: float
    """Cycles of the loop nest by which the search ranked it."""

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

    @property
    def enough(self) -> float:
        """Nest cycles that are not better than the worst schedule kept, once enough are kept."""
        return inf if len(self.heap) < self.keep else -self.heap[0].badness - INDIFFERENCE

    def _places(self, variant: Variant) -> Places | None:
        """Where the variant's loads and moves go; None if the device cannot do it."""
        key = variant.hardware
        if key not in self._known:
            self._known[key] = variant.places() if variant.is_legal else None
        return self._known[key]

    def table(self, mode: ContractionMode, table: SpreadTable) -> None:
        """Search all spreads over one lane dimension, those with the lowest bound first."""
        t = nest_timings(self.space.device, mode)
        multiplications = table.multiplications
        order = np.argsort(multiplications, kind="stable")
        for done, row in enumerate(order.tolist()):
            floor = floor_cycles(int(multiplications[row]), t)
            if floor >= self.enough:
                self.pruned += len(order) - done
                return
            for variant in variants(self.space, mode, table.spread(row)):
                self._variant(variant, floor, t)

    def _variant(self, variant: Variant, floor: float, t: NestTimings) -> None:
        places = self._places(variant)
        if places is None:
            return
        # The first load and the last move are in nobody's shadow.
        floor += places.load.first + places.move.first
        if floor >= self.enough:
            self.pruned += 1
            return
        distribution = variant.distribution(places, self.accesses.first_row(variant.mode))
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
    candidates = [_candidate(f, from_dram) for f in found]
    return TuningResult(
        tuple(sorted(candidates, key=lambda c: c.cycles)),
        search.priced,
        search.pruned,
        time.perf_counter() - started,
    )


def _candidate(found: _Found, from_dram: bool) -> Candidate:
    """The schedule with the better way to open rows, and its cycles."""
    space = found.variant.space
    choices: list[Candidate] = []
    for rows in ROWS:
        schedule = found.variant.schedule(found.choice, rows)
        mapping = Mapping(space.kernel, schedule, space.device, space.lanes)
        parts = cycle_parts(mapping, from_dram=from_dram)
        choices.append(Candidate(schedule, parts, -found.badness))
    return min(choices, key=lambda c: c.cycles)
