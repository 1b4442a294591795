"""The schedules of an elementwise kernel: few enough to price them all."""

from collections.abc import Iterator
from itertools import combinations

from pim_opt.cost.host_columns import HostColumns
from pim_opt.cost.lane_mapping import ElementwiseMapping, unit_reason, usable_files
from pim_opt.cost.lane_program import lane_program
from pim_opt.devices import Device
from pim_opt.dialects.elementwise import Elementwise
from pim_opt.dialects.lane_schedule import ROW_USES, LaneSchedule
from pim_opt.dialects.schedule import ScheduleError


def _files(kernel: Elementwise, device: Device) -> tuple[str, ...]:
    """Register files that can hold the kernel's intermediates.

    Raises:
        ScheduleError: the device has none.
    """
    reason = unit_reason(kernel, device)
    kernels = device.kernels.elementwise
    if reason is not None or kernels is None:
        raise ScheduleError(reason or "no commands")
    return usable_files(lane_program(kernel.body, len(kernel.inputs)), kernels)


def first_schedule(kernel: Elementwise, device: Device, lanes: int) -> LaneSchedule:
    """One register file as full as it gets, and rows of their own: what one would write by hand.

    Raises:
        ScheduleError: the device cannot compute the kernel.
    """
    files = _files(kernel, device)[:1]
    one = ElementwiseMapping(kernel, LaneSchedule(1, files), device, lanes)
    return LaneSchedule(min(one.room(files[0]), one.tensor.depth), files)


def elementwise_schedules(
    kernel: Elementwise, device: Device, lanes: int
) -> Iterator[LaneSchedule]:
    """All schedules that the device can follow, those with fewer registers first.

    Raises:
        ScheduleError: the device cannot compute the kernel.
    """
    files = _files(kernel, device)
    depth = HostColumns(device, kernel.elements, lanes).depth
    for number in range(1, len(files) + 1):
        for registers in combinations(files, number):
            for rows in ROW_USES:
                yield from _filled(kernel, device, lanes, (registers, rows, depth))


def _filled(
    kernel: Elementwise, device: Device, lanes: int, choice: tuple[tuple[str, ...], str, int]
) -> Iterator[LaneSchedule]:
    """Batches of every size that need all of the registers."""
    registers, rows, depth = choice
    for columns in range(1, depth + 1):
        schedule = LaneSchedule(columns, registers, rows)
        try:
            mapping = ElementwiseMapping(kernel, schedule, device, lanes)
        except ScheduleError:
            return  # and no larger batch fits
        if len(mapping.shares) == len(registers):
            yield schedule
