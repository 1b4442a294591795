"""Lower bounds on the cycles of a kernel, whatever its schedule."""

from math import prod

from pim_opt.cost.rooms import lane_modes
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Contraction


def command_interval(device: Device, command: str, level: str | None = None) -> int:
    """Least cycles between two commands of one kind in the same group, by the device's table.

    Args:
        device: with the table.
        command: its name.
        level: only rows of this level count, if it is given: of a group's, the commands may go to
            different banks.
    """
    intervals = (
        device.timing.cycles(row.latency)
        for row in device.timing.constraints
        if row.window == 1 and command in row.preceding and command in row.following
        if level is None or device.level(row.level) == device.level(level)
    )
    return max(intervals, default=1)


def multiplication_rounds(products: int, device: Device, mode: ContractionMode) -> int:
    """Multiplications of a group, at least: each takes a column in every core that it spans.

    Args:
        products: columns of the matrix, each with every vector, on all groups.
        device: whose cores they lie with.
        mode: the commands in use.
    """
    cores = device.members(device.commands[mode.multiply].spans)
    return -(-products // (device.groups * cores))


def contraction_floor_cycles(kernel: Contraction, device: Device, column_elements: int) -> int:
    """Cycles in which the matrix's columns can be multiplied at best, on all cores at once.

    Columns of the matrix over all cores, each with every vector, times the interval of
    multiplications; rows, operands, results and refresh come on top.

    Args:
        column_elements: elements of the matrix in one DRAM column.
    """
    products = -(-prod(dim.size for dim in kernel.dims) // column_elements)
    rounds = (
        multiplication_rounds(products, device, mode)
        * command_interval(device, mode.multiply, device.group)
        for mode in lane_modes(device, column_elements).values()
    )
    return min(rounds, default=0)
