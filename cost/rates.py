"""How fast commands follow each other, read off a device's table of constraints.

Closed forms of what a controller does with long regular streams: commands of one kind that go round
the members of some levels, and single commands of two kinds one after the other.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from pim_opt.devices import ByIdentity, Device
from pim_opt.devices.model import Constraint

Ints = NDArray[np.int64]

Digits = Sequence[tuple[str, int]]
"""Levels that a loop of commands goes round and how many members of each, fastest first."""


def latency(device: Device, before: str, after: str, level: str | None = None) -> int:
    """Least cycles from command `before` to command `after` where they share every level.

    A change of the controller's mode between them counts.

    Args:
        level: only rows of this level count, if it is given.
    """
    return _latency(ByIdentity(device), before, after, level)


def latency_of_any(device: Device, before: str, after: str) -> int:
    """As `latency`, whichever entries of register files the two commands use."""
    return _by_rows(device, before, after, lambda row: row.entry is None)


def change_of_mode(device: Device, before: str | None, after: str) -> int:
    """Cycles from a change of mode before command `after` to it; 0 where none is needed.

    Args:
        before: the command before it, or None if there is none.
    """
    modes = device.controller.modes
    if modes is None:
        return 0
    now = modes.names[0] if before is None else device.commands[before].mode
    wanted = device.commands[after].mode
    if now is None or wanted is None or now == wanted:
        return 0
    return _between(device, modes.change, after)


def blocked(device: Device, command: str) -> int:
    """Cycles for which a command keeps its dispatcher from going on; 0 if it does not."""
    instructions = device.instructions.values()
    if not any(i.command == command and i.blocking for i in instructions):
        return 0
    return device.timing.cycles(device.timing.completion.get(command, 0)) + 1


@lru_cache(maxsize=1 << 12)
def _latency(key: ByIdentity, before: str, after: str, level: str | None) -> int:
    device = key.device
    if level is not None:
        at = device.level(level)
        return _between(device, before, after, lambda row: device.level(row.level) == at)
    return _by_rows(device, before, after, lambda row: True)


def _by_rows(device: Device, before: str, after: str, counts: Callable[[Constraint], bool]) -> int:
    """By those rows of the table that count, and with a change of mode."""
    return _between(device, before, after, counts) + change_of_mode(device, before, after)


def _between(
    device: Device, before: str, after: str, counts: Callable[[Constraint], bool] = lambda row: True
) -> int:
    """By those rows of the table that count."""
    rows = (
        device.timing.cycles(row.latency)
        for row in device.timing.constraints
        if row.window == 1 and before in row.preceding and after in row.following and counts(row)
    )
    return max(rows, default=1)


def interval(device: Device, command: str, digits: Digits) -> float:
    """Mean cycles between commands of one kind that go round `digits` again and again.

    A row of the table binds commands to one member of its level. A loop returns to a member after
    as many commands as its fastest digits, those inside of the level, have values together.
    """
    names = [level.short for level in device.levels]
    result = 1.0
    for row in device.timing.constraints:
        if command not in row.preceding or command not in row.following:
            continue
        depth = names.index(device.level(row.level).short)
        cycles = device.timing.cycles(row.latency)
        if row.window > 1:
            members = prod(count for level, count in digits if names.index(level) <= depth)
            result = max(result, cycles / (row.window * members))
            continue
        spanned = {device.level(name).short for name in device.commands[command].spans}
        result = max(result, cycles / _return_distance(digits, set(names[: depth + 1]) - spanned))
    return result


def _return_distance(digits: Digits, inside: set[str]) -> int:
    """Commands until the loop is back at the same member of the levels `inside`."""
    distance = 1
    for level, count in digits:
        if level not in inside and count > 1:
            break
        distance *= count
    return distance


def back_to_back(device: Device, command: str, address: Ints) -> bool:
    """Whether commands of one kind can issue one a cycle, each as soon as the one before has.

    Args:
        command: their name.
        address: shape (n, core levels or more): where each goes, by core level.
    """
    names = [level.short for level in device.levels]
    for row in device.timing.constraints:
        if command not in row.preceding or command not in row.following:
            continue
        depth = names.index(device.level(row.level).short) - (len(names) - len(device.core_levels))
        members = address[:, : depth + 1]
        if _least_distance(members, row.window) < device.timing.cycles(row.latency):
            return False
    return True


def _least_distance(members: Ints, window: int) -> int:
    """Least number of commands from one to the `window`-th next at the same member."""
    _, member = np.unique(members, axis=0, return_inverse=True)
    order = np.argsort(member.reshape(-1), kind="stable")
    same = member.reshape(-1)[order]
    repeats = same[window:] == same[:-window]
    distance = (order[window:] - order[:-window])[repeats]
    return int(distance.min(initial=np.iinfo(np.int64).max))
