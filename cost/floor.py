"""Lower bounds on the cycles of a kernel, whatever its schedule."""

from math import prod

from pim_opt.devices import Device
from pim_opt.dialects.iteration import Contraction


def command_interval(device: Device, command: str) -> int:
    """Least cycles between two commands of one kind in the same group, by the device's table."""
    intervals = (
        device.timing.cycles(row.latency)
        for row in device.timing.constraints
        if row.window == 1 and command in row.preceding and command in row.following
    )
    return max(intervals, default=1)


def contraction_floor_cycles(kernel: Contraction, device: Device, column_elements: int) -> int:
    """Cycles in which the matrix's columns can be multiplied at best, on all cores at once.

    Columns of the matrix over all cores, each with every vector, times the interval of
    multiplications; rows, operands, results and refresh come on top.

    Args:
        column_elements: elements in one DRAM column.
    """
    modes = device.kernels.contraction
    if modes is None:
        return 0
    commands = [mode.multiply for mode in (modes.tree, modes.broadcast) if mode is not None]
    columns = -(-prod(dim.size for dim in kernel.dims) // column_elements)
    rounds = -(-columns // (device.groups * device.cores))
    return rounds * min(command_interval(device, command) for command in commands)
