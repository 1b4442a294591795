"""When the commands of a regular stream issue: recurrences over the table's rows, compiled.

Every command issues as soon as the bus and the rows of the table allow, in program order or, where
the controller reorders, the oldest in its window that is ready first. This is what controllers do
with streams in which no command depends on another kind.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pim_opt.cost.jit import compiled
from pim_opt.cost.rates import blocked
from pim_opt.cost.transfers import TransferLoop, TransferLoops
from pim_opt.devices import Device

Ints = NDArray[np.int64]

FREE = -(1 << 40)
"""Issue time of a command that never was."""


class Rows(NamedTuple):
    """Rows of a table that bind commands of one kind to each other."""

    latency: Ints
    """Per row its cycles."""
    window: Ints
    """Per row how many commands back it binds."""
    depth: Ints
    """Per row how many core levels name a member: 0 for the whole group."""


def rows_of(device: Device, command: str, following: str | None = None) -> Rows:
    """The rows from commands of one kind to those of the same or of another.

    One more says how long a command that blocks its dispatcher does so.
    """
    names = [level.short for level in device.levels]
    outside = len(names) - len(device.core_levels)
    found = [
        (
            device.timing.cycles(row.latency),
            row.window,
            names.index(device.level(row.level).short) + 1 - outside,
        )
        for row in device.timing.constraints
        if command in row.preceding and (following or command) in row.following
    ]
    if wait := blocked(device, command):
        found.append((wait, 1, 0))
    table = np.array(found, np.int64).reshape(-1, 3)
    return Rows(table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy())


@compiled
def deepest(rows: Rows) -> int:
    """How many commands back the rows look at most."""
    return rows.window.max() if len(rows.window) > 0 else 1


@compiled
def member(address: Ints, counts: Ints, depth: int) -> int:
    """The number of the member that the first `depth` core levels of an address name."""
    result = 0
    for level in range(depth):
        result = result * counts[level] + address[level]
    return result


@compiled
def ready_at(now: int, place: Ints, counts: Ints, rows: Rows, history: Ints) -> int:
    """The first cycle from `now` on at which a command may go to `place`."""
    for r in range(len(rows.latency)):
        at = member(place, counts, rows.depth[r])
        now = max(now, history[r, at, rows.window[r] - 1] + rows.latency[r])
    return now


@compiled
def add_to_history(cycle: int, place: Ints, counts: Ints, rows: Rows, history: Ints) -> None:
    """Note that a command goes to `place`, for `ready_at`."""
    for r in range(len(rows.latency)):
        at = member(place, counts, rows.depth[r])
        for back in range(rows.window[r] - 1, 0, -1):
            history[r, at, back] = history[r, at, back - 1]
        history[r, at, 0] = cycle


@compiled
def issue_cycles(address: Ints, counts: Ints, rows: Rows, window: int) -> Ints:
    """Cycles at which commands to `address` issue, the first at 0.

    Args:
        address: shape (n, core levels); a level that the command spans is 0.
        counts: members of every core level.
        rows: the rows that bind the commands to each other.
        window: commands among which the oldest that is ready issues first; 1 keeps their order.
    """
    most = 1
    for count in counts:
        most *= count
    history = np.full((len(rows.latency), most, deepest(rows)), FREE)
    result = np.full(len(address), -1)
    now, head = 0, 0
    while head < len(address):
        chosen, soonest = head, FREE
        for i in range(head, min(head + window, len(address))):
            if result[i] < 0:
                ready = ready_at(now, address[i], counts, rows, history)
                if soonest == FREE or ready < soonest:
                    chosen, soonest = i, ready
                if ready == now:
                    break
        add_to_history(soonest, address[chosen], counts, rows, history)
        result[chosen] = soonest
        now = soonest + 1
        while head < len(address) and result[head] >= 0:
            head += 1
    return result


def reach(device: Device) -> int:
    """Commands among which a device's controller chooses the next column command."""
    return 1 if device.controller.keeps_order else device.controller.window


class RowTimes(NamedTuple):
    """Cycles that a controller needs to bring rows of single banks."""

    first: int
    """When the first row command may issue."""
    precharge: int
    """From a precharge to the activation of the next row; 0 where banks are closed at first."""
    open: int
    """From an activation to an access."""
    spacing: int
    """Between row commands of a group."""
    window: int
    """Accesses ahead of the one issued whose rows are brought."""


@compiled
def host_cycles(
    address: Ints, counts: Ints, openings: Rows, accesses: Rows, t: RowTimes
) -> tuple[int, int]:
    """Cycles at which the last access of a stream issues, and at which the last row opens.

    Banks open one row each, at their first access. A row bus takes the activation that is due
    first, or else the next precharge.

    Args:
        address: shape (n, core levels): the bank of each access.
        counts: members of every core level.
        openings: rows that bind activations to each other.
        accesses: rows that bind accesses to each other.
        t: how rows are brought.
    """
    most = 1
    for count in counts:
        most *= count
    back = max(deepest(openings), deepest(accesses))
    opened = np.full((len(openings.latency), most, back), FREE)
    accessed = np.full((len(accesses.latency), most, back), FREE)
    ready = np.full(most, -1)
    due = np.empty(len(address), np.int64)  # banks in the order of their first access
    number = 0
    for i in range(len(address)):
        bank = member(address[i], counts, len(counts))
        if ready[bank] < 0:
            ready[bank] = 0
            due[number] = i
            number += 1
    closed = np.zeros(number, np.int64)
    next_close = number if t.precharge == 0 else 0
    next_open, bus, now, last = 0, t.first, 0, 0
    for i in range(len(address)):
        bank = member(address[i], counts, len(counts))
        while next_open < number and due[next_open] <= i:
            place = address[due[next_open]]
            able = next_close > next_open
            begin = ready_at(max(bus, closed[next_open]), place, counts, openings, opened)
            may_close = next_close < number and due[next_close] < i + t.window
            if able and (begin <= bus or not may_close):
                add_to_history(begin, place, counts, openings, opened)
                ready[member(place, counts, len(counts))] = begin + t.open
                bus, last = begin + t.spacing, begin
                next_open += 1
            else:
                closed[next_close] = bus + t.precharge
                bus += t.spacing
                next_close += 1
        now = max(ready_at(now, address[i], counts, accesses, accessed), ready[bank])
        add_to_history(now, address[i], counts, accesses, accessed)
        now += 1
    return now - 1, last


def level_counts(device: Device) -> Ints:
    """Members of every core level."""
    return np.array([level.count for level in device.core_levels], np.int64)


def places_of(loops: TransferLoops) -> Ints:
    """Where the commands for one column go, in order, shape (n, core levels)."""
    device = loops.device
    names = [level.short for level in device.core_levels]
    inner = loops.loops[1:]
    total = 1
    for loop in inner:
        total *= loop.count
    address = np.zeros((total, len(names)), np.int64)
    index = np.arange(total)
    for loop in reversed(inner):
        index, position = np.divmod(index, loop.count)
        for number, level in reversed(tuple(enumerate(loop.levels))):
            size = loops.level_sizes[level]
            coordinate = position if number == 0 else position % size
            address[:, names.index(level)] = coordinate
            position = position // size
    return address


class Pace(NamedTuple):
    """How fast commands that go to the same places again and again issue."""

    places: float
    """Commands in one pass."""
    first: float
    """Cycles from the first command of a pass to its last, when nothing went before."""
    period: float
    """Cycles from one pass to the next."""


@compiled
def passes_cycles(pace: Pace, passes: float) -> float:
    """Cycles from the first command of so many passes to the last."""
    return (passes - 1) * pace.period + pace.first


class Paces:
    """How fast a device's transfers issue, and follow each other.

    Many placements lead to the same commands; what these take is worked out once.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._counts = level_counts(device)
        self._paces: dict[_Pass, Pace] = {}
        self._turns: dict[tuple[_Pass, _Pass], float] = {}
        self._issued: dict[_Pass, tuple[Ints, Ints]] = {}
        self._rows: dict[tuple[str, str], Rows] = {}

    def pace(self, loops: TransferLoops) -> Pace:
        """The pace of a transfer's commands, a pass for each column."""
        key = _pass_of(loops)
        if key not in self._paces:
            places, first = self._one_pass(loops)
            few, many = 2, 4
            period = (
                self._last(loops, places, many) - self._last(loops, places, few)
            ) / (many - few)  # fmt: skip
            self._paces[key] = Pace(float(len(places)), float(first.max()), period)
        return self._paces[key]

    def turn(self, before: TransferLoops, after: TransferLoops) -> float:
        """Cycles from the last command of one transfer to the first of another that follows it."""
        key = (_pass_of(before), _pass_of(after))
        if key not in self._turns:
            self._turns[key] = self._turn(before, after)
        return self._turns[key]

    def _turn(self, before: TransferLoops, after: TransferLoops) -> float:
        places, cycles = self._one_pass(before)
        first = self._one_pass(after)[0][0]
        rows = self._rows_of(before.command, after.command)
        spans = before.spans | after.spans
        spanned = np.array([level.short in spans for level in self._device.core_levels], np.bool_)
        last = int(cycles.max())
        ready = last + 1
        for wait, depth in zip(rows.latency.tolist(), rows.depth.tolist(), strict=True):
            apart = (places[:, :depth] != first[:depth]) & ~spanned[:depth]
            same = ~apart.any(axis=1)
            ready = max(ready, int(cycles[same].max(initial=FREE)) + wait)
        return float(ready - last)

    def _one_pass(self, loops: TransferLoops) -> tuple[Ints, Ints]:
        """Where the commands for one column go, and when each issues, the first at 0."""
        key = _pass_of(loops)
        if key not in self._issued:
            places = places_of(loops)
            self._issued[key] = (places, self._issue(loops, places))
        return self._issued[key]

    def _last(self, loops: TransferLoops, places: Ints, passes: int) -> int:
        """When the last command of so many passes issues."""
        return int(self._issue(loops, np.concatenate([places] * passes)).max())

    def _issue(self, loops: TransferLoops, places: Ints) -> Ints:
        rows = self._rows_of(loops.command, loops.command)
        return issue_cycles(places, self._counts, rows, reach(self._device))

    def _rows_of(self, command: str, following: str) -> Rows:
        key = (command, following)
        if key not in self._rows:
            self._rows[key] = rows_of(self._device, command, following)
        return self._rows[key]


_Pass = tuple[str, tuple[TransferLoop, ...]]
"""A transfer's command and its loops over hardware."""


def _pass_of(loops: TransferLoops) -> _Pass:
    return loops.command, loops.loops[1:]


def host_places(device: Device, columns: int) -> Ints:
    """The banks of `columns` consecutive columns of a group in host layout, shape (n, levels)."""
    names = [level.short for level in device.core_levels]
    address = np.zeros((columns, len(names)), np.int64)
    index = np.arange(columns)
    for name in device.host_layout[:-2]:
        level = device.level(name)
        if level != device.group_level:
            index, address[:, names.index(level.short)] = np.divmod(index, level.count)
    return address
