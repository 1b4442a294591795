"""What a device's table says about contractions, as numbers for the cost model to compute with."""

from typing import NamedTuple

from pim_opt.cost.rates import Digits, interval, latency
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode


class NestTimings(NamedTuple):
    """Cycles between commands of a contraction's loop nest; plain numbers, for compiled code."""

    multiply: float
    """From one multiplication to the next in an open row."""
    close: float
    """From a multiplication to the precharge of its row."""
    reopen: float
    """From that precharge to the first multiplication in the next row."""
    open: float
    """From the activation of a row to its first multiplication."""
    active: float
    """From an activation to the precharge of its row, at least."""
    drain: float
    """From a multiplication to a move of its sums."""
    resume: float
    """From a move to the next multiplication."""
    use: float
    """From a load to a multiplication with what it loads."""
    window: float
    """Commands ahead of the one issued for which rows are opened already."""
    ordered: bool
    """Whether program order alone keeps data safe, so that no barriers stand in the nest."""
    columns: int
    """Columns of a row."""


def nest_timings(device: Device, mode: ContractionMode) -> NestTimings:
    """The timings of contractions that use the lanes as `mode` does."""
    multiply = mode.multiply
    opener, closer = device.row_commands(device.commands[multiply].spans)
    moves, loads = mode.move.values(), mode.load.values()
    return NestTimings(
        multiply=latency(device, multiply, multiply),
        close=latency(device, multiply, closer),
        reopen=latency(device, closer, opener) + latency(device, opener, multiply),
        open=latency(device, opener, multiply),
        active=latency(device, opener, closer),
        drain=max(latency(device, multiply, move) for move in moves),
        resume=max(latency(device, move, multiply) for move in moves),
        use=max(latency(device, load, multiply) for load in loads),
        window=device.controller.window,
        ordered=device.controller.policy == "in-order",
        columns=device.columns,
    )


def completion(device: Device, command: str) -> int:
    """Cycles from the issue of `command` until its data are where they go."""
    return device.timing.cycles(device.timing.completion.get(command, 0))


def host_digits(device: Device, columns: int) -> tuple[tuple[str, int], ...]:
    """Levels that the host's accesses to `columns` consecutive columns of a group go round."""
    digits: list[tuple[str, int]] = []
    for name in device.host_layout[:-2]:
        level = device.level(name)
        if level == device.group_level:
            continue
        used = min(columns, level.count)
        columns = -(-columns // level.count)
        digits.append((level.short, used))
    return tuple(digits)


def host_access_cycles(device: Device, command: str, columns: int, *, rows_open: bool) -> float:
    """Cycles from the first row command to the last of `columns` accesses to consecutive columns.

    Args:
        columns: of one group, in host layout.
        rows_open: whether all banks stand open in the row that is accessed first.
    """
    if columns == 0:
        return 0.0
    digits = host_digits(device, columns)
    banks = 1
    for _, used in digits:
        banks *= used
    banks = min(banks, columns)
    access = interval(device, command, digits)
    if rows_open:
        return (columns - 1) * access
    opener, closer = device.row_commands(device.commands[command].spans)
    return latency(device, opener, command) + _passes(
        columns, banks, device.columns, access, _row_interval(device, opener, closer, digits)
    )


def _row_interval(device: Device, opener: str, closer: str, digits: Digits) -> float:
    return max(interval(device, opener, digits), 1.0)


def _passes(columns: int, banks: int, row_columns: int, access: float, row: float) -> float:
    """Cycles from the first to the last access: one pass over the banks a row opens them."""
    passes = -(-columns // banks)
    opening = -(-passes // row_columns)
    slow = min(columns, opening * banks)
    return (slow - 1) * max(access, row) + (columns - slow) * access
