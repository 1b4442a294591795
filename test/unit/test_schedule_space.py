"""The enumerated space is the one that the tuner searches."""

from math import inf

import numpy as np
import pytest

from pim_opt.cost.mapping import Mapping
from pim_opt.cost.timings import nest_timings
from pim_opt.devices import load_device
from pim_opt.dialects.iteration import Access, Contraction, Role, name_dims
from pim_opt.tune.contraction_space import ContractionSpace
from pim_opt.tune.contraction_tuner import tune_contraction
from pim_opt.tune.nest_search import WIDTH, search_nests
from pim_opt.tune.schedule_space import (
    distribution_of,
    legal_variants,
    nest_choices,
    sampled_schedules,
    schedules,
    spread_count,
)

LANES = 16


def space(h: int, n: int, k: int, device: str = "attacc") -> ContractionSpace:
    dims = name_dims([(h, Role.BATCH), (n, Role.OUTPUT), (k, Role.REDUCTION)])
    kernel = Contraction(dims, Access((0, 2)), Access((0, 1, 2)), Access((0, 1)))
    return ContractionSpace(kernel, load_device(device), LANES)


SMALL = [space(1, 8, 32), space(2, 3, 21), space(3, 1, 40)]


@pytest.mark.parametrize("small", SMALL)
def test_every_choice_that_the_search_prices(small: ContractionSpace) -> None:
    for variant in list(legal_variants(small))[::7]:
        choices = nest_choices(variant)
        t = nest_timings(small.device, variant.mode)
        priced = search_nests(distribution_of(variant), t, np.full((1, WIDTH), inf), inf)
        assert len(choices) == len(set(choices)) == priced


@pytest.mark.parametrize("small", SMALL)
def test_schedules_are_legal_and_hold_the_tuners(small: ContractionSpace) -> None:
    found = list(schedules(small))
    assert len(found) == len(set(found))
    assert len(found) == sum(
        len(v.ways_to_open) * len(nest_choices(v)) for v in legal_variants(small)
    )
    for schedule in found[::5]:
        Mapping(small.kernel, schedule, small.device, LANES)
    tuned = tune_contraction(small.kernel, small.device, LANES, keep=8).candidates
    assert {candidate.schedule for candidate in tuned} <= set(found)


def test_samples_are_of_the_space() -> None:
    small = SMALL[1]
    everything = set(schedules(small))
    some = list(sampled_schedules(small, 100, np.random.default_rng(3)))
    assert len(some) == len(set(some)) == 100
    assert set(some) <= everything
    assert some == list(sampled_schedules(small, 100, np.random.default_rng(3)))
    assert some != list(sampled_schedules(small, 100, np.random.default_rng(4)))
    # Spreads take turns: no two of the first are of one.
    spreads = {str(schedule.splits).replace("time", "") for schedule in some[:20]}
    assert len(spreads) > 10


def test_a_sample_of_more_is_all() -> None:
    small = space(1, 2, 17)
    everything = set(schedules(small))
    some = list(sampled_schedules(small, 10**6, np.random.default_rng(0)))
    assert len(some) == len(everything)
    assert set(some) == everything


def test_spread_count() -> None:
    small = SMALL[0]
    spreads = {(v.mode.multiply, v.spread) for v in legal_variants(small)}
    assert len(spreads) == spread_count(small)
