"""The cycle simulator against the timing checker: no rule broken, and no cycle waited in vain."""

import os
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pim_opt.devices import Device, device_names, load_device
from pim_opt.devices.model import Constraint
from pim_opt.sim.timing import fr_fcfs
from pim_opt.sim.timing.jit import compiled as machine_code
from pim_opt.sim.timing.requests import DONE, Requests, empty_requests, new_log
from pim_opt.sim.timing.tables import Model, compiled
from pim_opt.sim.timing_checker import earliest_cycles, log_type, violations

Log = NDArray[Any]

GROUPS = 3
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
SEEDS = range(10) if NIGHTLY else range(3)
LENGTH = 1_000_000 if NIGHTLY else 10_000
"""Requests of a stream: ten million in all, nightly."""

UNREACHED = {
    ("PREA", "ACT"): "only a refresh comes between, which takes longer",
    ("ACTAB", "ACTAB"): "other row commands seldom wait so soon after one",
}
"""Rows, by first preceding and following command, that random streams need not reach, and why."""

DEVICES = [n for n in device_names() if load_device(n).controller.policy == "fr-fcfs"]


def is_stubborn(device: Device, name: str) -> bool:
    """Whether a command's rows are closed in fewer banks than they are opened in.

    By the published rules requests of that kind to two rows may close and open them for ever.
    """
    opener, closer = device.rows_by(name)
    return set(device.commands[opener].spans) != set(device.commands[closer].spans)


def phase(model: Model, choose: np.random.Generator) -> list[int]:
    """Commands that may be in flight together: their rows are opened in the same way.

    By the published rules requests that open rows in different ways may wait for each other.
    """
    device = model.device
    kinds = ("row", "refresh", "barrier")
    requests = [name for name in model.names if device.commands[name].kind not in kinds]
    with_rows = [n for n in requests if device.commands[n].row and not is_stubborn(device, n)]
    opener = choose.choice(sorted({device.rows_by(name)[0] for name in with_rows}))
    fitting = [name for name in with_rows if device.rows_by(name)[0] == opener]
    others = [*fitting, *(name for name in requests if not device.commands[name].row)]
    some = [*choose.choice(fitting, 2), *choose.choice(others, int(choose.integers(0, 3)))]
    return [model.names.index(name) for name in some]


def random_requests(model: Model, seed: int, length: int) -> Requests:
    """Phases of random requests to few rows, with barriers between them."""
    device = model.device
    choose = np.random.default_rng(seed)
    requests = empty_requests(model, length)
    barrier = next(i for i, n in enumerate(model.names) if device.commands[n].kind == "barrier")
    at = 0
    while at < length:
        part = slice(at, min(at + int(choose.integers(1, 100)), length))
        size = part.stop - part.start
        commands = phase(model, choose)
        few = int(choose.choice([1, 4, device.cores]))
        banks = choose.integers(0, device.cores, few)
        requests.command[part] = choose.choice(commands, size)
        requests.group[part] = choose.integers(0, GROUPS, size)
        requests.bank[part] = choose.choice(banks, size)
        requests.row[part] = choose.choice(choose.integers(0, device.rows, 3), size)
        requests.column[part] = choose.integers(0, device.columns, size)
        at = part.stop
        part = slice(at, min(at + GROUPS, length))
        requests.command[part] = barrier
        requests.group[part] = np.arange(part.stop - part.start)
        at = part.stop
    cores = requests.group * device.cores + requests.bank
    place = (cores * device.rows + requests.row) * device.columns + requests.column
    requests.address[:] = place * device.column_bytes
    return requests


@lru_cache
def simulated(name: str, seed: int) -> Log:
    """The log of a random stream on some groups of a device."""
    device = load_device(name)
    model = compiled(device)
    requests = random_requests(model, seed, LENGTH)
    log = new_log(model, 20 * LENGTH)
    state = fr_fcfs.new_state(model, GROUPS, log)
    verdict = machine_code(fr_fcfs.run)(model.tables, state, requests, True)
    assert verdict == DONE
    entries = log.entries[: log.count[0]]
    result = np.zeros(len(entries), log_type(device))
    for number, field in enumerate(("cycle", "command", "group", "bank", "row", "column")):
        result[field] = entries[:, number]
    result["operands"] = entries[:, 6:]
    return result


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("seed", SEEDS)
def test_breaks_no_rule(name: str, seed: int) -> None:
    device = load_device(name)
    assert [str(v) for v in violations(simulated(name, seed), device)] == []


def is_shadowed(device: Device, row: Constraint) -> bool:
    """Whether a row's wait is always over before a bank has been closed and opened again."""
    values = device.timing.values
    return row.latency == "nRC" and values["nRC"] < values["nRAS"] + values["nRP"]


def belongs_to_stubborn(device: Device, row: Constraint) -> bool:
    """Whether a row speaks of requests that the streams leave out, or of their row commands."""
    requests = [n for n, c in device.commands.items() if c.row and is_stubborn(device, n)]
    return row.preceding[0] in {*requests, *(r for n in requests for r in device.rows_by(n))}


@pytest.mark.parametrize("name", DEVICES)
def test_waits_exactly_as_long_as_the_table_says(name: str) -> None:
    device = load_device(name)
    rows = device.timing.constraints
    reached: set[int] = set()
    for seed in SEEDS:
        for issue, cycle, binding in earliest_cycles(simulated(name, seed), device):
            if issue.cycle == cycle:
                reached.update(rows.index(row) for row in binding)
    missed = [
        (row.level, row.preceding, row.following, row.latency)
        for number, row in enumerate(rows)
        if number not in reached
        and not is_shadowed(device, row)
        and not belongs_to_stubborn(device, row)
        and (row.preceding[0], row.following[0]) not in UNREACHED
    ]
    assert missed == []
