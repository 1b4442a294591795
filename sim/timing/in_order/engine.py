"""The run of all groups."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing import requests as rq
from pim_opt.sim.timing.arrays import Lines, Words
from pim_opt.sim.timing.constraints import command_field
from pim_opt.sim.timing.in_order.group import advance
from pim_opt.sim.timing.in_order.layout import (
    COMPLETED,
    COMPLETED_CAUSE,
    END,
    FIRST,
    FLOOR,
    GIVEN,
    IN_BARRIERS,
    LAST_CAUSE,
    MARK,
    NAMED,
    POSITION,
    TAKEN,
    TIME,
)
from pim_opt.sim.timing.layout import BARRIER_CAUSE, BARS, CAUSES_AT, ROLE


@part
def _sort_by_group(
    t: Words, groups: Lines, requests: Lines, start: int, end: int, order: Words
) -> None:
    """Put the requests from `start` to `end` in `order`, one group after the other."""
    for g in range(len(groups)):
        groups[g, GIVEN] = 0
    for i in range(start, end):
        groups[requests[i, rq.GROUP], GIVEN] += 1
    first = 0
    for g in range(len(groups)):
        groups[g, FIRST] = first
        first += groups[g, GIVEN]
    for i in range(start, end):
        g = requests[i, rq.GROUP]
        order[groups[g, FIRST]] = i
        groups[g, FIRST] += 1
    for g in range(len(groups)):
        groups[g, FIRST] -= groups[g, GIVEN]


@part
def _forget_requests(t: Words, groups: Lines) -> None:
    for g in range(len(groups)):
        groups[g, GIVEN] = 0
        groups[g, TAKEN] = 0


@part
def _advance_all(
    t: Words, groups: Lines, shared: Words, log: Lines, requests: Lines, order: Words, drain: bool
) -> int:
    """Advance all groups, or drain those that barriers name."""
    for g in range(len(groups)):
        if drain and groups[g, NAMED] == 0:
            continue
        status = advance(t, groups[g], shared, log, g, requests, order, drain)
        if status != rq.DONE:
            return status
    return rq.DONE


@part
def _attribute_rest(t: Words, c: Words, until: int) -> None:
    """Attribute the cycles up to the last completion, and from there to `until`, a barrier."""
    causes = t[CAUSES_AT]
    completed = max(c[COMPLETED], c[MARK])
    c[causes + c[COMPLETED_CAUSE]] += completed - c[MARK]
    c[causes + BARRIER_CAUSE] += until - completed
    c[MARK] = until


@part
def _synchronise(t: Words, groups: Lines) -> None:
    """Let the groups that barriers name go on when all of them have completed."""
    until = 0
    for g in range(len(groups)):
        if groups[g, NAMED]:
            until = max(until, groups[g, COMPLETED], groups[g, FLOOR])
    for g in range(len(groups)):
        c = groups[g]
        if c[NAMED]:
            _attribute_rest(t, c, until)
            c[FLOOR] = until
            c[TIME] = until
            c[LAST_CAUSE] = BARRIER_CAUSE
            c[NAMED] = 0


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
    for g in range(len(groups)):
        status = advance(t, groups[g], shared, log, g, requests, order, True)
        if status != rq.DONE:
            return status
    shared[END] = 1
    for g in range(len(groups)):
        shared[END] = max(shared[END], groups[g, COMPLETED], groups[g, FLOOR])
        _attribute_rest(t, groups[g], max(groups[g, MARK], groups[g, COMPLETED]))
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
            groups[requests[start, rq.GROUP], NAMED] = 1
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
