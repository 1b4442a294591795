"""What a device's table says of contractions through rows, each worked out once for many schedules.

Many placements lead to the same commands of units and to the same accesses of the host.
"""

from collections.abc import Callable, Hashable
from math import inf
from typing import TypeVar

import numpy as np

from pim_opt.cost.bulk import bulk, cycles_of, read_in_bulk, written_in_bulk
from pim_opt.cost.lane_stream import gap
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.streams import Paces, passes_cycles, places_of
from pim_opt.cost.timings import Refreshing, completion, host_phase, rows_before, settled
from pim_opt.cost.transfers import TransferLoops
from pim_opt.cost.unit_nest import PhaseTimes, phase_commands, unit_loops
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode

_Known = TypeVar("_Known")


class UnitTimes:
    """Cycles of commands and of the host's accesses on one device."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._paces = Paces(device)
        self._known: dict[Hashable, object] = {}

    def _once(self, key: Hashable, work_out: Callable[[], _Known]) -> _Known:
        if key not in self._known:
            self._known[key] = work_out()
        return self._known[key]  # pyright: ignore[reportReturnType]

    @property
    def _in_order(self) -> bool:
        return self.device.controller.keeps_order

    # Units

    def gap(self, before: str, after: str) -> int:
        """Least cycles between two commands; see `cost.lane_stream.gap`."""
        return self._once(("gap", before, after), lambda: gap(self.device, before, after))

    def phases(self, mapping: Mapping) -> PhaseTimes:
        """The times of a mapping's commands."""
        device, commands = self.device, phase_commands(mapping)
        opener, closer = device.rows_by(mapping.mode.multiply)
        passes = [self._paces.pace(unit_loops(mapping, command)) for command in commands]
        return PhaseTimes(
            gap=np.array([[float(self.gap(a, b)) for b in commands] for a in commands]),
            close=np.array([float(self.gap(command, closer)) for command in commands]),
            open=np.array([float(self.gap(opener, command)) for command in commands]),
            first=np.array([pace.first for pace in passes]),
            period=np.array([pace.period for pace in passes]),
            needs_row=np.array([device.commands[command].row for command in commands]),
            active=float(self.gap(opener, closer)),
            reopen=float(self.gap(closer, opener)),
            again=float(self.gap(opener, opener)),
            barriers=not self._in_order,
            window=float(device.controller.window),
        )

    def refreshing(self, mode: ContractionMode) -> Refreshing:
        """How refreshes interrupt a nest."""
        device = self.device
        if device.refresh is None:
            return Refreshing(inf, 0.0)
        opener, closer = device.rows_by(mode.multiply)
        reopen = self.gap(closer, opener) + self.gap(opener, mode.multiply)
        period = device.timing.cycles(device.refresh.interval)
        pause = device.timing.cycles(device.refresh.duration) + reopen
        return Refreshing(float(period), float(pause))

    # The host

    def read(self, columns: int, *, closed: bool) -> float:
        """Cycles in which the host reads so many columns of a group in host layout."""
        return self._once(("read", columns, closed), lambda: self._read(columns, closed))

    def _read(self, columns: int, closed: bool) -> float:
        device, read = self.device, self.device.kernels.host.read
        if columns <= device.cores * device.columns:
            issued = float(host_phase(device, read, columns, closed=closed).issued)
        else:
            issued = cycles_of(read_in_bulk(device, closed=closed), columns)
        return issued + settled(device, read)

    def placed(self, writes: TransferLoops, *, closed: bool) -> float:
        """Cycles in which the host writes a placement; all banks are closed at first, or open."""
        key = ("placed", writes.loops[1:], closed)
        before = rows_before(self.device, 0 if closed else self.device.cores)
        issues = self._once(key, lambda: written_in_bulk(writes, before))
        return cycles_of(issues, writes.commands) + settled(self.device, writes.command)

    def placed_after(self, writes: TransferLoops, columns: int, since: float) -> float:
        """As `placed`, after reads of so many columns in host layout that began `since` cycles ago.

        Their banks are open in another row. The first write waits for one of these; where they are
        few, the others are ready by then.
        """
        if 2 * columns > self.device.cores:
            return self.placed(writes, closed=False)
        opener, closer = self.device.row_commands(self.device.commands[writes.command].spans)
        ready = max(self.gap(opener, closer) - since, 0.0) + self.gap(closer, opener)
        ready += self.gap(opener, writes.command)
        last = ready + passes_cycles(self._paces.pace(writes), writes.columns)
        late = last + settled(self.device, writes.command)
        return max(self.placed(writes, closed=True), late)

    def gathered(self, reads: TransferLoops, store: str, *, idle_groups: bool) -> float:
        """Cycles from the last `store` of sums until the host has read them.

        Args:
            reads: of the sums.
            store: the command.
            idle_groups: whether some groups have stored nothing, and so have the row to open.
        """
        device, read = self.device, reads.command
        opener, closer = device.row_commands(device.commands[read].spans)
        if reads.columns <= device.columns:
            issued = passes_cycles(self._paces.pace(reads), reads.columns)
            wait = self.gap(store, read) if self._in_order else 1
            if idle_groups and device.controller.coupled:
                # Where requests to all groups come in turn, theirs come now.
                wait += self.gap(closer, opener) + self.gap(opener, read)
        else:
            key = ("gathered", reads.loops[1:])
            before = rows_before(device, device.cores)
            issues = self._once(key, lambda: bulk(device, read, places_of(reads), before))
            issued = cycles_of(issues, reads.commands)
            wait = self.gap(store, closer) if self._in_order else 1
        return max(wait, 1) + issued + settled(device, read)

    def written(self, columns: int) -> float:
        """Cycles in which the host writes so many columns of a group in host layout, until safe."""
        return self._once(("written", columns), lambda: self._written(columns))

    def _written(self, columns: int) -> float:
        device, write = self.device, self.device.kernels.host.write
        issued = host_phase(device, write, columns, closed=False).issued
        return float(issued + completion(device, write))
