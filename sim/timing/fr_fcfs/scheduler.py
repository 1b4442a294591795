"""What a group does next, and when."""

from pim_opt.cost.jit import part
from pim_opt.sim.timing.arrays import Lines, Words
from pim_opt.sim.timing.constraints import command_field, ready_after_columns, ready_after_rows
from pim_opt.sim.timing.fr_fcfs.layout import (
    ACTIVE_QUEUE,
    BANK,
    DRAINS_WRITES,
    ENTRIES,
    LENGTHS,
    NEXT,
    NONE,
    OPEN,
    OPEN_BANKS,
    OPERAND,
    PIM_QUEUE,
    QUEUES,
    READ_QUEUE,
    REFRESH_DUE,
    REFRESH_QUEUE,
    REFRESHED,
    REFRESHES,
    SERVES_PIM,
    WRITE_QUEUE,
)
from pim_opt.sim.timing.fr_fcfs.queues import item, least_ready_at, pass_barrier, pick, ready_at
from pim_opt.sim.timing.layout import (
    BANKS,
    BASE_AT,
    BUS,
    CLOSER,
    CLOSES,
    DRAIN_START,
    DRAIN_STOP,
    MEMBER_AT,
    NO_BUS,
    PATHS,
    REFRESH_COMMAND,
    REFRESH_MEMBERS,
    SPAN,
)


@part
def refresh_path(t: Words, c: Words) -> int:
    """The address of the refresh at the head."""
    return t[BANKS] + c[REFRESHED] % t[REFRESH_MEMBERS]


@part
def refresh_command(t: Words, c: Words) -> int:
    """What the refresh at the head needs next: its banks closed, then itself."""
    refresh = t[REFRESH_COMMAND]
    if c[OPEN_BANKS] == 0:
        return refresh
    span = command_field(t, refresh, SPAN)
    base = t[t[BASE_AT] + span * t[PATHS] + refresh_path(t, c)]
    start = t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        if c[t[OPEN] + base + t[i]]:
            return command_field(t, refresh, CLOSER)
    return refresh


@part
def refresh_ready_at(t: Words, c: Words) -> int:
    command, path = refresh_command(t, c), refresh_path(t, c)
    columns = ready_after_columns(t, c, command, path, t[ENTRIES] + OPERAND)
    return max(columns, ready_after_rows(t, c, command, path))


@part
def _host_queue(t: Words, c: Words) -> int:
    """Reads, or writes while their queue drains."""
    reads, writes = c[LENGTHS + READ_QUEUE], c[LENGTHS + WRITE_QUEUE]
    if c[DRAINS_WRITES] == 0:
        if writes >= t[DRAIN_START] or reads == 0:
            c[DRAINS_WRITES] = 1
    elif writes <= t[DRAIN_STOP] and reads > 0:
        c[DRAINS_WRITES] = 0
    return WRITE_QUEUE if c[DRAINS_WRITES] else READ_QUEUE


@part
def closes_active(t: Words, c: Words, e: int) -> bool:
    """Whether an entry's next command would close the bank of a request that has just opened it."""
    if command_field(t, c[e + NEXT], CLOSES) == 0:
        return False
    for i in range(c[LENGTHS + ACTIVE_QUEUE]):
        if c[item(t, c, ACTIVE_QUEUE, i) + BANK] == c[e + BANK]:
            return True
    return False


@part
def _found(t: Words, c: Words, rows: Lines, now: int, queue: int, taken: int) -> int:
    """The entry of a queue that is ready and whose next command's bus is free, or NONE.

    Most queues are empty; callers look first, for a call costs more.
    """
    pass_barrier(t, c, now, queue)
    if c[LENGTHS + queue] == 0 or least_ready_at(t, c, rows, queue) > now:
        return NONE
    e = pick(t, c, rows, now, queue)
    return e if ready_at(t, c, rows, e) <= now and _suits(t, c[e + NEXT], taken) else NONE


@part
def _suits(t: Words, command: int, taken: int) -> bool:
    """Whether a command may join one of the same cycle that took the bus `taken`, if any did."""
    if taken == NONE:
        return True
    bus = command_field(t, command, BUS)
    return bus not in (NO_BUS, taken) and taken != NO_BUS


@part
def schedule(t: Words, c: Words, rows: Lines, now: int, taken: int) -> tuple[int, int]:
    """The queue and the entry that go next; an entry may still be refused by `closes_active`.

    A refresh that waits for its first command keeps all others waiting, except column commands
    that are second to a row command.
    """
    e = _found(t, c, rows, now, ACTIVE_QUEUE, taken) if c[LENGTHS + ACTIVE_QUEUE] > 0 else NONE
    if e != NONE:
        return ACTIVE_QUEUE, e
    if c[REFRESHES] > 0 and _suits(t, refresh_command(t, c), taken):
        if refresh_ready_at(t, c) <= now:
            c[SERVES_PIM] = 0
        return REFRESH_QUEUE, NONE
    c[SERVES_PIM] = 0
    e = _found(t, c, rows, now, PIM_QUEUE, taken) if c[LENGTHS + PIM_QUEUE] > 0 else NONE
    if e != NONE:
        c[SERVES_PIM] = 1
        return PIM_QUEUE, e
    queue = _host_queue(t, c)
    e = _found(t, c, rows, now, queue, taken) if c[LENGTHS + queue] > 0 else NONE
    if e != NONE:
        return queue, e
    return NONE, NONE


@part
def wake(t: Words, c: Words, rows: Lines, now: int) -> int:
    """The next cycle in which an idle group may find something to do."""
    result = c[REFRESH_DUE]
    for queue in range(QUEUES):
        if c[LENGTHS + queue] == 0:
            continue
        least = least_ready_at(t, c, rows, queue)
        if least > now:
            result = min(result, least)
            continue
        for i in range(c[LENGTHS + queue]):
            at = ready_at(t, c, rows, item(t, c, queue, i))
            if at > now:
                result = min(result, at)
    if c[REFRESHES] > 0:
        at = refresh_ready_at(t, c)
        if at > now:
            result = min(result, at)
    return result
