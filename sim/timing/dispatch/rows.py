"""Which rows are open, the command that a request needs next, and when that may issue."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing.arrays import Words
from pim_opt.sim.timing.constraints import command_field, ready_after_columns, ready_after_rows
from pim_opt.sim.timing.dispatch.layout import (
    BANK,
    CLOSED,
    COMMAND,
    OPEN_ROWS,
    ROW,
    UNKNOWN_OPERANDS,
)
from pim_opt.sim.timing.layout import (
    BASE_AT,
    CLOSER,
    CLOSES,
    MEMBER_AT,
    NEEDS_ROW,
    OPENER,
    OPENS,
    PATHS,
    SPAN,
)


@part
def next_command(t: Words, c: Words, e: int) -> int:
    """The command that brings an entry on: its own, or the row command that it needs first.

    Banks that have another row open are closed before any that are closed are opened.
    """
    command = c[e + COMMAND]
    if command_field(t, command, NEEDS_ROW) == 0:
        return command
    opener = command_field(t, command, OPENER)
    span = command_field(t, opener, SPAN)
    first = t[OPEN_ROWS] + t[t[BASE_AT] + span * t[PATHS] + c[e + BANK]]
    result, start = command, t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        row = c[first + t[i]]
        if row == CLOSED:
            result = opener
        elif row != c[e + ROW]:
            return command_field(t, command, CLOSER)
    return result


@part
def change_rows(t: Words, c: Words, command: int, bank: int, row: int) -> None:
    """What a command does to the rows of its banks."""
    opens, closes = command_field(t, command, OPENS), command_field(t, command, CLOSES)
    if opens == 0 and closes == 0:
        return
    span = command_field(t, command, SPAN)
    first = t[OPEN_ROWS] + t[t[BASE_AT] + span * t[PATHS] + bank]
    start = t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        c[first + t[i]] = row if opens else CLOSED


@part
def after_columns(t: Words, c: Words, command: int, bank: int) -> int:
    """The earliest cycle that column commands, and changes of mode, leave to a command."""
    return ready_after_columns(t, c, command, bank, t[UNKNOWN_OPERANDS])


@part
def ready_at(t: Words, c: Words, command: int, bank: int) -> int:
    """The earliest cycle that all commands before leave to a command."""
    return max(after_columns(t, c, command, bank), ready_after_rows(t, c, command, bank))
