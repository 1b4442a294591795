"""Kernels that compute one expression at every point."""

import time
from collections.abc import Iterator

from numpy.random import Generator

from pim_opt.cost.bound import Bound
from pim_opt.cost.elementwise import bound, estimate
from pim_opt.cost.estimate import Estimate
from pim_opt.cost.lane_mapping import ElementwiseMapping
from pim_opt.dialects.lane_schedule import LaneSchedule
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import AnySchedule, one_batch
from pim_opt.passes.elementwise.binding import computation_of, mapping_under, placed_mapping
from pim_opt.passes.elementwise.distribution import distribute
from pim_opt.passes.elementwise.lowering import lower
from pim_opt.passes.elementwise.placing import map_banks
from pim_opt.passes.kernel_access import device_of, from_dram, lanes_of
from pim_opt.tune.contraction_tuner import TuningResult
from pim_opt.tune.elementwise_space import elementwise_schedules, first_schedule
from pim_opt.tune.exhaustive import best_of, drawn, sampled
from pim_opt.tune.objectives import Objective


class ElementwiseClass:
    """See `KernelClass`."""

    def hand_mapping(self, kernel: KernelOp) -> LaneSchedule:
        return first_schedule(computation_of(kernel), device_of(kernel), lanes_of(kernel))

    def estimate(self, kernel: KernelOp, schedule: AnySchedule) -> Estimate:
        return estimate(mapping_under(kernel, one_batch(schedule)), from_dram=from_dram(kernel))

    def search(self, kernel: KernelOp, objective: Objective, keep: int) -> TuningResult:
        started = time.perf_counter()
        return best_of(self._priced(kernel), objective, keep, started)

    def draw(self, kernel: KernelOp, rng: Generator, most_commands: int) -> LaneSchedule:
        return drawn(self._priced(kernel), rng, most_commands)

    def sample_space(self, kernel: KernelOp, rng: Generator, count: int) -> list[LaneSchedule]:
        return sampled(list(self._schedules(kernel)), rng, count)

    def _schedules(self, kernel: KernelOp) -> Iterator[LaneSchedule]:
        return elementwise_schedules(computation_of(kernel), device_of(kernel), lanes_of(kernel))

    def _priced(self, kernel: KernelOp) -> list[tuple[LaneSchedule, Estimate]]:
        return [(s, self.estimate(kernel, s)) for s in self._schedules(kernel)]

    def bound(self, kernel: KernelOp) -> Bound | None:
        return bound(self._first(kernel))

    def floor_cycles(self, kernel: KernelOp) -> int:
        return int(bound(self._first(kernel)).multiply)

    def _first(self, kernel: KernelOp) -> ElementwiseMapping:
        return mapping_under(kernel, self.hand_mapping(kernel))

    def distribute(self, kernel: KernelOp) -> None:
        distribute(kernel, placed_mapping(kernel))

    def resident_rows(self, kernel: KernelOp) -> int:
        return 1 if placed_mapping(kernel).program.scalars else 0

    def map_banks(self, kernel: KernelOp, resident_row: int, streamed_row: int) -> None:
        map_banks(kernel, placed_mapping(kernel), resident_row, streamed_row)

    def lower(self, kernel: KernelOp) -> None:
        lower(kernel, placed_mapping(kernel))
