"""How long phases of commands take that follow each other: recurrences over the device's table.

A phase is a run of commands of one kind to one row. The next begins when the table lets its first
command issue after the last of every kind before it; another row is closed and opened in between.
On a device that reorders, a barrier stands between phases.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pim_opt.cost.timings import completion
from pim_opt.devices import Device


@dataclass(frozen=True)
class Phase:
    """Commands of one kind to one row, one after the other."""

    command: str
    row: int
    commands: int
    """How many; at least 1."""
    cycles: int
    """From the first to the last, when nothing else is in the way."""


@dataclass(frozen=True)
class StreamCycles:
    """What phases take, by cause."""

    issue: int
    """Commands follow each other in open rows."""
    rows: int
    """Commands wait for their row."""
    drain: int
    """From the last command until its data are where they go."""
    rows_opened: int

    @property
    def cycles(self) -> int:
        return self.issue + self.rows + self.drain


def gap(device: Device, before: str, after: str) -> int:
    """Least cycles from command `before` to command `after` where they share every level."""
    rows = (
        device.timing.cycles(row.latency)
        for row in device.timing.constraints
        if row.window == 1 and before in row.preceding and after in row.following
    )
    same_bus = device.command_bus(before) == device.command_bus(after)
    return max(rows, default=int(same_bus))


@dataclass
class _Clock:
    """Cycles so far; `last` is the last issue of every kind of command."""

    device: Device
    last: dict[str, int] = field(default_factory=dict[str, int])
    now: int = 0
    """The last issue; 0 before the first cycle."""
    row: int | None = None
    opened: int = 0
    _gaps: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def _gap(self, before: str, after: str) -> int:
        if (before, after) not in self._gaps:
            self._gaps[before, after] = gap(self.device, before, after)
        return self._gaps[before, after]

    def _after(self, command: str) -> int:
        """The first cycle in which `command` may follow all that has issued."""
        waits = (cycle + self._gap(name, command) for name, cycle in self.last.items())
        return max(waits, default=1)

    def run(self, phase: Phase) -> int:
        """Issue a phase; gives how much longer it took because its row was not open."""
        opener, closer = self.device.rows_by(phase.command)
        first = max(self._after(phase.command), self.now + 1)
        begin = first
        if phase.row != self.row:
            self._open(opener, closer)
            self.row = phase.row
        if self.row is not None:
            begin = max(begin, self.opened + self._gap(opener, phase.command))
        self.now = begin + phase.cycles
        self.last[phase.command] = self.now
        return begin - first

    def _open(self, opener: str, closer: str) -> None:
        barrier = self.device.controller.policy != "in-order"
        begin = self.now + 1 if barrier else max(self.now, 1)
        if self.row is not None:
            close = max(begin, self._after(closer), self.opened + self._gap(opener, closer))
            again = self.opened + self._gap(opener, opener)
            begin = max(close + self._gap(closer, opener), again)
        self.opened = begin


def stream_cycles(device: Device, phases: Iterable[Phase]) -> StreamCycles:
    """What phases take on a device whose banks are closed at first.

    Args:
        device: whose commands they are.
        phases: at least one.
    """
    clock, rows, opened, command = _Clock(device), 0, 0, ""
    for phase in phases:
        opened += phase.row != clock.row
        rows += clock.run(phase)
        command = phase.command
    in_order = device.controller.policy == "in-order"
    # A run ends in the cycle after its last: at the last issue, or when its data are safe.
    drain = completion(device, command) if in_order else 0
    return StreamCycles(clock.now - rows, rows, drain, opened)
