"""When a command may issue, and what its issue makes others wait for: parts of both engines."""

from typing import NamedTuple

import numpy as np

from pim_opt.sim.timing.jit import part
from pim_opt.sim.timing.tables import (
    ALL_ENTRIES,
    ANY_ENTRY,
    ENTRY_LATENCY,
    ENTRY_OPERAND,
    ENTRY_SLOT,
    FIRST_ENTRY,
    RING,
    RING_LATENCY,
    RING_SIZE,
    RING_SLOT,
    WHOLE_FILE,
    Ints,
    Model,
    Tables,
)

LONG_AGO = -(1 << 40)


class Waits(NamedTuple):
    """The earliest cycles that constraints leave, for every group."""

    earliest: Ints
    """Shape (groups, slots)."""
    ring: Ints
    """Shape (groups, rings, ring size): the last cycles of commands that a window counts."""
    ring_at: Ints
    """Shape (groups, rings): where the next cycle goes."""


def new_waits(model: Model, groups: int) -> Waits:
    """Nothing has issued yet."""
    return Waits(
        np.zeros((groups, model.slots), np.int64),
        np.full((groups, model.rings, model.ring_size), LONG_AGO, np.int64),
        np.zeros((groups, model.rings), np.int64),
    )


@part
def ready_after_columns(
    t: Tables, w: Waits, group: int, command: int, path: int, operands: Ints
) -> int:
    """The earliest cycle that column commands before leave to `command`."""
    key = command * t.paths + path
    result = 0
    for i in range(t.watch_start[2 * key], t.watch_start[2 * key + 1]):
        result = max(result, w.earliest[group, t.watch[i]])
    for i in range(t.entry_watch_start[key], t.entry_watch_start[key + 1]):
        slot = t.entry_watch[i, ENTRY_SLOT]
        entry = _entry(t.entry_watch[i, ENTRY_OPERAND], operands)
        if entry == WHOLE_FILE:
            result = max(result, w.earliest[group, slot + ALL_ENTRIES])
        else:
            result = max(result, w.earliest[group, slot + ANY_ENTRY])
            result = max(result, w.earliest[group, slot + FIRST_ENTRY + entry])
    return result


@part
def ready_after_rows(t: Tables, w: Waits, group: int, command: int, path: int) -> int:
    """The earliest cycle that row commands before leave to `command`."""
    key = command * t.paths + path
    result = 0
    for i in range(t.watch_start[2 * key + 1], t.watch_start[2 * key + 2]):
        result = max(result, w.earliest[group, t.watch[i]])
    return result


@part
def ready(t: Tables, w: Waits, group: int, command: int, path: int, operands: Ints) -> int:
    """The earliest cycle at which `command` may issue."""
    return max(
        ready_after_columns(t, w, group, command, path, operands),
        ready_after_rows(t, w, group, command, path),
    )


@part
def _entry(operand: int, operands: Ints) -> int:
    return WHOLE_FILE if operand == WHOLE_FILE else operands[operand]


@part
def _raise(w: Waits, group: int, slot: int, cycle: int) -> None:
    w.earliest[group, slot] = max(w.earliest[group, slot], cycle)


@part
def note_issue(
    t: Tables, w: Waits, group: int, command: int, path: int, operands: Ints, cycle: int
) -> None:
    """Make later commands wait for `command`, issued at `cycle`."""
    key = command * t.paths + path
    for i in range(t.raise_start[key], t.raise_start[key + 1]):
        _raise(w, group, t.raised[i, 0], cycle + t.raised[i, 1])
    for i in range(t.window_start[key], t.window_start[key + 1]):
        _note_in_window(t, w, group, i, cycle)
    for i in range(t.entry_raise_start[key], t.entry_raise_start[key + 1]):
        slot = t.entry_raise[i, ENTRY_SLOT]
        until = cycle + t.entry_raise[i, ENTRY_LATENCY]
        entry = _entry(t.entry_raise[i, ENTRY_OPERAND], operands)
        _raise(w, group, slot + ALL_ENTRIES, until)
        _raise(w, group, slot + (ANY_ENTRY if entry == WHOLE_FILE else FIRST_ENTRY + entry), until)


@part
def _note_in_window(t: Tables, w: Waits, group: int, i: int, cycle: int) -> None:
    """The ring's oldest cycle, once it is full, is that of the command that the wait counts from."""
    ring, size = t.window_raise[i, RING], t.window_raise[i, RING_SIZE]
    at = w.ring_at[group, ring]
    w.ring[group, ring, at] = cycle
    at = (at + 1) % size
    w.ring_at[group, ring] = at
    oldest = w.ring[group, ring, at]
    _raise(w, group, t.window_raise[i, RING_SLOT], oldest + t.window_raise[i, RING_LATENCY])
