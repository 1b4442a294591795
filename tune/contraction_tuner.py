"""The tuner of contractions: every schedule of the space priced or bounded away, the best kept."""

import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np

from pim_opt.cost.contraction import USUAL, estimate, in_matrix_of
from pim_opt.cost.estimate import Estimate
from pim_opt.cost.host_accesses import HostAccesses
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.nest import FirstRow
from pim_opt.cost.origins import Origins
from pim_opt.cost.rooms import passes_rows
from pim_opt.cost.streams import Paces
from pim_opt.cost.timings import NestTimings, Refreshing, nest_timings, refreshing_of
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Contraction
from pim_opt.dialects.schedule import AnySchedule
from pim_opt.tune.contraction_space import ContractionSpace, SpreadTable
from pim_opt.tune.floors import (
    WorkFloor,
    compute_floor,
    floor_cycles,
    floor_nest_pj,
    with_refresh_floor,
    work_floors,
)
from pim_opt.tune.in_place import in_place_schedules
from pim_opt.tune.nest_search import (
    DOUBLE,
    LOAD_DEPTH,
    ORDER,
    OUTPUT_INNER,
    REDUCTION_INNER,
    ROW_INNER,
    SCORE,
    TIE_BREAK,
    WIDTH,
    Distribution,
    MatrixWrites,
    Places,
    search_nests,
    write_cycles,
)
from pim_opt.tune.objectives import Energies, Objective, Times, combined, energies, scored
from pim_opt.tune.unit_tuner import UnitSearch
from pim_opt.tune.variants import Around, NestChoice, Variant, variants

INDIFFERENCE = 0.5
"""What a schedule's score must be better by to be of interest."""


@dataclass(frozen=True)
class Candidate:
    """A schedule and what the model predicts for it."""

    schedule: AnySchedule
    estimate: Estimate
    score: float
    """What the search ranked it by: the objective, and a trifle for every command."""

    @property
    def cycles(self) -> float:
        return self.estimate.cycles


@dataclass(frozen=True)
class TuningResult:
    """The best schedules of a space under the model, best first, and how they were found."""

    candidates: tuple[Candidate, ...]
    priced: int
    """Schedules whose score was computed."""
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
    rows: str = field(compare=False)


@dataclass(frozen=True)
class _Nest:
    """A loop nest of a distribution, priced."""

    score: float
    choice: NestChoice


@dataclass(frozen=True)
class _Least:
    """Bounds on the host's accesses around a nest."""

    cycles: float
    energy_pj: float


@dataclass(frozen=True)
class _Spread:
    """Bounds on a spread's schedules."""

    multiplications: int
    """Of a core that has most to do."""
    columns: int
    """Of the matrix, of such a core."""
    cycles: float
    """Of the nest, at least."""
    work: WorkFloor
    nest_pj: float
    """Of multiplications and rows, at least."""


@dataclass(frozen=True)
class _Mode:
    """What a device's table says of one use of the lanes."""

    timings: NestTimings
    refreshing: Refreshing
    first_row: FirstRow


class _Search:
    """One tuning under way."""

    def __init__(
        self, space: ContractionSpace, keep: int, origins: Origins, objective: Objective
    ) -> None:
        self.space = space
        self.accesses = HostAccesses(space.kernel, space.device, space.lanes, origins)
        self.keep = keep
        self.objective: Objective = objective
        self.heap: list[_Found] = []
        self.priced = 0
        self.pruned = 0
        self.kept = 0
        self._paces = Paces(space.device)
        self._known: dict[tuple[object, ...], Places | None] = {}
        self._writes: dict[tuple[object, ...], MatrixWrites] = {}
        self._around: dict[tuple[str, str | None], list[Around]] = {}
        self._nests: dict[tuple[object, ...], list[_Nest]] = {}

    @property
    def enough(self) -> float:
        """A score that is not better than the worst schedule kept, once enough are kept."""
        return inf if len(self.heap) < self.keep else -self.heap[0].badness - INDIFFERENCE

    def around(self, variant: Variant) -> list[Around]:
        """The ways of the host's accesses around the nest that may lead to the best schedule."""
        key = (variant.mode.multiply, variant.sum_level)
        if key not in self._around:
            ways = [variant.around(self.accesses, rows) for rows in variant.ways_to_open]
            ways.sort(key=lambda way: way.cycles)
            if self.objective == "latency":
                # The others lose even if the first way waits for the nest's last row to close.
                limit = ways[0].cycles + max(ways[0].row_hold, 0.0)
                ways = [ways[0], *(way for way in ways[1:] if way.cycles < limit)]
            self._around[key] = ways
        return self._around[key]

    def _places(self, variant: Variant) -> Places | None:
        """Where the variant's loads and moves go; None if the device cannot do it."""
        key = variant.hardware
        if key not in self._known:
            self._known[key] = variant.places(self._paces) if variant.is_legal else None
        return self._known[key]

    def _matrix_writes(self, variant: Variant) -> MatrixWrites:
        """How the host writes the matrix to the variant's places."""
        key = (variant.hardware, variant.spread.groups)
        if key not in self._writes:
            self._writes[key] = variant.writes(self.accesses)
        return self._writes[key]

    def table(self, mode: ContractionMode, table: SpreadTable) -> None:
        """Search all spreads over one lane dimension, those with the lowest bound first."""
        device = self.space.device
        t = nest_timings(device, mode)
        known = _Mode(t, refreshing_of(device, mode), self.accesses.first_row(mode))
        multiplications, columns = table.multiplications, table.matrix_columns
        rounds, in_matrix = work_floors(table), in_matrix_of(self.space.kernel)
        pj = self._nest_energies(mode)
        least = self._least_around(mode, table)
        floors = combined(
            self.objective,
            Times(
                floor_cycles(multiplications, columns, t) + least.cycles,
                compute_floor(multiplications, t),
                compute_floor(multiplications, t) + least.cycles,
            ),
            floor_nest_pj(rounds.prod(axis=1), (rounds**in_matrix).prod(axis=1), pj, device.columns)
            + least.energy_pj,
        )
        order = np.argsort(floors, kind="stable")
        for done, row in enumerate(order.tolist()):
            if floors[row] >= self.enough:
                self.pruned += len(order) - done
                return
            number = int(multiplications[row])
            work = WorkFloor(tuple(rounds[row].tolist()))
            bounds = _Spread(
                number,
                int(columns[row]),
                float(floor_cycles(number, int(columns[row]), t)),
                work,
                floor_nest_pj(work.multiplications, work.columns(in_matrix), pj, device.columns),
            )
            if self._is_bounded_away(bounds, least, known):
                self.pruned += 1
                continue
            for variant in variants(self.space, mode, table.spread(row)):
                self._variant(variant, bounds, known)

    def _least_around(self, mode: ContractionMode, table: SpreadTable) -> _Least:
        """Bounds on the host's accesses around the nests of a mode, which no spread changes."""
        ways = [w for v in variants(self.space, mode, table.spread(0)) for w in self.around(v)]
        return _Least(min(way.cycles for way in ways), min(way.energy_pj for way in ways))

    def _is_bounded_away(self, bounds: _Spread, least: _Least, known: _Mode) -> bool:
        """Whether no variant of a spread is of interest."""
        cycles = with_refresh_floor(
            bounds.cycles + least.cycles, bounds.multiplications, known.timings, known.refreshing
        )
        energy = bounds.nest_pj + least.energy_pj
        compute = compute_floor(bounds.multiplications, known.timings)
        times = Times(cycles, compute, compute + least.cycles)
        return combined(self.objective, times, energy) >= self.enough

    def _nest_energies(self, mode: ContractionMode) -> Energies:
        """Energies of a mode; those of loads and moves are of one way of several."""
        load, move = next(iter(mode.load.values())), next(iter(mode.move.values()))
        return energies(self.space.device, load, mode.multiply, move, self.space.lanes)

    def _variant(self, variant: Variant, bounds: _Spread, known: _Mode) -> None:
        places = self._places(variant)
        if places is None:
            return
        t, r = known.timings, known.refreshing
        writes = self._matrix_writes(variant)
        written = write_cycles(writes, bounds.columns)
        for way in self.around(variant):
            # The first load and the last move are in nobody's shadow, nor are the host's accesses.
            ends = places.load.first + places.move.first + way.cycles + written
            cycles = bounds.cycles + ends
            cycles = with_refresh_floor(cycles, bounds.multiplications, t, r)
            if self.objective == "latency" and cycles >= self.enough:
                self.pruned += 1
                continue
            key = variant.pricing(
                places, way, self.objective, moves_matrix=self.accesses.moves_matrix
            )
            if key not in self._nests:
                goal = variant.goal(self.objective, way.energy_pj)
                d = variant.distribution(places, known.first_row, r, way, writes, goal)
                energy = way.energy_pj + bounds.nest_pj + bounds.work.transfers_pj(d)
                compute = compute_floor(bounds.multiplications, t)
                times = Times(cycles, compute, compute + ends)
                if combined(self.objective, times, energy) >= self.enough:
                    self.pruned += 1
                    continue
                self._nests[key] = self._priced(d, t)
            self._keep(variant, way.rows, self._nests[key])

    def _priced(self, d: Distribution, t: NestTimings) -> list[_Nest]:
        """Price the loop nests of a distribution; the best, as many as are to be kept."""
        best = np.full((self.keep, WIDTH), np.inf)
        self.priced += search_nests(d, t, best, self.enough)
        return [
            _Nest(
                float(row[SCORE]),
                NestChoice(
                    int(row[OUTPUT_INNER]),
                    int(row[REDUCTION_INNER]),
                    int(row[ROW_INNER]),
                    int(row[ORDER]),
                    int(row[LOAD_DEPTH]),
                    bool(row[DOUBLE]),
                ),
            )
            for row in best[np.isfinite(best[:, SCORE])]
        ]

    def _keep(self, variant: Variant, rows: str, nests: Sequence[_Nest]) -> None:
        """Keep what is of interest of a variant's nests, the best first."""
        limit = self.enough
        for nest in nests:
            if nest.score >= limit:
                return
            self.kept += 1
            found = _Found(-nest.score, -self.kept, variant, nest.choice, rows)
            if len(self.heap) < self.keep:
                heapq.heappush(self.heap, found)
            elif found.badness > self.heap[0].badness:
                heapq.heapreplace(self.heap, found)


def tune_contraction(
    kernel: Contraction,
    device: Device,
    lanes: int,
    *,
    origins: Origins = USUAL,
    keep: int = 16,
    objective: Objective = "latency",
) -> TuningResult:
    """The best schedules of a contraction under the cost model, proved by exhaustion.

    Args:
        kernel: what to compute.
        device: where.
        lanes: elements in one DRAM column.
        origins: where the operands start.
        keep: how many schedules to return.
        objective: what the best schedule has least of.
    """
    started = time.perf_counter()
    space = ContractionSpace(kernel, device, lanes)
    search = _Search(space, keep, origins, objective)
    units = UnitSearch(space, keep, origins, objective)
    for dim, mode in space.lane_dims():
        by = units if passes_rows(device, mode) else search
        by.table(mode, space.spreads(dim))
    found = sorted(search.heap, key=lambda f: (-f.badness, f.number))
    candidates = [_candidate(f, origins) for f in found]
    candidates += [Candidate(*one) for one in units.found()]
    stays = [] if origins.matrix != "dram" else _in_place(space, origins, objective)
    candidates = sorted([*candidates, *stays], key=lambda candidate: candidate.score)[:keep]
    return TuningResult(
        tuple(candidates),
        search.priced + units.priced + len(stays),
        search.pruned + units.pruned,
        time.perf_counter() - started,
    )


def _in_place(space: ContractionSpace, origins: Origins, objective: Objective) -> list[Candidate]:
    """The schedules that leave a streamed matrix where it lies, each priced by the whole model."""
    kernel, device, lanes = space.kernel, space.device, space.lanes
    found: list[Candidate] = []
    for schedule in in_place_schedules(kernel, device, lanes):
        model = estimate(Mapping(kernel, schedule, device, lanes), origins)
        score = scored(objective, model)
        score += TIE_BREAK * sum(model.commands.values())
        found.append(Candidate(schedule, model, score))
    return found


def _candidate(found: _Found, origins: Origins) -> Candidate:
    space = found.variant.space
    schedule = found.variant.schedule(found.choice, found.rows)
    mapping = Mapping(space.kernel, schedule, space.device, space.lanes)
    return Candidate(schedule, estimate(mapping, origins), -found.badness)
