"""The engine of the consistent controller: column commands in program order, rows opened ahead.

Each group issues its column commands in order. Meanwhile it opens rows for the requests in its
window, those that come next: banks belong to the first of these that needs a row there, so no row
is closed that an earlier request still needs. Requests in the window that need the same row of the
same banks share a *demand* for it. A refresh that is due holds back all that needs rows until every
bank is closed and refreshed. A barrier lets a group's later commands issue once all earlier ones of
all groups that it names have completed.

Between barriers groups are independent. The engine goes from one command to the next in time; what
it costs does not depend on cycles.

In the kernel, `t` are the tables, `c` the state of one group, `r` the place of a request in the
window, `d` that of a demand.
"""

from dataclasses import dataclass

import numpy as np

from pim_opt.cost.jit import part
from pim_opt.sim.timing import requests as rq
from pim_opt.sim.timing.arrays import Ints, Lines, Words
from pim_opt.sim.timing.constraints import (
    command_field,
    note_issue,
    ready_after_columns,
    ready_after_rows,
)
from pim_opt.sim.timing.layout import (
    ADDRESSED,
    BANKS,
    BARRIER_CAUSE,
    BARS,
    BASE_AT,
    CAUSE,
    CAUSES_AT,
    CLOSER,
    COMPLETION,
    COUNTS_AT,
    ENGINE_AT,
    MEMBER_AT,
    NEEDS_ROW,
    NEVER,
    OPENER,
    OPENS,
    OPERANDS,
    OTHER_CAUSE,
    PATHS,
    REFRESH_CAUSE,
    REFRESH_COMMAND,
    REFRESH_INTERVAL,
    REFRESH_MEMBERS,
    ROLE,
    ROW_CAUSE,
    SPAN,
    UNION_AT,
    WINDOW,
)
from pim_opt.sim.timing.tables import Model

# Words of a request in the window.
COMMAND, BANK, ROW, COLUMN, DEMAND = range(5)
OPERAND = 5

# Words of a demand: the row it wants, who wants it, and what it waits for.
D_SPAN, D_BASE, D_ROW, D_OPENER, D_CLOSER, D_USERS, D_BLOCKERS, D_NEXT, D_FROM, D_MISSED = range(10)
DEMAND_WORDS = 10

# Parts of a group's state.
SCALARS, REQUESTS, DEMANDS, FREE, ORDER, OPEN_ROWS = range(ENGINE_AT, ENGINE_AT + 6)

# Words of the part SCALARS.
(
    HEAD,  # of the window, counted from the first request ever
    COUNT,  # requests in the window
    ACTIVE,  # demands in force
    WAITING,  # of these, those that may act and whose rows are not open
    TIME,  # of the last column command: the window's contents date from then
    LAST_COLUMN,
    LAST_ROW,
    FLOOR,  # no request acts before this cycle, because of a barrier
    COMPLETED,  # when all that has issued has completed
    COMPLETED_CAUSE,
    MARK,  # cycles before this one are attributed
    LAST_CAUSE,
    SAW_REFRESH,  # since the last column command
    REFRESH_DUE,
    REFRESHED,  # members served of the refresh that is due
    REFRESH_END,
    HITS,
    MISSES,
    FIRST,  # of the group's requests in the order of the block
    GIVEN,
    TAKEN,
    NAMED,  # by the barriers that are being read
) = range(22)
SCALAR_WORDS = 22

# Words that all groups share.
POSITION, IN_BARRIERS, END, LOGGED = range(4)

NONE = -1
CLOSED = -1


@dataclass(frozen=True)
class State:
    """The controllers of all groups."""

    tables: Ints
    groups: Ints
    """Shape (groups, words)."""
    shared: Ints

    def scalar(self, word: int) -> Ints:
        """A word of every group, as HITS."""
        return self.groups[:, self.tables[SCALARS] + word]


def new_state(model: Model, groups: int) -> State:
    """Nothing has arrived yet; all banks are closed."""
    window, request = model.device.controller.window, OPERAND + model.operands
    banks = model.device.cores
    sizes = [SCALAR_WORDS, window * request, window * DEMAND_WORDS, window, window, banks]
    tables, words = model.with_engine(sizes)
    state = State(tables, np.zeros((groups, words), np.int64), np.zeros(4, np.int64))
    state.scalar(REFRESH_DUE)[:] = tables[REFRESH_INTERVAL]
    state.scalar(LAST_CAUSE)[:] = OTHER_CAUSE
    state.scalar(COMPLETED_CAUSE)[:] = OTHER_CAUSE
    free = tables[DEMANDS] + DEMAND_WORDS * np.arange(window)
    state.groups[:, tables[FREE] : tables[FREE] + window] = free
    state.groups[:, tables[OPEN_ROWS] : tables[OPEN_ROWS] + banks] = CLOSED
    return state


# Demands


@part
def _overlap(t: Words, c: Words, d: int, span: int, base: int) -> bool:
    """Whether a demand wants a bank of those that `span` joins from `base`."""
    spans = t[t[UNION_AT] + c[d + D_SPAN] * _span_sets(t) + span]
    bases = t[BASE_AT] + spans * t[PATHS]
    return t[bases + c[d + D_BASE]] == t[bases + base]


@part
def _span_sets(t: Words) -> int:
    return (t[UNION_AT] - t[BASE_AT]) // t[PATHS]


@part
def _needed(t: Words, c: Words, d: int) -> int:
    """The row command that a demand needs next: its banks are to be all closed, then all open."""
    closed, fitting = True, True
    start = t[MEMBER_AT] + c[d + D_SPAN]
    for i in range(t[start], t[start + 1]):
        row = c[t[OPEN_ROWS] + c[d + D_BASE] + t[i]]
        closed &= row == CLOSED
        fitting &= row == c[d + D_ROW]
    if fitting:
        return NONE
    return c[d + D_OPENER] if closed else c[d + D_CLOSER]


@part
def _let_act(t: Words, c: Words, d: int, cycle: int) -> None:
    """From `cycle` on the banks are the demand's."""
    c[d + D_FROM] = cycle
    c[d + D_NEXT] = _needed(t, c, d)
    if c[d + D_NEXT] != NONE:
        c[t[SCALARS] + WAITING] += 1


@part
def _demand_for(t: Words, c: Words, command: int, bank: int, row: int) -> int:
    """The demand that a request joins, or a new one behind all that overlap it."""
    v, opener = t[SCALARS], command_field(t, command, OPENER)
    span = command_field(t, opener, SPAN)
    base = t[t[BASE_AT] + span * t[PATHS] + bank]
    blockers = 0
    for i in range(c[v + ACTIVE] - 1, -1, -1):
        d = c[t[ORDER] + i]
        if not _overlap(t, c, d, span, base):
            continue
        same = c[d + D_OPENER] == opener and c[d + D_BASE] == base and c[d + D_ROW] == row
        if same and blockers == 0:
            c[d + D_USERS] += 1
            return d
        blockers += 1
    d = c[t[FREE] + c[v + ACTIVE]]
    c[t[ORDER] + c[v + ACTIVE]] = d
    c[v + ACTIVE] += 1
    c[d + D_SPAN] = span
    c[d + D_BASE] = base
    c[d + D_ROW] = row
    c[d + D_OPENER] = opener
    c[d + D_CLOSER] = command_field(t, command, CLOSER)
    c[d + D_USERS] = 1
    c[d + D_BLOCKERS] = blockers
    c[d + D_NEXT] = NONE
    c[d + D_MISSED] = 0
    if blockers == 0:
        _let_act(t, c, d, c[v + TIME])
    return d


@part
def _leave(t: Words, c: Words, d: int, cycle: int) -> None:
    """A request has used its row at `cycle`; the last one frees the banks for later demands."""
    c[d + D_USERS] -= 1
    if c[d + D_USERS] > 0:
        return
    v, order = t[SCALARS], t[ORDER]
    at = order
    while c[at] != d:
        at += 1
    c[v + ACTIVE] -= 1
    for i in range(at, order + c[v + ACTIVE]):
        later = c[i + 1]
        c[i] = later
        if _overlap(t, c, later, c[d + D_SPAN], c[d + D_BASE]):
            c[later + D_BLOCKERS] -= 1
            if c[later + D_BLOCKERS] == 0:
                _let_act(t, c, later, cycle)
    c[t[FREE] + c[v + ACTIVE]] = d


# The window


@part
def place(t: Words, number: int) -> int:
    """Where the request of a number is, while it is in the window."""
    return t[REQUESTS] + number % t[WINDOW] * (OPERAND + t[OPERANDS])


@part
def _enter(t: Words, c: Words, requests: Lines, i: int) -> None:
    """Take a request into the window."""
    v = t[SCALARS]
    r = place(t, c[v + HEAD] + c[v + COUNT])
    c[v + COUNT] += 1
    command = requests[i, rq.COMMAND]
    c[r + COMMAND] = command
    c[r + BANK] = requests[i, rq.BANK]
    c[r + ROW] = requests[i, rq.ROW]
    c[r + COLUMN] = requests[i, rq.COLUMN]
    for k in range(t[OPERANDS]):
        c[r + OPERAND + k] = requests[i, rq.OPERAND + k]
    c[r + DEMAND] = NONE
    if command_field(t, command, NEEDS_ROW):
        c[r + DEMAND] = _demand_for(t, c, command, c[r + BANK], c[r + ROW])


# Column commands


@part
def _after_columns(t: Words, c: Words, r: int) -> int:
    """The earliest cycle of a request's command as far as other column commands go."""
    v = t[SCALARS]
    ready = ready_after_columns(t, c, c[r + COMMAND], c[r + BANK], r + OPERAND)
    return max(ready, c[v + LAST_COLUMN] + 1, c[v + FLOOR])


@part
def _column_at(t: Words, c: Words, r: int, after_columns: int) -> int:
    """The cycle of the head's command, or NEVER while its row or a refresh keeps it waiting."""
    v, d = t[SCALARS], c[r + DEMAND]
    at = max(after_columns, ready_after_rows(t, c, c[r + COMMAND], c[r + BANK]))
    if d == NONE:
        return at
    if c[d + D_NEXT] != NONE:
        return NEVER
    at = max(at, c[v + REFRESH_END] + 1)
    return at if at < c[v + REFRESH_DUE] else NEVER


@part
def _complete(t: Words, c: Words, command: int, cycle: int) -> None:
    v = t[SCALARS]
    end = cycle + command_field(t, command, COMPLETION)
    if end >= c[v + COMPLETED]:
        c[v + COMPLETED] = end
        c[v + COMPLETED_CAUSE] = command_field(t, command, CAUSE)


@part
def _issue_column(t: Words, c: Words, r: int, after_columns: int, cycle: int) -> None:
    v, command, d = t[SCALARS], c[r + COMMAND], c[r + DEMAND]
    note_issue(t, c, command, c[r + BANK], r + OPERAND, cycle)
    c[t[COUNTS_AT] + command] += 1
    # Cycles up to here went to the command before, then to rows.
    ready = min(max(after_columns, c[v + MARK]), cycle)
    c[t[CAUSES_AT] + c[v + LAST_CAUSE]] += ready - c[v + MARK]
    c[t[CAUSES_AT] + (REFRESH_CAUSE if c[v + SAW_REFRESH] else ROW_CAUSE)] += cycle - ready
    c[v + MARK] = cycle
    c[v + LAST_CAUSE] = command_field(t, command, CAUSE)
    c[v + SAW_REFRESH] = 0
    c[v + LAST_COLUMN] = cycle
    c[v + TIME] = cycle
    _complete(t, c, command, cycle)
    c[v + HEAD] += 1
    c[v + COUNT] -= 1
    if d != NONE:
        c[v + MISSES] += c[d + D_MISSED]
        c[v + HITS] += 1 - c[d + D_MISSED]
        c[d + D_MISSED] = 0
        _leave(t, c, d, cycle)


# Row commands


@part
def _next_row(t: Words, c: Words) -> tuple[int, int]:
    """The demand whose row command comes next, and its cycle; the oldest of those at once."""
    v = t[SCALARS]
    best, best_at = NONE, NEVER
    for i in range(c[v + ACTIVE]):
        d = c[t[ORDER] + i]
        if c[d + D_BLOCKERS] > 0 or c[d + D_NEXT] == NONE:
            continue
        command, base = c[d + D_NEXT], c[d + D_BASE]
        at = max(ready_after_rows(t, c, command, base), c[d + D_FROM], c[v + FLOOR])
        at = max(at, ready_after_columns(t, c, command, base, NONE), c[v + LAST_ROW] + 1)
        if at < best_at:
            best, best_at = d, at
    return best, best_at


@part
def _issue_row(t: Words, c: Words, command: int, path: int, row: int, cycle: int) -> None:
    """Issue a row command or refresh on the banks that it spans from a path."""
    note_issue(t, c, command, path, NONE, cycle)
    c[t[COUNTS_AT] + command] += 1
    c[t[SCALARS] + LAST_ROW] = cycle
    _complete(t, c, command, cycle)
    span = command_field(t, command, SPAN)
    base = t[t[BASE_AT] + span * t[PATHS] + path]
    opened = row if command_field(t, command, OPENS) else CLOSED
    start = t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        c[t[OPEN_ROWS] + base + t[i]] = opened


@part
def _advance_demand(t: Words, c: Words, d: int, cycle: int) -> None:
    """Issue a demand's next row command."""
    _issue_row(t, c, c[d + D_NEXT], c[d + D_BASE], c[d + D_ROW], cycle)
    c[d + D_MISSED] = 1
    c[d + D_NEXT] = _needed(t, c, d)
    if c[d + D_NEXT] == NONE:
        c[t[SCALARS] + WAITING] -= 1


# Refresh


@part
def _refresh_path(t: Words, c: Words) -> int:
    return t[BANKS] + c[t[SCALARS] + REFRESHED]


@part
def _refresh_command(t: Words, c: Words) -> int:
    """What the refresh that is due needs next: its banks closed, then itself."""
    refresh = t[REFRESH_COMMAND]
    span = command_field(t, refresh, SPAN)
    base = t[t[BASE_AT] + span * t[PATHS] + _refresh_path(t, c)]
    start = t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        if c[t[OPEN_ROWS] + base + t[i]] != CLOSED:
            return command_field(t, refresh, CLOSER)
    return refresh


@part
def _refresh_at(t: Words, c: Words) -> int:
    """The cycle of the next command of the refresh that comes."""
    v = t[SCALARS]
    if t[REFRESH_COMMAND] == NONE:
        return NEVER
    command, path = _refresh_command(t, c), _refresh_path(t, c)
    at = max(c[v + REFRESH_DUE], c[v + LAST_ROW] + 1)
    ready = max(
        ready_after_columns(t, c, command, path, NONE), ready_after_rows(t, c, command, path)
    )
    return max(at, ready)


@part
def _advance_refresh(t: Words, c: Words, cycle: int) -> None:
    """Issue the next command of a refresh; after the last one, demands begin anew."""
    v, command = t[SCALARS], _refresh_command(t, c)
    _issue_row(t, c, command, _refresh_path(t, c), NONE, cycle)
    c[v + SAW_REFRESH] = 1
    if command != t[REFRESH_COMMAND]:
        return
    c[v + REFRESHED] += 1
    if c[v + REFRESHED] < t[REFRESH_MEMBERS]:
        return
    c[v + REFRESHED] = 0
    c[v + REFRESH_DUE] += t[REFRESH_INTERVAL]
    c[v + REFRESH_END] = cycle
    c[v + WAITING] = 0
    for i in range(c[v + ACTIVE]):
        d = c[t[ORDER] + i]
        if c[d + D_BLOCKERS] == 0:
            _let_act(t, c, d, c[d + D_FROM])


# The run of one group


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


@part
def _step(t: Words, c: Words, shared: Words, log: Lines, group: int) -> bool:
    """Issue the command that comes next in time, a column command first; False if none can."""
    v = t[SCALARS]
    r = place(t, c[v + HEAD])
    after_columns = _after_columns(t, c, r)
    column_at = _column_at(t, c, r, after_columns)
    d, row_at, refresh_at = NONE, NEVER, NEVER
    if c[v + WAITING] > 0:
        d, row_at = _next_row(t, c)
    if row_at >= c[v + REFRESH_DUE]:
        row_at = NEVER
    if min(column_at, row_at) >= c[v + REFRESH_DUE]:
        refresh_at = _refresh_at(t, c)
    if column_at == NEVER and row_at == NEVER and refresh_at == NEVER:
        return False
    if column_at <= min(row_at, refresh_at):
        if len(log) > 0:
            _log_column(t, c, shared, log, group, r, column_at)
        _issue_column(t, c, r, after_columns, column_at)
    elif row_at < refresh_at:
        if len(log) > 0:
            line = _write_log(t, shared, log, group, row_at, c[d + D_NEXT])
            log[line, rq.LOG_BANK] = c[d + D_BASE]
            log[line, rq.LOG_ROW] = c[d + D_ROW]
        _advance_demand(t, c, d, row_at)
    else:
        if len(log) > 0:
            command, path = _refresh_command(t, c), _refresh_path(t, c)
            line = _write_log(t, shared, log, group, refresh_at, command)
            log[line, rq.LOG_BANK] = t[t[BASE_AT] + ADDRESSED * t[PATHS] + path]
        _advance_refresh(t, c, refresh_at)
    return True


@part
def _advance(
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
    v = t[SCALARS]
    while True:
        while c[v + COUNT] < t[WINDOW] and c[v + TAKEN] < c[v + GIVEN]:
            _enter(t, c, requests, order[c[v + FIRST] + c[v + TAKEN]])
            c[v + TAKEN] += 1
        if c[v + COUNT] == 0 or (c[v + COUNT] < t[WINDOW] and not drain):
            return rq.DONE
        if len(log) > 0 and shared[LOGGED] == len(log):
            return rq.LOG_FULL
        if not _step(t, c, shared, log, group):
            return rq.STUCK


# All groups


@part
def _sort_by_group(
    t: Words, groups: Lines, requests: Lines, start: int, end: int, order: Words
) -> None:
    """Put the requests from `start` to `end` in `order`, one group after the other."""
    v = t[SCALARS]
    for g in range(len(groups)):
        groups[g, v + GIVEN] = 0
    for i in range(start, end):
        groups[requests[i, rq.GROUP], v + GIVEN] += 1
    first = 0
    for g in range(len(groups)):
        groups[g, v + FIRST] = first
        first += groups[g, v + GIVEN]
    for i in range(start, end):
        g = requests[i, rq.GROUP]
        order[groups[g, v + FIRST]] = i
        groups[g, v + FIRST] += 1
    for g in range(len(groups)):
        groups[g, v + FIRST] -= groups[g, v + GIVEN]


@part
def _forget_requests(t: Words, groups: Lines) -> None:
    v = t[SCALARS]
    for g in range(len(groups)):
        groups[g, v + GIVEN] = 0
        groups[g, v + TAKEN] = 0


@part
def _advance_all(
    t: Words, groups: Lines, shared: Words, log: Lines, requests: Lines, order: Words, drain: bool
) -> int:
    """Advance all groups, or drain those that barriers name."""
    for g in range(len(groups)):
        if drain and groups[g, t[SCALARS] + NAMED] == 0:
            continue
        status = _advance(t, groups[g], shared, log, g, requests, order, drain)
        if status != rq.DONE:
            return status
    return rq.DONE


@part
def _attribute_rest(t: Words, c: Words, until: int) -> None:
    """Attribute the cycles up to the last completion, and from there to `until`, a barrier."""
    v, causes = t[SCALARS], t[CAUSES_AT]
    completed = max(c[v + COMPLETED], c[v + MARK])
    c[causes + c[v + COMPLETED_CAUSE]] += completed - c[v + MARK]
    c[causes + BARRIER_CAUSE] += until - completed
    c[v + MARK] = until


@part
def _synchronise(t: Words, groups: Lines) -> None:
    """Let the groups that barriers name go on when all of them have completed."""
    v = t[SCALARS]
    until = 0
    for g in range(len(groups)):
        if groups[g, v + NAMED]:
            until = max(until, groups[g, v + COMPLETED], groups[g, v + FLOOR])
    for g in range(len(groups)):
        c = groups[g]
        if c[v + NAMED]:
            _attribute_rest(t, c, until)
            c[v + FLOOR] = until
            c[v + TIME] = until
            c[v + LAST_CAUSE] = BARRIER_CAUSE
            c[v + NAMED] = 0


@part
def _is_barrier(t: Words, requests: Lines, i: int) -> bool:
    return command_field(t, requests[i, rq.COMMAND], ROLE) == BARS


@part
def _pass_barriers(
    t: Words, groups: Lines, shared: Words, log: Lines, requests: Lines, order: Words
) -> int:
    """End a run of barriers, if one is being read."""
    if shared[IN_BARRIERS] == 0:
        return rq.DONE
    status = _advance_all(t, groups, shared, log, requests, order, True)
    if status == rq.DONE:
        _synchronise(t, groups)
        shared[IN_BARRIERS] = 0
    return status


@part
def _finish(
    t: Words, groups: Lines, shared: Words, log: Lines, requests: Lines, order: Words
) -> int:
    """Let all groups end."""
    v = t[SCALARS]
    for g in range(len(groups)):
        status = _advance(t, groups[g], shared, log, g, requests, order, True)
        if status != rq.DONE:
            return status
    shared[END] = 1
    for g in range(len(groups)):
        shared[END] = max(shared[END], groups[g, v + COMPLETED], groups[g, v + FLOOR])
        _attribute_rest(t, groups[g], max(groups[g, v + MARK], groups[g, v + COMPLETED]))
    return rq.DONE


def run(
    t: Words, groups: Lines, shared: Words, log: Lines, requests: Lines, order: Words, last: bool
) -> int:
    """Simulate a block of requests, all but those that may still wait for later ones to be seen.

    Args:
        t: tables; groups, shared: the state, see State.
        log: receives the commands; `shared[LOGGED]` are in it.
        requests: a block of the stream.
        order: scratch space, as long as the block.
        last: whether it is the last block.

    Returns:
        NEEDS_INPUT: the next block may come. DONE: `shared[END]` has the end. STUCK: the tables
        keep a command waiting for ever. LOG_FULL: empty the log and call again.
    """
    while shared[POSITION] < len(requests):
        start = end = shared[POSITION]
        if _is_barrier(t, requests, start):
            groups[requests[start, rq.GROUP], t[SCALARS] + NAMED] = 1
            shared[IN_BARRIERS] = 1
            shared[POSITION] += 1
            continue
        status = _pass_barriers(t, groups, shared, log, requests, order)
        if status != rq.DONE:
            return status
        while end < len(requests) and not _is_barrier(t, requests, end):
            end += 1
        _sort_by_group(t, groups, requests, start, end, order)
        status = _advance_all(t, groups, shared, log, requests, order, False)
        if status != rq.DONE:
            return status
        _forget_requests(t, groups)
        shared[POSITION] = end
    if not last:
        shared[POSITION] = 0
        return rq.NEEDS_INPUT
    status = _pass_barriers(t, groups, shared, log, requests, order)
    if status == rq.DONE:
        status = _finish(t, groups, shared, log, requests, order)
    return status
