"""Tunes a kernel: the search's best schedules lowered, simulated, and the best one taken."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pim_opt.cost.energy import energy_pj
from pim_opt.cost.estimate import Estimate
from pim_opt.devices import Device
from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.pim import KernelOp, ProgramOp
from pim_opt.dialects.schedule import AnySchedule, ScheduleError, check_covers
from pim_opt.passes.kernel_access import device_of, lanes_of
from pim_opt.passes.kernel_classes import class_of
from pim_opt.passes.kernel_program import lowered
from pim_opt.sim.issue_order import broken_order
from pim_opt.sim.timing import Result, TimingError, simulate_program
from pim_opt.tune.contraction_tuner import TuningResult
from pim_opt.tune.objectives import Objective, combined, times_of


@dataclass(frozen=True)
class Choice:
    """A schedule of a kernel and what is known of it."""

    schedule: AnySchedule
    estimate: Estimate
    result: Result | None = None
    """What the cycle simulator says, without its log; None if it was not asked."""
    energy_pj: float = 0.0
    """Of the commands that the simulator issued, or of the estimate."""
    rejected: str | None = None
    """Why the device cannot run it, found by simulation."""

    @property
    def cycles(self) -> float:
        """Simulated, or else predicted."""
        return self.estimate.cycles if self.result is None else self.result.cycles

    def score(self, objective: Objective) -> float:
        """The less, the better; parts of the time are the model's."""
        times = replace(times_of(self.estimate.parts), whole=self.cycles)
        return combined(objective, times, self.energy_pj)


@dataclass(frozen=True)
class Tuned:
    """The outcome of tuning one kernel."""

    choices: tuple[Choice, ...]
    """Best first. The device can run the first; the others are not checked for that."""
    rejected: tuple[Choice, ...]
    """What would have been better, or never ends, and the device cannot run."""
    baseline: Choice | None
    """The device's hand mapping, whether it can run or not; None where it has none."""
    search: TuningResult
    seconds: float

    @property
    def best(self) -> Choice:
        return self.choices[0]


def predicted(kernel: KernelOp, schedule: AnySchedule) -> Choice:
    """What the cost model says of a schedule.

    Raises:
        DiagnosticError: the schedule does not fit the kernel or its device.
    """
    try:
        check_covers(schedule, kernel.computation)
        found = class_of(kernel).estimate(kernel, schedule)
    except ScheduleError as error:
        raise DiagnosticError(f"schedule of kernel {kernel.label}: {error}", kernel) from error
    return Choice(schedule, found, energy_pj=found.energy_pj)


def timed(kernel: KernelOp, choice: Choice) -> Choice:
    """The choice with what the cycle simulator says of its program.

    A program that takes a length is timed with all positions. Where the device's controller
    reorders commands, that may still break a dependence: `simulated` looks at that, too.

    Raises:
        DiagnosticError: the kernel's operands do not fit the device.
    """
    return _run(kernel, choice, check=False)


def simulated(kernel: KernelOp, choice: Choice) -> Choice:
    """As `timed`, and rejected where the device's controller breaks the order of the program.

    Raises:
        DiagnosticError: the kernel's operands do not fit the device.
    """
    return _run(kernel, choice, check=_reorders(device_of(kernel)))


def _reorders(device: Device) -> bool:
    return device.controller.policy == "fr-fcfs"


def _run(kernel: KernelOp, choice: Choice, *, check: bool) -> Choice:
    device = device_of(kernel)
    module, program = lowered(kernel, choice.schedule)
    longest = None if kernel.length is None else kernel.positions
    try:
        result = simulate_program(program, device, length=longest, log=check)
        broken = _broken(program, device, result, longest)
        if check and longest is not None and broken is None:
            # The fewer the multiplications, the less stands between what must keep its order.
            shortest = simulate_program(program, device, length=1, log=True)
            broken = _broken(program, device, shortest, 1)
    except TimingError as error:
        return replace(choice, rejected=str(error))
    module.erase()
    return replace(
        choice,
        result=replace(result, log=None),
        energy_pj=issued_energy_pj(result, device, lanes_of(kernel)),
        rejected=broken,
    )


def _broken(program: ProgramOp, device: Device, result: Result, length: int | None) -> str | None:
    """What is wrong with the order that a simulation logged, if it did and anything is."""
    if result.log is None:
        return None
    broken = broken_order(program, result.log, device, length)
    return None if broken is None else str(broken)


def issued_energy_pj(result: Result, device: Device, lanes: int) -> float:
    """Picojoules of all commands that the simulator issued, on columns of so many elements."""
    rows = {name: n for name, n in result.commands.items() if device.commands[name].opens}
    return energy_pj(device, result.commands, rows, lanes)


def baseline(kernel: KernelOp) -> AnySchedule | None:
    """The device's hand mapping of a kernel; None if it has none."""
    try:
        return class_of(kernel).hand_mapping(kernel)
    except ScheduleError:
        return None


def search(kernel: KernelOp, objective: Objective, keep: int) -> TuningResult:
    """The best `keep` schedules of a kernel under the cost model.

    Raises:
        DiagnosticError: the device has no schedule for the kernel at all.
    """
    try:
        result = class_of(kernel).search(kernel, objective, keep)
    except ScheduleError as error:
        raise DiagnosticError(f"no schedule of kernel {kernel.label}: {error}", kernel) from error
    if not result.candidates:
        raise DiagnosticError(
            f'no schedule of kernel {kernel.label} fits device "{kernel.device.data}"', kernel
        )
    return result


def tune_kernel(
    kernel: KernelOp, objective: Objective = "latency", top_k: int = 16, *, confirm: bool = True
) -> Tuned:
    """Tune a kernel that is not distributed yet.

    Args:
        kernel: on a device; a schedule that it may have is not looked at.
        objective: what the best schedule has least of.
        top_k: schedules that the search keeps.
        confirm: whether to simulate these and the device's hand mapping, and take the best that the
            device can run; else the model's word is taken.

    Raises:
        DiagnosticError: there is no schedule that the device can run.
    """
    started = time.perf_counter()
    found = search(kernel, objective, top_k)
    choices = [
        Choice(c.schedule, c.estimate, energy_pj=c.estimate.energy_pj) for c in found.candidates
    ]
    hand = baseline(kernel)
    hand_choice = None if hand is None else predicted(kernel, hand)
    if confirm:
        hand_choice = None if hand_choice is None else timed(kernel, hand_choice)
        choices = [timed(kernel, c) for c in choices if c.schedule != hand]
    candidates = [*choices, *([] if hand_choice is None else [hand_choice])]
    ranked = sorted((c for c in candidates if c.rejected is None), key=lambda c: c.score(objective))
    rejected = [c for c in candidates if c.rejected is not None]
    able = _from_the_first_able(kernel, ranked, rejected) if confirm else ranked
    if not able:
        raise _none_runs(kernel, rejected)
    seconds = time.perf_counter() - started
    return Tuned(tuple(able), tuple(rejected), hand_choice, found, seconds)


def _from_the_first_able(
    kernel: KernelOp, ranked: Sequence[Choice], rejected: list[Choice]
) -> list[Choice]:
    """The choices from the first on that the device can run; those before join the rejected ones.

    The check takes longer than the simulation, so that what cannot win is not checked.
    """
    if not _reorders(device_of(kernel)):
        return [*ranked]
    for number, choice in enumerate(ranked):
        checked = simulated(kernel, choice)
        if checked.rejected is None:
            return [checked, *ranked[number + 1 :]]
        rejected.append(checked)
    return []


def _none_runs(kernel: KernelOp, rejected: Sequence[Choice]) -> DiagnosticError:
    first = rejected[0]
    return DiagnosticError(
        f'device "{kernel.device.data}" can run none of the best schedules of kernel'
        f" {kernel.label}; '{first.schedule}': {first.rejected}",
        kernel,
        hint="name a schedule, or let the search keep more (top-k)",
    )
