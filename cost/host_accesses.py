"""What the host reads from DRAM before a kernel and writes after it, and how long that takes."""

from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Protocol

from pim_opt.cost.bulk import cycles_of, read_in_bulk, written_in_bulk
from pim_opt.cost.nest import FirstRow, Ints
from pim_opt.cost.origins import Origins
from pim_opt.cost.rates import latency
from pim_opt.cost.timings import (
    HostPhase,
    completion,
    host_phase,
    nest_timings,
    open_phase,
    rows_before,
    settled,
)
from pim_opt.cost.transfers import TransferLoop, TransferLoops
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Access


def host_columns(columns: int, device: Device, group: int = 0) -> int:
    """How many of `columns` consecutive ones in host layout lie in a group; in group 0 most."""
    weight = 1
    for name in device.host_layout:
        level = device.level(name)
        if level == device.group_level:
            break
        weight *= level.count
    turns, rest = divmod(columns, weight * device.groups)
    return turns * weight + min(max(rest - group * weight, 0), weight)


class Outside(Protocol):
    """What the host sees of a kernel; a Contraction is one."""

    @property
    def vector(self) -> Access: ...
    @property
    def matrix(self) -> Access: ...
    @property
    def result(self) -> Access: ...
    def shape(self, access: Access) -> tuple[int, ...]: ...


@dataclass(frozen=True)
class HostAccesses:
    """What the host does around a kernel, its streamed tensors in host layout.

    It reads the vector, then reads a matrix that must move and writes it to its place, a barrier
    behind each of these; and it writes the result.
    """

    kernel: Outside
    device: Device
    lanes: int
    """Elements of the matrix in one DRAM column."""
    origins: Origins
    in_place: bool = False
    """Whether the matrix, if it starts in DRAM, lies there as the cores need it."""
    more: tuple[Access, ...] = ()
    """Further matrices, which start where the matrix does."""
    streamed: tuple[Access, ...] = ()
    """Tensors that start where the vector does, and that it reads and writes to their places last,
    whatever becomes of matrices."""
    _written: dict[tuple[TransferLoop, ...], Ints] = field(
        default_factory=dict[tuple[TransferLoop, ...], Ints], init=False, repr=False, compare=False
    )
    """What `matrix_writes` gives, by the loops over hardware: many placements have the same."""

    def _columns(self, access: Access, lanes: int) -> int:
        return -(-prod(self.kernel.shape(access)) // lanes)

    @property
    def reads_matrix(self) -> bool:
        """Whether the host reads the matrix."""
        return self.origins.matrix == "dram" and not self.in_place

    @property
    def moves_matrix(self) -> bool:
        """Whether the host writes the matrix to its place."""
        return self.reads_matrix or self.origins.matrix == "host"

    @property
    def read_columns(self) -> tuple[int, ...]:
        """Columns of each tensor that the host reads, over all groups, in order."""
        from_dram = self.origins.vector == "dram"
        vector = (self.kernel.vector,) if from_dram else ()
        matrices = (self.kernel.matrix, *self.more) if self.reads_matrix else ()
        streamed = self.streamed if from_dram else ()
        lanes = self.device.vector_lanes
        return (
            *(self._columns(access, lanes) for access in vector),
            *(self._columns(access, self.lanes) for access in matrices),
            *(self._columns(access, lanes) for access in streamed),
        )

    @property
    def written_columns(self) -> int:
        """Columns of the result, over all groups; 0 if it stays with the host."""
        ends_in_dram = self.origins.result == "dram"
        return self._columns(self.kernel.result, self.device.vector_lanes) if ends_in_dram else 0

    @cached_property
    def _read_phases(self) -> tuple[HostPhase, ...]:
        device = self.device
        phases: list[HostPhase] = []
        for number, columns in enumerate(self.read_columns):
            own = host_columns(columns, device)
            if own <= device.cores * device.columns:
                read, closed = device.kernels.host.read, number == 0
                phases.append(host_phase(device, read, own, closed=closed))
            else:
                issued = int(cycles_of(read_in_bulk(device, closed=number == 0), own))
                phases.append(HostPhase(issued, 0))
        return tuple(phases)

    @property
    def read_cycles(self) -> float:
        """Cycles until the host may write the matrix, or the first command of the nest issue."""
        wait = settled(self.device, self.device.kernels.host.read)
        return 1.0 + sum(phase.issued + wait for phase in self._read_phases)

    def matrix_writes(self, loops: TransferLoops) -> Ints:
        """When the accesses to the matrix's places issue, as `cycles_of` takes it."""
        key = loops.loops[1:]
        if key not in self._written:
            read = sum(host_columns(columns, self.device) for columns in self.read_columns[-1:])
            self._written[key] = written_in_bulk(loops, rows_before(self.device, read))
        return self._written[key]

    @property
    def write_settles(self) -> float:
        """Cycles from the last write of the matrix until the nest may begin."""
        return float(settled(self.device, self.device.kernels.host.write))

    def first_row(self, mode: ContractionMode) -> FirstRow:
        """When the first row of multiplications can open, counted from the start of the nest."""
        device, t = self.device, nest_timings(self.device, mode)
        host = device.kernels.host
        writes = self.moves_matrix or bool(self.streamed)
        if not writes and not self._read_phases:
            return FirstRow(0.0, t.open)
        opener, _ = device.row_commands(device.commands[host.read].spans)
        _, closer = device.row_commands(device.commands[mode.multiply].spans)
        if writes:
            close = latency(device, host.write, closer)
            return FirstRow(float(close - settled(device, host.write)), t.reopen)
        phase = self._read_phases[-1]
        close = max(
            phase.opened + latency(device, opener, closer),
            phase.issued + latency(device, host.read, closer),
        )
        return FirstRow(float(close - phase.issued - settled(device, host.read)), t.reopen)

    def row_hold(self, mode: ContractionMode, move: str, *, rows: str) -> float:
        """How long the last row of the nest must have been open when the last result moves.

        What it lacks, the host's writes wait: a row stays open for a while before it closes.
        """
        device = self.device
        if not self.written_columns:
            return 0.0
        spans = device.commands[mode.multiply].spans
        opener, closer = device.row_commands(spans)
        if rows != "all":
            _, closer = device.row_commands(device.commands[device.kernels.host.write].spans)
        return float(latency(device, opener, closer) - settled(device, move))

    def write_cycles(self, mode: ContractionMode, move: str, *, rows: str) -> float:
        """Cycles from the last move to the recovery of the last result.

        Args:
            mode: the commands of the nest.
            move: the command of the last move.
            rows: how the schedule opens rows.
        """
        device = self.device
        write = device.kernels.host.write
        columns = host_columns(self.written_columns, device)
        barrier = settled(device, move)
        if columns == 0:
            return float(barrier)
        if rows != "all":
            issued = host_phase(device, write, columns, closed=False).issued
            return barrier + issued + completion(device, write)
        t = nest_timings(device, mode)
        opened = max(latency(device, mode.multiply, write), settled(device, mode.multiply))
        issued = open_phase(device, write, columns)
        return barrier + t.reopen + opened + issued + completion(device, write)
