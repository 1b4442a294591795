"""The best of schedules that have all been priced."""

import time
from collections.abc import Sequence

from pim_opt.cost.estimate import Estimate
from pim_opt.dialects.schedule import AnySchedule
from pim_opt.tune.contraction_tuner import Candidate, TuningResult
from pim_opt.tune.objectives import Objective, combined


def best_of(
    priced: Sequence[tuple[AnySchedule, Estimate]],
    objective: Objective,
    keep: int,
    started: float,
) -> TuningResult:
    """The `keep` best of a space, the first of equals first.

    Args:
        priced: every schedule of the space.
        objective: what the best has least of.
        keep: how many to return.
        started: when the search began, by `time.perf_counter`.
    """
    candidates = [
        Candidate(schedule, found, combined(objective, found.cycles, found.energy_pj))
        for schedule, found in priced
    ]
    candidates.sort(key=lambda candidate: candidate.score)
    return TuningResult(tuple(candidates[:keep]), len(priced), 0, time.perf_counter() - started)
