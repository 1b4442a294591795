"""The schedules of a reduction: which register file, and whether units add at all."""

from collections.abc import Iterator
from dataclasses import replace

from pim_opt.cost.reduction_mapping import ReductionMapping, reduction_reason
from pim_opt.devices import Device
from pim_opt.dialects.lane_schedule import ROW_USES, LaneSchedule
from pim_opt.dialects.reduction import Reduction
from pim_opt.dialects.schedule import ScheduleError


def reduction_schedules(kernel: Reduction, device: Device, lanes: int) -> Iterator[LaneSchedule]:
    """All schedules that the device can follow.

    Raises:
        ScheduleError: the device cannot compute the kernel.
    """
    reason, kernels = reduction_reason(kernel, device), device.kernels.reduction
    if reason is not None or kernels is None:
        raise ScheduleError(reason or "no commands")
    for register in kernels.files:
        host = LaneSchedule(0, (register,))
        columns = ReductionMapping(kernel, host, device, lanes).unit_columns
        if columns:
            yield from _with_rows(kernel, device, lanes, LaneSchedule(columns, (register,)))
    none = LaneSchedule(0, tuple(kernels.files)[:1])
    yield from _with_rows(kernel, device, lanes, none)


def _with_rows(
    kernel: Reduction, device: Device, lanes: int, schedule: LaneSchedule
) -> Iterator[LaneSchedule]:
    """The schedule with every use of rows that the device can follow."""
    for rows in ROW_USES:
        candidate = replace(schedule, rows=rows)
        try:
            ReductionMapping(kernel, candidate, device, lanes)
        except ScheduleError:
            continue
        yield candidate


def first_reduction_schedule(kernel: Reduction, device: Device, lanes: int) -> LaneSchedule:
    """Units add where they can: what one would write by hand.

    Raises:
        ScheduleError: the device cannot compute the kernel.
    """
    return next(reduction_schedules(kernel, device, lanes))
