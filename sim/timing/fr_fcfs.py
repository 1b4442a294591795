"""The engine of the published simulator's controller: first ready, first come, in every queue.

One frontend sends requests in trace order until a queue refuses one, so all groups are simulated
together. Every step is that of a cycle-by-cycle controller; cycles in which no group can do
anything are skipped. A group is looked at in a cycle if a request arrived, in the cycle after any
in which it issued, and whenever a request of it becomes ready.

In the kernel, `t` are the tables, `c` the state of one group, `rows` the rows that are open there,
`now` the cycle, `e` the place of an entry of a queue in the state.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pim_opt.cost.jit import part
from pim_opt.sim.timing import requests as rq
from pim_opt.sim.timing.arrays import Ints, Lines, Pages, Words
from pim_opt.sim.timing.constraints import (
    command_field,
    note_issue,
    ready_after_columns,
    ready_after_rows,
)
from pim_opt.sim.timing.layout import (
    ADDRESSED,
    BANKS,
    BARRIER_CAUSE,
    BARS,
    BASE_AT,
    BUS,
    CAUSE,
    CAUSES_AT,
    CLOSER,
    CLOSES,
    COMPLETION,
    COUNTS_AT,
    DRAIN_START,
    DRAIN_STOP,
    ENGINE_AT,
    ENTRY_WATCH_AT,
    FORWARDING,
    KEEPS_ROWS,
    MEMBER_AT,
    NEEDS_ROW,
    NEVER,
    NO_BUS,
    OPENER,
    OPENS,
    OPERANDS,
    OTHER_CAUSE,
    PATHS,
    PATIENCE,
    READS,
    REFRESH_CAUSE,
    REFRESH_COMMAND,
    REFRESH_INTERVAL,
    REFRESH_MEMBERS,
    ROLE,
    ROW_CAUSE,
    SPAN,
    WINDOW,
    WRITES,
)
from pim_opt.sim.timing.tables import Model

READ_QUEUE, WRITE_QUEUE, PIM_QUEUE, ACTIVE_QUEUE, REFRESH_QUEUE = range(5)
QUEUES = 4
"""Queues of requests; the refreshes that wait are only counted."""

Rows = NDArray[np.int32]

# Words of an entry of a queue.
COMMAND, BANK, ROW, COLUMN, ADDRESS, ARRIVAL, NEXT, NEXT_AT, READY, READY_AT, MISSED = range(11)
OPERAND = 11

# Parts of a group's state.
SCALARS, LENGTHS, LEAST, LEAST_AT, LEAST_OF, ITEMS, ENTRIES, FREE, ERAS, OPEN = range(
    ENGINE_AT, ENGINE_AT + 10
)

# Words of the part SCALARS.
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
    HITS,
    MISSES,
) = range(25)
SCALAR_WORDS = 25

# Words that all groups share.
NOW, FRONTEND_AT, POSITION, BLOCKED, END, LOGGED = range(6)

FITS, MUST_OPEN, MUST_CLOSE = range(3)
NONE = -1


@dataclass(frozen=True)
class State:
    """The controllers of all groups."""

    tables: Ints
    groups: Ints
    """Shape (groups, words)."""
    rows: Rows
    """Shape (groups, rows, banks): the era of the bank in which the row was opened."""
    shared: Ints

    def scalar(self, word: int) -> Ints:
        """A word of every group, as WAKE."""
        return self.groups[:, self.tables[SCALARS] + word]


def new_state(model: Model, groups: int) -> State:
    """Nothing has arrived yet."""
    device = model.device
    window, entry = device.controller.window, OPERAND + model.operands
    entries = QUEUES * window + 1
    per_queue = [QUEUES, QUEUES, QUEUES, QUEUES, QUEUES * window]
    per_bank = [device.cores, device.cores]
    sizes = [SCALAR_WORDS, *per_queue, entries * entry, entries, *per_bank]
    tables, words = model.with_engine(sizes)
    state = State(
        tables,
        np.zeros((groups, words), np.int64),
        np.zeros((groups, device.rows, device.cores), np.int32),
        np.zeros(6, np.int64),
    )
    state.scalar(WAKE)[:] = 1
    state.scalar(FREE_ENTRIES)[:] = entries
    state.scalar(REFRESH_DUE)[:] = tables[REFRESH_INTERVAL]
    state.scalar(LAST_CAUSE)[:] = OTHER_CAUSE
    state.scalar(MEMO_VERSION)[:] = NONE
    free = tables[ENTRIES] + entry * np.arange(entries)
    state.groups[:, tables[FREE] : tables[FREE] + entries] = free
    state.groups[:, tables[ERAS] : tables[ERAS] + device.cores] = 1
    state.shared[[NOW, FRONTEND_AT]] = 1
    state.shared[BLOCKED] = NONE
    return state


# Rows


@part
def _is_single(t: Words, span: int) -> bool:
    start = t[MEMBER_AT] + span
    return t[start + 1] - t[start] == 1


@part
def _fit(t: Words, c: Words, rows: Lines, span: int, base: int, row: int) -> int:
    """What the first bank that has not `row` open needs."""
    start = t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        bank = base + t[i]
        if c[t[OPEN] + bank] == 0:
            return MUST_OPEN
        if rows[row, bank] != c[t[ERAS] + bank]:
            return MUST_CLOSE
    return FITS


@part
def _fit_of_many(t: Words, c: Words, rows: Lines, span: int, base: int, row: int) -> int:
    """As `_fit`, remembered, since requests to many banks mostly ask for the same row."""
    v = t[SCALARS]
    if (
        c[v + MEMO_VERSION] != c[v + ROWS_VERSION]
        or c[v + MEMO_SPAN] != span
        or c[v + MEMO_BASE] != base
        or c[v + MEMO_ROW] != row
    ):
        c[v + MEMO_FIT] = _fit(t, c, rows, span, base, row)
        c[v + MEMO_VERSION] = c[v + ROWS_VERSION]
        c[v + MEMO_SPAN] = span
        c[v + MEMO_BASE] = base
        c[v + MEMO_ROW] = row
    return c[v + MEMO_FIT]


@part
def _next_command(t: Words, c: Words, rows: Lines, e: int) -> int:
    """The command that brings an entry on: its own, or the row command that it needs first."""
    version = c[t[SCALARS] + ROWS_VERSION]
    if c[e + NEXT_AT] == version:
        return c[e + NEXT]
    command = c[e + COMMAND]
    result = command
    if command_field(t, command, NEEDS_ROW):
        span = command_field(t, command_field(t, command, OPENER), SPAN)
        base = t[t[BASE_AT] + span * t[PATHS] + c[e + BANK]]
        if _is_single(t, span):
            fit = _fit(t, c, rows, span, base, c[e + ROW])
        else:
            fit = _fit_of_many(t, c, rows, span, base, c[e + ROW])
        if fit == MUST_OPEN:
            result = command_field(t, command, OPENER)
        elif fit == MUST_CLOSE:
            result = command_field(t, command, CLOSER)
    c[e + NEXT] = result
    c[e + NEXT_AT] = version
    c[e + READY_AT] = NONE
    return result


@part
def _open(t: Words, c: Words, rows: Lines, bank: int, row: int) -> None:
    if c[t[OPEN] + bank] == 0:
        c[t[SCALARS] + OPEN_BANKS] += 1
    elif t[KEEPS_ROWS] == 0:
        c[t[ERAS] + bank] += 1
    c[t[OPEN] + bank] = 1
    rows[row, bank] = c[t[ERAS] + bank]


@part
def _close(t: Words, c: Words, bank: int) -> None:
    if c[t[OPEN] + bank] != 0:
        c[t[SCALARS] + OPEN_BANKS] -= 1
    c[t[OPEN] + bank] = 0
    c[t[ERAS] + bank] += 1


@part
def _change_rows(t: Words, c: Words, rows: Lines, command: int, path: int, row: int) -> None:
    opens, closes = command_field(t, command, OPENS), command_field(t, command, CLOSES)
    if opens == 0 and closes == 0:
        return
    span = command_field(t, command, SPAN)
    base = t[t[BASE_AT] + span * t[PATHS] + path]
    start = t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        if opens:
            _open(t, c, rows, base + t[i], row)
        else:
            _close(t, c, base + t[i])
    c[t[SCALARS] + ROWS_VERSION] += 1


# Queues


@part
def _length(t: Words, c: Words, queue: int) -> int:
    return c[t[LENGTHS] + queue]


@part
def item(t: Words, c: Words, queue: int, i: int) -> int:
    return c[t[ITEMS] + queue * t[WINDOW] + i]


@part
def _ready_at(t: Words, c: Words, rows: Lines, e: int) -> int:
    """The earliest cycle of an entry's next command."""
    v = t[SCALARS]
    if c[e + NEXT_AT] == c[v + ROWS_VERSION] and c[e + READY_AT] == c[v + ISSUED_VERSION]:
        return c[e + READY]
    command, bank = _next_command(t, c, rows, e), c[e + BANK]
    columns = ready_after_columns(t, c, command, bank, e + OPERAND)
    c[e + READY] = max(columns, ready_after_rows(t, c, command, bank))
    c[e + READY_AT] = c[v + ISSUED_VERSION]
    return c[e + READY]


@part
def _least_ready_at(t: Words, c: Words, rows: Lines, queue: int) -> int:
    """No entry of a queue is ready before this cycle.

    Kept until the group issues or passes a barrier; entries that have come since are added.
    """
    if c[t[LEAST_AT] + queue] != c[t[SCALARS] + ISSUED_VERSION]:
        c[t[LEAST_AT] + queue] = c[t[SCALARS] + ISSUED_VERSION]
        c[t[LEAST_OF] + queue] = 0
        c[t[LEAST] + queue] = NEVER
    if c[t[LEAST_OF] + queue] < c[t[LENGTHS] + queue]:
        _add_to_least(t, c, rows, queue)
    return c[t[LEAST] + queue]


@part
def _add_to_least(t: Words, c: Words, rows: Lines, queue: int) -> None:
    """Neighbours mostly ask for the same of the same bank, and so are ready together."""
    issued, version = c[t[SCALARS] + ISSUED_VERSION], c[t[SCALARS] + ROWS_VERSION]
    items, length = t[ITEMS] + queue * t[WINDOW], c[t[LENGTHS] + queue]
    least, last_command, last_bank, last_ready = c[t[LEAST] + queue], NONE, NONE, 0
    for i in range(items + c[t[LEAST_OF] + queue], items + length):
        e = c[i]
        if c[e + NEXT_AT] != version:
            _next_command(t, c, rows, e)
        if c[e + NEXT] == last_command and c[e + BANK] == last_bank:
            c[e + READY] = last_ready
            c[e + READY_AT] = issued
            continue
        last_ready = _ready_at(t, c, rows, e)
        least = min(least, last_ready)
        if not _has_entries(t, c[e + NEXT]):
            last_command, last_bank = c[e + NEXT], c[e + BANK]
    c[t[LEAST] + queue] = least
    c[t[LEAST_OF] + queue] = length


@part
def _has_entries(t: Words, command: int) -> bool:
    """Whether the index operands of a command matter to its constraints."""
    start = t[ENTRY_WATCH_AT] + command * t[PATHS]
    return t[start] != t[start + t[PATHS]]


@part
def _is_hit(t: Words, c: Words, rows: Lines, e: int) -> bool:
    command = c[e + COMMAND]
    return command_field(t, command, NEEDS_ROW) != 0 and _next_command(t, c, rows, e) == command


@part
def _bank_has_hit(t: Words, c: Words, rows: Lines, queue: int, bank: int) -> bool:
    for i in range(_length(t, c, queue)):
        e = item(t, c, queue, i)
        if c[e + BANK] == bank and _is_hit(t, c, rows, e):
            return True
    return False


@part
def _push(t: Words, c: Words, queue: int, e: int) -> None:
    length = _length(t, c, queue)
    c[t[ITEMS] + queue * t[WINDOW] + length] = e
    c[t[LENGTHS] + queue] = length + 1


@part
def _remove(t: Words, c: Words, now: int, queue: int, e: int) -> None:
    """Take an entry out of its queue."""
    length = _length(t, c, queue) - 1
    at = t[ITEMS] + queue * t[WINDOW]
    end = at + length
    while c[at] != e:
        at += 1
    for i in range(at, end):
        c[i] = c[i + 1]
    c[t[LENGTHS] + queue] = length
    c[t[LEAST_AT] + queue] = NONE
    c[t[SCALARS] + CHANGED] = now


@part
def _discard(t: Words, c: Words, e: int) -> None:
    free = t[SCALARS] + FREE_ENTRIES
    c[t[FREE] + c[free]] = e
    c[free] += 1


@part
def _pass_barrier(t: Words, c: Words, now: int, queue: int) -> None:
    """A barrier at the head has done its work by having waited to enter."""
    head = item(t, c, queue, 0)
    if command_field(t, c[head + COMMAND], ROLE) == BARS:
        _remove(t, c, now, queue, head)
        _discard(t, c, head)
        c[t[SCALARS] + PROGRESS] = now
        c[t[SCALARS] + SAW_BARRIER] = 1


@part
def _pick(t: Words, c: Words, rows: Lines, now: int, queue: int) -> int:
    """The entry that a queue would serve: the oldest ready one, else the oldest, or NONE.

    A ready entry that is no row hit does not overtake if its bank has a hit in the queue.
    """
    if _length(t, c, queue) > 0:
        _pass_barrier(t, c, now, queue)
    length = _length(t, c, queue)
    if length == 0:
        return NONE
    best = item(t, c, queue, 0)
    if queue != ACTIVE_QUEUE and _least_ready_at(t, c, rows, queue) > now:
        return best
    best_ready = _ready_at(t, c, rows, best) <= now
    for i in range(1, length):
        if best_ready and queue != ACTIVE_QUEUE:
            break  # the others came later
        e = item(t, c, queue, i)
        is_ready = _ready_at(t, c, rows, e) <= now
        if is_ready and not best_ready:
            if _is_hit(t, c, rows, e) or not _bank_has_hit(t, c, rows, queue, c[e + BANK]):
                best, best_ready = e, True
        elif is_ready == best_ready and c[e + ARRIVAL] < c[best + ARRIVAL]:
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
def _is_idle(t: Words, c: Words) -> bool:
    waiting = 0
    for queue in range(QUEUES):
        waiting += _length(t, c, queue)
    return waiting == 0


@part
def _is_being_written(t: Words, c: Words, address: int) -> bool:
    for i in range(_length(t, c, WRITE_QUEUE)):
        if c[item(t, c, WRITE_QUEUE, i) + ADDRESS] == address:
            return True
    return False


@part
def _retire(t: Words, c: Words, cycle: int) -> None:
    """Data of a read are there at `cycle`; one read retires a cycle, in order."""
    at = t[SCALARS] + LAST_RETURN
    c[at] = max(c[at] + 1, cycle)


@part
def _send(t: Words, c: Words, now: int, requests: Lines, i: int) -> bool:
    """Offer a request to its controller; whether it is taken."""
    role = command_field(t, requests[i, rq.COMMAND], ROLE)
    queue = _queue_of(role)
    if role == BARS and not _is_idle(t, c):
        return False
    forwarding = role == READS and t[FORWARDING] != 0
    if forwarding and _is_being_written(t, c, requests[i, rq.ADDRESS]):
        _retire(t, c, now)
    elif _length(t, c, queue) == t[WINDOW]:
        return False
    else:
        _push(t, c, queue, _new_entry(t, c, now, requests, i))
    c[t[SCALARS] + PROGRESS] = now
    c[t[SCALARS] + WAKE] = now
    return True


@part
def _new_entry(t: Words, c: Words, now: int, requests: Lines, i: int) -> int:
    free = t[SCALARS] + FREE_ENTRIES
    c[free] -= 1
    e = c[t[FREE] + c[free]]
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
def _send_all(t: Words, groups: Lines, shared: Words, requests: Lines) -> bool:
    """Send requests until one is refused; whether all were taken."""
    while shared[POSITION] < len(requests):
        i = shared[POSITION]
        group = requests[i, rq.GROUP]
        if not _send(t, groups[group], shared[NOW], requests, i):
            shared[BLOCKED] = group
            return False
        shared[POSITION] += 1
    shared[BLOCKED] = NONE
    return True


# Issue


@part
def _issue(
    t: Words, c: Words, rows: Lines, now: int, command: int, path: int, row: int, operands: int
) -> None:
    note_issue(t, c, command, path, operands, now)
    _change_rows(t, c, rows, command, path, row)
    c[t[COUNTS_AT] + command] += 1
    c[t[SCALARS] + ISSUED_VERSION] += 1


@part
def _serve_refresh(t: Words, c: Words, rows: Lines, now: int) -> None:
    """Issue what the refresh at the head needs next."""
    v = t[SCALARS]
    command = _refresh_command(t, c)
    path = _refresh_path(t, c)
    _issue(t, c, rows, now, command, path, 0, t[ENTRIES] + OPERAND)
    c[v + SAW_REFRESH] = 1
    if command == t[REFRESH_COMMAND]:
        c[v + REFRESHES] -= 1
        c[v + REFRESHED] += 1


@part
def _serve(t: Words, c: Words, rows: Lines, now: int, queue: int, e: int) -> None:
    """Issue an entry's next command."""
    command = c[e + NEXT]
    if command == c[e + COMMAND]:
        _finish(t, c, rows, now, queue, e)
        return
    _issue(t, c, rows, now, command, c[e + BANK], c[e + ROW], e + OPERAND)
    c[e + MISSED] = 1
    if command_field(t, command, OPENS) and c[t[SCALARS] + SERVES_PIM] == 0:
        full = _length(t, c, ACTIVE_QUEUE) == t[WINDOW]
        _remove(t, c, now, queue, e)
        if full:
            _discard(t, c, e)  # as published: the copy is refused, the original gone
        else:
            _push(t, c, ACTIVE_QUEUE, e)


@part
def _finish(t: Words, c: Words, rows: Lines, now: int, queue: int, e: int) -> None:
    """Issue an entry's own command, which is its last."""
    v = t[SCALARS]
    command = c[e + COMMAND]
    _attribute(t, c, now, e)
    _issue(t, c, rows, now, command, c[e + BANK], c[e + ROW], e + OPERAND)
    end = now + command_field(t, command, COMPLETION)
    if command_field(t, command, ROLE) == READS:
        _retire(t, c, end)
    c[v + COMPLETED] = max(c[v + COMPLETED], end)
    c[v + PROGRESS] = now
    if command_field(t, command, NEEDS_ROW):
        c[v + HITS] += 1 - c[e + MISSED]
        c[v + MISSES] += c[e + MISSED]
    _remove(t, c, now, queue, e)
    _discard(t, c, e)


@part
def _attribute(t: Words, c: Words, now: int, e: int) -> None:
    """Say what the cycles since the last column command were spent on.

    As long as the command had to wait for others of the column bus, on those; then, as long as it
    had to for rows, on rows or the refresh that closed them; then on what kept it from arriving.
    """
    v, causes = t[SCALARS], t[CAUSES_AT]
    last, command = c[v + LAST_COLUMN], c[e + COMMAND]
    columns = ready_after_columns(t, c, command, c[e + BANK], e + OPERAND)
    columns = min(now, max(last, columns))
    opened = min(now, max(columns, ready_after_rows(t, c, command, c[e + BANK])))
    c[causes + c[v + LAST_CAUSE]] += columns - last
    c[causes + (REFRESH_CAUSE if c[v + SAW_REFRESH] else ROW_CAUSE)] += opened - columns
    c[causes + (BARRIER_CAUSE if c[v + SAW_BARRIER] else OTHER_CAUSE)] += now - opened
    c[v + LAST_COLUMN] = now
    c[v + LAST_CAUSE] = command_field(t, command, CAUSE)
    c[v + SAW_REFRESH] = 0
    c[v + SAW_BARRIER] = 0


# Scheduling


@part
def _refresh_path(t: Words, c: Words) -> int:
    """The address of the refresh at the head."""
    return t[BANKS] + c[t[SCALARS] + REFRESHED] % t[REFRESH_MEMBERS]


@part
def _refresh_command(t: Words, c: Words) -> int:
    """What the refresh at the head needs next: its banks closed, then itself."""
    refresh = t[REFRESH_COMMAND]
    if c[t[SCALARS] + OPEN_BANKS] == 0:
        return refresh
    span = command_field(t, refresh, SPAN)
    base = t[t[BASE_AT] + span * t[PATHS] + _refresh_path(t, c)]
    start = t[MEMBER_AT] + span
    for i in range(t[start], t[start + 1]):
        if c[t[OPEN] + base + t[i]]:
            return command_field(t, refresh, CLOSER)
    return refresh


@part
def _refresh_ready_at(t: Words, c: Words) -> int:
    command, path = _refresh_command(t, c), _refresh_path(t, c)
    columns = ready_after_columns(t, c, command, path, t[ENTRIES] + OPERAND)
    return max(columns, ready_after_rows(t, c, command, path))


@part
def _host_queue(t: Words, c: Words) -> int:
    """Reads, or writes while their queue drains."""
    reads, writes = _length(t, c, READ_QUEUE), _length(t, c, WRITE_QUEUE)
    at = t[SCALARS] + DRAINS_WRITES
    if c[at] == 0:
        if writes >= t[DRAIN_START] or reads == 0:
            c[at] = 1
    elif writes <= t[DRAIN_STOP] and reads > 0:
        c[at] = 0
    return WRITE_QUEUE if c[at] else READ_QUEUE


@part
def _closes_active(t: Words, c: Words, e: int) -> bool:
    """Whether an entry's next command would close the bank of a request that has just opened it."""
    if command_field(t, c[e + NEXT], CLOSES) == 0:
        return False
    for i in range(_length(t, c, ACTIVE_QUEUE)):
        if c[item(t, c, ACTIVE_QUEUE, i) + BANK] == c[e + BANK]:
            return True
    return False


@part
def _may_go(t: Words, c: Words, rows: Lines, now: int, e: int, taken: int) -> bool:
    """Whether an entry is ready, and its next command's bus free: see `_suits`."""
    return e != NONE and _ready_at(t, c, rows, e) <= now and _suits(t, c[e + NEXT], taken)


@part
def _suits(t: Words, command: int, taken: int) -> bool:
    """Whether a command may join one of the same cycle that took the bus `taken`, if any did."""
    if taken == NONE:
        return True
    bus = command_field(t, command, BUS)
    return bus not in (NO_BUS, taken) and taken != NO_BUS


@part
def _schedule(t: Words, c: Words, rows: Lines, now: int, taken: int) -> tuple[int, int]:
    """The queue and the entry that go next; an entry may still be refused by `_closes_active`.

    A refresh that waits for its first command keeps all others waiting, except column commands
    that are second to a row command.
    """
    v = t[SCALARS]
    e = _pick(t, c, rows, now, ACTIVE_QUEUE)
    if _may_go(t, c, rows, now, e, taken):
        return ACTIVE_QUEUE, e
    if c[v + REFRESHES] > 0 and _suits(t, _refresh_command(t, c), taken):
        if _refresh_ready_at(t, c) <= now:
            c[v + SERVES_PIM] = 0
        return REFRESH_QUEUE, NONE
    c[v + SERVES_PIM] = 0
    e = _pick(t, c, rows, now, PIM_QUEUE)
    if _may_go(t, c, rows, now, e, taken):
        c[v + SERVES_PIM] = 1
        return PIM_QUEUE, e
    queue = _host_queue(t, c)
    e = _pick(t, c, rows, now, queue)
    if _may_go(t, c, rows, now, e, taken):
        return queue, e
    return NONE, NONE


@part
def _serve_found(t: Words, c: Words, rows: Lines, now: int, queue: int, e: int) -> bool:
    """Serve what was found, if it may go; whether it did."""
    if queue == NONE:
        return False
    if queue == REFRESH_QUEUE:
        if _refresh_ready_at(t, c) > now:
            return False
        _serve_refresh(t, c, rows, now)
        return True
    if _closes_active(t, c, e):
        return False
    _serve(t, c, rows, now, queue, e)
    return True


@part
def _next_of(t: Words, c: Words, queue: int, e: int) -> int:
    """The command that `_serve_found` would issue."""
    return _refresh_command(t, c) if queue == REFRESH_QUEUE else c[e + NEXT]


@part
def _tick(t: Words, c: Words, rows: Lines, shared: Words, log: Lines, group: int) -> None:
    """One cycle of one group's controller: at most one command of each bus."""
    v, now = t[SCALARS], shared[NOW]
    if now >= c[v + REFRESH_DUE]:
        c[v + REFRESHES] += t[REFRESH_MEMBERS]
        c[v + REFRESH_DUE] += t[REFRESH_INTERVAL]
    issued = False
    taken = NONE
    for _ in range(2):
        queue, e = _schedule(t, c, rows, now, taken)
        if queue == NONE:
            break  # a second look would find as little
        command = _next_of(t, c, queue, e)
        taken = command_field(t, command, BUS)
        path = _refresh_path(t, c) if queue == REFRESH_QUEUE else c[e + BANK]
        if _serve_found(t, c, rows, now, queue, e):
            issued = True
            if len(log) > 0:
                _write_log(t, c, log, shared, group, command, path, e)
    c[v + WAKE] = now + 1 if issued else _wake(t, c, rows, now)


@part
def _write_log(
    t: Words, c: Words, log: Lines, shared: Words, group: int, command: int, path: int, e: int
) -> None:
    """Log a command; its entry, though discarded, still holds what it was for."""
    line = shared[LOGGED]
    shared[LOGGED] += 1
    log[line] = NONE
    log[line, rq.LOG_CYCLE] = shared[NOW]
    log[line, rq.LOG_COMMAND] = command
    log[line, rq.LOG_GROUP] = group
    log[line, rq.LOG_BANK] = t[t[BASE_AT] + ADDRESSED * t[PATHS] + path]
    if e == NONE:
        return
    log[line, rq.LOG_ROW] = c[e + ROW]
    if command == c[e + COMMAND]:
        log[line, rq.LOG_COLUMN] = c[e + COLUMN]
        for k in range(t[OPERANDS]):
            log[line, rq.LOG_OPERAND + k] = c[e + OPERAND + k]


@part
def _wake(t: Words, c: Words, rows: Lines, now: int) -> int:
    """The next cycle in which an idle group may find something to do."""
    v = t[SCALARS]
    result = c[v + REFRESH_DUE]
    for queue in range(QUEUES):
        least = _least_ready_at(t, c, rows, queue)
        if least > now:
            result = min(result, least)
            continue
        for i in range(_length(t, c, queue)):
            at = _ready_at(t, c, rows, item(t, c, queue, i))
            if at > now:
                result = min(result, at)
    if c[v + REFRESHES] > 0:
        at = _refresh_ready_at(t, c)
        if at > now:
            result = min(result, at)
    return result


# The run


@part
def _is_stuck(t: Words, c: Words, now: int) -> bool:
    return not _is_idle(t, c) and now - c[t[SCALARS] + PROGRESS] > t[PATIENCE]


@part
def _end(t: Words, groups: Lines, now: int) -> int:
    """The cycle in which all groups are done, or NEVER if some have work left."""
    v = t[SCALARS]
    end, due = now, NEVER
    for g in range(len(groups)):
        if not _is_idle(t, groups[g]) or groups[g, v + REFRESHES] > 0:
            return NEVER
        end = max(end, groups[g, v + LAST_RETURN], groups[g, v + COMPLETED])
        due = min(due, groups[g, v + REFRESH_DUE])
    return end if due > end else NEVER


@part
def _next_cycle(t: Words, groups: Lines, shared: Words) -> int:
    result = shared[FRONTEND_AT]
    for g in range(len(groups)):
        result = min(result, groups[g, t[SCALARS] + WAKE])
    return result


def run(
    t: Words, groups: Lines, rows: Pages, shared: Words, log: Lines, requests: Lines, last: bool
) -> int:
    """Simulate until the requests are used up, or to the end if they are the last.

    Args:
        t: tables; groups, rows, shared: the state, see State.
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
            if _send_all(t, groups, shared, requests) and not last:
                shared[POSITION] = 0
                return rq.NEEDS_INPUT
            shared[FRONTEND_AT] = NEVER
        for g in range(len(groups)):
            if groups[g, t[SCALARS] + WAKE] <= now:
                _tick(t, groups[g], rows[g], shared, log, g)
                if _is_stuck(t, groups[g], now):
                    return rq.STUCK
        blocked = shared[BLOCKED]
        if blocked != NONE and groups[blocked, t[SCALARS] + CHANGED] == now:
            shared[FRONTEND_AT] = now + 1
        if shared[POSITION] == len(requests) and last:
            shared[END] = _end(t, groups, now)
            if shared[END] != NEVER:
                return rq.DONE
        shared[NOW] = _next_cycle(t, groups, shared)
        if shared[NOW] == NEVER:
            return rq.STUCK
