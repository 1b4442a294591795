"""Kernels that add up elements which lie next to each other."""

import time
from collections.abc import Iterator

from numpy.random import Generator

from pim_opt.cost.bound import Bound
from pim_opt.cost.estimate import Estimate
from pim_opt.cost.reduction import bound, estimate
from pim_opt.cost.reduction_mapping import ReductionMapping
from pim_opt.dialects.lane_schedule import LaneSchedule
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.reduction import Reduction
from pim_opt.dialects.schedule import AnySchedule, one_batch
from pim_opt.passes.kernel_access import device_of, from_dram, lanes_of, scheduled
from pim_opt.passes.reduction.distribution import distribute
from pim_opt.passes.reduction.lowering import lower
from pim_opt.passes.reduction.placing import map_banks
from pim_opt.tune.contraction_tuner import TuningResult
from pim_opt.tune.exhaustive import best_of, drawn, sampled
from pim_opt.tune.objectives import Objective
from pim_opt.tune.reduction_space import first_reduction_schedule, reduction_schedules


def _computation(kernel: KernelOp) -> Reduction:
    computation = kernel.computation
    assert isinstance(computation, Reduction), "the kernel's class is reduction"
    return computation


def _mapping(kernel: KernelOp, schedule: AnySchedule) -> ReductionMapping:
    device, lanes = device_of(kernel), lanes_of(kernel)
    return ReductionMapping(_computation(kernel), one_batch(schedule), device, lanes)


class ReductionClass:
    """See `KernelClass`."""

    def hand_mapping(self, kernel: KernelOp) -> LaneSchedule:
        device, lanes = device_of(kernel), lanes_of(kernel)
        return first_reduction_schedule(_computation(kernel), device, lanes)

    def estimate(self, kernel: KernelOp, schedule: AnySchedule) -> Estimate:
        return estimate(_mapping(kernel, schedule), from_dram=from_dram(kernel))

    def search(self, kernel: KernelOp, objective: Objective, keep: int) -> TuningResult:
        started = time.perf_counter()
        return best_of(self._priced(kernel), objective, keep, started)

    def draw(self, kernel: KernelOp, rng: Generator, most_commands: int) -> LaneSchedule:
        return drawn(self._priced(kernel), rng, most_commands)

    def sample_space(self, kernel: KernelOp, rng: Generator, count: int) -> list[LaneSchedule]:
        return sampled(list(self._schedules(kernel)), rng, count)

    def _schedules(self, kernel: KernelOp) -> Iterator[LaneSchedule]:
        return reduction_schedules(_computation(kernel), device_of(kernel), lanes_of(kernel))

    def _priced(self, kernel: KernelOp) -> list[tuple[LaneSchedule, Estimate]]:
        return [(s, self.estimate(kernel, s)) for s in self._schedules(kernel)]

    def bound(self, kernel: KernelOp) -> Bound | None:
        return bound(_mapping(kernel, self.hand_mapping(kernel)))

    def floor_cycles(self, kernel: KernelOp) -> int:
        return int(bound(_mapping(kernel, self.hand_mapping(kernel))).multiply)

    def distribute(self, kernel: KernelOp) -> None:
        distribute(kernel, scheduled(kernel, _mapping))

    def resident_rows(self, kernel: KernelOp) -> int:
        return 0

    def map_banks(self, kernel: KernelOp, resident_row: int, streamed_row: int) -> None:
        map_banks(kernel, scheduled(kernel, _mapping), streamed_row)

    def lower(self, kernel: KernelOp) -> None:
        lower(kernel, scheduled(kernel, _mapping))
