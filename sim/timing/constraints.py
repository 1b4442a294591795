"""When a command may issue, and what its issue makes others wait for: parts of all engines.

Everywhere `t` are the tables of a device and `c` is the state of one group.
"""

from pim_opt.cost.jit import inlined, part
from pim_opt.sim.timing.arrays import Words
from pim_opt.sim.timing.layout import (
    ALL_ENTRIES,
    ANY_ENTRY,
    COMMAND_AT,
    COMMAND_FIELDS,
    ENTRY_RAISE_AT,
    ENTRY_WATCH_AT,
    FIRST_ENTRY,
    PATHS,
    RAISE_AT,
    WATCH_AT,
    WHOLE_FILE,
    WINDOW_RAISE_AT,
)


@inlined
def command_field(t: Words, command: int, field: int) -> int:
    """A field of a command, as BUS."""
    return t[t[COMMAND_AT] + command * COMMAND_FIELDS + field]


@inlined
def _latest(t: Words, c: Words, start: int) -> int:
    """The latest cycle in the slots of the list whose place `t[start]` is."""
    result = 0
    for i in range(t[start], t[start + 1]):
        result = max(result, c[t[i]])
    return result


@inlined
def _entry(t: Words, c: Words, position: int, operands: int) -> int:
    """The entry of a register file that a command uses; WHOLE_FILE if all, or not known."""
    return WHOLE_FILE if position == WHOLE_FILE else c[operands + position]


@inlined
def ready_after_columns(t: Words, c: Words, command: int, path: int, operands: int) -> int:
    """The earliest cycle that column commands before leave to `command`.

    `operands` is the place of its index operands in the state.
    """
    key = command * t[PATHS] + path
    result = _latest(t, c, t[WATCH_AT] + 2 * key)
    start = t[ENTRY_WATCH_AT] + key
    for i in range(t[start], t[start + 1], 2):
        slot = t[i]
        entry = _entry(t, c, t[i + 1], operands)
        if entry == WHOLE_FILE:
            result = max(result, c[slot + ALL_ENTRIES])
        else:
            result = max(result, c[slot + ANY_ENTRY], c[slot + FIRST_ENTRY + entry])
    return result


@inlined
def ready_after_rows(t: Words, c: Words, command: int, path: int) -> int:
    """The earliest cycle that row commands before leave to `command`."""
    return _latest(t, c, t[WATCH_AT] + 2 * (command * t[PATHS] + path) + 1)


@inlined
def note_issue(t: Words, c: Words, command: int, path: int, operands: int, cycle: int) -> None:
    """Make later commands wait for `command`, issued at `cycle`."""
    key = command * t[PATHS] + path
    start = t[RAISE_AT] + key
    for i in range(t[start], t[start + 1], 2):
        slot = t[i]
        c[slot] = max(c[slot], cycle + t[i + 1])
    start = t[WINDOW_RAISE_AT] + key
    for i in range(t[start], t[start + 1], 4):
        _note_in_window(t, c, i, cycle)
    start = t[ENTRY_RAISE_AT] + key
    for i in range(t[start], t[start + 1], 3):
        slot, until = t[i], cycle + t[i + 2]
        entry = _entry(t, c, t[i + 1], operands)
        c[slot + ALL_ENTRIES] = max(c[slot + ALL_ENTRIES], until)
        slot += ANY_ENTRY if entry == WHOLE_FILE else FIRST_ENTRY + entry
        c[slot] = max(c[slot], until)


@part
def _note_in_window(t: Words, c: Words, i: int, cycle: int) -> None:
    """A ring begins with the place for its next cycle, where the oldest one stands after that.

    It holds the cycles until which commands make others wait, 0 for commands that never came.
    """
    ring, slot, latency, size = t[i], t[i + 1], t[i + 2], t[i + 3]
    at = c[ring]
    c[ring + 1 + at] = cycle + latency
    at = (at + 1) % size
    c[ring] = at
    c[slot] = max(c[slot], c[ring + 1 + at])
