"""A kernel by the cost model and by the cycle simulator: under a schedule, and in its space."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pim_opt.devices import load_device
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import AnySchedule
from pim_opt.kinds import KINDS, kernel_text
from pim_opt.parsing import make_context, parse_module
from pim_opt.passes.kernel_access import kernels, lanes_of
from pim_opt.passes.kernel_classes import class_of
from pim_opt.passes.kernel_program import lowered
from pim_opt.passes.linalg_normalize import LinalgNormalizePass
from pim_opt.passes.pim_outline import PimOutlinePass
from pim_opt.sim.timing import Result, simulate_program
from pim_opt.tune.contraction_space import ContractionSpace
from pim_opt.validation_report import Comparison, SpaceOutcome

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
    inputs: Literal["dram", "host"] = "dram"
    """Where streamed operands start."""


@lru_cache(maxsize=256)
def outlined(kernel: Kernel) -> KernelOp:
    """What the compiler makes of a kernel's text, not scheduled yet.

    Raises:
        ValueError: unknown kind, a shape that does not fit it, or no kernel for the device.
    """
    context = make_context()
    module = parse_module(kernel_text(kernel.kind, kernel.shape), kernel.kind, context)
    LinalgNormalizePass().apply(context, module)
    PimOutlinePass(device=kernel.device, inputs=kernel.inputs).apply(context, module)
    found = kernels(module)
    if len(found) != 1:
        raise ValueError(f"{kernel} gives {len(found)} kernels for the device, expected one")
    return found[0]


def compare(kernel: Kernel, schedule: AnySchedule) -> Comparison:
    """Predict and simulate a kernel under a schedule.

    Raises:
        ScheduleError: the device cannot follow the schedule.
    """
    op = outlined(kernel)
    parts = class_of(op).estimate(op, schedule).parts
    result = simulated(kernel, schedule)
    return Comparison(
        kernel.shape,
        str(schedule),
        parts.cycles,
        result.cycles,
        parts.as_dict(),
        result.breakdown,
    )


def simulated(kernel: Kernel, schedule: AnySchedule) -> Result:
    """What the kernel's program takes under a schedule."""
    _, program = lowered(outlined(kernel), schedule)
    share = KINDS[kernel.kind].work(kernel.shape) >= SHARED_FROM
    return simulate_program(program, load_device(kernel.device), share=share)


def space_of(kernel: Kernel) -> ContractionSpace:
    """The space that the tuner searches for a kernel."""
    op = outlined(kernel)
    return ContractionSpace(op.contraction, load_device(kernel.device), lanes_of(op))


def space_outcome(kernel: Kernel, drawn: Sequence[AnySchedule]) -> SpaceOutcome:
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


def _models_best(kernel: Kernel, count: int) -> list[AnySchedule]:
    op = outlined(kernel)
    found = class_of(op).search(op, "latency", count)
    return [candidate.schedule for candidate in found.candidates]
