"""A cycle of one group's controller."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing import requests as rq
from pim_opt.sim.timing.arrays import Lines, Words
from pim_opt.sim.timing.constraints import command_field, note_issue, ready_after_rows
from pim_opt.sim.timing.dispatch.dispatcher import come_back
from pim_opt.sim.timing.dispatch.layout import (
    ACTIVE_QUEUE,
    BANK,
    BARRIER_FROM,
    BEHIND,
    BLOCKS,
    COLUMN,
    COMMAND,
    COMPLETED,
    CURRENT_MODE,
    DISPATCH_AT,
    GROUP_WORDS,
    HITS,
    LAST_CAUSE,
    LAST_COLUMN,
    LAST_RETURN,
    LEFT_OVER,
    LENGTHS,
    LOGGED,
    MISSED,
    MISSES,
    NEXT,
    NONE,
    NOW,
    PROGRESS,
    RETURN,
    ROW,
    SAW_BARRIER,
    UNKNOWN_OPERANDS,
    WAKE,
    WRITTEN,
)
from pim_opt.sim.timing.dispatch.queues import discard, push, remove, retire
from pim_opt.sim.timing.dispatch.rows import after_columns, change_rows
from pim_opt.sim.timing.dispatch.scheduler import select, wake
from pim_opt.sim.timing.layout import (
    ANY_MODE,
    BARRIER_CAUSE,
    BARS,
    CAUSE,
    CAUSES_AT,
    COMPLETION,
    COUNTS_AT,
    MODE,
    MODE_COMMAND,
    NEEDS_ROW,
    NEVER,
    OPENS,
    OTHER_CAUSE,
    READS,
    ROLE,
    ROW_CAUSE,
    WINDOW,
    WRITES,
)


@part
def _returns(c: Words, now: int) -> bool:
    """Whether a blocking read or a barrier comes back in this cycle.

    A barrier does when all reads before it have, the cycle after the last write has completed.
    """
    if c[RETURN] == now:
        c[RETURN] = NEVER
        return True
    if c[BARRIER_FROM] <= now and c[WRITTEN] < now:
        c[BARRIER_FROM] = NEVER
        c[LAST_RETURN] = max(c[LAST_RETURN], now + c[BEHIND])
        return True
    return False


@part
def _take_out(t: Words, c: Words, shared: Words, group: int, queue: int, e: int) -> None:
    """Remove an entry; the dispatcher may have another for its place."""
    remove(t, c, queue, e)
    if shared[GROUP_WORDS + 2 * group + LEFT_OVER] > 0:
        shared[DISPATCH_AT] = shared[NOW] + 1


@part
def _pass_barrier(c: Words, now: int) -> None:
    """A barrier joins the reads that are coming back."""
    c[BARRIER_FROM] = max(c[LAST_RETURN], now) + 1
    c[BEHIND] = 0
    c[SAW_BARRIER] = 1
    c[PROGRESS] = now


@part
def _attribute(t: Words, c: Words, now: int, command: int, bank: int) -> None:
    """Say what the cycles since the last column command, or change of mode, were spent on.

    As long as `command` had to wait for other columns, on those; then, as long as it had to for
    rows, on rows; then on what kept it from being dispatched.
    """
    causes, last = t[CAUSES_AT], c[LAST_COLUMN]
    columns = min(now, max(last, after_columns(t, c, command, bank)))
    opened = min(now, max(columns, ready_after_rows(t, c, command, bank)))
    c[causes + c[LAST_CAUSE]] += columns - last
    c[causes + ROW_CAUSE] += opened - columns
    c[causes + (BARRIER_CAUSE if c[SAW_BARRIER] else OTHER_CAUSE)] += now - opened
    c[LAST_COLUMN] = now
    c[SAW_BARRIER] = 0


@part
def _finish(t: Words, c: Words, now: int, e: int) -> None:
    """An entry's own command, its last, has issued."""
    command = c[e + COMMAND]
    c[LAST_CAUSE] = command_field(t, command, CAUSE)
    end = now + command_field(t, command, COMPLETION)
    if c[e + BLOCKS] or command_field(t, command, ROLE) == READS:
        retire(c, end)
    else:
        c[WRITTEN] = max(c[WRITTEN], end)
    if c[e + BLOCKS]:
        c[RETURN] = c[LAST_RETURN]
        c[SAW_BARRIER] = 1
    c[COMPLETED] = max(c[COMPLETED], end)
    c[PROGRESS] = now
    if command_field(t, command, NEEDS_ROW):
        c[HITS] += 1 - c[e + MISSED]
        c[MISSES] += c[e + MISSED]


@part
def _change_mode(t: Words, c: Words, e: int, command: int) -> int:
    """`command`, or the change of mode that takes its place."""
    mode = command_field(t, c[e + COMMAND], MODE)
    if mode in (ANY_MODE, c[CURRENT_MODE]):
        return command
    c[CURRENT_MODE] = mode
    return t[MODE_COMMAND]


@part
def _advance(
    t: Words, c: Words, shared: Words, group: int, queue: int, e: int, issued: int
) -> None:
    """Where an entry goes after a command has issued for it."""
    if issued == c[e + COMMAND]:
        _finish(t, c, shared[NOW], e)
        _take_out(t, c, shared, group, queue, e)
        discard(t, c, e)
    elif issued == t[MODE_COMMAND]:
        c[LAST_CAUSE] = command_field(t, issued, CAUSE)
    else:
        c[e + MISSED] = 1
        is_host = command_field(t, c[e + COMMAND], ROLE) in (READS, WRITES)
        if is_host and command_field(t, issued, OPENS):
            full = c[LENGTHS + ACTIVE_QUEUE] == t[WINDOW]
            _take_out(t, c, shared, group, queue, e)
            if full:
                discard(t, c, e)  # as published: the copy is refused, the original gone
            else:
                push(t, c, ACTIVE_QUEUE, e)


@part
def _serve(t: Words, c: Words, shared: Words, log: Lines, group: int, queue: int, e: int) -> None:
    """Issue an entry's next command, or the change of mode that it needs first."""
    now, bank, row = shared[NOW], c[e + BANK], c[e + ROW]
    wanted = c[e + NEXT]
    command = _change_mode(t, c, e, wanted)
    if command in (t[MODE_COMMAND], c[e + COMMAND]):
        _attribute(t, c, now, wanted, bank)
    note_issue(t, c, command, bank, t[UNKNOWN_OPERANDS], now)
    change_rows(t, c, command, bank, row)
    c[t[COUNTS_AT] + command] += 1
    if len(log) > 0:
        _write_log(c, shared, log, group, command, e)
    _advance(t, c, shared, group, queue, e, command)


@part
def _write_log(c: Words, shared: Words, log: Lines, group: int, command: int, e: int) -> None:
    line = shared[LOGGED]
    shared[LOGGED] += 1
    log[line] = NONE
    log[line, rq.LOG_CYCLE] = shared[NOW]
    log[line, rq.LOG_COMMAND] = command
    log[line, rq.LOG_GROUP] = group
    log[line, rq.LOG_BANK] = c[e + BANK]
    log[line, rq.LOG_ROW] = c[e + ROW]
    if command == c[e + COMMAND]:
        log[line, rq.LOG_COLUMN] = c[e + COLUMN]


@part
def tick(
    t: Words,
    c: Words,
    shared: Words,
    log: Lines,
    requests: Lines,
    instructions: Lines,
    group: int,
) -> None:
    """One cycle of one group's controller: what comes back, then at most one command."""
    now = shared[NOW]
    if _returns(c, now):
        come_back(shared, requests, instructions)
    queue, e = select(t, c, now)
    if queue == NONE:
        pass
    elif command_field(t, c[e + COMMAND], ROLE) == BARS:
        _pass_barrier(c, now)
        _take_out(t, c, shared, group, queue, e)
        discard(t, c, e)
    else:
        _serve(t, c, shared, log, group, queue, e)
    shared[GROUP_WORDS + 2 * group + WAKE] = wake(t, c, now, queue != NONE)
