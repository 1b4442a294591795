"""How long phases of commands take that follow each other: recurrences over the device's table.

A phase is a run of commands of one kind to one row. The next begins when the table lets its first
command issue after the last of every kind before it; another row is closed and opened in between.
On a device that reorders, a barrier stands between phases.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pim_opt.cost.streams import FREE, Ints, rows_of
from pim_opt.cost.timings import completion
from pim_opt.devices import Device


@dataclass(frozen=True, eq=False)
class Run:
    """Commands of one kind, one after the other, when nothing else is in the way."""

    command: str
    places: Ints
    """Where each goes, shape (n, core levels), n at least 1; a level that it spans is 0."""
    issued: Ints
    """Cycles at which each issues, counted from the first."""

    @cached_property
    def cycles(self) -> int:
        """From the first to the last."""
        return int(self.issued.max())


@dataclass(frozen=True)
class Phase:
    """A run of commands to one row."""

    run: Run
    row: int

    @property
    def command(self) -> str:
        return self.run.command

    @property
    def commands(self) -> int:
        """How many there are."""
        return len(self.run.issued)

    @property
    def cycles(self) -> int:
        """From the first to the last, when nothing else is in the way."""
        return self.run.cycles


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


def turn(device: Device, before: Run, after: Run) -> int:
    """Cycles from the last command of one run to the first of another that follows it."""
    commands = device.commands
    spans = {*commands[before.command].spans, *commands[after.command].spans}
    spanned = np.array([level.name in spans for level in device.core_levels], np.bool_)
    rows = rows_of(device, before.command, after.command)
    ready = before.cycles + 1
    for wait, depth in zip(rows.latency.tolist(), rows.depth.tolist(), strict=True):
        apart = (before.places[:, :depth] != after.places[0, :depth]) & ~spanned[:depth]
        same = ~apart.any(axis=1)
        ready = max(ready, int(before.issued[same].max(initial=FREE)) + wait)
    return ready - before.cycles


@dataclass
class _Clock:
    """Cycles so far; `last` is the last run of every kind of command, and its last issue."""

    device: Device
    last: dict[str, tuple[Run, int]] = field(default_factory=dict[str, tuple[Run, int]])
    now: int = 0
    """The last issue; 0 before the first cycle."""
    row: int | None = None
    opened: int = 0
    _gaps: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    _turns: dict[tuple[Run, Run], int] = field(default_factory=dict[tuple[Run, Run], int])

    def _gap(self, before: str, after: str) -> int:
        if (before, after) not in self._gaps:
            self._gaps[before, after] = gap(self.device, before, after)
        return self._gaps[before, after]

    def _turn(self, before: Run, after: Run) -> int:
        if (before, after) not in self._turns:
            self._turns[before, after] = turn(self.device, before, after)
        return self._turns[before, after]

    def _after(self, run: Run) -> int:
        """The first cycle in which a run may begin behind all that has issued."""
        waits = (cycle + self._turn(before, run) for before, cycle in self.last.values())
        return max(waits, default=1)

    def _closes(self, closer: str) -> int:
        """The first cycle in which the open row may close, as far as its columns are concerned."""
        waits = (cycle + self._gap(name, closer) for name, (_, cycle) in self.last.items())
        return max(waits, default=1)

    def run(self, phase: Phase) -> int:
        """Issue a phase; gives how much longer it took because its row was not open."""
        opener, closer = self.device.rows_by(phase.command)
        first = max(self._after(phase.run), self.now + 1)
        begin = first
        if phase.row != self.row:
            self._open(opener, closer)
            self.row = phase.row
        if self.row is not None:
            begin = max(begin, self.opened + self._gap(opener, phase.command))
        self.now = begin + phase.cycles
        self.last[phase.command] = (phase.run, self.now)
        return begin - first

    def _open(self, opener: str, closer: str) -> None:
        barrier = not self.device.controller.keeps_order
        begin = self.now + 1 if barrier else max(self.now, 1)
        if self.row is not None:
            close = max(begin, self._closes(closer), self.opened + self._gap(opener, closer))
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
    in_order = device.controller.keeps_order
    # It ends when its data are safe, or else in the cycle after the last issue.
    drain = completion(device, command) if in_order else 1
    return StreamCycles(clock.now - rows, rows, drain, opened)
