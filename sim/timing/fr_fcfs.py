"""The engine of the published simulator's controller: first ready, first come, in every queue.

One frontend sends requests in trace order until a queue refuses one, so all groups are simulated
together. Every step is that of a cycle-by-cycle controller; cycles in which no group can do
anything are skipped. A group is looked at in a cycle if a request arrived, in the cycle after any
in which it issued, and whenever a request of it becomes ready.
"""

from typing import NamedTuple

import numpy as np

from pim_opt.sim.timing.constraints import (
    Waits,
    new_waits,
    note_issue,
    ready_after_columns,
    ready_after_rows,
)
from pim_opt.sim.timing.jit import part
from pim_opt.sim.timing.requests import (
    DONE,
    LOG_BANK,
    LOG_COLUMN,
    LOG_COMMAND,
    LOG_CYCLE,
    LOG_FULL,
    LOG_GROUP,
    LOG_OPERANDS,
    LOG_ROW,
    NEEDS_INPUT,
    STUCK,
    Counters,
    Log,
    Requests,
    new_counters,
)
from pim_opt.sim.timing.tables import (
    BARRIER_CAUSE,
    BARS,
    BUS,
    CAUSE,
    CLOSER,
    CLOSES,
    COMPLETION,
    DRAIN_START,
    DRAIN_STOP,
    FORWARDING,
    KEEPS_ROWS,
    NEEDS_ROW,
    NEVER,
    NO_BUS,
    OPENER,
    OPENS,
    OTHER_CAUSE,
    QUEUE_WINDOW,
    READS,
    REFRESH_CAUSE,
    REFRESH_COMMAND,
    REFRESH_INTERVAL,
    REFRESH_MEMBERS,
    ROLE,
    ROW_CAUSE,
    SPAN,
    WRITES,
    Ints,
    Model,
    Tables,
)

READ_QUEUE, WRITE_QUEUE, PIM_QUEUE, ACTIVE_QUEUE, REFRESH_QUEUE = range(5)
QUEUES = 4
"""Queues of requests; the refreshes that wait are only counted."""

# Columns of State.entry.
COMMAND, BANK, ROW, COLUMN, ADDRESS, ARRIVAL, NEXT, NEXT_AT, READY, READY_AT, MISSED = range(11)
ENTRY_FIELDS = 11

# Columns of State.group.
(
    WAKE,  # the next cycle in which the group can do something
    DRAINS_WRITES,
    SERVES_PIM,
    ROWS_VERSION,  # counts changes of open rows
    ISSUED_VERSION,  # counts commands
    REFRESHES,  # that wait
    REFRESHED,  # members served so far
    REFRESH_DUE,
    LAST_RETURN,  # when the last read retires
    COMPLETED,
    PROGRESS,  # the last cycle in which a request was taken or finished
    CHANGED,  # the last cycle in which a queue lost a request
    OPEN_BANKS,
    LAST_COLUMN,
    LAST_CAUSE,
    SAW_REFRESH,  # since the last column command
    SAW_BARRIER,
    FREE_ENTRIES,
    MEMO_VERSION,
    MEMO_SPAN,
    MEMO_BASE,
    MEMO_ROW,
    MEMO_FIT,
) = range(23)
GROUP_FIELDS = 23

# Entries of State.shared.
NOW, FRONTEND_AT, POSITION, BLOCKED, END = range(5)

FITS, MUST_OPEN, MUST_CLOSE = range(3)
NONE = -1


class State(NamedTuple):
    """The controllers, their banks and their queues."""

    waits: Waits
    counters: Counters
    log: Log
    group: Ints
    """Shape (groups, GROUP_FIELDS)."""
    shared: Ints
    length: Ints
    """Shape (groups, QUEUES)."""
    queue: Ints
    """Shape (groups, QUEUES, window): entries in order."""
    entry: Ints
    """Shape (groups, entries, ENTRY_FIELDS)."""
    operands: Ints
    """Shape (groups, entries, operands)."""
    free: Ints
    """Shape (groups, entries): a stack of entries that no queue holds."""
    open_since: Ints
    """Shape (groups, rows, banks): the bank's era in which the row was opened."""
    era: Ints
    """Shape (groups, banks): counts how often a bank was closed, from 1."""
    is_open: Ints
    """Shape (groups, banks)."""


def new_state(model: Model, groups: int, log: Log) -> State:
    """Nothing has arrived yet."""
    window = model.device.controller.window
    entries = QUEUES * window + 1
    group = np.zeros((groups, GROUP_FIELDS), np.int64)
    group[:, WAKE] = 1
    group[:, FREE_ENTRIES] = entries
    group[:, REFRESH_DUE] = model.tables.refresh[REFRESH_INTERVAL]
    group[:, LAST_CAUSE] = OTHER_CAUSE
    group[:, MEMO_VERSION] = NONE
    shared = np.zeros(5, np.int64)
    shared[NOW] = shared[FRONTEND_AT] = 1
    shared[BLOCKED] = NONE
    return State(
        new_waits(model, groups),
        new_counters(model, groups),
        log,
        group,
        shared,
        np.zeros((groups, QUEUES), np.int64),
        np.zeros((groups, QUEUES, window), np.int64),
        np.zeros((groups, entries, ENTRY_FIELDS), np.int64),
        np.zeros((groups, entries, model.operands), np.int64),
        np.tile(np.arange(entries), (groups, 1)),
        np.zeros((groups, model.device.rows, model.device.cores), np.int32),
        np.ones((groups, model.device.cores), np.int64),
        np.zeros((groups, model.device.cores), np.int64),
    )


# Rows


@part
def _has_row(s: State, g: int, bank: int, row: int) -> bool:
    return s.is_open[g, bank] != 0 and s.open_since[g, row, bank] == s.era[g, bank]


@part
def _fit(t: Tables, s: State, g: int, span: int, base: int, row: int) -> int:
    """What the first bank that has not just `row` open needs."""
    for i in range(t.member_start[span], t.member_start[span + 1]):
        bank = base + t.member[i]
        if s.is_open[g, bank] == 0:
            return MUST_OPEN
        if s.open_since[g, row, bank] != s.era[g, bank]:
            return MUST_CLOSE
    return FITS


@part
def _fit_of_many(t: Tables, s: State, g: int, span: int, base: int, row: int) -> int:
    """As `_fit`, remembered, since requests to many banks mostly ask for the same row."""
    group = s.group[g]
    if (
        group[MEMO_VERSION] != group[ROWS_VERSION]
        or group[MEMO_SPAN] != span
        or group[MEMO_BASE] != base
        or group[MEMO_ROW] != row
    ):
        group[MEMO_FIT] = _fit(t, s, g, span, base, row)
        group[MEMO_VERSION] = group[ROWS_VERSION]
        group[MEMO_SPAN], group[MEMO_BASE], group[MEMO_ROW] = span, base, row
    return group[MEMO_FIT]


@part
def _next_command(t: Tables, s: State, g: int, e: int) -> int:
    """The command that brings an entry on: its own, or the row command that it needs first."""
    entry = s.entry[g, e]
    if entry[NEXT_AT] == s.group[g, ROWS_VERSION]:
        return entry[NEXT]
    command = t.command[entry[COMMAND]]
    result = entry[COMMAND]
    if command[NEEDS_ROW]:
        span = command[SPAN]
        base = t.base[span, entry[BANK]]
        if t.member_start[span + 1] - t.member_start[span] == 1:
            fit = _fit(t, s, g, span, base, entry[ROW])
        else:
            fit = _fit_of_many(t, s, g, span, base, entry[ROW])
        if fit == MUST_OPEN:
            result = command[OPENER]
        elif fit == MUST_CLOSE:
            result = command[CLOSER]
    entry[NEXT] = result
    entry[NEXT_AT] = s.group[g, ROWS_VERSION]
    entry[READY_AT] = NONE
    return result


@part
def _open(t: Tables, s: State, g: int, bank: int, row: int) -> None:
    if s.is_open[g, bank] == 0:
        s.group[g, OPEN_BANKS] += 1
    elif t.queue[KEEPS_ROWS] == 0:
        s.era[g, bank] += 1
    s.is_open[g, bank] = 1
    s.open_since[g, row, bank] = s.era[g, bank]


@part
def _close(s: State, g: int, bank: int) -> None:
    if s.is_open[g, bank] != 0:
        s.group[g, OPEN_BANKS] -= 1
    s.is_open[g, bank] = 0
    s.era[g, bank] += 1


@part
def _change_rows(t: Tables, s: State, g: int, command: int, path: int, row: int) -> None:
    opens, closes = t.command[command, OPENS], t.command[command, CLOSES]
    if opens == 0 and closes == 0:
        return
    span = t.command[command, SPAN]
    base = t.base[span, path]
    for i in range(t.member_start[span], t.member_start[span + 1]):
        if opens:
            _open(t, s, g, base + t.member[i], row)
        else:
            _close(s, g, base + t.member[i])
    s.group[g, ROWS_VERSION] += 1


# Queues


@part
def _ready_at(t: Tables, s: State, g: int, e: int) -> int:
    """The earliest cycle of an entry's next command."""
    entry = s.entry[g, e]
    command = _next_command(t, s, g, e)
    if entry[READY_AT] != s.group[g, ISSUED_VERSION]:
        columns = ready_after_columns(t, s.waits, g, command, entry[BANK], s.operands[g, e])
        rows = ready_after_rows(t, s.waits, g, command, entry[BANK])
        entry[READY] = max(columns, rows)
        entry[READY_AT] = s.group[g, ISSUED_VERSION]
    return entry[READY]


@part
def _is_hit(t: Tables, s: State, g: int, e: int) -> bool:
    command = s.entry[g, e, COMMAND]
    return t.command[command, NEEDS_ROW] != 0 and _next_command(t, s, g, e) == command


@part
def _bank_has_hit(t: Tables, s: State, g: int, queue: int, bank: int) -> bool:
    for i in range(s.length[g, queue]):
        e = s.queue[g, queue, i]
        if s.entry[g, e, BANK] == bank and _is_hit(t, s, g, e):
            return True
    return False


@part
def _push(s: State, g: int, queue: int, e: int) -> None:
    s.queue[g, queue, s.length[g, queue]] = e
    s.length[g, queue] += 1


@part
def _remove(s: State, g: int, queue: int, e: int) -> None:
    """Take an entry out of its queue."""
    items = s.queue[g, queue]
    at = 0
    while items[at] != e:
        at += 1
    s.length[g, queue] -= 1
    for i in range(at, s.length[g, queue]):
        items[i] = items[i + 1]
    s.group[g, CHANGED] = s.shared[NOW]


@part
def _discard(s: State, g: int, e: int) -> None:
    s.free[g, s.group[g, FREE_ENTRIES]] = e
    s.group[g, FREE_ENTRIES] += 1


@part
def _pass_barrier(t: Tables, s: State, g: int, queue: int) -> None:
    """A barrier at the head has done its work by having waited to enter."""
    head = s.queue[g, queue, 0]
    if t.command[s.entry[g, head, COMMAND], ROLE] == BARS:
        _remove(s, g, queue, head)
        _discard(s, g, head)
        s.group[g, PROGRESS] = s.shared[NOW]
        s.group[g, SAW_BARRIER] = 1


@part
def _pick(t: Tables, s: State, g: int, queue: int) -> int:
    """The entry that a queue would serve: the oldest ready one, else the oldest, or NONE.

    A ready entry that is no row hit does not overtake if its bank has a hit in the queue.
    """
    if s.length[g, queue] > 0:
        _pass_barrier(t, s, g, queue)
    if s.length[g, queue] == 0:
        return NONE
    now = s.shared[NOW]
    best = s.queue[g, queue, 0]
    best_ready = _ready_at(t, s, g, best) <= now
    for i in range(1, s.length[g, queue]):
        if best_ready and queue != ACTIVE_QUEUE:
            break  # the others came later
        e = s.queue[g, queue, i]
        is_ready = _ready_at(t, s, g, e) <= now
        if is_ready and not best_ready:
            bank = s.entry[g, e, BANK]
            if _is_hit(t, s, g, e) or not _bank_has_hit(t, s, g, queue, bank):
                best, best_ready = e, True
        elif is_ready == best_ready and s.entry[g, e, ARRIVAL] < s.entry[g, best, ARRIVAL]:
            best = e
    return best


# The frontend


@part
def _queue_of(role: int) -> int:
    if role == READS:
        return READ_QUEUE
    if role == WRITES:
        return WRITE_QUEUE
    return PIM_QUEUE


@part
def _is_idle(s: State, g: int) -> bool:
    for queue in range(QUEUES):
        if s.length[g, queue] > 0:
            return False
    return True


@part
def _is_being_written(s: State, g: int, address: int) -> bool:
    for i in range(s.length[g, WRITE_QUEUE]):
        if s.entry[g, s.queue[g, WRITE_QUEUE, i], ADDRESS] == address:
            return True
    return False


@part
def _retire(s: State, g: int, cycle: int) -> None:
    """Data of a read are there at `cycle`; one read retires a cycle, in order."""
    s.group[g, LAST_RETURN] = max(s.group[g, LAST_RETURN] + 1, cycle)


@part
def _send(t: Tables, s: State, requests: Requests, i: int) -> bool:
    """Offer a request to its controller; whether it is taken."""
    g = requests.group[i]
    role = t.command[requests.command[i], ROLE]
    queue = _queue_of(role)
    forwarded = False
    if role == BARS:
        if not _is_idle(s, g):
            return False
    elif role == READS and t.queue[FORWARDING]:
        forwarded = _is_being_written(s, g, requests.address[i])
    if forwarded:
        _retire(s, g, s.shared[NOW])
    elif s.length[g, queue] == t.queue[QUEUE_WINDOW]:
        return False
    else:
        _push(s, g, queue, _new_entry(s, requests, i))
    s.group[g, PROGRESS] = s.group[g, WAKE] = s.shared[NOW]
    return True


@part
def _new_entry(s: State, requests: Requests, i: int) -> int:
    g = requests.group[i]
    s.group[g, FREE_ENTRIES] -= 1
    e = s.free[g, s.group[g, FREE_ENTRIES]]
    entry = s.entry[g, e]
    entry[COMMAND] = requests.command[i]
    entry[BANK] = requests.bank[i]
    entry[ROW] = requests.row[i]
    entry[COLUMN] = requests.column[i]
    entry[ADDRESS] = requests.address[i]
    entry[ARRIVAL] = s.shared[NOW] - 1
    entry[NEXT_AT] = entry[READY_AT] = NONE
    entry[MISSED] = 0
    for k in range(requests.operands.shape[1]):
        s.operands[g, e, k] = requests.operands[i, k]
    return e


@part
def _send_all(t: Tables, s: State, requests: Requests) -> bool:
    """Send requests until one is refused; whether all were taken."""
    count = len(requests.command)
    while s.shared[POSITION] < count:
        i = s.shared[POSITION]
        if not _send(t, s, requests, i):
            s.shared[BLOCKED] = requests.group[i]
            return False
        s.shared[POSITION] += 1
    s.shared[BLOCKED] = NONE
    return True


# Issue


@part
def _write_log(s: State, g: int, command: int, bank: int, row: int, column: int) -> int:
    if len(s.log.entries) == 0:
        return NONE
    at = s.log.count[0]
    line = s.log.entries[at]
    line[LOG_CYCLE] = s.shared[NOW]
    line[LOG_COMMAND] = command
    line[LOG_GROUP] = g
    line[LOG_BANK] = bank
    line[LOG_ROW] = row
    line[LOG_COLUMN] = column
    line[LOG_OPERANDS:] = -1
    s.log.count[0] += 1
    return at


@part
def _issue(t: Tables, s: State, g: int, command: int, path: int, row: int, operands: Ints) -> None:
    note_issue(t, s.waits, g, command, path, operands, s.shared[NOW])
    _change_rows(t, s, g, command, path, row)
    s.counters.commands[g, command] += 1
    s.group[g, ISSUED_VERSION] += 1


@part
def _serve_refresh(t: Tables, s: State, g: int, command: int) -> None:
    """Issue what the refresh at the head needs next."""
    path = t.banks + s.group[g, REFRESHED] % t.refresh[REFRESH_MEMBERS]
    _write_log(s, g, command, t.base[t.command[command, SPAN], path], NONE, NONE)
    _issue(t, s, g, command, path, 0, s.operands[g, 0])
    s.group[g, SAW_REFRESH] = 1
    if command == t.refresh[REFRESH_COMMAND]:
        s.group[g, REFRESHES] -= 1
        s.group[g, REFRESHED] += 1


@part
def _serve(t: Tables, s: State, g: int, queue: int, e: int) -> None:
    """Issue an entry's next command."""
    entry = s.entry[g, e]
    command = entry[NEXT]
    final = command == entry[COMMAND]
    line = _write_log(s, g, command, entry[BANK], entry[ROW], entry[COLUMN] if final else NONE)
    if final:
        if line != NONE:
            s.log.entries[line, LOG_OPERANDS:] = s.operands[g, e]
        _finish(t, s, g, queue, e)
        return
    _issue(t, s, g, command, entry[BANK], entry[ROW], s.operands[g, e])
    entry[MISSED] = 1
    if t.command[command, OPENS] and s.group[g, SERVES_PIM] == 0:
        full = s.length[g, ACTIVE_QUEUE] == t.queue[QUEUE_WINDOW]
        _remove(s, g, queue, e)
        if full:
            _discard(s, g, e)  # as published: the copy is refused, the original gone
        else:
            _push(s, g, ACTIVE_QUEUE, e)


@part
def _finish(t: Tables, s: State, g: int, queue: int, e: int) -> None:
    """Issue an entry's own command, which is its last."""
    command = s.entry[g, e, COMMAND]
    now = s.shared[NOW]
    _attribute(t, s, g, e)
    _issue(t, s, g, command, s.entry[g, e, BANK], s.entry[g, e, ROW], s.operands[g, e])
    end = now + t.command[command, COMPLETION]
    if t.command[command, ROLE] == READS:
        _retire(s, g, end)
    s.group[g, COMPLETED] = max(s.group[g, COMPLETED], end)
    s.group[g, PROGRESS] = now
    if t.command[command, NEEDS_ROW]:
        s.counters.hits[g] += 1 - s.entry[g, e, MISSED]
        s.counters.misses[g] += s.entry[g, e, MISSED]
    _remove(s, g, queue, e)
    _discard(s, g, e)


@part
def _attribute(t: Tables, s: State, g: int, e: int) -> None:
    """Say what the cycles since the last column command were spent on.

    As long as the command had to wait for others of the column bus, on those; then, as long as it
    had to for rows, on rows or the refresh that closed them; then on what kept it from arriving.
    """
    group = s.group[g]
    entry = s.entry[g, e]
    now, last, command = s.shared[NOW], group[LAST_COLUMN], entry[COMMAND]
    columns = ready_after_columns(t, s.waits, g, command, entry[BANK], s.operands[g, e])
    columns = min(now, max(last, columns))
    rows = min(now, max(columns, ready_after_rows(t, s.waits, g, command, entry[BANK])))
    s.counters.causes[g, group[LAST_CAUSE]] += columns - last
    s.counters.causes[g, REFRESH_CAUSE if group[SAW_REFRESH] else ROW_CAUSE] += rows - columns
    s.counters.causes[g, BARRIER_CAUSE if group[SAW_BARRIER] else OTHER_CAUSE] += now - rows
    group[LAST_COLUMN] = now
    group[LAST_CAUSE] = t.command[command, CAUSE]
    group[SAW_REFRESH] = group[SAW_BARRIER] = 0


# Scheduling


@part
def _refresh_command(t: Tables, s: State, g: int) -> int:
    """What the refresh at the head needs next: its banks closed, then itself."""
    refresh = t.refresh[REFRESH_COMMAND]
    if s.group[g, OPEN_BANKS] == 0:
        return refresh
    path = t.banks + s.group[g, REFRESHED] % t.refresh[REFRESH_MEMBERS]
    span = t.command[refresh, SPAN]
    for i in range(t.member_start[span], t.member_start[span + 1]):
        if s.is_open[g, t.base[span, path] + t.member[i]]:
            return t.command[refresh, CLOSER]
    return refresh


@part
def _refresh_ready_at(t: Tables, s: State, g: int, command: int) -> int:
    path = t.banks + s.group[g, REFRESHED] % t.refresh[REFRESH_MEMBERS]
    operands = s.operands[g, 0]
    return max(
        ready_after_columns(t, s.waits, g, command, path, operands),
        ready_after_rows(t, s.waits, g, command, path),
    )


@part
def _host_queue(t: Tables, s: State, g: int) -> int:
    """Reads, or writes while their queue drains."""
    reads, writes = s.length[g, READ_QUEUE], s.length[g, WRITE_QUEUE]
    if s.group[g, DRAINS_WRITES] == 0:
        if writes >= t.queue[DRAIN_START] or reads == 0:
            s.group[g, DRAINS_WRITES] = 1
    elif writes <= t.queue[DRAIN_STOP] and reads > 0:
        s.group[g, DRAINS_WRITES] = 0
    return WRITE_QUEUE if s.group[g, DRAINS_WRITES] else READ_QUEUE


@part
def _closes_active(t: Tables, s: State, g: int, e: int) -> bool:
    """Whether an entry's next command would close the bank of a request that has just opened it."""
    if t.command[s.entry[g, e, NEXT], CLOSES] == 0:
        return False
    for i in range(s.length[g, ACTIVE_QUEUE]):
        if s.entry[g, s.queue[g, ACTIVE_QUEUE, i], BANK] == s.entry[g, e, BANK]:
            return True
    return False


@part
def _suits(t: Tables, command: int, taken: int) -> bool:
    """Whether a second command may join one that took the bus `taken` in the same cycle."""
    bus = t.command[command, BUS]
    return bus not in (NO_BUS, taken) and taken != NO_BUS


@part
def _is_ready(t: Tables, s: State, g: int, e: int) -> bool:
    return _ready_at(t, s, g, e) <= s.shared[NOW]


@part
def _schedule_first(t: Tables, s: State, g: int) -> tuple[int, int, bool]:
    """Queue and entry to look at, and whether anything was found; else whom the blame falls on."""
    e = _pick(t, s, g, ACTIVE_QUEUE)
    if e != NONE and _is_ready(t, s, g, e):
        return ACTIVE_QUEUE, e, not _closes_active(t, s, g, e)
    if s.group[g, REFRESHES] > 0:
        found = _refresh_ready_at(t, s, g, _refresh_command(t, s, g)) <= s.shared[NOW]
        if found:
            s.group[g, SERVES_PIM] = 0
        return REFRESH_QUEUE, NONE, found
    s.group[g, SERVES_PIM] = 0
    queue = PIM_QUEUE
    e = _pick(t, s, g, PIM_QUEUE)
    if e != NONE and _is_ready(t, s, g, e):
        s.group[g, SERVES_PIM] = 1
        return queue, e, not _closes_active(t, s, g, e)
    queue = _host_queue(t, s, g)
    e = _pick(t, s, g, queue)
    if e != NONE and _is_ready(t, s, g, e):
        return queue, e, not _closes_active(t, s, g, e)
    return NONE, NONE, False


@part
def _schedule_second(t: Tables, s: State, g: int, taken: int) -> tuple[int, int, bool]:
    """As the first, for a command of the bus that is not taken."""
    e = _pick(t, s, g, ACTIVE_QUEUE)
    if e != NONE and _is_ready(t, s, g, e) and _suits(t, s.entry[g, e, NEXT], taken):
        return ACTIVE_QUEUE, e, not _closes_active(t, s, g, e)
    if s.group[g, REFRESHES] > 0:
        command = _refresh_command(t, s, g)
        if _suits(t, command, taken):
            found = _refresh_ready_at(t, s, g, command) <= s.shared[NOW]
            if found:
                s.group[g, SERVES_PIM] = 0
            return REFRESH_QUEUE, NONE, found
    s.group[g, SERVES_PIM] = 0
    queue = PIM_QUEUE
    e = _pick(t, s, g, PIM_QUEUE)
    if e != NONE and _suits(t, s.entry[g, e, NEXT], taken) and _is_ready(t, s, g, e):
        s.group[g, SERVES_PIM] = 1
        return queue, e, not _closes_active(t, s, g, e)
    queue = _host_queue(t, s, g)
    e = _pick(t, s, g, queue)
    if e != NONE and _suits(t, s.entry[g, e, NEXT], taken) and _is_ready(t, s, g, e):
        return queue, e, not _closes_active(t, s, g, e)
    return NONE, NONE, False


@part
def _bus_taken(t: Tables, s: State, g: int, queue: int, e: int) -> int:
    if queue == REFRESH_QUEUE:
        return t.command[_refresh_command(t, s, g), BUS]
    return t.command[s.entry[g, e, NEXT], BUS]


@part
def _serve_from(t: Tables, s: State, g: int, queue: int, e: int) -> None:
    if queue == REFRESH_QUEUE:
        _serve_refresh(t, s, g, _refresh_command(t, s, g))
    else:
        _serve(t, s, g, queue, e)


@part
def _tick(t: Tables, s: State, g: int) -> None:
    """One cycle of one group's controller."""
    group = s.group[g]
    now = s.shared[NOW]
    if now >= group[REFRESH_DUE]:
        group[REFRESHES] += t.refresh[REFRESH_MEMBERS]
        group[REFRESH_DUE] += t.refresh[REFRESH_INTERVAL]
    queue, e, found = _schedule_first(t, s, g)
    issued = found
    if queue != NONE:  # else the second would find as little
        taken = _bus_taken(t, s, g, queue, e)
        if found:
            _serve_from(t, s, g, queue, e)
        queue, e, found = _schedule_second(t, s, g, taken)
        if found:
            _serve_from(t, s, g, queue, e)
            issued = True
    group[WAKE] = now + 1 if issued else _wake(t, s, g)


@part
def _wake(t: Tables, s: State, g: int) -> int:
    """The next cycle in which an idle group may find something to do."""
    now = s.shared[NOW]
    result = s.group[g, REFRESH_DUE]
    for queue in range(QUEUES):
        for i in range(s.length[g, queue]):
            at = _ready_at(t, s, g, s.queue[g, queue, i])
            if at > now:
                result = min(result, at)
    if s.group[g, REFRESHES] > 0:
        at = _refresh_ready_at(t, s, g, _refresh_command(t, s, g))
        if at > now:
            result = min(result, at)
    return result


# The run


@part
def _is_stuck(t: Tables, s: State, g: int) -> bool:
    return not _is_idle(s, g) and s.shared[NOW] - s.group[g, PROGRESS] > t.patience


@part
def _end(s: State) -> int:
    """The cycle in which all groups are done, or NEVER if some have work left."""
    end = s.shared[NOW]
    due = NEVER
    for g in range(len(s.group)):
        if not _is_idle(s, g) or s.group[g, REFRESHES] > 0:
            return NEVER
        end = max(end, s.group[g, LAST_RETURN], s.group[g, COMPLETED])
        due = min(due, s.group[g, REFRESH_DUE])
    return end if due > end else NEVER


@part
def _next_cycle(s: State) -> int:
    result = s.shared[FRONTEND_AT]
    for g in range(len(s.group)):
        result = min(result, s.group[g, WAKE])
    return result


def run(t: Tables, s: State, requests: Requests, last: bool) -> int:
    """Simulate until the requests are used up, or to the end if they are the last.

    Returns:
        NEEDS_INPUT: the next block may come, from position 0. DONE: `shared[END]` has the end.
        STUCK: some group will never finish. LOG_FULL: to be called again with the same requests.
    """
    count = len(requests.command)
    room = len(s.log.entries)
    while True:
        if room > 0 and s.log.count[0] + 2 * len(s.group) > room:
            return LOG_FULL
        now = s.shared[NOW]
        if s.shared[FRONTEND_AT] <= now:
            if _send_all(t, s, requests) and not last:
                s.shared[POSITION] = 0
                return NEEDS_INPUT
            s.shared[FRONTEND_AT] = NEVER
        for g in range(len(s.group)):
            if s.group[g, WAKE] <= now:
                _tick(t, s, g)
                if _is_stuck(t, s, g):
                    return STUCK
        blocked = s.shared[BLOCKED]
        if blocked != NONE and s.group[blocked, CHANGED] == now:
            s.shared[FRONTEND_AT] = now + 1
        if s.shared[POSITION] == count and last:
            s.shared[END] = _end(s)
            if s.shared[END] != NEVER:
                return DONE
        s.shared[NOW] = _next_cycle(s)
        if s.shared[NOW] == NEVER:
            return STUCK
