"""The run of one group."""

from pim_opt.cost.jit import inlined, part
from pim_opt.sim.timing import requests as rq
from pim_opt.sim.timing.arrays import Lines, Words
from pim_opt.sim.timing.in_order.columns import (
    enter,
    head_after_columns,
    head_at,
    issue_column,
    place,
)
from pim_opt.sim.timing.in_order.layout import (
    BANK,
    COLUMN,
    COMMAND,
    COUNT,
    D_BASE,
    D_NEXT,
    D_ROW,
    FIRST,
    GIVEN,
    HEAD,
    LOGGED,
    NONE,
    OPERAND,
    REFRESH_DUE,
    ROW,
    TAKEN,
    WAITING,
)
from pim_opt.sim.timing.in_order.rows import (
    advance_demand,
    advance_refresh,
    next_row,
    refresh_command,
    refresh_path,
    refresh_ready_at,
)
from pim_opt.sim.timing.layout import ADDRESSED, BASE_AT, NEVER, OPERANDS, PATHS, WINDOW


@part
def _write_log(t: Words, shared: Words, log: Lines, group: int, cycle: int, command: int) -> int:
    line = shared[LOGGED]
    shared[LOGGED] += 1
    log[line] = NONE
    log[line, rq.LOG_CYCLE] = cycle
    log[line, rq.LOG_COMMAND] = command
    log[line, rq.LOG_GROUP] = group
    return line


@part
def _log_column(
    t: Words, c: Words, shared: Words, log: Lines, group: int, r: int, cycle: int
) -> None:
    line = _write_log(t, shared, log, group, cycle, c[r + COMMAND])
    log[line, rq.LOG_BANK] = c[r + BANK]
    log[line, rq.LOG_ROW] = c[r + ROW]
    log[line, rq.LOG_COLUMN] = c[r + COLUMN]
    for k in range(t[OPERANDS]):
        log[line, rq.LOG_OPERAND + k] = c[r + OPERAND + k]


@inlined
def _step(t: Words, c: Words, shared: Words, log: Lines, group: int) -> bool:
    """Issue the command that comes next in time, a column command first; False if none can."""
    r = place(t, c[HEAD])
    after_columns = head_after_columns(t, c, r)
    column_at = head_at(t, c, r, after_columns)
    d, row_at, refresh_at = NONE, NEVER, NEVER
    if c[WAITING] > 0:
        d, row_at = next_row(t, c)
    if row_at >= c[REFRESH_DUE]:
        row_at = NEVER
    if min(column_at, row_at) >= c[REFRESH_DUE]:
        refresh_at = refresh_ready_at(t, c)
    if column_at == NEVER and row_at == NEVER and refresh_at == NEVER:
        return False
    if column_at <= min(row_at, refresh_at):
        if len(log) > 0:
            _log_column(t, c, shared, log, group, r, column_at)
        issue_column(t, c, r, after_columns, column_at)
    elif row_at < refresh_at:
        if len(log) > 0:
            line = _write_log(t, shared, log, group, row_at, c[d + D_NEXT])
            log[line, rq.LOG_BANK] = c[d + D_BASE]
            log[line, rq.LOG_ROW] = c[d + D_ROW]
        advance_demand(t, c, d, row_at)
    else:
        if len(log) > 0:
            command, path = refresh_command(t, c), refresh_path(t, c)
            line = _write_log(t, shared, log, group, refresh_at, command)
            log[line, rq.LOG_BANK] = t[t[BASE_AT] + ADDRESSED * t[PATHS] + path]
        advance_refresh(t, c, refresh_at)
    return True


@part
def advance(
    t: Words,
    c: Words,
    shared: Words,
    log: Lines,
    group: int,
    requests: Lines,
    order: Words,
    drain: bool,
) -> int:
    """Run a group until its requests are used up and, if it is to drain, its window is empty."""
    while True:
        while c[COUNT] < t[WINDOW] and c[TAKEN] < c[GIVEN]:
            enter(t, c, requests, order[c[FIRST] + c[TAKEN]])
            c[TAKEN] += 1
        if c[COUNT] == 0 or (c[COUNT] < t[WINDOW] and not drain):
            return rq.DONE
        if len(log) > 0 and shared[LOGGED] == len(log):
            return rq.LOG_FULL
        if not _step(t, c, shared, log, group):
            return rq.STUCK
