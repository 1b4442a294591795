"""A device compiled into flat integer tables, by which the engines run.

All state between commands is an array of earliest cycles per group. A *slot* of it stands for one
member of a level and one set of commands that must wait there; tables say, per command and path,
which slots bind it (`watch`) and which it raises (`raise`). A *path* is an address down to the
bank, or that of a refresh, which ends at the level that the refresh is per.

How far a command reaches depends on the controller's policy: in-order binds, and is bound, at every
member that a command spans; fr-fcfs, as the published simulator, only along the address itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pim_opt.devices import Device
from pim_opt.devices.model import Constraint

Ints = NDArray[np.int64]

ROW_BUS, COLUMN_BUS, NO_BUS = range(3)

CAUSES = (
    "mac",
    "row",
    "operand_load",
    "result_move",
    "host",
    "refresh",
    "barrier",
    "other",
)
"""What a cycle is spent on."""
_CAUSE_OF_KIND = {
    "compute": "mac",
    "load": "operand_load",
    "move": "result_move",
    "host_read": "host",
    "host_write": "host",
    "row": "row",
    "refresh": "refresh",
    "barrier": "barrier",
}
ROW_CAUSE, REFRESH_CAUSE = CAUSES.index("row"), CAUSES.index("refresh")
BARRIER_CAUSE, OTHER_CAUSE = CAUSES.index("barrier"), CAUSES.index("other")

READS, WRITES, BARS, PIM = range(4)
"""Roles of a command in the controller."""
_ROLE_OF_KIND = {"host_read": READS, "host_write": WRITES, "barrier": BARS}

# Columns of Tables.command.
BUS, CAUSE, ROLE, NEEDS_ROW, OPENS, CLOSES, SPAN, OPENER, CLOSER, COMPLETION = range(10)

# Columns of Tables.window_raise and of Tables.entry_watch and entry_raise.
RING, RING_SLOT, RING_LATENCY, RING_SIZE = range(4)
ENTRY_SLOT, ENTRY_OPERAND, ENTRY_LATENCY = range(3)

WHOLE_FILE = -1
"""Operand position of a command that uses all entries of a register file at once."""
ANY_ENTRY, ALL_ENTRIES, FIRST_ENTRY = range(3)
"""Offsets in the slots of a register file: raised for unknown entries, for any entry, for entry 0."""

NEVER = 1 << 60
"""A cycle that does not come."""


class Tables(NamedTuple):
    """The tables of one device; `start` arrays delimit the rows of a command and path."""

    paths: int
    banks: int
    command: Ints
    """Shape (commands, 10): the columns named above."""
    watch_start: Ints
    """Shape (2 * commands * paths + 1): per command and path first what column commands raise,
    then what row commands do."""
    watch: Ints
    raise_start: Ints
    raised: Ints
    """Shape (n, 2): slot and latency."""
    window_start: Ints
    window_raise: Ints
    """Shape (n, 4): ring, slot, latency, commands that the ring holds."""
    entry_watch_start: Ints
    entry_watch: Ints
    """Shape (n, 2): first slot and operand position."""
    entry_raise_start: Ints
    entry_raise: Ints
    """Shape (n, 3): first slot, operand position, latency."""
    base: Ints
    """Shape (span sets, paths): the first bank of those that a command with the path acts on."""
    member_start: Ints
    member: Ints
    """Per span set the offsets from the base to all banks acted on, ascending."""
    union: Ints
    """Shape (span sets, span sets): the span set that spans what either does."""
    refresh: Ints
    """Command, interval, members; command -1 for a device without refresh."""
    queue: Ints
    """Window, write drain start and stop, forwarding, keeps rows."""
    patience: int
    """Cycles without a finished request after which the controller is stuck for good."""


@dataclass(frozen=True)
class Model:
    """A device, its tables, and the sizes of the state that goes with them."""

    device: Device
    tables: Tables
    names: tuple[str, ...]
    """Commands in the order of their numbers."""
    slots: int
    rings: int
    ring_size: int
    operands: int
    """Index operands of the command that has most; at least one column."""


REFRESH_COMMAND, REFRESH_INTERVAL, REFRESH_MEMBERS = range(3)
QUEUE_WINDOW, DRAIN_START, DRAIN_STOP, FORWARDING, KEEPS_ROWS = range(5)


@dataclass
class _Lists:
    """Rows gathered per command and path, to be laid out one after the other."""

    width: int
    rows: dict[int, list[tuple[int, ...]]] = field(default_factory=dict[int, list[tuple[int, ...]]])

    def add(self, key: int, row: tuple[int, ...]) -> None:
        self.rows.setdefault(key, []).append(row)

    def laid_out(self, keys: int) -> tuple[Ints, Ints]:
        start = np.zeros(keys + 1, np.int64)
        for key, rows in self.rows.items():
            start[key + 1] = len(rows)
        flat = [row for key in sorted(self.rows) for row in self.rows[key]]
        return np.cumsum(start), np.array(flat, np.int64).reshape(len(flat), self.width)


class _Geometry:
    """Members of levels, by path."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.levels = device.core_levels
        self.counts = [level.count for level in self.levels]
        self.depths = {device.group_level.name: 0}
        self.depths |= {level.name: i + 1 for i, level in enumerate(self.levels)}
        self.paths = [*np.ndindex(*self.counts), *self._refresh_paths()]

    def _refresh_paths(self) -> Iterable[tuple[int, ...]]:
        refresh = self.device.refresh
        if refresh is None:
            return ()
        depth = 0 if refresh.per is None else self.depth(refresh.per)
        return np.ndindex(*self.counts[:depth])

    def depth(self, level: str) -> int:
        """0 for the group, 1 for the level below, and so on.

        Raises:
            ValueError: a level above the group, whose members have no state in common.
        """
        name = self.device.level(level).name
        if name not in self.depths:
            raise ValueError(f"level {name} is above {self.device.group}, where nothing can wait")
        return self.depths[name]

    def size(self, depth: int) -> int:
        """Members of a level in a group."""
        return prod(self.counts[:depth])

    def nodes(self, path: Sequence[int], depth: int, choices: dict[int, Sequence[int]]) -> list[int]:
        """Members of the level at `depth`: the path's own, or all of `choices` at a level."""
        found = [0]
        for number in range(depth):
            own = [path[number]] if number < len(path) else range(self.counts[number])
            here = choices.get(number, own)
            found = [node * self.counts[number] + choice for node in found for choice in here]
        return found


def compiled(device: Device) -> Model:
    """The model of a device.

    Raises:
        ValueError: a constraint at a level above the group.
    """
    return _Compiler(device).model()


class _Compiler:
    def __init__(self, device: Device) -> None:
        self.device = device
        self.geometry = _Geometry(device)
        self.names = tuple(device.commands)
        self.number = {name: i for i, name in enumerate(self.names)}
        self.everywhere = device.controller.policy == "in-order"
        self.banks = device.cores
        self.path_count = len(self.geometry.paths)
        self.watch = _Lists(1)
        self.raised = _Lists(2)
        self.windows = _Lists(4)
        self.entry_watch = _Lists(2)
        self.entry_raise = _Lists(3)
        self.slot_of: dict[object, int] = {}
        self.slots = 0
        self.rings = 0
        self.ring_size = 1

    def model(self) -> Model:
        for row in self.device.timing.constraints:
            self._constraint(row)
        return Model(
            self.device,
            self._tables(),
            self.names,
            max(self.slots, 1),
            max(self.rings, 1),
            self.ring_size,
            max([1, *(len(c.operands) for c in self.device.commands.values())]),
        )

    def _constraint(self, row: Constraint) -> None:
        depth = self.geometry.depth(row.level)
        following = frozenset(name for name in row.following if self._heeds(name, depth))
        if not following:
            return
        for by_row in (False, True):
            preceding = [n for n in row.preceding if self._is_row_command(n) == by_row]
            if preceding:
                first = self._slot(row, depth, following, by_row)
                self._raise(row, depth, preceding, first)

    def _heeds(self, name: str, depth: int) -> bool:
        scope = self.device.commands[name].scope
        return scope is None or depth <= self.geometry.depth(scope)

    def _is_row_command(self, name: str) -> bool:
        return self.device.commands[name].kind in ("row", "refresh")

    def _slot(self, row: Constraint, depth: int, following: frozenset[str], by_row: bool) -> int:
        """The first slot of the level's members; made, and watched, when it is new."""
        key = (depth, following, row.entry, by_row)
        if key in self.slot_of:
            return self.slot_of[key]
        first = self.slot_of[key] = self.slots
        self.slots += self.geometry.size(depth) * self._slot_size(row)
        for name in following:
            for path in range(self.path_count):
                for node in self._touched(name, path, depth):
                    self._watch(row, name, path, first + node * self._slot_size(row), by_row)
        return first

    def _slot_size(self, row: Constraint) -> int:
        if row.entry is None:
            return 1
        return FIRST_ENTRY + self.device.registers[row.entry].entries

    def _watch(self, row: Constraint, name: str, path: int, slot: int, by_row: bool) -> None:
        key = self.number[name] * self.path_count + path
        if row.entry is None:
            self.watch.add(2 * key + by_row, (slot,))
        else:
            self.entry_watch.add(key, (slot, self._operand(name, row.entry)))

    def _raise(self, row: Constraint, depth: int, preceding: list[str], first: int) -> None:
        latency = self.device.timing.cycles(row.latency)
        first_ring = self.rings
        if row.window > 1:
            self.rings += self.geometry.size(depth)
            self.ring_size = max(self.ring_size, row.window)
        for name in preceding:
            for path in range(self.path_count):
                key = self.number[name] * self.path_count + path
                for node in self._touched(name, path, depth, row.also_at):
                    slot = first + node * self._slot_size(row)
                    if row.entry is not None:
                        operand = self._operand(name, row.entry)
                        self.entry_raise.add(key, (slot, operand, latency))
                    elif row.window > 1:
                        ring = first_ring + node
                        self.windows.add(key, (ring, slot, latency, row.window))
                    else:
                        self.raised.add(key, (slot, latency))

    def _touched(
        self, name: str, path: int, depth: int, also_at: dict[str, str] | None = None
    ) -> list[int]:
        """Members of the level at `depth` where a command's constraints hold."""
        address = self.geometry.paths[path]
        spans: dict[int, Sequence[int]] = {}
        if self.everywhere:
            for level in self.device.commands[name].spans:
                number = self.geometry.depth(level) - 1
                if number >= len(address) or path < self.banks:
                    spans[number] = range(self.geometry.counts[number])
        elif depth > len(address):
            return []
        found = self.geometry.nodes(address, depth, spans)
        if also_at:
            choices = spans | self._also(also_at, address)
            found = [*found, *self.geometry.nodes(address, depth, choices)]
        return sorted(set(found))

    def _also(self, also_at: dict[str, str], address: tuple[int, ...]) -> dict[int, Sequence[int]]:
        choices: dict[int, Sequence[int]] = {}
        for level, origin in also_at.items():
            number = self.geometry.depth(level) - 1
            count = self.geometry.counts[number]
            if origin == "*":
                choices[number] = range(count)
            else:
                coordinate = address[self.geometry.depth(origin) - 1]
                choices[number] = [coordinate] if coordinate < count else []
        return choices

    def _operand(self, name: str, register: str) -> int:
        """Position of the operand by which a command names the register's entry."""
        if self.device.commands[name].meaning is None:
            return WHOLE_FILE
        for ref in self.device.meaning(name).references():
            if ref.name == register and ref.indices:
                return self.device.commands[name].operands.index(ref.indices[0])
        return WHOLE_FILE

    # Layout

    def _tables(self) -> Tables:
        keys = len(self.names) * self.path_count
        spans = self._span_sets()
        base, member_start, member, union = self._spans(spans)
        watch_start, watch = self.watch.laid_out(2 * keys)
        raise_start, raised = self.raised.laid_out(keys)
        window_start, windows = self.windows.laid_out(keys)
        entry_watch_start, entry_watch = self.entry_watch.laid_out(keys)
        entry_raise_start, entry_raise = self.entry_raise.laid_out(keys)
        return Tables(
            self.path_count,
            self.banks,
            np.array([self._command(name, spans) for name in self.names], np.int64),
            watch_start,
            watch.reshape(-1),
            raise_start,
            raised,
            window_start,
            windows,
            entry_watch_start,
            entry_watch,
            entry_raise_start,
            entry_raise,
            base,
            member_start,
            member,
            union,
            np.array(self._refresh(), np.int64),
            np.array(self._queue(), np.int64),
            self._patience(),
        )

    def _command(self, name: str, spans: dict[frozenset[int], int]) -> list[int]:
        command = self.device.commands[name]
        buses = {"row": ROW_BUS, "column": COLUMN_BUS, "none": NO_BUS}
        opener, closer = -1, -1
        if command.row:
            opener, closer = (self.number[n] for n in self.device.rows_by(name))
        elif command.kind == "refresh":
            closer = self.number[self.device.rows_by(name)[1]]
        completion = self.device.timing.completion.get(name, 0)
        return [
            buses[self.device.command_bus(name)],
            CAUSES.index(_CAUSE_OF_KIND.get(command.kind, "other")),
            _ROLE_OF_KIND.get(command.kind, PIM),
            command.row,
            command.opens,
            command.closes,
            spans[self._spanned(name)],
            opener,
            closer,
            self.device.timing.cycles(completion),
        ]

    def _spanned(self, name: str) -> frozenset[int]:
        return frozenset(self.geometry.depth(lv) - 1 for lv in self.device.commands[name].spans)

    def _span_sets(self) -> dict[frozenset[int], int]:
        """Numbers of all sets of levels that commands span, and of their unions."""
        found = {self._spanned(name) for name in self.names}
        while True:
            unions = {a | b for a in found for b in found}
            if unions == found:
                return {levels: i for i, levels in enumerate(sorted(found, key=sorted))}
            found = unions

    def _spans(self, spans: dict[frozenset[int], int]) -> tuple[Ints, Ints, Ints, Ints]:
        base = np.zeros((len(spans), self.path_count), np.int64)
        members: list[int] = []
        start = [0]
        union = np.zeros((len(spans), len(spans)), np.int64)
        for levels, i in spans.items():
            for path, address in enumerate(self.geometry.paths):
                origin = [
                    0 if number in levels or number >= len(address) else address[number]
                    for number in range(len(self.geometry.counts))
                ]
                base[i, path] = self._flat(origin)
            choices: dict[int, Sequence[int]] = {n: range(self.geometry.counts[n]) for n in levels}
            zero = [0] * len(self.geometry.counts)
            members += self.geometry.nodes(zero, len(zero), choices)
            start.append(len(members))
            for other, j in spans.items():
                union[i, j] = spans[levels | other]
        return base, np.array(start, np.int64), np.array(members, np.int64), union

    def _flat(self, coordinates: Sequence[int]) -> int:
        flat = 0
        for coordinate, count in zip(coordinates, self.geometry.counts, strict=True):
            flat = flat * count + coordinate
        return flat

    def _refresh(self) -> list[int]:
        refresh = self.device.refresh
        if refresh is None:
            return [-1, NEVER, 0]
        interval = self.device.timing.cycles(refresh.interval)
        return [self.number[refresh.command], interval, self.path_count - self.banks]

    def _queue(self) -> list[int]:
        controller = self.device.controller
        drain = controller.write_drain
        start, stop = (controller.window, 0) if drain is None else (drain.start, drain.stop)
        return [controller.window, start, stop, controller.forwarding, controller.keeps_rows]

    def _patience(self) -> int:
        """No chain of waits between two finished requests is as long as four times all latencies."""
        timing = self.device.timing
        interval = self._refresh()[REFRESH_INTERVAL]
        latencies = sum(timing.cycles(row.latency) for row in timing.constraints)
        return 4 * ((interval if interval < NEVER else 0) + latencies)
