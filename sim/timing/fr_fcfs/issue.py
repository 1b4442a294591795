"""Issue of what the scheduler has found."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing import requests as rq
from pim_opt.sim.timing.arrays import Lines, Words
from pim_opt.sim.timing.constraints import (
    command_field,
    note_issue,
)
from pim_opt.sim.timing.fr_fcfs.frontend import retire
from pim_opt.sim.timing.fr_fcfs.layout import (
    ACTIVE_QUEUE,
    AFTER_COLUMNS,
    BANK,
    COLUMN,
    COMMAND,
    COMPLETED,
    ENTRIES,
    HITS,
    ISSUED_VERSION,
    LAST_CAUSE,
    LAST_COLUMN,
    LENGTHS,
    LOGGED,
    MISSED,
    MISSES,
    NEXT,
    NONE,
    NOW,
    OPERAND,
    PROGRESS,
    READY,
    REFRESH_DUE,
    REFRESH_QUEUE,
    REFRESHED,
    REFRESHES,
    ROW,
    SAW_BARRIER,
    SAW_REFRESH,
    SERVES_PIM,
    WAKES,
)
from pim_opt.sim.timing.fr_fcfs.queues import discard, push, remove
from pim_opt.sim.timing.fr_fcfs.rows import change_rows
from pim_opt.sim.timing.fr_fcfs.scheduler import (
    closes_active,
    refresh_command,
    refresh_path,
    refresh_ready_at,
    schedule,
    wake,
)
from pim_opt.sim.timing.layout import (
    ADDRESSED,
    BARRIER_CAUSE,
    BASE_AT,
    BUS,
    CAUSE,
    CAUSES_AT,
    COMPLETION,
    COUNTS_AT,
    NEEDS_ROW,
    OPENS,
    OPERANDS,
    OTHER_CAUSE,
    PATHS,
    READS,
    REFRESH_CAUSE,
    REFRESH_COMMAND,
    REFRESH_INTERVAL,
    REFRESH_MEMBERS,
    ROLE,
    ROW_CAUSE,
    WINDOW,
)


@part
def _issue(
    t: Words, c: Words, rows: Lines, now: int, command: int, path: int, row: int, operands: int
) -> None:
    note_issue(t, c, command, path, operands, now)
    change_rows(t, c, rows, command, path, row)
    c[t[COUNTS_AT] + command] += 1
    c[ISSUED_VERSION] += 1


@part
def _serve_refresh(t: Words, c: Words, rows: Lines, now: int) -> None:
    """Issue what the refresh at the head needs next."""
    command = refresh_command(t, c)
    path = refresh_path(t, c)
    _issue(t, c, rows, now, command, path, 0, t[ENTRIES] + OPERAND)
    c[SAW_REFRESH] = 1
    if command == t[REFRESH_COMMAND]:
        c[REFRESHES] -= 1
        c[REFRESHED] += 1


@part
def _serve(t: Words, c: Words, rows: Lines, now: int, queue: int, e: int) -> None:
    """Issue an entry's next command."""
    command = c[e + NEXT]
    if command == c[e + COMMAND]:
        _finish(t, c, rows, now, queue, e)
        return
    _issue(t, c, rows, now, command, c[e + BANK], c[e + ROW], e + OPERAND)
    c[e + MISSED] = 1
    if command_field(t, command, OPENS) and c[SERVES_PIM] == 0:
        full = c[LENGTHS + ACTIVE_QUEUE] == t[WINDOW]
        remove(t, c, now, queue, e)
        if full:
            discard(t, c, e)  # as published: the copy is refused, the original gone
        else:
            push(t, c, ACTIVE_QUEUE, e)


@part
def _finish(t: Words, c: Words, rows: Lines, now: int, queue: int, e: int) -> None:
    """Issue an entry's own command, which is its last."""
    command = c[e + COMMAND]
    _attribute(t, c, now, e)
    _issue(t, c, rows, now, command, c[e + BANK], c[e + ROW], e + OPERAND)
    end = now + command_field(t, command, COMPLETION)
    if command_field(t, command, ROLE) == READS:
        retire(t, c, end)
    c[COMPLETED] = max(c[COMPLETED], end)
    c[PROGRESS] = now
    if command_field(t, command, NEEDS_ROW):
        c[HITS] += 1 - c[e + MISSED]
        c[MISSES] += c[e + MISSED]
    remove(t, c, now, queue, e)
    discard(t, c, e)


@part
def _attribute(t: Words, c: Words, now: int, e: int) -> None:
    """Say what the cycles since the last column command were spent on.

    As long as the command had to wait for others of the column bus, on those; then, as long as it
    had to for rows, on rows or the refresh that closed them; then on what kept it from arriving.
    """
    causes = t[CAUSES_AT]
    last, command = c[LAST_COLUMN], c[e + COMMAND]
    columns = min(now, max(last, c[e + AFTER_COLUMNS]))
    opened = min(now, max(columns, c[e + READY]))
    c[causes + c[LAST_CAUSE]] += columns - last
    c[causes + (REFRESH_CAUSE if c[SAW_REFRESH] else ROW_CAUSE)] += opened - columns
    c[causes + (BARRIER_CAUSE if c[SAW_BARRIER] else OTHER_CAUSE)] += now - opened
    c[LAST_COLUMN] = now
    c[LAST_CAUSE] = command_field(t, command, CAUSE)
    c[SAW_REFRESH] = 0
    c[SAW_BARRIER] = 0


@part
def _serve_found(t: Words, c: Words, rows: Lines, now: int, queue: int, e: int) -> bool:
    """Serve what was found, if it may go; whether it did."""
    if queue == NONE:
        return False
    if queue == REFRESH_QUEUE:
        if refresh_ready_at(t, c) > now:
            return False
        _serve_refresh(t, c, rows, now)
        return True
    if closes_active(t, c, e):
        return False
    _serve(t, c, rows, now, queue, e)
    return True


@part
def _next_of(t: Words, c: Words, queue: int, e: int) -> int:
    """The command that `_serve_found` would issue."""
    return refresh_command(t, c) if queue == REFRESH_QUEUE else c[e + NEXT]


@part
def _write_log(
    t: Words, c: Words, log: Lines, shared: Words, group: int, command: int, path: int, e: int
) -> None:
    """Log a command; its entry, though discarded, still holds what it was for."""
    line = shared[LOGGED]
    shared[LOGGED] += 1
    log[line] = NONE
    log[line, rq.LOG_CYCLE] = shared[NOW]
    log[line, rq.LOG_COMMAND] = command
    log[line, rq.LOG_GROUP] = group
    log[line, rq.LOG_BANK] = t[t[BASE_AT] + ADDRESSED * t[PATHS] + path]
    if e == NONE:
        return
    log[line, rq.LOG_ROW] = c[e + ROW]
    if command == c[e + COMMAND]:
        log[line, rq.LOG_COLUMN] = c[e + COLUMN]
        for k in range(t[OPERANDS]):
            log[line, rq.LOG_OPERAND + k] = c[e + OPERAND + k]


@part
def tick(t: Words, c: Words, rows: Lines, shared: Words, log: Lines, group: int) -> None:
    """One cycle of one group's controller: at most one command of each bus."""
    now = shared[NOW]
    if now >= c[REFRESH_DUE]:
        c[REFRESHES] += t[REFRESH_MEMBERS]
        c[REFRESH_DUE] += t[REFRESH_INTERVAL]
    issued = False
    taken = NONE
    for _ in range(2):
        queue, e = schedule(t, c, rows, now, taken)
        if queue == NONE:
            break  # a second look would find as little
        command = _next_of(t, c, queue, e)
        taken = command_field(t, command, BUS)
        path = refresh_path(t, c) if queue == REFRESH_QUEUE else c[e + BANK]
        if _serve_found(t, c, rows, now, queue, e):
            issued = True
            if len(log) > 0:
                _write_log(t, c, log, shared, group, command, path, e)
    shared[WAKES + group] = now + 1 if issued else wake(t, c, rows, now)
