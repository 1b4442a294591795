"""Kernels that are attention."""

from numpy.random import Generator

from pim_opt.cost.attention import attention_bound, attention_floor_cycles, estimate
from pim_opt.cost.attention_mapping import AttentionMapping
from pim_opt.cost.bound import Bound
from pim_opt.cost.estimate import Estimate
from pim_opt.cost.origins import Origins
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import AnySchedule, StagedSchedule
from pim_opt.passes.attention.binding import (
    KEY,
    QUERY,
    VALUE,
    attention_mapping_of,
    attention_of,
    bound,
)
from pim_opt.passes.attention.distribution import distribute
from pim_opt.passes.attention.lowering import lower
from pim_opt.passes.attention.placing import map_banks
from pim_opt.passes.kernel_access import device_of, lanes_of
from pim_opt.tune.attention_rule import attention_rule
from pim_opt.tune.attention_tuner import tune_attention
from pim_opt.tune.contraction_tuner import TuningResult
from pim_opt.tune.objectives import Objective
from pim_opt.tune.random_attention import random_attention_schedule, sampled_attention_schedules


def estimate_at_length(kernel: KernelOp, schedule: AnySchedule, length: int) -> Estimate:
    """What the cost model says of a call with fewer positions, of a kernel that takes a length.

    Raises:
        ScheduleError: the schedule does not fit, or there are not so many positions.
    """
    return estimate(bound(kernel, schedule).at_length(length), _origins(kernel))


class AttentionClass:
    """See `KernelClass`."""

    def hand_mapping(self, kernel: KernelOp) -> StagedSchedule:
        return attention_rule(attention_of(kernel), device_of(kernel), lanes_of(kernel))

    def estimate(self, kernel: KernelOp, schedule: AnySchedule) -> Estimate:
        return estimate(bound(kernel, schedule), _origins(kernel))

    def search(self, kernel: KernelOp, objective: Objective, keep: int) -> TuningResult:
        return tune_attention(
            attention_of(kernel),
            device_of(kernel),
            lanes_of(kernel),
            origins=_origins(kernel),
            keep=keep,
            objective=objective,
        )

    def draw(self, kernel: KernelOp, rng: Generator, most_commands: int) -> StagedSchedule:
        def is_quick(mapping: AttentionMapping) -> bool:
            return sum(estimate(mapping).commands.values()) <= most_commands

        return random_attention_schedule(
            attention_of(kernel), device_of(kernel), lanes_of(kernel), rng, is_quick
        )

    def sample_space(self, kernel: KernelOp, rng: Generator, count: int) -> list[StagedSchedule]:
        return sampled_attention_schedules(
            attention_of(kernel), device_of(kernel), lanes_of(kernel), rng, count
        )

    def bound(self, kernel: KernelOp) -> Bound | None:
        return attention_bound(attention_of(kernel), device_of(kernel), lanes_of(kernel))

    def floor_cycles(self, kernel: KernelOp) -> int:
        return attention_floor_cycles(attention_of(kernel), device_of(kernel), lanes_of(kernel))

    def distribute(self, kernel: KernelOp) -> None:
        distribute(kernel)

    def resident_rows(self, kernel: KernelOp) -> int:
        rows = attention_mapping_of(kernel).matrix_rows
        operands = zip((KEY, VALUE), rows, strict=True)
        return sum(n for operand, n in operands if operand in kernel.resident_operands)

    def map_banks(self, kernel: KernelOp, resident_row: int, streamed_row: int) -> None:
        map_banks(kernel, resident_row, streamed_row)

    def lower(self, kernel: KernelOp) -> None:
        lower(kernel)


def _origins(kernel: KernelOp) -> Origins:
    """Where the query starts, and the keys; values start where keys do."""
    return Origins(kernel.start_of(QUERY), kernel.start_of(KEY))
