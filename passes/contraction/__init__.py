"""Kernels that are contractions."""

from numpy.random import Generator

from pim_opt.cost.bound import Bound, contraction_bound
from pim_opt.cost.contraction import estimate
from pim_opt.cost.estimate import Estimate
from pim_opt.cost.floor import contraction_floor_cycles
from pim_opt.cost.mapping import Mapping
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import AnySchedule, Schedule, one_nest
from pim_opt.passes.contraction.distribution import distribute
from pim_opt.passes.contraction.lowering import lower
from pim_opt.passes.contraction.placing import map_banks
from pim_opt.passes.kernel_access import MATRIX, device_of, lanes_of, mapping_of, origins_of
from pim_opt.tune.contraction_space import ContractionSpace
from pim_opt.tune.contraction_tuner import TuningResult, tune_contraction
from pim_opt.tune.objectives import Objective
from pim_opt.tune.random_schedules import random_schedule
from pim_opt.tune.rule_of_thumb import rule_of_thumb
from pim_opt.tune.schedule_space import sampled_schedules, spread_count
from pim_opt.tune.unit_space import sampled_unit_schedules

MOST_SPREADS = 10_000
"""Spreads of a space to sample from at most."""


class ContractionClass:
    """See `KernelClass`."""

    def hand_mapping(self, kernel: KernelOp) -> Schedule:
        return rule_of_thumb(kernel.contraction, device_of(kernel), lanes_of(kernel))

    def estimate(self, kernel: KernelOp, schedule: AnySchedule) -> Estimate:
        nest, device = one_nest(schedule), device_of(kernel)
        mapping = Mapping(kernel.contraction, nest, device, lanes_of(kernel))
        return estimate(mapping, origins=origins_of(kernel))

    def search(self, kernel: KernelOp, objective: Objective, keep: int) -> TuningResult:
        return tune_contraction(
            kernel.contraction,
            device_of(kernel),
            lanes_of(kernel),
            origins=origins_of(kernel),
            keep=keep,
            objective=objective,
        )

    def draw(self, kernel: KernelOp, rng: Generator, most_commands: int) -> Schedule:
        def is_quick(mapping: Mapping) -> bool:
            return sum(estimate(mapping).commands.values()) <= most_commands

        device, lanes = device_of(kernel), lanes_of(kernel)
        return random_schedule(kernel.contraction, device, lanes, rng, is_quick)

    def sample_space(self, kernel: KernelOp, rng: Generator, count: int) -> list[Schedule]:
        space = ContractionSpace(kernel.contraction, device_of(kernel), lanes_of(kernel))
        if spread_count(space) > MOST_SPREADS:
            return []
        if space.passes_rows:
            return sampled_unit_schedules(space, count, rng)
        return list(sampled_schedules(space, count, rng))

    def bound(self, kernel: KernelOp) -> Bound | None:
        return contraction_bound(kernel.contraction, device_of(kernel), lanes_of(kernel))

    def floor_cycles(self, kernel: KernelOp) -> int:
        return contraction_floor_cycles(kernel.contraction, device_of(kernel), lanes_of(kernel))

    def distribute(self, kernel: KernelOp) -> None:
        distribute(kernel)

    def resident_rows(self, kernel: KernelOp) -> int:
        resident = MATRIX in kernel.resident_operands
        return mapping_of(kernel).matrix_rows if resident else 0

    def map_banks(self, kernel: KernelOp, resident_row: int, streamed_row: int) -> None:
        mapping = mapping_of(kernel)
        if MATRIX in kernel.resident_operands:
            map_banks(kernel, mapping, resident_row, streamed_row)
        else:
            map_banks(kernel, mapping, streamed_row, streamed_row + mapping.matrix_rows)

    def lower(self, kernel: KernelOp) -> None:
        lower(kernel)
