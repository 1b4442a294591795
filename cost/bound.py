"""How fast a contraction could be at best: what no schedule of it gets around."""

from dataclasses import dataclass
from math import prod

from pim_opt.cost.nest import refresh_cycles
from pim_opt.cost.timings import nest_timings, refreshing_of
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Contraction


@dataclass(frozen=True)
class Bound:
    """Cycles that every schedule takes, by cause."""

    multiply: float
    """The matrix's columns multiplied, each with every vector, on all cores at once."""
    rows: float
    """Multiplications wait while their next row opens."""
    refresh: float
    """Refreshes that fall due meanwhile."""

    @property
    def cycles(self) -> float:
        return self.multiply + self.rows + self.refresh


def contraction_bound(kernel: Contraction, device: Device, column_elements: int) -> Bound | None:
    """The bound of a contraction; None on a device that has no commands for one.

    Args:
        kernel: what to compute.
        device: where.
        column_elements: elements in one DRAM column.
    """
    modes = device.kernels.contraction
    if modes is None:
        return None
    cores = device.groups * device.cores
    products = -(-prod(dim.size for dim in kernel.dims) // column_elements)
    elements = prod(kernel.shape(kernel.matrix))
    rounds, columns = -(-products // cores), -(-elements // (column_elements * cores))
    found = [m for m in (modes.tree, modes.broadcast) if m is not None]
    bounds = [mode_bound(rounds, columns, device, mode) for mode in found]
    return min(bounds, key=lambda bound: bound.cycles)


def mode_bound(rounds: int, columns: int, device: Device, mode: ContractionMode) -> Bound:
    """The bound of a core's `rounds` of multiplications of `columns` of the matrix."""
    t = nest_timings(device, mode)
    multiply = rounds * t.multiply
    rows = (-(-columns // t.columns) - 1) * (t.close + t.reopen - t.multiply)
    refresh = refresh_cycles(multiply + rows, t.multiply, refreshing_of(device, mode))
    return Bound(multiply, rows, refresh)
