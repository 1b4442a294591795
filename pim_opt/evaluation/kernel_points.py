"""One kernel of the evaluation: tuned in each way, and timed by the cycle simulator."""

from dataclasses import asdict, dataclass

from pim_opt.api import run
from pim_opt.dialects.pim import KernelOp
from pim_opt.kinds import KINDS, kernel_text
from pim_opt.measuring import Kernel, outlined
from pim_opt.passes.kernel_classes import class_of
from pim_opt.passes.kernel_tuning import Choice, predicted, search, timed, tune_kernel
from pim_opt.tune.objectives import Objective

WAYS = ("hand", "compute", "rearrangement", "joint")
"""Ways to choose a schedule, as the rows of the evaluation have them."""

CONFIRMED = 8
"""Schedules of the joint search that are simulated."""
CONSIDERED = 2
"""Schedules that are kept of a search for one part of the time; the first is taken."""


@dataclass(frozen=True)
class Point:
    """A kernel on a device."""

    device: str
    kind: str
    shape: tuple[int, ...]
    """As the published evaluation lists it: of attention without the heads of keys."""
    execute: bool = False
    """Whether to run the joint schedule's program on data, too."""


@dataclass(frozen=True)
class Row:
    """A schedule and its time."""

    schedule: str
    cycles: int
    """Simulated."""
    predicted: float
    parts: dict[str, float]
    """The model's cycles by cause."""


@dataclass(frozen=True)
class PointOutcome:
    """What became of a kernel."""

    rows: dict[str, Row]
    """By way; one that the device does not have is left out."""
    bound: float
    """Cycles that every schedule takes, under the model."""
    unsafe: int
    """Faster schedules that the controller would reorder against a dependence."""
    executed: bool | None
    """Whether the program on data gave the host's numbers; None if it was not run."""


def evaluate(point: Point) -> dict[str, object]:
    """Tune a kernel in every way: a PointOutcome as a dict."""
    shape = KINDS[point.kind].completed(point.shape)
    op = outlined(Kernel(point.device, point.kind, shape))
    tuned = tune_kernel(op, "latency", CONFIRMED)
    choices = {"joint": tuned.best}
    if tuned.baseline is not None and tuned.baseline.rejected is None:
        choices["hand"] = tuned.baseline
    for part in ("compute", "rearrangement"):
        choices[part] = _blind(op, part, tuned.best)
    bound = class_of(op).bound(op)
    assert bound is not None, "a kernel is outlined only where the device has commands for it"
    outcome = PointOutcome(
        {way: _row(choices[way]) for way in WAYS if way in choices},
        bound.cycles,
        len(tuned.rejected),
        _executes(point, shape, str(tuned.best.schedule)) if point.execute else None,
    )
    return asdict(outcome)


def _blind(op: KernelOp, part: Objective, joint: Choice) -> Choice:
    """The first schedule by one part of the time whose program ends, timed as a whole."""
    for candidate in search(op, part, CONSIDERED).candidates:
        if candidate.schedule == joint.schedule:
            return joint
        choice = timed(op, predicted(op, candidate.schedule))
        if choice.rejected is None:
            return choice
    return joint


def _row(choice: Choice) -> Row:
    estimate = choice.estimate
    parts = {name: round(cycles, 1) for name, cycles in estimate.parts.as_dict().items()}
    return Row(str(choice.schedule), int(choice.cycles), round(estimate.cycles, 1), parts)


def _executes(point: Point, shape: tuple[int, ...], schedule: str) -> bool:
    """Whether the program gives the host's numbers on random data."""
    text = kernel_text(point.kind, shape)
    return run(text, device=point.device, schedule=schedule).ok
