"""Kernels that compute one expression at every point."""

import time

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
from pim_opt.tune.exhaustive import best_of
from pim_opt.tune.objectives import Objective


class ElementwiseClass:
    """See `KernelClass`."""

    def hand_mapping(self, kernel: KernelOp) -> LaneSchedule:
        return first_schedule(computation_of(kernel), device_of(kernel), lanes_of(kernel))

    def estimate(self, kernel: KernelOp, schedule: AnySchedule) -> Estimate:
        return estimate(mapping_under(kernel, one_batch(schedule)), from_dram=from_dram(kernel))

    def search(self, kernel: KernelOp, objective: Objective, keep: int) -> TuningResult:
        started = time.perf_counter()
        computation, device, lanes = computation_of(kernel), device_of(kernel), lanes_of(kernel)
        mappings = [
            ElementwiseMapping(computation, schedule, device, lanes)
            for schedule in elementwise_schedules(computation, device, lanes)
        ]
        priced = [(m.schedule, estimate(m, from_dram=from_dram(kernel))) for m in mappings]
        return best_of(priced, objective, keep, started)

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
