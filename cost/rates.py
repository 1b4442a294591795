"""How fast commands follow each other, read off a device's table of constraints.

Closed forms of what a controller does with long regular streams: commands of one kind that go round
the members of some levels, and single commands of two kinds one after the other.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from pim_opt.devices import ByIdentity, Device

Ints = NDArray[np.int64]

Digits = Sequence[tuple[str, int]]
"""Levels that a loop of commands goes round and how many members of each, fastest first."""


def latency(device: Device, before: str, after: str, level: str | None = None) -> int:
    """Least cycles from command `before` to command `after` where they share every level.

    Args:
        level: only rows of this level count, if it is given.
    """
    return _latency(ByIdentity(device), before, after, level)


@lru_cache(maxsize=1 << 12)
def _latency(key: ByIdentity, before: str, after: str, level: str | None) -> int:
    device = key.device
    rows = (
        device.timing.cycles(row.latency)
        for row in device.timing.constraints
        if row.window == 1 and before in row.preceding and after in row.following
        if level is None or device.level(row.level) == device.level(level)
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
