"""A reduction's schedule bound to a device: what units add up, what they leave, what the host adds.

Units add columns lane by lane, so they work where the host's layout has put the data: a result
whose elements fill whole columns of every bank. Each unit then leaves one column of partial sums.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

from pim_opt.cost.host_columns import HostColumns
from pim_opt.devices import Device
from pim_opt.devices.model import FileCommands, ReductionKernels
from pim_opt.dialects.lane_schedule import LaneSchedule
from pim_opt.dialects.placement import BANK, LOCAL, Piece, Placement
from pim_opt.dialects.reduction import Reduction
from pim_opt.dialects.schedule import ScheduleError


def reduction_reason(kernel: Reduction, device: Device) -> str | None:
    """Why no unit of a device computes a kernel; None if one does."""
    kernels = device.kernels.reduction
    if kernels is None:
        return f'device "{device.name}" has no reduction commands'
    if kernel.combiner != "add":
        return f'the units of device "{device.name}" have no {kernel.combiner} of two columns'
    return None


@dataclass(frozen=True)
class ReductionMapping:
    """A kernel, its schedule and a device, with all that follows from the three."""

    kernel: Reduction
    schedule: LaneSchedule
    device: Device
    lanes: int
    """Elements of the kernel's type in one DRAM column."""

    def __post_init__(self) -> None:
        reason = reduction_reason(self.kernel, self.device)
        if reason is not None:
            raise ScheduleError(reason)
        if len(self.schedule.registers) != 1 or self.register not in self.kernels.files:
            known = ", ".join(self.kernels.files)
            raise ScheduleError(f"'registers:' names one file that sums gather in: {known}")
        if self.schedule.columns not in (0, self.unit_columns):
            raise ScheduleError(
                f"'columns: {self.schedule.columns}', but every result fills {self.unit_columns}"
                f' whole columns of all banks of device "{self.device.name}"'
            )

        if self.schedule.rows == "shared" and self.row_columns > self.device.columns:
            raise ScheduleError(
                f"'rows: shared', but input, sums and result take {self.row_columns} columns"
                f" of every bank, and a row has {self.device.columns}"
            )

    @property
    def kernels(self) -> ReductionKernels:
        """The device's commands for reductions."""
        kernels = self.device.kernels.reduction
        assert kernels is not None, "a device without is refused"
        return kernels

    @property
    def register(self) -> str:
        """The register file that sums gather in."""
        return self.schedule.registers[0]

    @property
    def commands(self) -> FileCommands:
        """What computes in it."""
        return self.kernels.files[self.register]

    @cached_property
    def tensor(self) -> HostColumns:
        """How the input lies."""
        return HostColumns(self.device, self.kernel.results * self.kernel.terms, self.lanes)

    @property
    def unit_columns(self) -> int:
        """Columns of every bank that one result fills; 0 if it does not fill them whole."""
        whole, rest = divmod(self.kernel.terms, self.tensor.banks * self.lanes)
        return 0 if rest else whole

    @property
    def by_units(self) -> bool:
        """Whether units add anything."""
        return self.schedule.columns > 0

    # Units

    @property
    def unit_level(self) -> str:
        """The level whose members have a register file each."""
        return self.device.registers[self.register].per

    @cached_property
    def inner_levels(self) -> tuple[str, ...]:
        """Levels inside a unit, outermost first."""
        return tuple(loop.level.name for loop in self.tensor.used_below(self.unit_level))

    @property
    def banks_of_unit(self) -> int:
        """Banks that share a register file."""
        return self.device.members(self.inner_levels)

    @property
    def units(self) -> int:
        """Units of the device."""
        return self.tensor.banks // self.banks_of_unit

    @property
    def partials(self) -> int:
        """Partial sums of each result that the host adds."""
        return self.units * self.lanes

    @property
    def together(self) -> int:
        """Results that units sum before they store: what registers hold and one row's columns."""
        entries = self.device.registers[self.register].entries
        in_row = self.device.columns // max(self.schedule.columns, 1)
        return min(self.kernel.results, entries, max(in_row, 1))

    @property
    def batches(self) -> int:
        """Rounds of so many results, the last of which may have fewer."""
        return -(-self.kernel.results // self.together)

    # Rows

    @property
    def input_rows(self) -> int:
        """Rows of every bank that the input takes."""
        return -(-self.tensor.depth // self.device.columns)

    @property
    def partial_rows(self) -> int:
        """Rows of every bank that partial sums take."""
        return -(-self.kernel.results // self.device.columns) if self.by_units else 0

    @property
    def shares_row(self) -> bool:
        """Whether input, partial sums and result lie in one row."""
        return self.schedule.rows == "shared"

    @cached_property
    def result(self) -> HostColumns:
        """How the result lies."""
        return HostColumns(self.device, self.kernel.results, self.lanes)

    @property
    def partial_columns(self) -> int:
        """Columns of every unit's first bank that partial sums take."""
        return self.kernel.results if self.by_units else 0

    @property
    def row_columns(self) -> int:
        """Columns of every bank that all tensors take."""
        return self.tensor.depth + self.partial_columns + self.result.depth

    @property
    def rows(self) -> int:
        """Rows of every bank that all tensors take."""
        result = -(-self.result.depth // self.device.columns)
        return 1 if self.shares_row else self.input_rows + self.partial_rows + result

    @property
    def partial_place(self) -> tuple[int, int]:
        """Row and column of the first partial sum, counted from those of the input."""
        return (0, self.tensor.depth) if self.shares_row else (self.input_rows, 0)

    def result_placement(self, row: int) -> Placement:
        """The result in host layout, if the input lies from `row` on."""
        if self.shares_row:
            return self.result.placement(row, self.tensor.depth + self.partial_columns)
        return self.result.placement(row + self.input_rows + self.partial_rows)

    def partial_placement(self, row: int) -> Placement:
        """Partial sums: a column for each result in the first bank of every unit.

        Axis 0 counts units and their lanes, axis 1 results; the input lies from `row` on.
        """
        inside = set(self.inner_levels)
        outside = tuple(lv.short for lv in self.device.levels if lv.name not in inside)
        sizes = [self.device.level(name).count for name in outside]
        partial = (Piece(outside, prod(sizes)), Piece(LOCAL, self.lanes))
        results = (Piece(LOCAL, self.kernel.results, self.lanes),)
        first, column = self.partial_place
        return Placement(BANK, (partial, results), row=row + first, column=column)
