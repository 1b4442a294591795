"""Schedules of attention drawn at random from the tuner's space: what the model is validated on."""

from collections.abc import Callable

import numpy as np

from pim_opt.cost.attention_mapping import AttentionMapping
from pim_opt.devices import Device
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.schedule import ScheduleError, StagedSchedule
from pim_opt.tune.attention_tuner import mappings


def random_attention_schedule(
    kernel: Attention,
    device: Device,
    lanes: int,
    rng: np.random.Generator,
    accept: Callable[[AttentionMapping], bool],
) -> StagedSchedule:
    """One of the schedules that the tuner looks at.

    Args:
        kernel: what to compute.
        device: where.
        lanes: elements in one DRAM column.
        rng: where the choice comes from.
        accept: what else a schedule must meet.

    Raises:
        ScheduleError: the space has none that is accepted.
    """
    found = list(mappings(kernel, device, lanes))
    numbers: list[int] = rng.permutation(len(found)).tolist()
    for number in numbers:
        if accept(found[number]):
            return found[number].schedule
    raise ScheduleError(f'no schedule of attention suits device "{device.name}"')


def sampled_attention_schedules(
    kernel: Attention, device: Device, lanes: int, rng: np.random.Generator, count: int
) -> list[StagedSchedule]:
    """At most `count` of the schedules that the tuner looks at, in random order."""
    found = list(mappings(kernel, device, lanes))
    numbers: list[int] = rng.permutation(len(found))[:count].tolist()
    return [found[number].schedule for number in numbers]
