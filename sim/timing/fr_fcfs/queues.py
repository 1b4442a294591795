"""Queues of requests, and which request each would serve."""

from pim_opt.cost.jit import inlined, part
from pim_opt.sim.timing.arrays import Lines, Words
from pim_opt.sim.timing.constraints import command_field, ready_after_columns, ready_after_rows
from pim_opt.sim.timing.fr_fcfs.layout import (
    ACTIVE_QUEUE,
    AFTER_COLUMNS,
    ARRIVAL,
    BANK,
    CHANGED,
    COMMAND,
    FREE,
    FREE_ENTRIES,
    ISSUED_VERSION,
    ITEMS,
    LEAST,
    LEAST_AT,
    LEAST_OF,
    LENGTHS,
    NEXT,
    NEXT_AT,
    NONE,
    OPERAND,
    PROGRESS,
    QUEUES,
    READY,
    READY_AT,
    ROWS_VERSION,
    SAW_BARRIER,
)
from pim_opt.sim.timing.fr_fcfs.rows import next_command
from pim_opt.sim.timing.layout import BARS, ENTRY_WATCH_AT, NEEDS_ROW, NEVER, PATHS, ROLE, WINDOW


@part
def item(t: Words, c: Words, queue: int, i: int) -> int:
    return c[t[ITEMS] + queue * t[WINDOW] + i]


@part
def ready_at(t: Words, c: Words, rows: Lines, e: int) -> int:
    """The earliest cycle of an entry's next command."""
    if c[e + NEXT_AT] == c[ROWS_VERSION] and c[e + READY_AT] == c[ISSUED_VERSION]:
        return c[e + READY]
    command, bank = next_command(t, c, rows, e), c[e + BANK]
    c[e + AFTER_COLUMNS] = ready_after_columns(t, c, command, bank, e + OPERAND)
    c[e + READY] = max(c[e + AFTER_COLUMNS], ready_after_rows(t, c, command, bank))
    c[e + READY_AT] = c[ISSUED_VERSION]
    return c[e + READY]


@inlined
def least_ready_at(t: Words, c: Words, rows: Lines, queue: int) -> int:
    """No entry of a queue is ready before this cycle.

    Kept until the group issues or passes a barrier; entries that have come since are added.
    """
    if c[LEAST_AT + queue] != c[ISSUED_VERSION]:
        c[LEAST_AT + queue] = c[ISSUED_VERSION]
        c[LEAST_OF + queue] = 0
        c[LEAST + queue] = NEVER
    if c[LEAST_OF + queue] < c[LENGTHS + queue]:
        _add_to_least(t, c, rows, queue)
    return c[LEAST + queue]


@part
def _add_to_least(t: Words, c: Words, rows: Lines, queue: int) -> None:
    """Neighbours mostly ask for the same of the same bank, and so are ready together."""
    issued, version = c[ISSUED_VERSION], c[ROWS_VERSION]
    items, length = t[ITEMS] + queue * t[WINDOW], c[LENGTHS + queue]
    least, last = c[LEAST + queue], NONE
    for i in range(items + c[LEAST_OF + queue], items + length):
        e = c[i]
        if c[e + NEXT_AT] != version:
            next_command(t, c, rows, e)
        if last != NONE and c[e + NEXT] == c[last + NEXT] and c[e + BANK] == c[last + BANK]:
            c[e + READY] = c[last + READY]
            c[e + AFTER_COLUMNS] = c[last + AFTER_COLUMNS]
            c[e + READY_AT] = issued
            continue
        least = min(least, ready_at(t, c, rows, e))
        last = NONE if _has_entries(t, c[e + NEXT]) else e
    c[LEAST + queue] = least
    c[LEAST_OF + queue] = length


@part
def _has_entries(t: Words, command: int) -> bool:
    """Whether the index operands of a command matter to its constraints."""
    start = t[ENTRY_WATCH_AT] + command * t[PATHS]
    return t[start] != t[start + t[PATHS]]


@part
def _is_hit(t: Words, c: Words, rows: Lines, e: int) -> bool:
    command = c[e + COMMAND]
    return command_field(t, command, NEEDS_ROW) != 0 and next_command(t, c, rows, e) == command


@part
def _bank_has_hit(t: Words, c: Words, rows: Lines, queue: int, bank: int) -> bool:
    for i in range(c[LENGTHS + queue]):
        e = item(t, c, queue, i)
        if c[e + BANK] == bank and _is_hit(t, c, rows, e):
            return True
    return False


@part
def push(t: Words, c: Words, queue: int, e: int) -> None:
    length = c[LENGTHS + queue]
    c[t[ITEMS] + queue * t[WINDOW] + length] = e
    c[LENGTHS + queue] = length + 1


@part
def remove(t: Words, c: Words, now: int, queue: int, e: int) -> None:
    """Take an entry out of its queue."""
    length = c[LENGTHS + queue] - 1
    at = t[ITEMS] + queue * t[WINDOW]
    end = at + length
    while c[at] != e:
        at += 1
    for i in range(at, end):
        c[i] = c[i + 1]
    c[LENGTHS + queue] = length
    c[LEAST_AT + queue] = NONE
    c[CHANGED] = now


@part
def discard(t: Words, c: Words, e: int) -> None:
    c[t[FREE] + c[FREE_ENTRIES]] = e
    c[FREE_ENTRIES] += 1


@part
def pass_barrier(t: Words, c: Words, now: int, queue: int) -> None:
    """A barrier at the head has done its work by having waited to enter."""
    head = item(t, c, queue, 0)
    if command_field(t, c[head + COMMAND], ROLE) == BARS:
        remove(t, c, now, queue, head)
        discard(t, c, head)
        c[PROGRESS] = now
        c[SAW_BARRIER] = 1


@part
def pick(t: Words, c: Words, rows: Lines, now: int, queue: int) -> int:
    """The entry that a queue with some would serve: the oldest ready one, else the oldest.

    A ready entry that is no row hit does not overtake if its bank has a hit in the queue.
    """
    length = c[LENGTHS + queue]
    best = item(t, c, queue, 0)
    best_ready = ready_at(t, c, rows, best) <= now
    for i in range(1, length):
        if best_ready and queue != ACTIVE_QUEUE:
            break  # the others came later
        e = item(t, c, queue, i)
        is_ready = ready_at(t, c, rows, e) <= now
        if is_ready and not best_ready:
            if _is_hit(t, c, rows, e) or not _bank_has_hit(t, c, rows, queue, c[e + BANK]):
                best, best_ready = e, True
        elif is_ready == best_ready and c[e + ARRIVAL] < c[best + ARRIVAL]:
            best = e
    return best


@part
def is_idle(c: Words) -> bool:
    waiting = 0
    for queue in range(QUEUES):
        waiting += c[LENGTHS + queue]
    return waiting == 0
