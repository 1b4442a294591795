"""The cost model against the cycle simulator: how far off it is, and what its choices cost.

Two questions. How far are predicted cycles from simulated ones, on random kernels under random
schedules? And in the space that the tuner searches, how much slower than the best schedule is the
one that the model likes best: its regret?
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from math import exp, log
from typing import Any, TypeVar

import msgspec
import numpy as np

from pim_opt.devices import load_device
from pim_opt.dialects.schedule import AnySchedule, ScheduleError
from pim_opt.kinds import KINDS
from pim_opt.measuring import Kernel, compare, outlined, space_outcome
from pim_opt.passes.kernel_classes import class_of
from pim_opt.tune.sweep import Outcome, SweepOptions, sweep
from pim_opt.tune.sweep_progress import Watch
from pim_opt.validation_report import Comparison, SpaceOutcome, Validation

LARGEST = {"batch": 8, "heads": 32, "kv_heads": 32, "headsize": 256, "m": 16}
"""Sizes of random kernels at most, by their names in the kind."""
LARGEST_OTHER = 4096
LARGEST_ON_LANES = 1 << 18
"""Instead, where units go over elements as they lie: many columns of every bank."""

KERNELS_DRAWN = 20
"""Kernels that are drawn until one has a schedule that suits, or a space that is large enough."""

SAMPLE_WORK = (1 << 6, 1 << 22)
"""Multiplications of a kernel in the sample at least and at most."""
SPACE_WORK = (1 << 8, 1 << 16)
"""The same where a whole space is simulated."""
SPACE_ON_LANES = (1 << 16, 1 << 20)
"""The same where units go over elements as they lie, which leaves few schedules."""
SAMPLE_COMMANDS = 1 << 18
"""Commands of a program in the sample at most, on all groups: what bounds its simulation."""


@dataclass(frozen=True)
class SampleItem:
    """A random kernel under a random schedule, by its seed."""

    device: str
    kind: str
    seed: int
    number: int


@dataclass(frozen=True)
class SpaceItem:
    """The space of a random small kernel, by its seed."""

    device: str
    kind: str
    seed: int
    number: int
    schedules: int
    """Schedules of it to simulate."""


def validate(
    device: str,
    kind: str,
    *,
    seed: int = 0,
    samples: int = 500,
    spaces: int = 20,
    schedules: int = 1000,
    options: SweepOptions | None = None,
) -> Validation:
    """Compare the model with the simulator.

    Args:
        device: a device's name or file.
        kind: of kernels, one of pim_opt.kinds.KINDS.
        seed: of shapes and schedules; with equal arguments all figures but the time are equal.
        samples: random kernels, each under one random schedule.
        spaces: random small kernels whose schedules are simulated.
        schedules: how many of each space to simulate; smaller spaces are passed over unless a
            kind has no others.
        options: how to run; by default in this process.

    Raises:
        ValueError: unknown kind; or what `sweep` raises.
    """
    started = time.perf_counter()
    how = options or SweepOptions()
    wanted = [SampleItem(device, kind, seed, i) for i in range(samples)]
    sampled = sweep(compare_item, wanted, replace(how, batch=8, watch=Watch("samples")))
    outcomes: list[Outcome[Any]] = [*sampled.outcomes]
    complete = sampled.complete
    if complete:
        whole = [SpaceItem(device, kind, seed, i, schedules) for i in range(spaces)]
        searched = sweep(space_item, whole, replace(how, batch=1, watch=Watch("spaces")))
        outcomes += searched.outcomes
        complete = searched.complete
    return Validation(
        device,
        kind,
        seed,
        tuple(_values(outcomes, SampleItem, Comparison)),
        tuple(_values(outcomes, SpaceItem, SpaceOutcome)),
        tuple(f"{o.item}: {o.error}" for o in outcomes if o.error is not None),
        complete,
        time.perf_counter() - started,
    )


_Value = TypeVar("_Value")


def _values(
    outcomes: Sequence[Outcome[Any]], item: type[object], value: type[_Value]
) -> Iterator[_Value]:
    """The results of one kind of item, with their types again."""
    for outcome in outcomes:
        if isinstance(outcome.item, item) and outcome.error is None:
            yield msgspec.convert(outcome.value, value)


# Items


def compare_item(item: SampleItem) -> dict[str, object]:
    """Draw a kernel and a schedule, and compare: a Comparison as a dict."""
    rng = np.random.default_rng([item.seed, 0, item.number])
    for tries in range(1, KERNELS_DRAWN + 1):
        kernel = random_kernel(item.device, item.kind, rng, SAMPLE_WORK)
        op = outlined(kernel)
        try:
            schedule = class_of(op).draw(op, rng, SAMPLE_COMMANDS)
        except ScheduleError:
            # All of its programs are too long; another's may not be.
            if tries == KERNELS_DRAWN:
                raise
            continue
        return asdict(compare(kernel, schedule))
    raise AssertionError("the last try returns or raises")


def space_item(item: SpaceItem) -> dict[str, object]:
    """Draw a small kernel and simulate its space: a SpaceOutcome as a dict."""
    rng = np.random.default_rng([item.seed, 1, item.number])
    work = SPACE_ON_LANES if _on_lanes(item.device, item.kind) else SPACE_WORK
    largest: Sequence[AnySchedule] = ()
    kernel = None
    for _ in range(KERNELS_DRAWN):
        found = random_kernel(item.device, item.kind, rng, work)
        op = outlined(found)
        drawn = class_of(op).sample_space(op, rng, item.schedules)
        if len(drawn) > len(largest):
            kernel, largest = found, drawn
        if len(drawn) == item.schedules:
            break
    if kernel is None:
        raise ScheduleError(f"none of {KERNELS_DRAWN} kernels has a space that can be looked at")
    return asdict(space_outcome(kernel, largest))


def random_kernel(
    device: str, kind: str, rng: np.random.Generator, work: tuple[int, int]
) -> Kernel:
    """A kernel of random sizes that the device runs.

    Raises:
        ValueError: it runs none of KERNELS_DRAWN; why not the last.
    """
    longest = LARGEST_ON_LANES if _on_lanes(device, kind) else LARGEST_OTHER
    for tries in range(1, KERNELS_DRAWN + 1):
        kernel = Kernel(device, kind, random_shape(kind, rng, work, longest))
        try:
            outlined(kernel)
        except ValueError:
            if tries == KERNELS_DRAWN:
                raise
            continue
        return kernel
    raise AssertionError("the last try returns or raises")


def _on_lanes(device: str, kind: str) -> bool:
    """Whether a device's units go over the elements of a kind's kernels as they lie."""
    kernels = load_device(device).kernels
    commands = kernels.reduction if kind == "red" else kernels.elementwise
    return commands is not None and KINDS[kind].sizes == ("batch", "length")


def random_shape(
    kind: str, rng: np.random.Generator, work: tuple[int, int], longest: int = LARGEST_OTHER
) -> tuple[int, ...]:
    """Sizes of a kernel, each log-uniform, whose work lies between the two of `work`.

    Sizes that no name limits are `longest` at most.
    """
    largest = [LARGEST.get(name, longest) for name in KINDS[kind].sizes]
    least, most = work
    while True:
        shape = tuple(int(exp(rng.uniform(0, log(limit + 1)))) for limit in largest)
        if least <= KINDS[kind].work(shape) <= most:
            return shape
