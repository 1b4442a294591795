"""What passes ask of a kernel that is attention."""

from functools import lru_cache
from typing import cast

from pim_opt.cost.attention_mapping import AttentionMapping, attention_mapping
from pim_opt.devices import load_device
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import AnySchedule, ScheduleError
from pim_opt.passes.kernel_access import lanes_of

QUERY, KEY, VALUE = 0, 1, 2
"""Operand numbers."""


def attention_of(kernel: KernelOp) -> Attention:
    """The mathematics of a kernel of class "attention"."""
    return cast(Attention, kernel.computation)


def attention_mapping_of(kernel: KernelOp) -> AttentionMapping:
    """The kernel's schedule bound to its device.

    Raises:
        DiagnosticError: the kernel has no schedule, or one that its device cannot follow.
    """
    if kernel.schedule is None:
        raise DiagnosticError(
            f"kernel {kernel.label} has no schedule", kernel, hint="run pim-set-schedule first"
        )
    try:
        return bound(kernel, kernel.schedule.data)
    except ScheduleError as error:
        raise DiagnosticError(f"schedule of kernel {kernel.label}: {error}", kernel) from error


def bound(kernel: KernelOp, schedule: AnySchedule) -> AttentionMapping:
    """A schedule bound to the kernel and its device.

    Raises:
        ScheduleError: the device cannot follow it.
    """
    return _bound(attention_of(kernel), schedule, kernel.device.data, lanes_of(kernel))


@lru_cache(maxsize=64)
def _bound(
    attention: Attention, schedule: AnySchedule, device: str, lanes: int
) -> AttentionMapping:
    return attention_mapping(attention, schedule, load_device(device), lanes)
