"""The queues of a group and its returning reads."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing.arrays import Words
from pim_opt.sim.timing.constraints import command_field
from pim_opt.sim.timing.dispatch.layout import (
    ARRIVAL,
    BANK,
    BEHIND,
    BLOCKS,
    COLUMN,
    COMMAND,
    FREE,
    FREE_ENTRIES,
    ITEMS,
    LAST_RETURN,
    LENGTHS,
    MISSED,
    PIM_QUEUE,
    PROGRESS,
    QUEUES,
    READ_QUEUE,
    ROW,
    WRITE_QUEUE,
)
from pim_opt.sim.timing.layout import FORWARDING, READS, ROLE, WINDOW, WRITES


@part
def item(t: Words, c: Words, queue: int, i: int) -> int:
    """The place of the i-th entry of a queue."""
    return c[t[ITEMS] + queue * t[WINDOW] + i]


@part
def push(t: Words, c: Words, queue: int, e: int) -> None:
    """Append an entry to a queue that has room."""
    length = c[LENGTHS + queue]
    c[t[ITEMS] + queue * t[WINDOW] + length] = e
    c[LENGTHS + queue] = length + 1


@part
def remove(t: Words, c: Words, queue: int, e: int) -> None:
    """Take an entry out of its queue."""
    length = c[LENGTHS + queue] - 1
    at = t[ITEMS] + queue * t[WINDOW]
    end = at + length
    while c[at] != e:
        at += 1
    for i in range(at, end):
        c[i] = c[i + 1]
    c[LENGTHS + queue] = length


@part
def discard(t: Words, c: Words, e: int) -> None:
    """Give an entry's place back."""
    c[t[FREE] + c[FREE_ENTRIES]] = e
    c[FREE_ENTRIES] += 1


@part
def is_idle(c: Words) -> bool:
    """Whether no request waits in any queue."""
    waiting = 0
    for queue in range(QUEUES):
        waiting += c[LENGTHS + queue]
    return waiting == 0


@part
def retire(c: Words, cycle: int) -> None:
    """A read has its data at `cycle`; reads come back in order, one a cycle."""
    c[LAST_RETURN] = max(c[LAST_RETURN] + 1, cycle)
    c[BEHIND] += 1


@part
def send(
    t: Words, c: Words, now: int, command: int, bank: int, row: int, column: int, blocks: int
) -> bool:
    """Offer a sub-request to its controller; whether it is taken.

    Host accesses and instructions are not in their queues at the same time. A read that finds
    writes waiting is served from their queue, whatever it reads.
    """
    role = command_field(t, command, ROLE)
    if role in (READS, WRITES):
        if c[LENGTHS + PIM_QUEUE] > 0:
            return False
        if role == READS and t[FORWARDING] != 0 and c[LENGTHS + WRITE_QUEUE] > 0:
            retire(c, now)
            c[PROGRESS] = now
            return True
        queue = READ_QUEUE if role == READS else WRITE_QUEUE
    elif c[LENGTHS + READ_QUEUE] + c[LENGTHS + WRITE_QUEUE] > 0:
        return False
    else:
        queue = PIM_QUEUE
    if c[LENGTHS + queue] == t[WINDOW]:
        return False
    c[FREE_ENTRIES] -= 1
    e = c[t[FREE] + c[FREE_ENTRIES]]
    c[e + COMMAND], c[e + BANK], c[e + ROW], c[e + COLUMN] = command, bank, row, column
    c[e + ARRIVAL], c[e + BLOCKS], c[e + MISSED] = now, blocks, 0
    push(t, c, queue, e)
    c[PROGRESS] = now
    return True
