"""Where a device's host puts tensors in DRAM."""

from pim_opt.devices import Device
from pim_opt.dialects.placement import Placement, interleaved


def host_layout(device: Device, elements: int, column_elements: int, row: int) -> Placement:
    """Where a streamed tensor lies in DRAM: the host's interleave, from the start of `row`."""
    levels = [device.level(name) for name in device.host_layout[:-2]]
    return interleaved(elements, column_elements, [(lv.short, lv.count) for lv in levels], row)


def level_sizes(device: Device) -> dict[str, int]:
    """Members of every level, by its short name."""
    return {level.short: level.count for level in device.levels}
