"""The classes of kernels: what the passes and the tuner do with the kernels of each."""

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from numpy.random import Generator

from pim_opt.cost.bound import Bound
from pim_opt.cost.estimate import Estimate
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import AnySchedule
from pim_opt.tune.contraction_tuner import TuningResult
from pim_opt.tune.objectives import Objective


class KernelClass(Protocol):
    """One class of kernels, from the choice of a schedule down to commands.

    Methods that bind a schedule to the kernel's device raise ScheduleError where it does not fit.
    """

    def hand_mapping(self, kernel: KernelOp) -> AnySchedule:
        """The schedule of the device's authors.

        Raises:
            ScheduleError: there is none.
        """
        ...

    def estimate(self, kernel: KernelOp, schedule: AnySchedule) -> Estimate:
        """What the cost model says of the kernel under a schedule."""
        ...

    def search(self, kernel: KernelOp, objective: Objective, keep: int) -> TuningResult:
        """The best `keep` schedules of the kernel under the cost model."""
        ...

    def draw(self, kernel: KernelOp, rng: Generator, most_commands: int) -> AnySchedule:
        """A random schedule whose program has at most `most_commands` commands.

        Raises:
            ScheduleError: none was found.
        """
        ...

    def sample_space(self, kernel: KernelOp, rng: Generator, count: int) -> Sequence[AnySchedule]:
        """At most `count` schedules of the tuner's space; none where it is too large to look at."""
        ...

    def bound(self, kernel: KernelOp) -> Bound | None:
        """Cycles that every schedule takes; None on a device that has no commands for it."""
        ...

    def floor_cycles(self, kernel: KernelOp) -> int:
        """Cycles that the arithmetic alone takes at best."""
        ...

    def distribute(self, kernel: KernelOp) -> None:
        """Replace the body of a scheduled kernel by its distributed form."""
        ...

    def resident_rows(self, kernel: KernelOp) -> int:
        """Rows of every bank that the resident operands of a distributed kernel take."""
        ...

    def map_banks(self, kernel: KernelOp, resident_row: int, streamed_row: int) -> None:
        """Place the operands: resident ones from `resident_row` on, the others from the other."""
        ...

    def lower(self, kernel: KernelOp) -> None:
        """Replace the body of a placed kernel by a command program."""
        ...


_CLASSES = {
    "attention": "pim_opt.passes.attention:AttentionClass",
    "contraction": "pim_opt.passes.contraction:ContractionClass",
    "elementwise": "pim_opt.passes.elementwise:ElementwiseClass",
    "reduction": "pim_opt.passes.reduction:ReductionClass",
}
"""Where the class of each kind of computation stands; imported when a kernel asks for it."""


def class_of(kernel: KernelOp) -> KernelClass:
    """The class that a kernel belongs to."""
    module, name = _CLASSES[kernel.kind].split(":")
    return cast(KernelClass, getattr(import_module(module), name)())
