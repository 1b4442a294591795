"""What a group issues next, and when it may."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing.arrays import Words
from pim_opt.sim.timing.constraints import command_field
from pim_opt.sim.timing.dispatch.layout import (
    ACTIVE_QUEUE,
    ARRIVAL,
    BANK,
    BARRIER_FROM,
    DRAINS_WRITES,
    LENGTHS,
    NEXT,
    NONE,
    PIM_QUEUE,
    READ_QUEUE,
    RETURN,
    WRITE_QUEUE,
    WRITTEN,
)
from pim_opt.sim.timing.dispatch.queues import item
from pim_opt.sim.timing.dispatch.rows import next_command, ready_at
from pim_opt.sim.timing.layout import (
    ADDRESSED,
    CLOSES,
    DRAIN_START,
    DRAIN_STOP,
    NEVER,
    SPAN,
)


@part
def _ready_at(t: Words, c: Words, e: int) -> int:
    """When an entry's next command may issue."""
    c[e + NEXT] = next_command(t, c, e)
    return ready_at(t, c, c[e + NEXT], c[e + BANK])


@part
def _oldest_ready(t: Words, c: Words, now: int, queue: int) -> int:
    """The entry of a queue that came first of those that are ready, or NONE."""
    best = NONE
    for i in range(c[LENGTHS + queue]):
        e = item(t, c, queue, i)
        if best != NONE and c[e + ARRIVAL] >= c[best + ARRIVAL]:
            continue
        if _ready_at(t, c, e) <= now:
            best = e
    return best


@part
def _closes_active(t: Words, c: Words, e: int) -> bool:
    """Whether an entry's next command would close a bank that has just been opened for another.

    Commands to many banks have no address, and are held back by none.
    """
    command = c[e + NEXT]
    if command_field(t, command, CLOSES) == 0 or command_field(t, command, SPAN) != ADDRESSED:
        return False
    for i in range(c[LENGTHS + ACTIVE_QUEUE]):
        if c[item(t, c, ACTIVE_QUEUE, i) + BANK] == c[e + BANK]:
            return True
    return False


@part
def _host_queue(c: Words) -> int:
    return WRITE_QUEUE if c[DRAINS_WRITES] else READ_QUEUE


@part
def _turn(t: Words, c: Words) -> None:
    """Turn from reads to writes, or back."""
    reads, writes = c[LENGTHS + READ_QUEUE], c[LENGTHS + WRITE_QUEUE]
    if c[DRAINS_WRITES] == 0:
        if writes >= t[DRAIN_START] or reads == 0:
            c[DRAINS_WRITES] = 1
    elif writes <= t[DRAIN_STOP] and reads > 0:
        c[DRAINS_WRITES] = 0


@part
def select(t: Words, c: Words, now: int) -> tuple[int, int]:
    """The queue and the entry to serve, or NONE.

    Instructions are served in order. A barrier waits for nothing here: it is ready at any time.
    """
    queue = ACTIVE_QUEUE
    e = _oldest_ready(t, c, now, queue)
    if e == NONE and c[LENGTHS + PIM_QUEUE] > 0:
        queue = PIM_QUEUE
        head = item(t, c, queue, 0)
        if _ready_at(t, c, head) <= now:
            e = head
    elif e == NONE:
        _turn(t, c)
        queue = _host_queue(c)
        e = _oldest_ready(t, c, now, queue)
    if e == NONE or _closes_active(t, c, e):
        return NONE, NONE
    return queue, e


@part
def _next_ready(t: Words, c: Words, seen: int, queue: int, count: int) -> int:
    """When the next of the first `count` entries of a queue becomes ready, after `seen`."""
    result = NEVER
    for i in range(count):
        at = _ready_at(t, c, item(t, c, queue, i))
        if at > seen:
            result = min(result, at)
    return result


@part
def wake(t: Words, c: Words, now: int, issued: bool) -> int:
    """The next cycle in which a group may have something to do.

    If it has issued nothing, then what is ready now was not allowed to.
    """
    if issued and c[LENGTHS + PIM_QUEUE] == 0:
        return now + 1  # it may turn between reads and writes
    seen = NONE if issued else now
    result = c[RETURN]
    if c[BARRIER_FROM] != NEVER:
        result = min(result, max(c[BARRIER_FROM], c[WRITTEN] + 1))
    result = min(result, _next_ready(t, c, seen, ACTIVE_QUEUE, c[LENGTHS + ACTIVE_QUEUE]))
    if c[LENGTHS + PIM_QUEUE] > 0:
        result = min(result, _next_ready(t, c, seen, PIM_QUEUE, 1))
    else:
        queue = _host_queue(c)
        result = min(result, _next_ready(t, c, seen, queue, c[LENGTHS + queue]))
    return max(result, now + 1)
