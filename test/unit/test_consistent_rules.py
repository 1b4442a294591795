"""Rules that hold on any DRAM hold on the devices that say they are physically consistent."""

from itertools import product

import numpy as np
import pytest

from pim_opt.devices import Device, device_names, load_device
from pim_opt.sim.timing_checker import log_type, violations

CONSISTENT = [n for n in device_names() if load_device(n).controller.policy == "in-order"]


def wait(device: Device, first: str, second: str) -> int:
    """Cycles for which a command to bank 0 keeps another to bank 0 waiting."""
    names = list(device.commands)
    log = np.zeros(2, log_type(device))
    log["command"] = [names.index(first), names.index(second)]
    return max(
        (v.needed for v in violations(log, device) if v.constraint is not None),
        default=0,
    )


def openers(device: Device) -> list[str]:
    return [name for name, command in device.commands.items() if command.opens]


def closers(device: Device) -> list[str]:
    return [name for name, command in device.commands.items() if command.closes]


def columns(device: Device, *, writes: bool) -> list[str]:
    """Commands that read, or that write, a column."""
    return [
        name
        for name, command in device.commands.items()
        if command.row
        and writes == ("column" in {a.target.name for a in device.meaning(name).assigns})
    ]


@pytest.mark.parametrize("name", CONSISTENT)
def test_rows_open_before_columns_are_used(name: str) -> None:
    device = load_device(name)
    # Some devices have one for every kind of access.
    least = min(v for value, v in device.timing.values.items() if value.startswith("nRCD"))
    uses = [*columns(device, writes=False), *columns(device, writes=True)]
    for opener, use in product(openers(device), uses):
        assert wait(device, opener, use) >= least, f"{opener} to {use}"


@pytest.mark.parametrize("name", CONSISTENT)
def test_columns_are_done_before_rows_close(name: str) -> None:
    device = load_device(name)
    recovery = device.timing.cycles("nCWL + nBL + nWR")
    for writes, needed in [(False, device.timing.values["nRTP"]), (True, recovery)]:
        for use, closer in product(columns(device, writes=writes), closers(device)):
            assert wait(device, use, closer) >= needed, f"{use} to {closer}"


@pytest.mark.parametrize("name", CONSISTENT)
def test_columns_follow_at_the_rate_of_a_bank_group(name: str) -> None:
    device = load_device(name)
    uses = [*columns(device, writes=False), *columns(device, writes=True)]
    for first, second in product(uses, uses):
        assert wait(device, first, second) >= device.timing.values["nCCDL"], f"{first} to {second}"


@pytest.mark.parametrize("name", CONSISTENT)
def test_what_is_written_is_there_before_it_is_read(name: str) -> None:
    device = load_device(name)
    turn = device.timing.cycles("nCWL + nBL + nWTRL")
    uses = product(columns(device, writes=True), columns(device, writes=False))
    for write, read in uses:
        assert wait(device, write, read) >= turn, f"{write} to {read}"


@pytest.mark.parametrize("name", CONSISTENT)
def test_row_commands_keep_the_cycle_of_a_row(name: str) -> None:
    device = load_device(name)
    opening, closing = openers(device), closers(device)
    for name_, pairs in {
        "nRAS": product(opening, closing),
        "nRP": product(closing, opening),
        "nRC": product(opening, opening),
    }.items():
        for first, second in pairs:
            needed = device.timing.values[name_]
            assert wait(device, first, second) >= needed, f"{first} to {second}"


@pytest.mark.parametrize("name", CONSISTENT)
def test_refresh_waits_for_rows_and_rows_for_refresh(name: str) -> None:
    device = load_device(name)
    refresh = device.refresh
    assert refresh is not None
    for opener in openers(device):
        assert wait(device, opener, refresh.command) >= device.timing.values["nRC"]
        assert wait(device, refresh.command, opener) >= device.timing.cycles(refresh.duration)
    for closer in closers(device):
        assert wait(device, closer, refresh.command) >= device.timing.values["nRP"]
