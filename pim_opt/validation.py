"""The cost model against the cycle simulator: how far off it is, and what its choices cost.

Two questions. How far are predicted cycles from simulated ones, on random kernels under random
schedules? And in the space that the tuner searches, how much slower than the best schedule is the
one that the model likes best: its regret?
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from math import exp, log, prod
from typing import Any, TypeVar

import msgspec
import numpy as np

from pim_opt.cost.contraction import cycle_parts, estimate
from pim_opt.cost.mapping import Mapping
from pim_opt.devices import load_device
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import Schedule
from pim_opt.kinds import KINDS, kernel_text
from pim_opt.parsing import make_context, parse_module
from pim_opt.passes.kernel_access import MATRIX, element_of, kernels
from pim_opt.passes.kernel_program import lowered
from pim_opt.passes.kernel_tuning import from_dram
from pim_opt.passes.linalg_normalize import LinalgNormalizePass
from pim_opt.passes.pim_outline import PimOutlinePass
from pim_opt.sim.timing import Result, simulate_program
from pim_opt.tune.contraction_space import ContractionSpace
from pim_opt.tune.contraction_tuner import tune_contraction
from pim_opt.tune.model_error import ModelError, geometric_mean, model_error
from pim_opt.tune.random_schedules import random_schedule
from pim_opt.tune.schedule_space import sampled_schedules, spread_count
from pim_opt.tune.sweep import Outcome, SweepOptions, sweep
from pim_opt.tune.sweep_progress import Watch

LARGEST = {"batch": 8, "heads": 32}
"""Sizes of random kernels at most, by their names in the kind."""
LARGEST_OTHER = 4096

SAMPLE_WORK = (1 << 6, 1 << 22)
"""Multiplications of a kernel in the sample at least and at most."""
SPACE_WORK = (1 << 8, 1 << 16)
"""The same where a whole space is simulated."""
SAMPLE_COMMANDS = 1 << 18
"""Commands of a program in the sample at most, on all groups: what bounds its simulation."""
SPACE_SPREADS = 10_000
"""Spreads of a space at most."""
CONFIRMED = 16
"""The model's best so many are simulated where its choice is confirmed."""
NEIGHBOURS = 128
"""The model's best so many are in the simulated part of a space."""
SHARED_FROM = 1 << 16
"""Multiplications from which on finding groups that are alike is worth its time."""


@dataclass(frozen=True)
class Kernel:
    """A kernel by what a command line names."""

    device: str
    kind: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Comparison:
    """One kernel under one schedule, predicted and simulated."""

    shape: tuple[int, ...]
    schedule: str
    predicted: float
    """Cycles."""
    cycles: int
    """Cycles that the simulator counts."""
    parts: dict[str, float]
    """What the model spends its cycles on."""
    breakdown: dict[str, int]
    """What the simulator spends its cycles on."""

    @property
    def error(self) -> float:
        """Relative error of the prediction; positive if it is too high."""
        return self.predicted / self.cycles - 1


@dataclass(frozen=True)
class SpaceOutcome:
    """The simulated cycles of what can be chosen in one space."""

    shape: tuple[int, ...]
    schedules: int
    """How many were simulated."""
    chosen: int
    """Cycles of the one that the model likes best."""
    confirmed: int
    """Cycles of the fastest among the model's best, CONFIRMED of them."""
    best: int
    """Cycles of the fastest of all."""
    chosen_schedule: str
    best_schedule: str

    @property
    def regret(self) -> float:
        """By how much the model's choice is slower than the best, as a fraction."""
        return self.chosen / self.best - 1

    @property
    def confirmed_regret(self) -> float:
        """The same of the choice that simulation confirms."""
        return self.confirmed / self.best - 1


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


@dataclass(frozen=True)
class Validation:
    """How good the model is on a device, for a kind of kernel."""

    device: str
    kind: str
    seed: int
    comparisons: tuple[Comparison, ...]
    spaces: tuple[SpaceOutcome, ...]
    failed: tuple[str, ...]
    """Items that gave an error, and which."""
    complete: bool
    seconds: float

    @property
    def error(self) -> ModelError | None:
        """Errors over the sample; None if there is none."""
        if not self.comparisons:
            return None
        return model_error(
            [c.predicted for c in self.comparisons], [c.cycles for c in self.comparisons]
        )

    def regrets(self) -> dict[str, float]:
        """Geometric mean and worst of both regrets over the spaces; empty if there are none."""
        if not self.spaces:
            return {}
        plain = [1 + space.regret for space in self.spaces]
        confirmed = [1 + space.confirmed_regret for space in self.spaces]
        return {
            "regret_geomean": geometric_mean(plain) - 1,
            "regret_worst": max(plain) - 1,
            "confirmed_regret_geomean": geometric_mean(confirmed) - 1,
            "confirmed_regret_worst": max(confirmed) - 1,
        }

    def as_json(self) -> dict[str, object]:
        """The figures without what they are made of, ready for json.dumps."""
        error = self.error
        figures: dict[str, float] = {} if error is None else asdict(error)
        figures |= self.regrets()
        return {
            **{name: round(value, 6) for name, value in figures.items()},
            "device": self.device,
            "kind": self.kind,
            "seed": self.seed,
            "samples": len(self.comparisons),
            "spaces": len(self.spaces),
            "schedules": sum(space.schedules for space in self.spaces),
            "failed": len(self.failed),
            "complete": self.complete,
            "seconds": round(self.seconds, 1),
        }


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
        schedules: how many of each space to simulate; smaller spaces are passed over.
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
    shape = random_shape(item.kind, rng, SAMPLE_WORK)
    kernel = Kernel(item.device, item.kind, shape)
    space = space_of(kernel)
    schedule = random_schedule(space.kernel, space.device, space.lanes, rng, _is_quick)
    return asdict(compare(kernel, schedule))


def _is_quick(mapping: Mapping) -> bool:
    return sum(estimate(mapping).commands.values()) <= SAMPLE_COMMANDS


def compare(kernel: Kernel, schedule: Schedule) -> Comparison:
    """Predict and simulate a kernel under a schedule.

    Raises:
        ScheduleError: the device cannot follow the schedule.
    """
    mapping = mapping_for(kernel, schedule)
    parts = cycle_parts(mapping, from_dram=from_dram(outlined(kernel)))
    result = simulated(kernel, schedule)
    return Comparison(
        kernel.shape,
        str(schedule),
        parts.cycles,
        result.cycles,
        parts.as_dict(),
        result.breakdown,
    )


def mapping_for(kernel: Kernel, schedule: Schedule) -> Mapping:
    """A kernel's schedule bound to its device.

    Raises:
        ScheduleError: the device cannot follow the schedule.
    """
    space = space_of(kernel)
    return Mapping(space.kernel, schedule, space.device, space.lanes)


def simulated(kernel: Kernel, schedule: Schedule) -> Result:
    """What the kernel's program takes under a schedule."""
    _, program = lowered(outlined(kernel), schedule)
    share = prod(kernel.shape) >= SHARED_FROM
    return simulate_program(program, load_device(kernel.device), share=share)


def space_item(item: SpaceItem) -> dict[str, object]:
    """Draw a small kernel and simulate its space: a SpaceOutcome as a dict."""
    rng = np.random.default_rng([item.seed, 1, item.number])
    while True:
        kernel = Kernel(item.device, item.kind, random_shape(item.kind, rng, SPACE_WORK))
        space = space_of(kernel)
        if spread_count(space) > SPACE_SPREADS:
            continue
        drawn = list(sampled_schedules(space, item.schedules, rng))
        if len(drawn) == item.schedules:
            return asdict(space_outcome(kernel, drawn))


def space_of(kernel: Kernel) -> ContractionSpace:
    """The space that the tuner searches for a kernel."""
    op, device = outlined(kernel), load_device(kernel.device)
    lanes = device.column_elements(str(element_of(op.inputs[MATRIX])))
    return ContractionSpace(op.contraction, device, lanes)


def space_outcome(kernel: Kernel, drawn: Sequence[Schedule]) -> SpaceOutcome:
    """Simulate as many schedules as are drawn, and say what the model's choices cost.

    The model's best take the place of as many of the others: the fastest of all is most likely to
    be among them.
    """
    first = _models_best(kernel, CONFIRMED)
    near = _models_best(kernel, NEIGHBOURS)
    wanted = list(dict.fromkeys((*first, *near, *drawn)))[: max(len(drawn), len(first))]
    cycles = {schedule: simulated(kernel, schedule).cycles for schedule in wanted}
    best = min(cycles, key=lambda schedule: cycles[schedule])
    return SpaceOutcome(
        kernel.shape,
        len(cycles),
        cycles[first[0]],
        min(cycles[schedule] for schedule in first),
        cycles[best],
        str(first[0]),
        str(best),
    )


def _models_best(kernel: Kernel, count: int) -> list[Schedule]:
    space, reads_dram = space_of(kernel), from_dram(outlined(kernel))
    found = tune_contraction(
        space.kernel, space.device, space.lanes, from_dram=reads_dram, keep=count
    )
    return [candidate.schedule for candidate in found.candidates]


# Kernels


def random_shape(kind: str, rng: np.random.Generator, work: tuple[int, int]) -> tuple[int, ...]:
    """Sizes of a kernel, each log-uniform, whose product lies between the two of `work`."""
    largest = [LARGEST.get(name, LARGEST_OTHER) for name in KINDS[kind].sizes]
    least, most = work
    while True:
        shape = tuple(int(exp(rng.uniform(0, log(limit + 1)))) for limit in largest)
        if least <= prod(shape) <= most:
            return shape


@lru_cache(maxsize=256)
def outlined(kernel: Kernel) -> KernelOp:
    """What the compiler makes of a kernel's text, not scheduled yet.

    Raises:
        ValueError: unknown kind, a shape that does not fit it, or no kernel for the device.
    """
    context = make_context()
    module = parse_module(kernel_text(kernel.kind, kernel.shape), kernel.kind, context)
    LinalgNormalizePass().apply(context, module)
    PimOutlinePass(device=kernel.device).apply(context, module)
    found = kernels(module)
    if len(found) != 1:
        raise ValueError(f"{kernel} gives {len(found)} kernels for the device, expected one")
    return found[0]
