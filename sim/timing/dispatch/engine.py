"""The run of the dispatcher and all groups."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing import requests as rq
from pim_opt.sim.timing.arrays import Lines, Words
from pim_opt.sim.timing.dispatch.dispatcher import dispatch
from pim_opt.sim.timing.dispatch.issue import tick
from pim_opt.sim.timing.dispatch.layout import (
    DISPATCH_AT,
    END,
    GROUP_WORDS,
    LOGGED,
    NOW,
    POSITION,
    PROGRESS,
    WAKE,
)
from pim_opt.sim.timing.dispatch.queues import is_idle
from pim_opt.sim.timing.layout import NEVER, PATIENCE


@part
def _next_cycle(shared: Words, groups: int) -> int:
    result = shared[DISPATCH_AT]
    for g in range(groups):
        result = min(result, shared[GROUP_WORDS + 2 * g + WAKE])
    return result


@part
def _is_stuck(t: Words, c: Words, now: int) -> bool:
    return not is_idle(c) and now - c[PROGRESS] > t[PATIENCE]


def run(
    t: Words, groups: Lines, shared: Words, log: Lines, requests: Lines, instructions: Lines
) -> int:
    """Simulate until the instructions are used up, or one has ended the trace.

    Args:
        t: tables; groups, shared: the state.
        log: receives the commands; `shared[LOGGED]` are in it.
        requests: a block of the trace's instructions.
        instructions: fields by number, as I_COMMAND.

    Returns:
        NEEDS_INPUT: the next block may come. DONE: `shared[END]` has the end. STUCK: some group
        will never finish. LOG_FULL: empty the log and call again with the same requests.
    """
    while shared[END] == 0:
        if len(log) > 0 and shared[LOGGED] + len(groups) > len(log):
            return rq.LOG_FULL
        now = shared[NOW]
        if shared[DISPATCH_AT] <= now:
            if shared[POSITION] == len(requests):
                shared[POSITION] = 0
                return rq.NEEDS_INPUT
            dispatch(t, groups, shared, requests, instructions)
        for g in range(len(groups)):
            if shared[GROUP_WORDS + 2 * g + WAKE] <= now:
                tick(t, groups[g], shared, log, requests, instructions, g)
                if _is_stuck(t, groups[g], now):
                    return rq.STUCK
        shared[NOW] = _next_cycle(shared, len(groups))
        if shared[NOW] == NEVER:
            return rq.STUCK
    return rq.DONE
