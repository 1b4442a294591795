"""The schedules among which the tuner chooses, one by one: all of them, or a random sample.

The search prices schedules without building any; here they are built, to be simulated.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from math import inf

import numpy as np

from pim_opt.cost.contraction import USUAL
from pim_opt.cost.host_accesses import HostAccesses
from pim_opt.cost.streams import Paces
from pim_opt.cost.timings import nest_timings, refreshing_of
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.schedule import Schedule
from pim_opt.tune.contraction_space import ContractionSpace, SpreadTable
from pim_opt.tune.nest_search import (
    DOUBLE,
    LOAD_DEPTH,
    NO_WRITES,
    ORDER,
    OUTPUT_INNER,
    REDUCTION_INNER,
    ROW_INNER,
    WIDTH,
    Distribution,
    search_nests,
)
from pim_opt.tune.variants import NestChoice, Variant, variants


def spread_count(space: ContractionSpace) -> int:
    """How many spreads the space has."""
    return sum(len(space.spreads(dim)) for dim, _ in space.lane_dims())


def legal_variants(space: ContractionSpace) -> Iterator[Variant]:
    """Every variant of every spread that the device can follow, in the order of the spreads."""
    for mode, table, row in _spread_rows(space):
        yield from _legal(space, mode, table, row)


def _spread_rows(space: ContractionSpace) -> list[tuple[ContractionMode, SpreadTable, int]]:
    tables = [(mode, space.spreads(dim)) for dim, mode in space.lane_dims()]
    return [(mode, table, row) for mode, table in tables for row in range(len(table))]


def _legal(
    space: ContractionSpace, mode: ContractionMode, table: SpreadTable, row: int
) -> Iterator[Variant]:
    return (v for v in variants(space, mode, table.spread(row)) if v.is_legal)


def distribution_of(variant: Variant) -> Distribution:
    """What the search over a variant's time loops needs to know, its vector starting in DRAM."""
    space = variant.space
    accesses = HostAccesses(space.kernel, space.device, space.lanes, USUAL)
    ways = [variant.around(accesses, rows) for rows in variant.ways_to_open]
    around = min(ways, key=lambda way: way.cycles)
    first_row = accesses.first_row(variant.mode)
    refreshing = refreshing_of(space.device, variant.mode)
    goal = variant.goal("latency", 0.0)
    places = variant.places(Paces(space.device))
    return variant.distribution(places, first_row, refreshing, around, NO_WRITES, goal)


def nest_choices(variant: Variant) -> tuple[NestChoice, ...]:
    """Every choice of time loops that the search prices, in an order that no price decides."""
    t = nest_timings(variant.space.device, variant.mode)
    distribution = distribution_of(variant)
    # A search that may keep all shows all; one that may keep none says how many these are.
    count = search_nests(distribution, t, np.full((0, WIDTH), inf), inf)
    kept = np.full((count, WIDTH), inf)
    search_nests(distribution, t, kept, inf)
    columns = [OUTPUT_INNER, REDUCTION_INNER, ROW_INNER, ORDER, LOAD_DEPTH, DOUBLE]
    rows: list[list[int]] = kept[:, columns].astype(np.int64).tolist()
    return tuple(
        NestChoice(o, r, m, order, at, bool(double)) for o, r, m, order, at, double in sorted(rows)
    )


def schedules(space: ContractionSpace) -> Iterator[Schedule]:
    """Every schedule of the space."""
    for variant in legal_variants(space):
        for choice in nest_choices(variant):
            for rows in variant.ways_to_open:
                yield variant.schedule(choice, rows)


def sampled_schedules(
    space: ContractionSpace, count: int, rng: np.random.Generator
) -> Iterator[Schedule]:
    """`count` schedules at random, no two alike; fewer only if the space has no more.

    Spreads take turns, and so do the variants of one, so that many loop nests of one do not crowd
    out the others.
    """
    rows = _spread_rows(space)
    order: list[int] = rng.permutation(len(rows)).tolist()
    spreads = (_legal(space, *rows[number]) for number in order)
    drawn = (_in_turns(_shuffled(variant, rng) for variant in spread) for spread in spreads)
    return islice(_in_turns(drawn), count)


def _in_turns(iterators: Iterable[Iterator[Schedule]]) -> Iterator[Schedule]:
    """The first of each, then the second of each, and so on."""
    turns = deque[Iterator[Schedule]]()
    for iterator in iterators:
        for schedule in islice(iterator, 1):
            yield schedule
            turns.append(iterator)
    while turns:
        iterator = turns.popleft()
        for schedule in islice(iterator, 1):
            yield schedule
            turns.append(iterator)


def _shuffled(variant: Variant, rng: np.random.Generator) -> Iterator[Schedule]:
    """Every schedule of a variant, in random order."""
    choices = nest_choices(variant)
    every = [(choice, rows) for choice in choices for rows in variant.ways_to_open]
    order: list[int] = rng.permutation(len(every)).tolist()
    for number in order:
        yield variant.schedule(*every[number])
