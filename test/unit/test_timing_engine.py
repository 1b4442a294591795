"""The cycle simulator against the timing checker: no rule broken, and no cycle waited in vain."""

import os
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pim_opt.devices import Device, device_names, load_device
from pim_opt.devices.model import Constraint
from pim_opt.sim.timing import TimingError, simulate_trace
from pim_opt.sim.timing_checker import earliest_cycles, violations

Log = NDArray[Any]

GROUPS = 3
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
COMMANDS, LENGTH = (10_000_000, 50_000) if NIGHTLY else (30_000, 6_000)
"""Commands to be issued on each device, and requests of a stream."""
MOST_LIVELOCKS = 5
"""Streams that the published rules may livelock before so many mean something else."""

UNREACHED = {
    ("PREA", "ACT"): "only a refresh comes between, which takes longer",
    ("PRE", "ACTAB"): "who closes one bank opens it next; all are closed at once for ACTAB",
    ("ACTAB", "RD"): "the request that all banks were opened for goes first",
    ("ACT", "MACAB"): "all banks of a channel would have to be opened one by one, to one row",
    ("ACTAB", "ACTAB"): "other row commands seldom wait so soon after one",
    ("PRE", "ACT16"): "as for ACTAB",
    ("ACT16", "RD"): "as for ACTAB",
    ("ACT16", "WR"): "as for ACTAB",
    ("ACT16", "PRE"): "the multiplication that all banks were opened for waits longer",
    ("ACT16", "ACT"): "that multiplication, the precharge after it and its wait take longer",
}
"""Rows, by first preceding and following command, that random streams need not reach, and why."""

RARE = {
    ("attacc-buffer", "RD", "PREA"): "before a refresh the last row has seldom been open for long",
}
"""As UNREACHED, of one device."""

DEVICES = [name for name in device_names() if not load_device(name).instructions]
"""Those whose traces are commands with addresses; for the others see test_timing_dispatch.py."""


def is_stubborn(device: Device, name: str) -> bool:
    """Whether a command's rows are closed in fewer banks than they are opened in.

    By the published rules requests of that kind to two rows may close and open them for ever.
    """
    opener, closer = device.rows_by(name)
    return set(device.commands[opener].spans) != set(device.commands[closer].spans)


def phase(device: Device, choose: np.random.Generator) -> list[str]:
    """Commands that may be in flight together.

    By the published rules requests that open rows in different ways may wait for each other for
    ever: there all open theirs in the same way.
    """
    commands = device.commands
    requests = [n for n, c in commands.items() if c.trace is not None and c.kind != "barrier"]
    with_rows = [n for n in requests if device.commands[n].row and not is_stubborn(device, n)]
    opener = choose.choice(sorted({device.rows_by(name)[0] for name in with_rows}))
    fitting = with_rows
    if device.controller.policy == "fr-fcfs":
        fitting = [name for name in with_rows if device.rows_by(name)[0] == opener]
    others = [*fitting, *(name for name in requests if not device.commands[name].row)]
    some = [*choose.choice(fitting, 2), *choose.choice(others, int(choose.integers(0, 3)))]
    return [str(name) for name in some]


def random_trace(device: Device, seed: int, length: int) -> Iterator[str]:
    """Phases of random requests to few banks and rows, with barriers between them."""
    choose = np.random.default_rng(seed)
    (barrier,) = (c.trace for c in device.commands.values() if c.kind == "barrier")
    group_bytes = device.cores * device.rows * device.columns * device.column_bytes
    while length > 0:
        size = min(int(choose.integers(1, 100)), length)
        length -= size
        few = int(choose.choice([1, 4, device.cores]))
        place = choose.integers(0, GROUPS, size) * device.cores
        place += choose.choice(choose.integers(0, device.cores, few), size)
        place *= device.rows
        place += choose.choice(choose.integers(0, device.rows, 3), size)
        place *= device.columns
        place += choose.integers(0, device.columns, size)
        names = choose.choice(phase(device, choose), size)
        for name, address in zip(names, (place * device.column_bytes).tolist(), strict=True):
            yield f"{device.commands[name].trace} {address:#x}"
        yield from (f"{barrier} {group * group_bytes:#x}" for group in range(GROUPS))


@lru_cache(maxsize=0 if NIGHTLY else None)
def simulated(name: str, seed: int) -> Log | None:
    """The log of a random stream on some groups of a device, or None if it never ends."""
    device = load_device(name)
    try:
        result = simulate_trace(random_trace(device, seed, LENGTH), device, log=True)
    except TimingError:
        return None
    assert result.log is not None
    return result.log[result.log["group"] < GROUPS]


def logs(name: str) -> Iterator[tuple[int, Log]]:
    """Seeds and logs of random streams that end, until COMMANDS have been issued.

    By the published rules requests to the same banks of both pseudo channels may close each other's
    rows for ever (test_timing_published.py shows how): fewer than one stream in a hundred of those
    of 50,000 requests. Another seed's takes its place, MOST_LIVELOCKS times at most; on devices
    with rules of our own every stream must end.
    """
    published = load_device(name).controller.policy == "fr-fcfs"
    issued, livelocks = 0, list[int]()
    for seed in count():
        log = simulated(name, seed)
        if log is None:
            livelocks.append(seed)
            assert len(livelocks) <= (MOST_LIVELOCKS if published else 0), livelocks
            continue
        yield seed, log
        issued += len(log)
        if issued >= COMMANDS:
            return


@pytest.mark.parametrize("name", DEVICES)
def test_breaks_no_rule(name: str) -> None:
    """Nightly, ten million commands per device; see `logs` for streams that cannot end."""
    device = load_device(name)
    for seed, log in logs(name):
        assert [f"seed {seed}: {v}" for v in violations(log, device)] == []


def is_shadowed(device: Device, row: Constraint) -> bool:
    """Whether a row's wait is always over before a bank has been closed and opened again."""
    values = device.timing.values
    return row.latency == "nRC" and values["nRC"] < values["nRAS"] + values["nRP"]


def belongs_to_stubborn(device: Device, row: Constraint) -> bool:
    """Whether a row speaks of requests that the streams leave out, or of their row commands."""
    requests = [n for n, c in device.commands.items() if c.row and is_stubborn(device, n)]
    return row.preceding[0] in {*requests, *(r for n in requests for r in device.rows_by(n))}


def reachable(device: Device) -> set[int]:
    """Numbers of the rows that random streams must meet."""
    return {
        number
        for number, row in enumerate(device.timing.constraints)
        if not is_shadowed(device, row)
        and not belongs_to_stubborn(device, row)
        and (row.preceding[0], row.following[0]) not in UNREACHED
        and (device.name, row.preceding[0], row.following[0]) not in RARE
    }


@pytest.mark.parametrize("name", DEVICES)
def test_waits_exactly_as_long_as_the_table_says(name: str) -> None:
    """Each row of the table is once what a command waited for, and not a cycle longer."""
    device = load_device(name)
    rows = device.timing.constraints
    missed = reachable(device)
    for _, log in logs(name):
        for issue, cycle, binding in earliest_cycles(log, device):
            if issue.cycle == cycle:
                missed -= {rows.index(row) for row in binding}
        if not missed:
            break
    assert [rows[number] for number in sorted(missed)] == []
