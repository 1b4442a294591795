"""How fast a contraction could be at best: what no schedule of it gets around."""

from dataclasses import dataclass
from math import prod

from pim_opt.cost.floor import command_interval, multiplication_rounds
from pim_opt.cost.lane_stream import gap
from pim_opt.cost.nest import refresh_cycles
from pim_opt.cost.rooms import inner_levels_of, lane_modes
from pim_opt.cost.timings import refreshing_of
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
        column_elements: elements of the matrix in one DRAM column.
    """
    modes = lane_modes(device, column_elements)
    products = -(-prod(dim.size for dim in kernel.dims) // column_elements)
    elements = prod(kernel.shape(kernel.matrix))
    columns = -(-elements // (column_elements * device.groups * device.cores))
    bounds = [
        mode_bound(
            multiplication_rounds(products, device, mode),
            0 if opens_rows_in_turn(device, mode) else columns,
            device,
            mode,
        )
        for mode in modes.values()
    ]
    return min(bounds, key=lambda bound: bound.cycles, default=None)


def opens_rows_in_turn(device: Device, mode: ContractionMode) -> bool:
    """Whether banks that take turns open their rows each for itself, while others multiply."""
    together = {device.level(name).short for name in device.row_spans(mode.multiply)}
    return not together.issuperset(inner_levels_of(device, mode))


def mode_bound(rounds: int, columns: int, device: Device, mode: ContractionMode) -> Bound:
    """The bound of a group's `rounds` of multiplications, of `columns` of the matrix in a bank.

    Columns are none where rows open while others are in use.
    """
    multiply = mode.multiply
    opener, closer = device.rows_by(multiply)
    interval = command_interval(device, multiply, device.group)
    switch = gap(device, multiply, closer) + gap(device, closer, opener)
    switch += gap(device, opener, multiply) - interval
    rows = max(-(-columns // device.columns) - 1, 0) * switch
    cycles = float(rounds * interval + rows)
    # A refresh that falls due where a row ends takes the place of opening the next one.
    hidden = float(interval + (switch if rows else 0))
    refresh = refresh_cycles(cycles, hidden, refreshing_of(device, mode))
    return Bound(float(rounds * interval), float(rows), refresh)
