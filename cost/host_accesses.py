"""What the host reads from DRAM before a kernel and writes after it, and how long that takes."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

from pim_opt.cost.nest import FirstRow
from pim_opt.cost.rates import latency
from pim_opt.cost.timings import (
    HostPhase,
    completion,
    host_phase,
    nest_timings,
    open_phase,
    settled,
)
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Access, Contraction


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


@dataclass(frozen=True)
class HostAccesses:
    """The streamed tensors of a contraction, in host layout."""

    kernel: Contraction
    device: Device
    lanes: int
    """Elements in one DRAM column."""
    from_dram: bool
    """Whether the vector starts in DRAM; else the host has it."""

    def _columns(self, access: Access) -> int:
        return -(-prod(self.kernel.shape(access)) // self.lanes)

    @property
    def read_columns(self) -> int:
        """Columns of the vector, over all groups."""
        return self._columns(self.kernel.vector)

    @property
    def written_columns(self) -> int:
        """Columns of the result, over all groups."""
        return self._columns(self.kernel.result)

    @cached_property
    def _read_phase(self) -> HostPhase:
        columns = host_columns(self.read_columns, self.device)
        return host_phase(self.device, self.device.kernels.host.read, columns, closed=True)

    @property
    def read_cycles(self) -> float:
        """Cycles until the first command of the nest may issue."""
        if not self.from_dram:
            return 1.0
        read = self.device.kernels.host.read
        return 1.0 + self._read_phase.issued + settled(self.device, read)

    def first_row(self, mode: ContractionMode) -> FirstRow:
        """When the first row of multiplications can open, counted from the start of the nest."""
        device, t = self.device, nest_timings(self.device, mode)
        if not self.from_dram:
            return FirstRow(0.0, t.open)
        read = device.kernels.host.read
        opener, _ = device.row_commands(device.commands[read].spans)
        _, closer = device.row_commands(device.commands[mode.multiply].spans)
        phase = self._read_phase
        close = max(
            phase.opened + latency(device, opener, closer),
            phase.issued + latency(device, read, closer),
        )
        return FirstRow(float(close - phase.issued - settled(device, read)), t.reopen)

    def row_hold(self, mode: ContractionMode, move: str, *, rows: str) -> float:
        """How long the last row of the nest must have been open when the last result moves.

        What it lacks, the host's writes wait: a row stays open for a while before it closes.
        """
        device = self.device
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
        if rows != "all":
            issued = host_phase(device, write, columns, closed=False).issued
            return barrier + issued + completion(device, write)
        t = nest_timings(device, mode)
        opened = max(latency(device, mode.multiply, write), settled(device, mode.multiply))
        issued = open_phase(device, write, columns)
        return barrier + t.reopen + opened + issued + completion(device, write)
