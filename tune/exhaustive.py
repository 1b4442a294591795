"""Spaces of schedules that are small enough to price every one."""

import time
from collections.abc import Sequence
from typing import TypeVar

from numpy.random import Generator

from pim_opt.cost.estimate import Estimate
from pim_opt.dialects.schedule import AnySchedule, ScheduleError
from pim_opt.tune.contraction_tuner import Candidate, TuningResult
from pim_opt.tune.objectives import Objective, scored


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
        Candidate(schedule, found, scored(objective, found)) for schedule, found in priced
    ]
    candidates.sort(key=lambda candidate: candidate.score)
    return TuningResult(tuple(candidates[:keep]), len(priced), 0, time.perf_counter() - started)


_Schedule = TypeVar("_Schedule", bound=AnySchedule)


def sampled(schedules: Sequence[_Schedule], rng: Generator, count: int) -> list[_Schedule]:
    """At most `count` of a space's schedules, in random order."""
    numbers: list[int] = rng.permutation(len(schedules))[:count].tolist()
    return [schedules[number] for number in numbers]


def drawn(
    priced: Sequence[tuple[_Schedule, Estimate]], rng: Generator, most_commands: int
) -> _Schedule:
    """One of a space's schedules whose programs have at most `most_commands` commands.

    Args:
        priced: every schedule of the space.
        rng: where the choice comes from.
        most_commands: counted on all groups.

    Raises:
        ScheduleError: all have more.
    """
    short = [
        schedule for schedule, found in priced if sum(found.commands.values()) <= most_commands
    ]
    if not short:
        raise ScheduleError(
            f"none of {len(priced)} schedules has a program of at most {most_commands} commands"
        )
    return short[int(rng.integers(len(short)))]
