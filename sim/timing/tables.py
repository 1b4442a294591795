"""A device compiled into flat integer tables, by which the engines run.

All state between commands is an array of earliest cycles per group. A *slot* of it stands for one
member of a level and one set of commands that must wait there; tables say, per command and path,
which slots bind it (watch) and which it raises. A *path* is an address down to the
bank, or that of a refresh, which ends at the level that the refresh is per.

How far a command reaches depends on the controller's policy: in-order binds, and is bound, at every
member that a command spans; fr-fcfs and dispatch, as the published simulators, only along the
address itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod

import numpy as np

from pim_opt.devices import ByIdentity, Device
from pim_opt.devices.model import Command, Constraint
from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.layout import (
    ANY_MODE,
    BARS,
    BASE_AT,
    CAUSES,
    CAUSES_AT,
    COLUMN_BUS,
    COMMAND_AT,
    COUNTS_AT,
    ENGINE_AT,
    ENGINE_WORDS,
    ENTRY_RAISE_AT,
    ENTRY_WATCH_AT,
    FIRST_ENTRY,
    HEADER,
    MEMBER_AT,
    NEVER,
    NO_BUS,
    OPERANDS,
    PIM,
    RAISE_AT,
    READS,
    ROW_BUS,
    UNION_AT,
    WATCH_AT,
    WHOLE_FILE,
    WINDOW_RAISE_AT,
    WRITES,
)

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
_ROLE_OF_KIND = {"host_read": READS, "host_write": WRITES, "barrier": BARS}


@dataclass(frozen=True)
class Model:
    """A device and its tables.

    The state of a group is one array, too: the slots and rings of constraints, the counters, and
    from `state` on what an engine adds.
    """

    device: Device
    tables: Ints
    names: tuple[str, ...]
    """Commands in the order of their numbers."""
    state: int
    """Words of state that all engines have."""

    def with_engine(self, sizes: Sequence[int]) -> tuple[Ints, int]:
        """Tables that know where an engine's parts of the state are, and the state's whole size."""
        tables = self.tables.copy()
        places = self.state + np.cumsum([0, *sizes])
        tables[ENGINE_AT : ENGINE_AT + len(sizes)] = places[:-1]
        return tables, int(places[-1])

    @property
    def operands(self) -> int:
        """Index operands of the command that has most."""
        return int(self.tables[OPERANDS])


@dataclass
class _Lists:
    """Rows gathered per command and path, to be laid out one after the other."""

    rows: dict[int, list[tuple[int, ...]]] = field(default_factory=dict[int, list[tuple[int, ...]]])

    def add(self, key: int, row: tuple[int, ...]) -> None:
        self.rows.setdefault(key, []).append(row)

    def laid_out(self, keys: int, place: int) -> list[int]:
        """Where the rows of each key begin, one more for the end, and the rows; from `place` on."""
        starts: list[int] = []
        words: list[int] = []
        for key in range(keys):
            starts.append(place + keys + 1 + len(words))
            words += [word for row in self.rows.get(key, ()) for word in row]
        return [*starts, place + keys + 1 + len(words), *words]


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

    def nodes(
        self, path: Sequence[int], depth: int, choices: dict[int, Sequence[int]]
    ) -> list[int]:
        """Members of the level at `depth`: the path's own, or all of `choices` at a level."""
        found = [0]
        for number in range(depth):
            own = [path[number]] if number < len(path) else range(self.counts[number])
            here = choices.get(number, own)
            found = [node * self.counts[number] + choice for node in found for choice in here]
        return found


def compiled(device: Device) -> Model:
    """The model of a device; made once for each of the devices used last.

    Raises:
        ValueError: a constraint at a level above the group.
    """
    return _compiled(ByIdentity(device))


@lru_cache(maxsize=8)
def _compiled(key: ByIdentity) -> Model:
    return _Compiler(key.device).model()


class _Compiler:
    """Gathers the lists of every command and path.

    `watch` has two lists for each: the slots that column commands raise, then those that row
    commands do, so that an engine can tell on which of them a command waits.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.geometry = _Geometry(device)
        self.names = tuple(device.commands)
        self.number = {name: i for i, name in enumerate(self.names)}
        self.everywhere = device.controller.policy == "in-order"
        self.banks = device.cores
        self.path_count = len(self.geometry.paths)
        self.watch = _Lists()
        self.raised = _Lists()
        self.windows = _Lists()
        self.entry_watch = _Lists()
        self.entry_raise = _Lists()
        self.slot_of: dict[object, int] = {}
        self.slots = ENGINE_WORDS
        self.ring_words = 0

    def model(self) -> Model:
        rows = self.device.timing.constraints
        for row in rows:
            self._watch_slots(row)
        for row in rows:
            self._raise_slots(row)
        counters = self.slots + self.ring_words
        state = counters + len(self.names) + len(CAUSES)
        return Model(self.device, self._tables(counters), self.names, state)

    def _parts(self, row: Constraint) -> Iterator[tuple[list[str], frozenset[str], bool]]:
        """Preceding commands of one bus, the following ones that heed the row, and which bus."""
        depth = self.geometry.depth(row.level)
        following = frozenset(name for name in row.following if self._heeds(name, depth))
        for by_row in (False, True):
            preceding = [n for n in row.preceding if self._is_row_command(n) == by_row]
            if preceding and following:
                yield preceding, following, by_row

    def _heeds(self, name: str, depth: int) -> bool:
        scope = self.device.commands[name].scope
        return scope is None or depth <= self.geometry.depth(scope)

    def _is_row_command(self, name: str) -> bool:
        return self.device.commands[name].kind in ("row", "refresh")

    def _watch_slots(self, row: Constraint) -> None:
        """Give the level's members slots, unless a row before has, and have commands watch them."""
        depth = self.geometry.depth(row.level)
        for _, following, by_row in self._parts(row):
            key = (depth, following, row.entry, by_row)
            if key in self.slot_of:
                continue
            first = self.slot_of[key] = self.slots
            self.slots += self.geometry.size(depth) * self._slot_size(row)
            for name in following:
                for path in range(self.path_count):
                    for node in self._touched(name, path, depth):
                        self._watch(row, name, path, first + node * self._slot_size(row), by_row)

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

    def _raise_slots(self, row: Constraint) -> None:
        depth = self.geometry.depth(row.level)
        for preceding, following, by_row in self._parts(row):
            first = self.slot_of[depth, following, row.entry, by_row]
            ring = self.slots + self.ring_words
            if row.window > 1:
                self.ring_words += self.geometry.size(depth) * (1 + row.window)
            for name in preceding:
                for path in range(self.path_count):
                    for node in self._touched(name, path, depth, row.also_at):
                        slot = first + node * self._slot_size(row)
                        self._raise(row, name, path, slot, ring + node * (1 + row.window))

    def _raise(self, row: Constraint, name: str, path: int, slot: int, ring: int) -> None:
        key = self.number[name] * self.path_count + path
        latency = self.device.timing.cycles(row.latency)
        if row.entry is not None:
            self.entry_raise.add(key, (slot, self._operand(name, row.entry), latency))
        elif row.window > 1:
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

    def _tables(self, counters: int) -> Ints:
        keys = len(self.names) * self.path_count
        spans = self._span_sets()
        base, members, union = self._spans(spans)
        fields = [word for name in self.names for word in self._command(name, spans)]
        lists = {
            WATCH_AT: (self.watch, 2 * keys),
            ENTRY_WATCH_AT: (self.entry_watch, keys),
            RAISE_AT: (self.raised, keys),
            WINDOW_RAISE_AT: (self.windows, keys),
            ENTRY_RAISE_AT: (self.entry_raise, keys),
            MEMBER_AT: (members, len(spans)),
        }
        words = [*self._header(), *[0] * (HEADER - COMMAND_AT)]
        words[COUNTS_AT], words[CAUSES_AT] = counters, counters + len(self.names)
        for place, plain in ((COMMAND_AT, fields), (BASE_AT, base), (UNION_AT, union)):
            words[place] = len(words)
            words += plain
        for place, (rows, count) in lists.items():
            words[place] = len(words)
            words += rows.laid_out(count, len(words))
        return np.array(words, np.int64)

    def _header(self) -> list[int]:
        """The values before the first place."""
        controller = self.device.controller
        drain = controller.write_drain
        start, stop = (controller.window, 0) if drain is None else (drain.start, drain.stop)
        operands = max(len(c.operands) for c in self.device.commands.values())
        return [
            self.path_count,
            self.banks,
            len(self.names),
            operands,
            controller.window,
            start,
            stop,
            controller.forwarding,
            controller.keeps_rows,
            self._patience(),
            *self._refresh(),
            -1 if controller.modes is None else self.number[controller.modes.change],
        ]

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
            self._mode(command),
        ]

    def _mode(self, command: Command) -> int:
        modes = self.device.controller.modes
        if modes is None or command.mode is None:
            return ANY_MODE
        return modes.names.index(command.mode)

    def _spanned(self, name: str) -> frozenset[int]:
        return frozenset(self.geometry.depth(lv) - 1 for lv in self.device.commands[name].spans)

    def _span_sets(self) -> dict[frozenset[int], int]:
        """Numbers of all sets of levels that commands span, and of their unions."""
        found = {frozenset[int](), *(self._spanned(name) for name in self.names)}
        while True:
            unions = {a | b for a in found for b in found}
            if unions == found:
                return {levels: i for i, levels in enumerate(sorted(found, key=sorted))}
            found = unions

    def _spans(self, spans: dict[frozenset[int], int]) -> tuple[list[int], _Lists, list[int]]:
        """Per span set and path the base, per span set the members, per two their union."""
        levels = range(len(self.geometry.counts))
        base: list[int] = []
        members = _Lists()
        for span, number in spans.items():
            for address in self.geometry.paths:
                here = [0 if lv in span or lv >= len(address) else address[lv] for lv in levels]
                base.append(self._flat(here))
            choices: dict[int, Sequence[int]] = {lv: range(self.geometry.counts[lv]) for lv in span}
            for bank in self.geometry.nodes([0] * len(levels), len(levels), choices):
                members.add(number, (bank,))
        return base, members, [spans[a | b] for a in spans for b in spans]

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

    def _patience(self) -> int:
        """No chain of waits between two requests is as long as four times all latencies."""
        timing = self.device.timing
        interval = self._refresh()[1]
        latencies = sum(timing.cycles(row.latency) for row in timing.constraints)
        return 4 * ((interval if interval < NEVER else 0) + latencies)
