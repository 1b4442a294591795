"""The timing checker against the words of the table: pair by pair, with no books kept."""

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pim_opt.devices import Device, device_names, load_device
from pim_opt.devices.model import Constraint, Controller
from pim_opt.sim.timing_checker import NEVER, UNKNOWN, Violation, log_type, violations

Log = NDArray[Any]
Entry = tuple[int, str, int, int, int, tuple[int, ...]]
"""Cycle, command, group, bank, row, operands."""


def variant() -> Device:
    """attacc with what no row of a device need have: entries, scopes, other places, open sets."""
    attacc = load_device("attacc")
    commands = dict(attacc.commands)
    commands["PREA"] = msgspec.structs.replace(commands["PREA"], scope="rank")
    rows = (
        Constraint("bank", ("WRGB",), ("MACAB", "WRGB"), 7, entry="operand"),
        Constraint("bank", ("MVSB",), ("MVSB", "WRGB"), 9, entry="shared"),
        Constraint("bank", ("RD",), ("WR", "PREA"), 11, also_at={"bank": "*", "ra": "pc"}),
        Constraint("rank", ("PREA",), ("PREA", "RD"), 12, window=3),
    )
    return msgspec.structs.replace(
        attacc,
        name="variant",
        commands=commands,
        controller=Controller("fr-fcfs", 32, keeps_rows=True),
        timing=msgspec.structs.replace(attacc.timing, constraints=rows),
        refresh=None,
    )


DEVICES = {name: load_device(name) for name in device_names()} | {"variant": variant()}
EVERY_ROW = [
    pytest.param(device, row, id=f"{name}-{number}")
    for name, device in DEVICES.items()
    for number, row in enumerate(device.timing.constraints)
]


def log_of(device: Device, entries: Iterable[Entry]) -> Log:
    """A log; operands that an entry leaves out are unknown."""
    names = list(device.commands)
    type_ = log_type(device)
    width = type_["operands"].shape[0]
    return np.array(
        [
            (cycle, names.index(name), group, bank, row, 0, (operands + (UNKNOWN,) * width)[:width])
            for cycle, name, group, bank, row, operands in entries
        ],
        type_,
    )


def broken(device: Device, entries: Iterable[Entry]) -> list[Violation]:
    return list(violations(log_of(device, entries), device))


def broken_constraints(device: Device, entries: Iterable[Entry]) -> list[Constraint]:
    return [v.constraint for v in broken(device, entries) if v.constraint is not None]


# The definition of the table, command by command.


def coordinates(device: Device, bank: int) -> tuple[int, ...]:
    shape = tuple(level.count for level in device.core_levels)
    return tuple(int(i) for i in np.unravel_index(bank, shape))


def depth(device: Device, level: str) -> int:
    """How many core coordinates name a member of a level."""
    return device.levels.index(device.level(level)) - device.levels.index(device.group_level)


def spanned(device: Device, command: str, bank: int) -> Iterator[tuple[int, ...]]:
    """Coordinates of the banks on which a command acts."""
    spans = {device.level(name) for name in device.commands[command].spans}
    own = coordinates(device, bank)
    yield from product(
        *(
            range(level.count) if level in spans else (i,)
            for level, i in zip(device.core_levels, own, strict=True)
        )
    )


def also(device: Device, row: Constraint, bank: int) -> Iterator[tuple[int, ...]]:
    if not row.also_at:
        return
    own = dict(zip(device.core_levels, coordinates(device, bank), strict=True))
    origins = {device.level(name): origin for name, origin in row.also_at.items()}
    yield from product(
        *(
            range(level.count)
            if origins.get(level) == "*"
            else (own[device.level(origins.get(level, level.name))],)
            for level in device.core_levels
        )
    )


def acts(device: Device, command: str, bank: int) -> set[tuple[int, ...]]:
    if device.controller.policy == "in-order":
        return set(spanned(device, command, bank))
    return {coordinates(device, bank)}


def entries_of(
    device: Device, row: Constraint, command: str, operands: tuple[int, ...]
) -> set[int]:
    assert row.entry is not None
    found: set[int] = set()
    names = device.commands[command].operands
    if device.commands[command].meaning is None:
        return found
    for ref in device.meaning(command).references():
        if ref.name != row.entry:
            continue
        known = dict(zip(names, operands, strict=False))
        entry = known.get(ref.indices[0], UNKNOWN) if ref.indices else UNKNOWN
        found |= set(range(device.registers[row.entry].entries)) if entry == UNKNOWN else {entry}
    return found


def meet(device: Device, row: Constraint, first: Entry, second: Entry) -> set[tuple[int, ...]]:
    """The members (and entries) at which a row binds `second` to `first`."""
    _, before, group, bank, _, operands = first
    _, after, other_group, other_bank, _, other_operands = second
    if group != other_group or before not in row.preceding or after not in row.following:
        return set()
    scope = device.commands[after].scope
    deep = depth(device, row.level)
    if scope is not None and deep > depth(device, scope):
        return set()
    marked = acts(device, before, bank) | set(also(device, row, bank))
    members = {c[:deep] for c in marked} & {c[:deep] for c in acts(device, after, other_bank)}
    if row.entry is None:
        return members
    shared = entries_of(device, row, before, operands)
    shared &= entries_of(device, row, after, other_operands)
    return {(*member, entry) for member in members for entry in shared}


def ready_at(device: Device, row: Constraint, before: Sequence[Entry], entry: Entry) -> int:
    """The first cycle at which one row lets a command issue after those before it."""
    counts: dict[tuple[int, ...], int] = {}
    for first in reversed(before):
        for member in meet(device, row, first, entry):
            counts[member] = counts.get(member, 0) + 1
            if counts[member] == row.window:
                return first[0] + device.timing.cycles(row.latency)
    return 0


def binding(device: Device, before: Sequence[Entry], entry: Entry) -> tuple[int, list[Constraint]]:
    """The first cycle at which a command may issue, and the rows that say so."""
    ready = [(ready_at(device, row, before, entry), row) for row in device.timing.constraints]
    cycle = max(at for at, _ in ready)
    return cycle, [row for at, row in ready if at == cycle and at > 0]


# Two commands

GAP = 10_000
"""Cycles after which nothing binds any more."""


def pairs(row: Constraint) -> Iterator[tuple[str, str]]:
    yield from product(row.preceding, row.following)


def blocked(
    device: Device, row: Constraint, cases: Iterable[tuple[Sequence[Entry], Entry]]
) -> list[bool]:
    """Per case, one long after the other, whether a row blocks the last of its commands."""
    log: list[Entry] = []
    lasts: list[int] = []
    for number, (before, last) in enumerate(cases):
        log += [(GAP * number + entry[0], *entry[1:]) for entry in (*before, last)]
        lasts.append(len(log) - 1)
    found = {v.following.position for v in broken(device, log) if v.constraint == row}
    return [position in found for position in lasts]


@pytest.mark.parametrize(("device", "row"), EVERY_ROW)
def test_blocked_until_the_latency_is_over(device: Device, row: Constraint) -> None:
    cycles = device.timing.cycles(row.latency)
    assert cycles >= row.window, "the preceding commands take a cycle each"
    before = {
        name: [(i, name, 3, 0, 5, (0, 0)) for i in range(row.window)] for name in row.preceding
    }
    early = [(before[p], (cycles - 1, f, 3, 0, 5, (0, 0))) for p, f in pairs(row)]
    ready = [(before[p], (cycles, f, 3, 0, 5, (0, 0))) for p, f in pairs(row)]
    expected = [bool(meet(device, row, first[0], last)) for first, last in early]
    assert blocked(device, row, early) == expected
    assert not any(blocked(device, row, ready))


def neighbours(device: Device, row: Constraint) -> Iterator[int]:
    """Bank 0 and its neighbour at each of the levels that name a member of the row's level."""
    yield 0
    weight = device.cores
    for level in device.core_levels[: depth(device, row.level)]:
        weight //= level.count
        yield weight


@pytest.mark.parametrize(("device", "row"), EVERY_ROW)
def test_binds_where_the_two_meet_and_nowhere_else(device: Device, row: Constraint) -> None:
    here: list[tuple[list[Entry], Entry]] = []
    for (preceding, following), bank in product(pairs(row), neighbours(device, row)):
        before = [(i, preceding, 0, 0, 5, (0, 0)) for i in range(row.window)]
        here.append((before, (row.window - 1, following, 0, bank, 5, (0, 0))))
    expected = [bool(meet(device, row, before[0], last)) for before, last in here]
    assert blocked(device, row, here) == expected
    elsewhere = [(before, (last[0], last[1], 1, *last[3:])) for before, last in here]
    assert not any(blocked(device, row, elsewhere))


WINDOWED = [
    pytest.param(*case.values, id=case.id)
    for case in EVERY_ROW
    if isinstance(case.values[1], Constraint) and case.values[1].window > 1
]


@pytest.mark.parametrize(("device", "row"), WINDOWED)
def test_a_window_counts_back(device: Device, row: Constraint) -> None:
    cases = [
        (
            [(i, preceding, 0, 0, 5, ()) for i in range(row.window - 1)],
            (row.window, following, 0, 0, 5, ()),
        )
        for preceding, following in pairs(row)
    ]
    assert not any(blocked(device, row, cases))


def test_an_entry_binds_only_commands_that_use_it() -> None:
    device = DEVICES["variant"]
    row = device.timing.constraints[0]
    load = (0, "WRGB", 0, 0, 0, (3,))
    for operands, expected in [((3, 0), True), ((4, 3), False), ((UNKNOWN, 0), True)]:
        use = (6, "MACAB", 0, 0, 0, operands)
        assert (row in broken_constraints(device, [load, use])) == expected


def test_scope_limits_what_a_command_heeds() -> None:
    device = DEVICES["variant"]
    row = device.timing.constraints[2]
    read = (0, "RD", 0, 0, 0, ())
    assert row in broken_constraints(device, [read, (1, "WR", 0, 0, 0, ())])
    assert row not in broken_constraints(device, [read, (1, "PREA", 0, 0, 0, ())])


def test_a_constraint_binds_at_other_places_too() -> None:
    device = DEVICES["variant"]
    row = device.timing.constraints[2]
    read = (0, "RD", 0, 32, 0, ())  # pseudo channel 1, rank 0, bank group 0, bank 0
    for bank, expected in [(32, True), (33, False), (48, True), (51, True), (52, False)]:
        write = (1, "WR", 0, bank, 0, ())
        assert (row in broken_constraints(device, [read, write])) == expected


# Buses, rows, refresh


def rules(device: Device, entries: Iterable[Entry]) -> list[str]:
    return [v.rule for v in broken(device, entries) if v.constraint is None]


def test_one_command_on_a_bus_in_a_cycle() -> None:
    device = load_device("attacc")
    activates = [(0, "ACT", 0, 0, 7, ()), (0, "ACT", 0, 32, 7, ())]
    assert rules(device, activates) == ["one command on the row bus"]
    assert rules(device, [activates[0], (0, "WRGB", 0, 32, 0, ())]) == []
    assert rules(device, [activates[0], (0, "ACT", 1, 0, 7, ())]) == []
    assert rules(device, [activates[0], (1, "ACT", 0, 32, 7, ())]) == []


def test_a_command_finds_its_row_open_in_all_banks() -> None:
    device = load_device("attacc")
    use = (100, "MACAB", 0, 0, 7, ())
    assert rules(device, [(0, "ACTAB", 0, 0, 7, ()), use]) == []
    assert rules(device, [(0, "ACTAB", 0, 0, 8, ()), use]) == ["row is open"]
    assert rules(device, [(0, "ACT", 0, 0, 7, ()), use]) == ["row is open"]
    assert rules(device, [(0, "ACTAB", 1, 0, 7, ()), use]) == ["row is open"]
    closed = (50, "PRE", 0, 63, 7, ())
    (found,) = broken(device, [(0, "ACTAB", 0, 0, 7, ()), closed, use])
    assert (found.rule, found.found, found.needed) == ("row is open", -1, 7)
    assert found.preceding is not None
    assert (found.preceding.position, found.following.position) == (1, 2)
    assert str(found) == (
        "row is open: MACAB at cycle 100 (group 0, bank 0, row 7)"
        " after PRE at cycle 50 (group 0, bank 63, row 7): found -1, needed 7"
    )


def test_activates_and_refreshes_find_banks_closed() -> None:
    device = load_device("attacc")
    first = (0, "ACT", 0, 5, 7, ())
    assert rules(device, [first, (99, "ACT", 0, 5, 7, ())]) == ["bank is closed"]
    assert rules(device, [first, (99, "ACT", 0, 6, 7, ())]) == []
    assert rules(device, [first, (99, "ACTAB", 0, 0, 7, ())]) == ["bank is closed"]
    assert rules(device, [first, (99, "REFab", 0, 0, 0, ())]) == ["bank is closed"]
    close = (50, "PREA", 0, 0, 0, ())
    assert rules(device, [first, close, (99, "REFab", 0, 0, 0, ())]) == []


def test_a_controller_may_keep_other_rows_open() -> None:
    device = DEVICES["variant"]
    opened = [(0, "ACT", 0, 5, 7, ()), (60, "ACTAB", 0, 0, 8, ())]
    reads = [(200, "RD", 0, 5, 7, ()), (250, "RD", 0, 5, 8, ())]
    assert rules(device, [*opened, *reads]) == []
    assert rules(device, [*opened, (100, "PRE", 0, 5, 8, ()), *reads]) == ["row is open"] * 2


def test_refreshes_keep_their_interval() -> None:
    device = load_device("attacc")
    interval = device.timing.values["nREFI"]
    start = (0, "SETM", 0, 0, 0, ())
    end = (3 * interval, "SETM", 0, 0, 0, ())
    late = (2 * interval, "REFab", 0, 0, 0, ())
    timely = (3 * interval - 1, "REFab", 0, 0, 0, ())
    assert rules(device, [start, late, timely, end]) == []
    assert rules(device, [start, late, end]) == []
    assert rules(device, [start, (late[0] + 1, *late[1:]), end]) == ["refresh is on time"]
    assert rules(device, [start, late, (end[0] + 1, *end[1:])]) == ["refresh is on time"]
    (absent,) = broken(device, [start, late, (end[0] + 1, *end[1:])])
    assert (absent.following.position, absent.found, absent.needed) == (NEVER, end[0] + 1, end[0])
    log = log_of(device, [start, late, timely, end])
    found = [v.needed for v in violations(log, device, refresh_late=0)]
    assert found == [interval, 2 * interval]


# Many commands


def random_entry(device: Device, choose: random.Random, commands: Sequence[str]) -> Entry:
    name = choose.choice(commands)
    banks = choose.choice([(0, 1), (0, device.cores // 2), range(device.cores)])
    operands = tuple(choose.choice([UNKNOWN, 0, 1]) for _ in device.commands[name].operands)
    return (0, name, choose.choice([0, 0, 0, 1]), choose.choice(banks), 0, operands)


def constrained(device: Device) -> list[str]:
    return sorted(
        {name for row in device.timing.constraints for name in (*row.preceding, *row.following)}
    )


@pytest.mark.parametrize("name", DEVICES)
@given(seed=st.integers(0, 1 << 32))
@settings(max_examples=20, deadline=None)
def test_agrees_with_the_definition(name: str, seed: int) -> None:
    device = DEVICES[name]
    choose = random.Random(seed)
    entries: list[Entry] = []
    cycle = 0
    for _ in range(12):
        entry = random_entry(device, choose, constrained(device))
        entries.append((cycle, *entry[1:]))
        cycle += choose.choice([0, 1, 2, 5, 20])
    expected = {
        (number, row_number)
        for number, entry in enumerate(entries)
        for row_number, row in enumerate(device.timing.constraints)
        if entry[0] < ready_at(device, row, entries[:number], entry)
    }
    rows = list(device.timing.constraints)
    found = {
        (v.following.position, rows.index(v.constraint))
        for v in broken(device, entries)
        if v.constraint is not None
    }
    assert found == expected


def is_possible(device: Device, entry: Entry, rows: dict[tuple[int, ...], int]) -> bool:
    """Whether rows stand as a command needs them; `rows` holds the open row of open banks."""
    _, name, group, bank, row, _ = entry
    command = device.commands[name]
    banks = [(group, *place) for place in spanned(device, name, bank)]
    if command.row:
        opener, _ = device.rows_by(name)
        return all(rows.get((group, *place)) == row for place in spanned(device, opener, bank))
    if command.opens or command.kind == "refresh":
        return all(place not in rows for place in banks)
    return True


def greedy_log(device: Device, seed: int, length: int) -> list[Entry]:
    """Random commands, each as early as the table allows after those before it."""
    choose = random.Random(seed)
    commands = [c for c in constrained(device) if device.commands[c].kind != "barrier"]
    rows: dict[tuple[int, ...], int] = {}
    entries: list[Entry] = []
    used: set[tuple[int, int, str]] = set()
    cycle = 0
    while len(entries) < length:
        _, name, group, bank, _, operands = random_entry(device, choose, commands)
        row = choose.choice(list(rows.values()) or [0]) if choose.random() < 0.8 else 9
        entry = (0, name, group, bank, row, operands)
        if not is_possible(device, entry, rows):
            continue
        cycle = max(cycle, binding(device, entries, entry)[0])
        bus = device.command_bus(name)
        while (cycle, group, bus) in used:
            cycle += 1
        used.add((cycle, group, bus))
        entries.append((cycle, *entry[1:]))
        for place in spanned(device, name, bank):
            if device.commands[name].closes:
                rows.pop((group, *place), None)
            if device.commands[name].opens:
                rows[group, *place] = row
    return entries


@pytest.mark.parametrize("name", device_names())
def test_finds_what_is_planted_in_a_legal_log(name: str) -> None:
    device = msgspec.structs.replace(load_device(name), refresh=None)
    entries = greedy_log(device, seed=1, length=120)
    assert broken(device, entries) == []
    planted = 0
    for number, entry in enumerate(entries):
        ready, rows = binding(device, entries[:number], entry)
        if ready != entry[0] or not rows:
            continue
        planted += 1
        early = [*entries[:number], (ready - 1, *entry[1:]), *entries[number + 1 :]]
        found = [v.constraint for v in broken(device, early) if v.following.position == number]
        assert all(row in found for row in rows)
    assert planted > 30


@pytest.mark.parametrize("name", device_names())
def test_finds_every_wrong_row(name: str) -> None:
    device = msgspec.structs.replace(load_device(name), refresh=None)
    entries = greedy_log(device, seed=2, length=300)
    users = [i for i, entry in enumerate(entries) if device.commands[entry[1]].row]
    assert len(users) > 10
    for number in users:
        cycle, command, group, bank, row, operands = entries[number]
        wrong = list(entries)
        wrong[number] = (cycle, command, group, bank, row + 1, operands)
        assert [(v.rule, v.needed) for v in broken(device, wrong)] == [("row is open", row + 1)]
