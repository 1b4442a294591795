"""The frontend: requests enter the queues in the order of the stream."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing import requests as rq
from pim_opt.sim.timing.arrays import Lines, Words
from pim_opt.sim.timing.constraints import command_field
from pim_opt.sim.timing.fr_fcfs.layout import (
    ADDRESS,
    ARRIVAL,
    BANK,
    BLOCKED,
    COLUMN,
    COMMAND,
    FREE,
    FREE_ENTRIES,
    LAST_RETURN,
    LENGTHS,
    MISSED,
    NEXT_AT,
    NONE,
    NOW,
    OPERAND,
    PIM_QUEUE,
    POSITION,
    PROGRESS,
    READ_QUEUE,
    READY_AT,
    ROW,
    WAKES,
    WRITE_QUEUE,
)
from pim_opt.sim.timing.fr_fcfs.queues import is_idle, item, push
from pim_opt.sim.timing.layout import BARS, FORWARDING, OPERANDS, READS, ROLE, WINDOW, WRITES


@part
def _queue_of(role: int) -> int:
    if role == READS:
        return READ_QUEUE
    if role == WRITES:
        return WRITE_QUEUE
    return PIM_QUEUE


@part
def _is_being_written(t: Words, c: Words, address: int) -> bool:
    for i in range(c[LENGTHS + WRITE_QUEUE]):
        if c[item(t, c, WRITE_QUEUE, i) + ADDRESS] == address:
            return True
    return False


@part
def retire(t: Words, c: Words, cycle: int) -> None:
    """Data of a read are there at `cycle`; one read retires a cycle, in order."""
    c[LAST_RETURN] = max(c[LAST_RETURN] + 1, cycle)


@part
def _send(t: Words, c: Words, now: int, requests: Lines, i: int) -> bool:
    """Offer a request to its controller; whether it is taken."""
    role = command_field(t, requests[i, rq.COMMAND], ROLE)
    queue = _queue_of(role)
    if role == BARS and not is_idle(c):
        return False
    forwarding = role == READS and t[FORWARDING] != 0
    if forwarding and _is_being_written(t, c, requests[i, rq.ADDRESS]):
        retire(t, c, now)
    elif c[LENGTHS + queue] == t[WINDOW]:
        return False
    else:
        push(t, c, queue, _new_entry(t, c, now, requests, i))
    c[PROGRESS] = now
    return True


@part
def _new_entry(t: Words, c: Words, now: int, requests: Lines, i: int) -> int:
    c[FREE_ENTRIES] -= 1
    e = c[t[FREE] + c[FREE_ENTRIES]]
    c[e + COMMAND] = requests[i, rq.COMMAND]
    c[e + BANK] = requests[i, rq.BANK]
    c[e + ROW] = requests[i, rq.ROW]
    c[e + COLUMN] = requests[i, rq.COLUMN]
    c[e + ADDRESS] = requests[i, rq.ADDRESS]
    c[e + ARRIVAL] = now - 1
    c[e + NEXT_AT] = NONE
    c[e + READY_AT] = NONE
    c[e + MISSED] = 0
    for k in range(t[OPERANDS]):
        c[e + OPERAND + k] = requests[i, rq.OPERAND + k]
    return e


@part
def send_all(t: Words, groups: Lines, shared: Words, requests: Lines) -> bool:
    """Send requests until one is refused; whether all were taken."""
    while shared[POSITION] < len(requests):
        i = shared[POSITION]
        group = requests[i, rq.GROUP]
        if not _send(t, groups[group], shared[NOW], requests, i):
            shared[BLOCKED] = group
            return False
        shared[WAKES + group] = shared[NOW]
        shared[POSITION] += 1
    shared[BLOCKED] = NONE
    return True
