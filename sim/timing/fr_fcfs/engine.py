"""The run of all groups."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing import requests as rq
from pim_opt.sim.timing.arrays import Lines, Pages, Words
from pim_opt.sim.timing.fr_fcfs.frontend import send_all
from pim_opt.sim.timing.fr_fcfs.issue import tick
from pim_opt.sim.timing.fr_fcfs.layout import (
    BLOCKED,
    CHANGED,
    COMPLETED,
    END,
    FRONTEND_AT,
    LAST_RETURN,
    LOGGED,
    NONE,
    NOW,
    POSITION,
    PROGRESS,
    REFRESH_DUE,
    REFRESHES,
    WAKES,
)
from pim_opt.sim.timing.fr_fcfs.queues import is_idle
from pim_opt.sim.timing.layout import NEVER, PATIENCE


@part
def _is_stuck(t: Words, c: Words, now: int) -> bool:
    return not is_idle(c) and now - c[PROGRESS] > t[PATIENCE]


@part
def _end(t: Words, groups: Lines, now: int) -> int:
    """The cycle in which all groups are done, or NEVER if some have work left."""
    end, due = now, NEVER
    for g in range(len(groups)):
        if not is_idle(groups[g]) or groups[g, REFRESHES] > 0:
            return NEVER
        end = max(end, groups[g, LAST_RETURN], groups[g, COMPLETED])
        due = min(due, groups[g, REFRESH_DUE])
    return end if due > end else NEVER


@part
def _next_cycle(shared: Words, groups: int) -> int:
    result = shared[FRONTEND_AT]
    for g in range(groups):
        result = min(result, shared[WAKES + g])
    return result


def run(
    t: Words, groups: Lines, rows: Pages, shared: Words, log: Lines, requests: Lines, last: bool
) -> int:
    """Simulate until the requests are used up, or to the end if they are the last.

    Args:
        t: tables; groups, rows, shared: the state, see RowState.
        log: receives the commands; `shared[LOGGED]` are in it.
        requests: a block of the stream.
        last: whether it is the last block.

    Returns:
        NEEDS_INPUT: the next block may come. DONE: `shared[END]` has the end. STUCK: some group
        will never finish. LOG_FULL: empty the log and call again with the same requests.
    """
    while True:
        if len(log) > 0 and shared[LOGGED] + 2 * len(groups) > len(log):
            return rq.LOG_FULL
        now = shared[NOW]
        if shared[FRONTEND_AT] <= now:
            if send_all(t, groups, shared, requests) and not last:
                shared[POSITION] = 0
                return rq.NEEDS_INPUT
            shared[FRONTEND_AT] = NEVER
        for g in range(len(groups)):
            if shared[WAKES + g] <= now:
                tick(t, groups[g], rows[g], shared, log, g)
                if _is_stuck(t, groups[g], now):
                    return rq.STUCK
        blocked = shared[BLOCKED]
        if blocked != NONE and groups[blocked, CHANGED] == now:
            shared[FRONTEND_AT] = now + 1
        if shared[POSITION] == len(requests) and last:
            shared[END] = _end(t, groups, now)
            if shared[END] != NEVER:
                return rq.DONE
        shared[NOW] = _next_cycle(shared, len(groups))
        if shared[NOW] == NEVER:
            return rq.STUCK
