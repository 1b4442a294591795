"""An elementwise kernel op's description, and its schedule bound to its device."""

from pim_opt.cost.lane_mapping import ElementwiseMapping
from pim_opt.dialects.elementwise import Elementwise
from pim_opt.dialects.lane_schedule import LaneSchedule
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import one_batch
from pim_opt.passes.kernel_access import device_of, lanes_of, scheduled


def computation_of(kernel: KernelOp) -> Elementwise:
    """What an elementwise kernel computes."""
    computation = kernel.computation
    assert isinstance(computation, Elementwise), "the kernel's class is elementwise"
    return computation


def mapping_under(kernel: KernelOp, schedule: LaneSchedule) -> ElementwiseMapping:
    """The kernel under a schedule, on its device.

    Raises:
        ScheduleError: the device cannot follow the schedule.
    """
    return ElementwiseMapping(computation_of(kernel), schedule, device_of(kernel), lanes_of(kernel))


def placed_mapping(kernel: KernelOp) -> ElementwiseMapping:
    """The kernel under its own schedule.

    Raises:
        DiagnosticError: it has none, or one that its device cannot follow.
    """
    return scheduled(kernel, lambda kernel, given: mapping_under(kernel, one_batch(given)))
