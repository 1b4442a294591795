"""An elementwise kernel's schedule bound to a device: rows, batches of columns, registers.

One account of work: the lowering emits these phases and no others, and the cost model counts them.
Raises ScheduleError wherever the schedule asks for what the device cannot do.
"""

from dataclasses import dataclass
from functools import cached_property

from pim_opt.cost.host_columns import HostColumns
from pim_opt.cost.lane_program import LaneProgram, UnitError, lane_program, missing
from pim_opt.devices import Device
from pim_opt.devices.model import ElementwiseKernels, FileCommands
from pim_opt.dialects.elementwise import Elementwise
from pim_opt.dialects.lane_schedule import LaneSchedule
from pim_opt.dialects.placement import BANK, LOCAL, Piece, Placement
from pim_opt.dialects.schedule import ScheduleError


@dataclass(frozen=True)
class FileShare:
    """The part of a batch whose intermediates one register file holds."""

    register: str
    commands: FileCommands
    first: int
    """Its first column in a batch."""
    columns: int


def unit_reason(kernel: Elementwise, device: Device) -> str | None:
    """Why no unit of a device computes a kernel; None if one does."""
    kernels = device.kernels.elementwise
    if kernels is None:
        return f'device "{device.name}" has no elementwise commands'
    try:
        program = lane_program(kernel.body, len(kernel.inputs))
    except UnitError as error:
        return str(error)
    if not usable_files(program, kernels):
        lacks = missing(program, next(iter(kernels.files.values())))
        return f'the units of device "{device.name}" have no {lacks}'
    scalars = kernels.scalars
    room = 0 if scalars is None else device.registers[scalars.register].entries
    if len(program.scalars) > room:
        return (
            f'it has {len(program.scalars)} constants, and the units of device "{device.name}" hold'
            f" {room}"
        )
    return None


def usable_files(program: LaneProgram, kernels: ElementwiseKernels) -> tuple[str, ...]:
    """The register files that have a command for every step."""
    return tuple(name for name, file in kernels.files.items() if program.runs_on(file))


@dataclass(frozen=True)
class ElementwiseMapping:
    """A kernel, its schedule and a device, with all that follows from the three."""

    kernel: Elementwise
    schedule: LaneSchedule
    device: Device
    lanes: int
    """Elements of the kernel's type in one DRAM column."""

    def __post_init__(self) -> None:
        reason = unit_reason(self.kernel, self.device)
        if reason is not None:
            raise ScheduleError(reason)
        self._check_registers()
        room = sum(self.room(name) for name in self.schedule.registers)
        if self.schedule.columns < 1:
            raise ScheduleError("'columns: 0', but a batch has at least 1")
        if self.schedule.columns > min(room, self.tensor.depth):
            raise ScheduleError(
                f"'columns: {self.schedule.columns}', but {', '.join(self.schedule.registers)} of"
                f' device "{self.device.name}" hold {room} of each bank, which has'
                f" {self.tensor.depth}"
            )
        needed = self.program.tensors * self.tensor.depth
        if self.schedule.rows == "shared" and needed > self.device.columns:
            raise ScheduleError(
                f"'rows: shared', but {self.program.tensors} tensors take {needed} columns of every"
                f" bank, and a row has {self.device.columns}"
            )

    def _check_registers(self) -> None:
        files = usable_files(self.program, self.kernels)
        for name in self.schedule.registers:
            if name not in files:
                raise ScheduleError(
                    f"'{name}' in 'registers:' cannot hold this kernel's intermediates; device"
                    f' "{self.device.name}" has {", ".join(files)} for it'
                )
            inside = {loop.level.name for loop in self.tensor.used_below(self._per(name))}
            for step in self.program.steps:
                command: str = getattr(self.kernels.files[name], step.use)
                if inside & set(self.device.commands[command].spans):
                    raise ScheduleError(
                        f"{command} acts on several banks of a unit at once, which share '{name}'"
                    )

    def _per(self, register: str) -> str:
        return self.device.registers[register].per

    @property
    def kernels(self) -> ElementwiseKernels:
        """The device's commands for elementwise kernels."""
        kernels = self.device.kernels.elementwise
        assert kernels is not None, "a device without is refused"
        return kernels

    @cached_property
    def program(self) -> LaneProgram:
        """The steps of one column."""
        return lane_program(self.kernel.body, len(self.kernel.inputs))

    @cached_property
    def tensor(self) -> HostColumns:
        """How the result lies, and all inputs and temporaries as it does."""
        return HostColumns(self.device, self.kernel.elements, self.lanes)

    # Registers

    def banks_of_unit(self, register: str) -> int:
        """Banks in use that share a register file."""
        count = 1
        for loop in self.tensor.used_below(self._per(register)):
            count *= loop.count
        return count

    def room(self, register: str) -> int:
        """Columns of a bank that a register file holds."""
        return self.device.registers[register].entries // self.banks_of_unit(register)

    @cached_property
    def shares(self) -> tuple[FileShare, ...]:
        """What each register file holds of a batch."""
        found: list[FileShare] = []
        first = 0
        for name in self.schedule.registers:
            columns = min(self.room(name), self.schedule.columns - first)
            if columns > 0:
                found.append(FileShare(name, self.kernels.files[name], first, columns))
            first += columns
        return tuple(found)

    @property
    def batches(self) -> int:
        """Batches of columns, the last of which may be smaller."""
        return -(-self.tensor.depth // self.schedule.columns)

    def columns_of(self, batch: int, share: FileShare) -> range:
        """Local columns of a bank whose intermediates a register file holds in a batch."""
        first = batch * self.schedule.columns + share.first
        return range(first, min(first + share.columns, self.tensor.depth))

    @property
    def scalar_spans(self) -> tuple[str, ...]:
        """Levels whose first member alone, or whose members all, load the constants."""
        scalars = self.kernels.scalars
        assert scalars is not None, "a kernel with constants is refused on a device without"
        inside = self.tensor.used_below(self._per(scalars.register))
        spans = self.device.commands[scalars.load].spans
        return (*spans, *(loop.level.name for loop in inside))

    # Rows

    @property
    def rows_of_tensor(self) -> int:
        """Rows of every bank that one tensor takes."""
        return -(-self.tensor.depth // self.device.columns)

    @property
    def rows(self) -> int:
        """Rows of every bank that inputs, result and temporaries take."""
        shared = self.schedule.rows == "shared"
        return 1 if shared else self.program.tensors * self.rows_of_tensor

    def placement(self, number: int, row: int) -> Placement:
        """Where tensor `number` of the program lies if the first lies from `row` on."""
        if self.schedule.rows == "shared":
            return self.tensor.placement(row, number * self.tensor.depth)
        return self.tensor.placement(row + number * self.rows_of_tensor)

    @cached_property
    def unaligned(self) -> tuple[int, ...]:
        """Inputs that the host must arrange as the result lies."""
        inputs = range(len(self.kernel.inputs))
        return tuple(number for number in inputs if not self.kernel.is_aligned(number))

    def scalar_placement(self, row: int) -> Placement:
        """The kernel's constants: a column in the first bank of every unit."""
        scalars = self.kernels.scalars
        assert scalars is not None, "a kernel with constants is refused on a device without"
        level = self.device.level(self.device.registers[scalars.register].per)
        outside = self.device.levels[: self.device.levels.index(level) + 1]
        copies = tuple(Piece((lv.short,), lv.count) for lv in outside)
        constants = len(self.program.scalars)
        return Placement(BANK, ((Piece(LOCAL, constants),),), copies, row)
