"""The window of requests, and the column command at its head."""

from pim_opt.cost.jit import inlined
from pim_opt.sim.timing import requests as rq
from pim_opt.sim.timing.arrays import Lines, Words
from pim_opt.sim.timing.constraints import (
    command_field,
    note_issue,
    ready_after_columns,
    ready_after_rows,
)
from pim_opt.sim.timing.in_order.demands import demand_for, leave
from pim_opt.sim.timing.in_order.layout import (
    BANK,
    COLUMN,
    COMMAND,
    COMPLETED,
    COMPLETED_CAUSE,
    COUNT,
    D_MISSED,
    D_NEXT,
    DEMAND,
    FLOOR,
    HEAD,
    HITS,
    LAST_CAUSE,
    LAST_COLUMN,
    MARK,
    MISSES,
    NONE,
    OPERAND,
    REFRESH_DUE,
    REFRESH_END,
    REQUESTS,
    ROW,
    SAW_REFRESH,
    TIME,
)
from pim_opt.sim.timing.layout import (
    CAUSE,
    CAUSES_AT,
    COMPLETION,
    COUNTS_AT,
    NEEDS_ROW,
    NEVER,
    OPERANDS,
    REFRESH_CAUSE,
    ROW_CAUSE,
    WINDOW,
)


@inlined
def place(t: Words, number: int) -> int:
    """Where the request of a number is, counted round the window's ring at most twice."""
    if number >= t[WINDOW]:
        number -= t[WINDOW]
    return t[REQUESTS] + number * (OPERAND + t[OPERANDS])


@inlined
def enter(t: Words, c: Words, requests: Lines, i: int) -> None:
    """Take a request into the window."""
    r = place(t, c[HEAD] + c[COUNT])
    c[COUNT] += 1
    command = requests[i, rq.COMMAND]
    c[r + COMMAND] = command
    c[r + BANK] = requests[i, rq.BANK]
    c[r + ROW] = requests[i, rq.ROW]
    c[r + COLUMN] = requests[i, rq.COLUMN]
    for k in range(t[OPERANDS]):
        c[r + OPERAND + k] = requests[i, rq.OPERAND + k]
    c[r + DEMAND] = NONE
    if command_field(t, command, NEEDS_ROW):
        c[r + DEMAND] = demand_for(t, c, command, c[r + BANK], c[r + ROW])


@inlined
def head_after_columns(t: Words, c: Words, r: int) -> int:
    """The earliest cycle of a request's command as far as other column commands go."""
    ready = ready_after_columns(t, c, c[r + COMMAND], c[r + BANK], r + OPERAND)
    return max(ready, c[LAST_COLUMN] + 1, c[FLOOR])


@inlined
def head_at(t: Words, c: Words, r: int, after_columns: int) -> int:
    """The cycle of the head's command, or NEVER while its row or a refresh keeps it waiting."""
    d = c[r + DEMAND]
    at = max(after_columns, ready_after_rows(t, c, c[r + COMMAND], c[r + BANK]))
    if d == NONE:
        return at
    if c[d + D_NEXT] != NONE:
        return NEVER
    at = max(at, c[REFRESH_END] + 1)
    return at if at < c[REFRESH_DUE] else NEVER


@inlined
def complete(t: Words, c: Words, command: int, cycle: int) -> None:
    end = cycle + command_field(t, command, COMPLETION)
    if end >= c[COMPLETED]:
        c[COMPLETED] = end
        c[COMPLETED_CAUSE] = command_field(t, command, CAUSE)


@inlined
def issue_column(t: Words, c: Words, r: int, after_columns: int, cycle: int) -> None:
    command, d = c[r + COMMAND], c[r + DEMAND]
    note_issue(t, c, command, c[r + BANK], r + OPERAND, cycle)
    c[t[COUNTS_AT] + command] += 1
    # Cycles up to here went to the command before, then to rows.
    ready = min(max(after_columns, c[MARK]), cycle)
    c[t[CAUSES_AT] + c[LAST_CAUSE]] += ready - c[MARK]
    c[t[CAUSES_AT] + (REFRESH_CAUSE if c[SAW_REFRESH] else ROW_CAUSE)] += cycle - ready
    c[MARK] = cycle
    c[LAST_CAUSE] = command_field(t, command, CAUSE)
    c[SAW_REFRESH] = 0
    c[LAST_COLUMN] = cycle
    c[TIME] = cycle
    complete(t, c, command, cycle)
    c[HEAD] += 1
    if c[HEAD] == t[WINDOW]:
        c[HEAD] = 0
    c[COUNT] -= 1
    if d != NONE:
        c[MISSES] += c[d + D_MISSED]
        c[HITS] += 1 - c[d + D_MISSED]
        c[d + D_MISSED] = 0
        leave(t, c, d, cycle)
