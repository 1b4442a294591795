"""The loop nests of a kernel of any class that has distributed products, bound to a device."""

from pim_opt.cost.attention_mapping import attention_mapping
from pim_opt.cost.mapping import Mapping
from pim_opt.devices import Device
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.computation import Computation
from pim_opt.dialects.iteration import Contraction
from pim_opt.dialects.schedule import AnySchedule, ScheduleError, one_nest


def bound_nests(
    kernel: Computation, schedule: AnySchedule, device: Device, lanes: int
) -> tuple[Mapping, ...]:
    """The kernel's loop nests, in order.

    Args:
        lanes: elements in one DRAM column.

    Raises:
        ScheduleError: the device cannot follow the schedule, or the kernel has no such nests.
    """
    match kernel:
        case Contraction():
            return (Mapping(kernel, one_nest(schedule), device, lanes),)
        case Attention():
            return attention_mapping(kernel, schedule, device, lanes).stages
        case _:
            raise ScheduleError(f"a kernel of class {kernel.kind} has no distributed products")
