"""Which rows are open, and the command that a request needs next."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing.arrays import Lines, Words
from pim_opt.sim.timing.constraints import command_field
from pim_opt.sim.timing.fr_fcfs.layout import (
    BANK,
    COMMAND,
    ERAS,
    FITS,
    MEMO_BASE,
    MEMO_FIT,
    MEMO_ROW,
    MEMO_SPAN,
    MEMO_VERSION,
    MUST_CLOSE,
    MUST_OPEN,
    NEXT,
    NEXT_AT,
    NONE,
    OPEN,
    OPEN_BANKS,
    READY_AT,
    ROW,
    ROWS_VERSION,
)
from pim_opt.sim.timing.layout import (
    BASE_AT,
    CLOSER,
    CLOSES,
    KEEPS_ROWS,
    MEMBER_AT,
    NEEDS_ROW,
    OPENER,
    OPENS,
    PATHS,
    SPAN,
)


@part
def _is_single(t: Words, span: int) -> bool:
    start = t[MEMBER_AT] + span
    return t[start + 1] - t[start] == 1


@part
def _fit(t: Words, c: Words, rows: Lines, span: int, base: int, row: int) -> int:
    """What the first bank that has not `row` open needs."""
    start = t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        bank = base + t[i]
        if c[t[OPEN] + bank] == 0:
            return MUST_OPEN
        if rows[row, bank] != c[t[ERAS] + bank]:
            return MUST_CLOSE
    return FITS


@part
def _fit_of_many(t: Words, c: Words, rows: Lines, span: int, base: int, row: int) -> int:
    """As `_fit`, remembered, since requests to many banks mostly ask for the same row."""
    if (
        c[MEMO_VERSION] != c[ROWS_VERSION]
        or c[MEMO_SPAN] != span
        or c[MEMO_BASE] != base
        or c[MEMO_ROW] != row
    ):
        c[MEMO_FIT] = _fit(t, c, rows, span, base, row)
        c[MEMO_VERSION] = c[ROWS_VERSION]
        c[MEMO_SPAN] = span
        c[MEMO_BASE] = base
        c[MEMO_ROW] = row
    return c[MEMO_FIT]


@part
def next_command(t: Words, c: Words, rows: Lines, e: int) -> int:
    """The command that brings an entry on: its own, or the row command that it needs first."""
    version = c[ROWS_VERSION]
    if c[e + NEXT_AT] == version:
        return c[e + NEXT]
    command = c[e + COMMAND]
    result = command
    if command_field(t, command, NEEDS_ROW):
        span = command_field(t, command_field(t, command, OPENER), SPAN)
        base = t[t[BASE_AT] + span * t[PATHS] + c[e + BANK]]
        if _is_single(t, span):
            fit = _fit(t, c, rows, span, base, c[e + ROW])
        else:
            fit = _fit_of_many(t, c, rows, span, base, c[e + ROW])
        if fit == MUST_OPEN:
            result = command_field(t, command, OPENER)
        elif fit == MUST_CLOSE:
            result = command_field(t, command, CLOSER)
    c[e + NEXT] = result
    c[e + NEXT_AT] = version
    c[e + READY_AT] = NONE
    return result


@part
def _open(t: Words, c: Words, rows: Lines, bank: int, row: int) -> None:
    if c[t[OPEN] + bank] == 0:
        c[OPEN_BANKS] += 1
    elif t[KEEPS_ROWS] == 0:
        c[t[ERAS] + bank] += 1
    c[t[OPEN] + bank] = 1
    rows[row, bank] = c[t[ERAS] + bank]


@part
def _close(t: Words, c: Words, bank: int) -> None:
    if c[t[OPEN] + bank] != 0:
        c[OPEN_BANKS] -= 1
    c[t[OPEN] + bank] = 0
    c[t[ERAS] + bank] += 1


@part
def change_rows(t: Words, c: Words, rows: Lines, command: int, path: int, row: int) -> None:
    opens, closes = command_field(t, command, OPENS), command_field(t, command, CLOSES)
    if opens == 0 and closes == 0:
        return
    span = command_field(t, command, SPAN)
    base = t[t[BASE_AT] + span * t[PATHS] + path]
    start = t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        if opens:
            _open(t, c, rows, base + t[i], row)
        else:
            _close(t, c, base + t[i])
    c[ROWS_VERSION] += 1
