"""An independent check of issued commands against a device's rules.

It shares nothing with the cycle simulator but the device: it is told which command issued when and
where, and finds every rule that they break. Rules are the rows of `device.timing.constraints`, one
command a cycle on each bus of a group, rows open where a command needs them, and refresh on time.
That column commands keep the program's order is not checked here.

Where a constraint binds depends on the controller's policy:

    in-order    a command counts at every member of the constraint's level that it spans
    fr-fcfs,    it counts at the members on its own address's path alone, as the published
    dispatch    reference simulators keep their books

In both it counts also where the constraint's `also_at` says, and heeds constraints down to the
level of its scope.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product, starmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pim_opt.devices import Device
from pim_opt.devices.model import Constraint

NEVER = -1
"""The position of a command that is not in the log."""

UNKNOWN = -1
"""An index operand that the log does not know: it may be any."""

_CHUNK = 1 << 16
"""Commands of the log that are Python objects at a time."""


def log_type(device: Device) -> np.dtype[Any]:
    """The type of a log's elements; `command` counts in the order of `device.commands`.

    `bank` is the flat number of a core in its group, the outermost core level counting slowest: of
    a command that spans several, any of them. `operands` holds the command's index operands in its
    order, and UNKNOWN beyond them.
    """
    operands = max(len(command.operands) for command in device.commands.values())
    return np.dtype(
        [
            ("cycle", np.int64),
            ("command", np.int32),
            ("group", np.int32),
            ("bank", np.int32),
            ("row", np.int64),
            ("column", np.int32),
            ("operands", np.int32, (operands,)),
        ]
    )


class Issue(NamedTuple):
    """A command of a log: `position` counts the log's elements as they were given.

    A refresh that never came has position NEVER and the cycle of the log's end.
    """

    position: int
    cycle: int
    command: str
    group: int
    bank: int
    row: int
    operands: tuple[int, ...]

    def __str__(self) -> str:
        place = f"group {self.group}, bank {self.bank}, row {self.row}"
        return f"{self.command} at cycle {self.cycle} ({place})"


@dataclass(frozen=True)
class Violation:
    """A rule that a command breaks: `found` of what the rule counts where it wants `needed`.

    What is counted are cycles from the preceding command, or, of the rules "row is open" and "bank
    is closed", the row that is open (-1: none) and the one that should be; of "refresh is on time"
    the cycle of the refresh and the last one allowed.
    """

    rule: str
    constraint: Constraint | None
    preceding: Issue | None
    following: Issue
    found: int
    needed: int

    def __str__(self) -> str:
        before = "" if self.preceding is None else f" after {self.preceding}"
        return f"{self.rule}: {self.following}{before}: found {self.found}, needed {self.needed}"


def violations(
    log: NDArray[np.void], device: Device, *, refresh_late: int | None = None
) -> Iterator[Violation]:
    """Every rule of the device that a log breaks, in the order of the commands that break them.

    Args:
        log: elements of `log_type(device)`. Those of one cycle stand in the order in which they
            issued; otherwise their order does not matter.
        device: whose rules hold.
        refresh_late: cycles by which a refresh may come after it is due, by default one refresh
            interval (JEDEC standards let a controller postpone up to eight).
    """
    rules = (_Bus(device), _Rows(device), _Constraints(device))
    refreshes = _Refreshes(device, refresh_late)
    end = 0
    for issue in _issues(log, device):
        end = issue.cycle
        for rule in rules:
            yield from rule.check(issue)
        yield from refreshes.check(issue)
    yield from refreshes.missing(end)


def earliest_cycles(
    log: NDArray[np.void], device: Device
) -> Iterator[tuple[Issue, int, tuple[Constraint, ...]]]:
    """Per command of a log the first cycle that the table allows it, and the rows that say so.

    Args:
        log, device: as for `violations`; what came before each command is taken from the log.
    """
    table = _Constraints(device)
    for issue in _issues(log, device):
        waits = [(last.cycle + row.cycles, row.constraint) for row, last in table.waits(issue)]
        first = max((cycle for cycle, _ in waits), default=0)
        yield issue, first, tuple(row for cycle, row in waits if cycle == first)
        table.mark(issue)


def _issues(log: NDArray[np.void], device: Device) -> Iterator[Issue]:
    """The log's commands by cycle; barriers, which occupy nothing, are left out."""
    names = tuple(device.commands)
    order = np.argsort(log["cycle"], kind="stable")
    barriers = {name for name, command in device.commands.items() if command.kind == "barrier"}
    for start in range(0, len(log), _CHUNK):
        positions = order[start : start + _CHUNK]
        chunk = log[positions]
        issues = zip(
            positions.tolist(),
            chunk["cycle"].tolist(),
            [names[number] for number in chunk["command"].tolist()],
            chunk["group"].tolist(),
            chunk["bank"].tolist(),
            chunk["row"].tolist(),
            [tuple(operands) for operands in chunk["operands"].tolist()],
            strict=True,
        )
        yield from (issue for issue in starmap(Issue, issues) if issue.command not in barriers)


class _Places:
    """Which cores and which members of levels a command acts on; all numbers are device-wide."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._sizes: dict[str, int] = {}
        """Cores in a member of each level, outermost first."""
        size = device.groups * device.cores
        for level in device.levels:
            size //= level.count
            self._sizes[level.name] = size

    def size(self, level: str) -> int:
        """Cores in a member of `level`."""
        return self._sizes[self._device.level(level).name]

    def core(self, issue: Issue) -> int:
        """The core that an issue addresses."""
        return issue.group * self._device.cores + issue.bank

    def cores(self, command: str, core: int) -> tuple[int, ...]:
        """The cores on which a command addressed to `core` acts."""
        return self._spanned(core, self._device.commands[command].spans)

    def row_cores(self, command: str, core: int) -> tuple[int, ...]:
        """The cores in which a command addressed to `core` needs its row open."""
        return self._spanned(core, self._device.row_spans(command))

    def also(self, core: int, also_at: dict[str, str]) -> tuple[int, ...]:
        """The cores at whose members a constraint binds besides those of its command."""
        level = self._device.level
        origins = {
            level(name).name: origin if origin == "*" else level(origin).name
            for name, origin in also_at.items()
        }
        return self._with_coordinates(core, origins)

    def members(self, cores: tuple[int, ...], level: str) -> tuple[int, ...]:
        """The members of a level that some of `cores` are in."""
        size = self.size(level)
        return tuple(sorted({core // size for core in cores}))

    def _spanned(self, core: int, spans: tuple[str, ...]) -> tuple[int, ...]:
        names = [self._device.level(name).name for name in spans]
        return self._with_coordinates(core, dict.fromkeys(names, "*"))

    def _with_coordinates(self, core: int, origins: dict[str, str]) -> tuple[int, ...]:
        """Cores like `core`, but with coordinates replaced: by all, or by those of other levels."""
        choices: list[tuple[int, ...]] = []
        for level in self._device.levels:
            origin = origins.get(level.name, level.name)
            every = tuple(range(level.count))
            choices.append(every if origin == "*" else (self._coordinate(core, origin),))
        sizes = tuple(self._sizes.values())
        return tuple(
            sum(index * size for index, size in zip(indices, sizes, strict=True))
            for indices in product(*choices)
        )

    def _coordinate(self, core: int, level: str) -> int:
        return core // self._sizes[level] % self._device.level(level).count


class _Bus:
    """At most one command a cycle on each bus of a group."""

    def __init__(self, device: Device) -> None:
        self._bus = {name: device.command_bus(name) for name in device.commands}
        self._last: dict[tuple[int, str], Issue] = {}

    def check(self, issue: Issue) -> Iterator[Violation]:
        bus = self._bus[issue.command]
        if bus == "none":
            return
        last = self._last.get((issue.group, bus))
        if last is not None and last.cycle == issue.cycle:
            yield Violation(f"one command on the {bus} bus", None, last, issue, 0, 1)
        self._last[issue.group, bus] = issue


class _Rows:
    """Rows are open where commands need them; activates and refreshes find banks closed."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._cores = cache(_Places(device).cores)
        self._row_cores = cache(_Places(device).row_cores)
        self._open: dict[int, set[int]] = defaultdict(set)
        self._last: dict[int, Issue] = {}
        """The last command to open or close a row, by core."""

    def check(self, issue: Issue) -> Iterator[Violation]:
        command = self._device.commands[issue.command]
        if not (command.row or command.opens or command.closes or command.kind == "refresh"):
            return
        core = issue.group * self._device.cores + issue.bank
        cores = self._cores(issue.command, core)
        if command.row:
            yield from self._needs_row(issue, self._row_cores(issue.command, core))
        if command.kind == "refresh" or (command.opens and not self._device.controller.keeps_rows):
            yield from self._needs_closed(issue, cores)
        for core in cores if command.opens or command.closes else ():
            self._last[core] = issue
            if command.closes or not self._device.controller.keeps_rows:
                self._open[core].clear()
            if command.opens:
                self._open[core].add(issue.row)

    def _needs_row(self, issue: Issue, cores: tuple[int, ...]) -> Iterator[Violation]:
        for core in cores:
            rows = self._open[core]
            if issue.row not in rows:
                found = max(rows, default=-1)
                last = self._last.get(core)
                yield Violation("row is open", None, last, issue, found, issue.row)
                return

    def _needs_closed(self, issue: Issue, cores: tuple[int, ...]) -> Iterator[Violation]:
        for core in cores:
            if self._open[core]:
                found = max(self._open[core])
                yield Violation("bank is closed", None, self._last[core], issue, found, -1)
                return


@dataclass(frozen=True)
class _Row:
    """A row of the table, with its latency in cycles; commands on both sides as sets."""

    constraint: Constraint
    cycles: int
    preceding: frozenset[str]
    following: frozenset[str]

    @property
    def rule(self) -> str:
        row = self.constraint
        window = f" (window {row.window})" if row.window > 1 else ""
        return f"{row.latency} = {self.cycles} at {row.level}{window}"


Key = tuple[int, int, int | None]
"""A row's number, a member of its level, and the entry if the row binds by entry."""


class _Constraints:
    """The rows of the timing table: the last issues are kept by Key."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._places = _Places(device)
        self._rows = tuple(
            _Row(c, device.timing.cycles(c.latency), frozenset(c.preceding), frozenset(c.following))
            for c in device.timing.constraints
        )
        self._by_entry = frozenset[str]().union(
            *(row.preceding | row.following for row in self._rows if row.constraint.entry)
        )
        """Commands for which some row depends on the entries that they use."""
        self._last: dict[Key, deque[Issue]] = {}
        self._heeded = cache(self._keys_heeded)
        self._marked = cache(self._keys_marked)

    def check(self, issue: Issue) -> Iterator[Violation]:
        for row, last in self.waits(issue):
            found = issue.cycle - last.cycle
            if found < row.cycles:
                yield Violation(row.rule, row.constraint, last, issue, found, row.cycles)
        self.mark(issue)

    def waits(self, issue: Issue) -> Iterator[tuple[_Row, Issue]]:
        """The rows that bind a command, each with the command from which its wait runs."""
        core = self._places.core(issue)
        for row, keys in self._heeded(issue.command, core, self._operands(issue)):
            last = self._latest(row.constraint.window, keys)
            if last is not None:
                yield row, last

    def mark(self, issue: Issue) -> None:
        """Note that a command has issued."""
        core = self._places.core(issue)
        for key, window in self._marked(issue.command, core, self._operands(issue)):
            if key not in self._last:
                self._last[key] = deque(maxlen=window)
            self._last[key].append(issue)

    def _operands(self, issue: Issue) -> tuple[int, ...]:
        """A command's index operands if they matter to some row."""
        return issue.operands if issue.command in self._by_entry else ()

    def _latest(self, window: int, keys: tuple[Key, ...]) -> Issue | None:
        """The issue from which a row's wait runs, the latest of those under all its keys."""
        latest: Issue | None = None
        for key in keys:
            last = self._last.get(key)
            if last is None or len(last) < window:
                continue
            if latest is None or latest.cycle < last[0].cycle:
                latest = last[0]
        return latest

    def _keys_heeded(
        self, command: str, core: int, operands: tuple[int, ...]
    ) -> tuple[tuple[_Row, tuple[Key, ...]], ...]:
        """The rows that a command follows, each with where it binds."""
        cores = self._acts_on(command, core)
        return tuple(
            (row, tuple(self._keys(number, command, cores, operands)))
            for number, row in enumerate(self._rows)
            if command in row.following and self._in_scope(command, row.constraint.level)
        )

    def _keys_marked(
        self, command: str, core: int, operands: tuple[int, ...]
    ) -> tuple[tuple[Key, int], ...]:
        """Where a command leaves its mark, each with how many marks are kept there."""
        acts_on = self._acts_on(command, core)
        return tuple(
            (key, row.constraint.window)
            for number, row in enumerate(self._rows)
            if command in row.preceding
            for also in [self._places.also(core, row.constraint.also_at)]
            for key in self._keys(number, command, (*acts_on, *also), operands)
        )

    def _keys(
        self, number: int, command: str, cores: tuple[int, ...], operands: tuple[int, ...]
    ) -> Iterator[Key]:
        constraint = self._rows[number].constraint
        entries: tuple[int | None, ...] = (None,)
        if constraint.entry is not None:
            entries = entries_used(self._device, command, operands, constraint.entry)
        for member in self._places.members(cores, constraint.level):
            yield from ((number, member, entry) for entry in entries)

    def _acts_on(self, command: str, core: int) -> tuple[int, ...]:
        if self._device.controller.policy == "in-order":
            return self._places.cores(command, core)
        return (core,)

    def _in_scope(self, command: str, level: str) -> bool:
        scope = self._device.commands[command].scope
        return scope is None or self._places.size(level) >= self._places.size(scope)


def entries_used(
    device: Device, command: str, operands: tuple[int, ...], register: str
) -> tuple[int, ...]:
    """Entries of a register file that a command uses: all where it names none that it knows.

    Args:
        operands: the command's index operands in its order, UNKNOWN for those not known.
    """
    if device.commands[command].meaning is None:
        return ()
    every = range(device.registers[register].entries)
    names = device.commands[command].operands
    used: set[int] = set()
    for ref in device.meaning(command).references():
        if ref.name == register:
            index = operands[names.index(ref.indices[0])] if ref.indices else UNKNOWN
            used.update(every if index == UNKNOWN else (index,))
    return tuple(sorted(used))


class _Refreshes:
    """The n-th refresh comes at most `late` cycles after n intervals."""

    def __init__(self, device: Device, late: int | None) -> None:
        self._device = device
        self._places = _Places(device)
        refresh = device.refresh
        self._command = None if refresh is None else refresh.command
        self._per = device.group if refresh is None or refresh.per is None else refresh.per
        self._interval = 0 if refresh is None else device.timing.cycles(refresh.interval)
        self._late = self._interval if late is None else late
        self._done: Counter[int] = Counter()
        """Refreshes so far, by member of the level that each belongs to."""
        self._groups: set[int] = set()

    def check(self, issue: Issue) -> Iterator[Violation]:
        self._groups.add(issue.group)
        if issue.command != self._command:
            return
        (member,) = self._places.members((self._places.core(issue),), self._per)
        self._done[member] += 1
        allowed = self._done[member] * self._interval + self._late
        if issue.cycle > allowed:
            yield Violation("refresh is on time", None, None, issue, issue.cycle, allowed)

    def missing(self, end: int) -> Iterator[Violation]:
        """Refreshes that should have come by the end, in the groups that issued anything."""
        if self._command is None:
            return
        cores = self._device.cores
        size = self._places.size(self._per)
        for group in sorted(self._groups):
            own = tuple(range(group * cores, (group + 1) * cores))
            for member in self._places.members(own, self._per):
                allowed = (self._done[member] + 1) * self._interval + self._late
                if end > allowed:
                    bank = member * size - own[0]
                    absent = Issue(NEVER, end, self._command, group, bank, -1, ())
                    yield Violation("refresh is on time", None, None, absent, end, allowed)
