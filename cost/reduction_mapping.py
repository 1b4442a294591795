"""A reduction's schedule bound to a device: what units add up, what they leave, what the host adds.

Units add columns lane by lane, so they work where the host's layout has put the data (`cost.fold`).
Where all summands of a result meet in one lane of one bank, that is the result; else every unit
leaves columns of partial sums, which the host reads and adds, with what units have not read.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

from pim_opt.cost.fold import Fold, best_fold
from pim_opt.cost.host_columns import HostColumns
from pim_opt.devices import Device
from pim_opt.devices.model import FileCommands, ReductionKernels
from pim_opt.dialects.lane_schedule import LaneSchedule
from pim_opt.dialects.placement import Placement, interleaved
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
                f"'columns: {self.schedule.columns}', but of every sum {self.unit_columns} whole"
                f' columns lie in one bank of device "{self.device.name}"'
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
        return HostColumns(self.device, self.kernel.elements, self.lanes)

    @cached_property
    def result(self) -> HostColumns:
        """How the result lies."""
        return HostColumns(self.device, self.kernel.results, self.lanes)

    # Units

    @property
    def by_units(self) -> bool:
        """Whether units add anything."""
        return self.schedule.columns > 0

    @cached_property
    def inner_levels(self) -> tuple[str, ...]:
        """Levels inside a unit, outermost first."""
        unit = self.device.registers[self.register].per
        return tuple(loop.level.name for loop in self.tensor.used_below(unit))

    @property
    def banks_of_unit(self) -> int:
        """Banks that share a register file."""
        return self.device.members(self.inner_levels)

    @cached_property
    def _best(self) -> Fold | None:
        around = self.tensor.banks * self.lanes
        inside = self.inner_levels
        beside = [lp.weight * self.lanes for lp in self.tensor.loops if lp.level.name in inside]
        return best_fold(self.kernel, around, beside, self.banks_of_unit)

    @property
    def unit_columns(self) -> int:
        """Columns of a bank that units can add up for each sum; 0 if they can add nothing."""
        return 0 if self._best is None else self._best.terms

    @property
    def fold(self) -> Fold:
        """What units add up, if they do."""
        assert self._best is not None, "units add nothing"
        return self._best

    @property
    def joined_levels(self) -> tuple[str, ...]:
        """Levels inside a unit whose members' columns go into one sum."""
        return self.inner_levels if self.fold.joins else ()

    @property
    def joined_banks(self) -> int:
        """Banks whose columns go into one sum."""
        return self.device.members(self.joined_levels)

    @property
    def sums_of_unit(self) -> int:
        """Sums that a unit has at a time for each of a bank."""
        return self.banks_of_unit // self.joined_banks

    @property
    def blocks(self) -> int:
        """Columns of a bank from one summand of a sum to the next: so many sums lie side by side"""
        return self.fold.period // (self.tensor.banks * self.lanes)

    @property
    def runs(self) -> int:
        """Runs of columns that are gone through one after the other."""
        return self.fold.outer if self.blocks > 1 else 1

    @property
    def sums(self) -> int:
        """Sums of a bank in each run: side by side, or one after the other."""
        return self.blocks if self.blocks > 1 else self.fold.outer

    @property
    def together(self) -> int:
        """Sums of a bank that are not stored yet: what registers hold and one row's columns."""
        entries = self.device.registers[self.register].entries // self.sums_of_unit
        in_row = self.device.columns // self.fold.terms if self.blocks == 1 else entries
        return min(self.sums, entries, max(in_row, 1))

    @property
    def batches(self) -> int:
        """Rounds of so many sums in each run, the last of which may have fewer."""
        return -(-self.sums // self.together)

    @property
    def run_columns(self) -> int:
        """Columns of a bank in one run."""
        return self.fold.terms * self.blocks * (self.fold.outer // self.runs)

    @property
    def steps(self) -> tuple[int, int]:
        """Columns of a bank from one sum's first to the next one's, and between its summands."""
        return (1, self.blocks) if self.blocks > 1 else (self.fold.terms, 1)

    # What is left to the host

    @cached_property
    def head(self) -> HostColumns:
        """The elements that units add up."""
        fold = self.fold
        return HostColumns(self.device, fold.outer * fold.terms * fold.period, self.lanes)

    @property
    def rest(self) -> HostColumns | None:
        """The elements behind those, which the host adds; None if there are none."""
        rest = self.fold.rest if self.by_units else 0
        return HostColumns(self.device, rest, self.lanes) if rest else None

    def part_shape(self, elements: int) -> tuple[int, ...]:
        """The input's shape with so many elements in every run."""
        sizes, axis = self.kernel.sizes, self.fold.axis
        return (*sizes[:axis], elements // self.fold.inner, *sizes[axis + 1 :])

    @property
    def partial_shape(self) -> tuple[int, ...]:
        """The shape of the sums that units leave."""
        return self.part_shape(self.fold.period // self.joined_banks)

    @property
    def gives_result(self) -> bool:
        """Whether the sums of the units are the results, in their order."""
        if not self.by_units or self.rest is not None or self.kernel.permutes:
            return False
        return prod(self.partial_shape) == self.kernel.results

    # Rows

    @property
    def partial_columns(self) -> int:
        """Columns of a bank that sums for the host to read take."""
        return self.fold.outer * self.blocks if self.by_units and not self.gives_result else 0

    def _rows(self, columns: int) -> int:
        return -(-columns // self.device.columns)

    @property
    def shares_row(self) -> bool:
        """Whether input, partial sums and result lie in one row."""
        return self.schedule.rows == "shared"

    @property
    def row_columns(self) -> int:
        """Columns of every bank that all tensors take."""
        return self.tensor.depth + self.partial_columns + self.result.depth

    @property
    def rows(self) -> int:
        """Rows of every bank that all tensors take."""
        if self.shares_row:
            return 1
        parts = (self.tensor.depth, self.partial_columns, self.result.depth)
        return sum(self._rows(columns) for columns in parts)

    @property
    def sums_place(self) -> tuple[int, int]:
        """Row and column of the units' first sum, counted from those of the input."""
        return (0, self.tensor.depth) if self.shares_row else (self._rows(self.tensor.depth), 0)

    @property
    def result_place(self) -> tuple[int, int]:
        """Row and column of the result, counted from those of the input."""
        row, column = self.sums_place
        partial = self.partial_columns
        return (row, column + partial) if self.shares_row else (row + self._rows(partial), 0)

    def result_placement(self, row: int) -> Placement:
        """The result in host layout, if the input lies from `row` on."""
        first, column = self.result_place
        return self.result.placement(row + first, column)

    def rest_placement(self, row: int) -> Placement:
        """What units do not add, where it lies if the input lies from `row` on."""
        assert self.rest is not None, "nothing is left"
        first, column = divmod(self.head.depth, self.device.columns)
        return self.rest.placement(row + first, column)

    def partial_placement(self, row: int) -> Placement:
        """The units' sums, as the host's layout has them: in the first of the banks that join.

        Args:
            row: from which on the input lies.
        """
        first, column = self.sums_place
        loops = [lp for lp in self.tensor.loops if lp.level.name not in self.joined_levels]
        order = [(loop.level.short, loop.level.count) for loop in loops]
        elements = prod(self.partial_shape)
        return interleaved(elements, self.lanes, order, row + first, column)
