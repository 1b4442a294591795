"""How fast and how good the cost model is: schedules priced a second, errors and regret."""

from math import inf

import numpy as np
from harness import Measurement, seconds_of

from pim_opt.cost.contraction import cycle_parts
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.timings import nest_timings
from pim_opt.devices import load_device
from pim_opt.dialects.iteration import Access, Contraction, Role, name_dims
from pim_opt.tune.contraction_space import ContractionSpace
from pim_opt.tune.contraction_tuner import tune_contraction
from pim_opt.tune.nest_search import WIDTH, search_nests
from pim_opt.tune.schedule_space import distribution_of, legal_variants, sampled_schedules
from pim_opt.validation import validate

DEVICE = "attacc"
VARIANTS = 200
"""Variants of a kernel whose loop nests are priced."""
KEPT = 16
"""The best schedules, which the search keeps."""
PLAIN = 50
"""Schedules that the baseline prices."""


def space_of_gemv(n: int = 300, k: int = 500) -> ContractionSpace:
    """The space of an odd GEMV in f16."""
    device = load_device(DEVICE)
    dims = name_dims([(n, Role.OUTPUT), (k, Role.REDUCTION)])
    kernel = Contraction(dims, Access((1,)), Access((0, 1)), Access((0,)))
    return ContractionSpace(kernel, device, device.column_elements("f16"))


def search_rate() -> Measurement:
    """Schedules that the compiled search prices on one core, against the model one by one."""
    space = space_of_gemv()
    every = list(legal_variants(space))
    searches = [
        (distribution_of(variant), nest_timings(space.device, variant.mode))
        for variant in every[:: max(1, len(every) // VARIANTS)]
    ]

    def price() -> int:
        best = np.full((KEPT, WIDTH), inf)  # a full one of an earlier run would spare exact counts
        return sum(search_nests(distribution, t, best, inf) for distribution, t in searches)

    some = list(sampled_schedules(space, PLAIN, np.random.default_rng(0)))

    def price_plainly() -> None:
        for schedule in some:
            cycle_parts(Mapping(space.kernel, schedule, space.device, space.lanes))

    work = price()
    return Measurement(
        "price schedules",
        seconds_of(price),
        "the model, schedule by schedule",
        seconds_of(price_plainly) * work / PLAIN,
        work,
        "schedules",
    )


def accuracy() -> Measurement:
    """A small validation; its figures are in the history, its speed in the table."""
    found = validate(DEVICE, "gemv", samples=50, spaces=2, schedules=100)
    return Measurement(
        "validate the model",
        found.seconds,
        "the search of one space",
        search_time(),
        details={
            name: value
            for name, value in found.as_json().items()
            if isinstance(value, float) and name != "seconds"
        },
    )


def search_time() -> float:
    """Seconds to search the space of a GEMV."""
    space = space_of_gemv()
    return seconds_of(lambda: tune_contraction(space.kernel, space.device, space.lanes), 1)


def measurements() -> list[Measurement]:
    """Speed, then accuracy."""
    return [search_rate(), accuracy()]
