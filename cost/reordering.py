"""When the host's accesses issue on a device whose controller takes the oldest that is ready first.

The published controller's rules, for accesses of one kind between two barriers: requests wait in a
queue of so many; a request whose row has just been opened leaves it and goes before all others; a
bank's row stays open while requests in the queue hit it; in a cycle one row command and one access
may issue.
"""

from typing import NamedTuple

import numpy as np

from pim_opt.cost.jit import compiled
from pim_opt.cost.rates import latency
from pim_opt.cost.streams import (
    FREE,
    Ints,
    Rows,
    add_to_history,
    deepest,
    level_counts,
    ready_at,
    rows_of,
)
from pim_opt.devices import Device

CLOSED, OTHER = -1, -2
"""In place of a bank's open row: none; one of another tensor."""

_ACCESS, _OPEN, _CLOSE = 0, 1, 2


class RowRules(NamedTuple):
    """Cycles that a bank needs to go on in another row."""

    close: int
    """From an access to the precharge of its row."""
    active: int
    """From an activation to the precharge of its row."""
    precharge: int
    """From a precharge to the activation of the next row."""
    open: int
    """From an activation to an access."""
    opened: int
    """From an activation to the next row command of a group."""
    closed: int
    """From a precharge to the same."""
    window: int
    """Requests that wait in the queue."""


def row_rules(device: Device, command: str) -> RowRules:
    """The rules of a device for one bank's rows and for accesses by `command`."""
    opener, closer = device.row_commands(device.commands[command].spans)
    return RowRules(
        close=latency(device, command, closer),
        active=latency(device, opener, closer),
        precharge=latency(device, closer, opener),
        open=latency(device, opener, command),
        opened=latency(device, opener, opener, level=device.group),
        closed=latency(device, closer, opener, level=device.group),
        window=device.controller.window,
    )


class _Banks(NamedTuple):
    """The state of every bank, by its number in a group."""

    row: Ints
    """That is open, CLOSED or OTHER."""
    opened: Ints
    """When."""
    touched: Ints
    """When it was last accessed."""
    closed: Ints
    """When it was last closed."""


class _Queues(NamedTuple):
    """Requests by their numbers, the oldest first, and how many there are in each queue."""

    waiting: Ints
    opened: Ints
    """Those whose row has just been opened."""
    length: Ints
    """Of the two."""


class _Stream(NamedTuple):
    """What the host asks for, and the rules that it is bound by."""

    address: Ints
    bank: Ints
    """The number of each address."""
    row: Ints
    counts: Ints
    openings: Rows
    accesses: Rows
    t: RowRules


class _State(NamedTuple):
    """How far a group has come."""

    banks: _Banks
    queues: _Queues
    openings: Ints
    """History of activations."""
    accesses: Ints
    """History of accesses."""


_WAITING, _OPENED = 0, 1


@compiled
def _need(s: _Stream, i: int, banks: _Banks) -> int:
    """The kind of command that a request needs next."""
    if banks.row[s.bank[i]] == s.row[i]:
        return _ACCESS
    return _OPEN if banks.row[s.bank[i]] == CLOSED else _CLOSE


@compiled
def _ready(s: _Stream, i: int, kind: int, state: _State) -> int:
    """The first cycle in which a request's command of a kind may issue."""
    banks, bank, place = state.banks, s.bank[i], s.address[i]
    if kind == _ACCESS:
        since = int(banks.opened[bank]) + s.t.open
        return ready_at(since, place, s.counts, s.accesses, state.accesses)
    if kind == _OPEN:
        since = int(banks.closed[bank]) + s.t.precharge
        return ready_at(since, place, s.counts, s.openings, state.openings)
    return max(int(banks.opened[bank]) + s.t.active, int(banks.touched[bank]) + s.t.close)


@compiled
def _is_hit(s: _Stream, bank: int, queue: Ints, banks: _Banks) -> bool:
    """Whether a request in a queue waits for the row that is open in a bank."""
    hit = False
    for i in queue:
        hit = hit or (s.bank[i] == bank and banks.row[bank] == s.row[i])
    return hit


@compiled
def _chosen(s: _Stream, state: _State, now: int, bus: int) -> tuple[int, int, int]:
    """The queue and the place in it of the request to serve, or -1, and the command that it needs.

    What has just had its row opened goes first; then the oldest that is ready, but a row stays
    open for those that it serves.
    """
    queues = state.queues
    for k in range(queues.length[_OPENED]):
        if _ready(s, queues.opened[k], _ACCESS, state) <= now:
            return _OPENED, k, _ACCESS
    waiting = queues.waiting[: queues.length[_WAITING]]
    for k in range(len(waiting)):
        i = waiting[k]
        kind = _need(s, i, state.banks)
        if _ready(s, i, kind, state) > now or (kind != _ACCESS and bus > now):
            continue
        if kind == _CLOSE and k > 0 and _is_hit(s, int(s.bank[i]), waiting, state.banks):
            continue
        return _WAITING, k, kind
    return _WAITING, -1, _ACCESS


@compiled
def _taken(queue: Ints, length: Ints, number: int, k: int) -> int:
    """Take a request out of a queue."""
    i = queue[k]
    length[number] -= 1
    for j in range(k, length[number]):
        queue[j] = queue[j + 1]
    return i


@compiled
def _serve(s: _Stream, state: _State, now: int, queue: int, k: int, kind: int) -> int:
    """Issue the chosen command; gives the request if it has been served, else -1."""
    banks, queues = state.banks, state.queues
    if kind == _CLOSE:
        bank = s.bank[queues.waiting[k]]
        banks.row[bank], banks.closed[bank] = CLOSED, now
        return -1
    requests = queues.opened if queue == _OPENED else queues.waiting
    i = _taken(requests, queues.length, queue, k)
    bank = s.bank[i]
    if kind == _OPEN:
        add_to_history(now, s.address[i], s.counts, s.openings, state.openings)
        banks.row[bank], banks.opened[bank] = s.row[i], now
        queues.opened[queues.length[_OPENED]] = i
        queues.length[_OPENED] += 1
        return -1
    add_to_history(now, s.address[i], s.counts, s.accesses, state.accesses)
    banks.touched[bank] = now
    return i


@compiled
def _closes_opened(s: _Stream, state: _State, k: int, kind: int) -> bool:
    """Whether a command would close the row that another request has just opened."""
    if kind != _CLOSE:
        return False
    opened = state.queues.opened[: state.queues.length[_OPENED]]
    return _is_hit(s, int(s.bank[state.queues.waiting[k]]), opened, state.banks)


@compiled
def _reordered(s: _Stream, state: _State) -> Ints:
    """Cycles at which accesses issue, from the first cycle in which a command may."""
    number = len(s.address)
    result = np.full(number, -1)
    head, left, now, bus = 0, number, 0, 0
    while left > 0:
        while state.queues.length[_WAITING] < s.t.window and head < number:
            state.queues.waiting[state.queues.length[_WAITING]] = head
            state.queues.length[_WAITING] += 1
            head += 1
        before = -1
        for _ in range(2):  # one command of each bus
            queue, k, kind = _chosen(s, state, now, bus)
            same_bus = before >= 0 and (kind == _ACCESS) == (before == _ACCESS)
            if k < 0 or same_bus or _closes_opened(s, state, k, kind):
                break
            i = _serve(s, state, now, queue, k, kind)
            before = kind
            if i >= 0:
                result[i] = now
                left -= 1
            elif kind == _OPEN:
                bus = now + s.t.opened
            else:
                bus = now + s.t.closed
        now += 1
    return result


def reordered_cycles(
    device: Device, command: str, address: Ints, row: Ints, before: Ints
) -> tuple[Ints, int]:
    """When accesses issue and when the last row opens, from the first cycle in which they may.

    Args:
        device: whose controller reorders.
        command: that accesses a column.
        address: the bank of each access, shape (n, core levels).
        row: of each access, numbered from 0.
        before: per bank of a group its row: OTHER or CLOSED.

    Returns:
        By which cycle each access and all before it have issued; and the last activation.
    """
    opener, _ = device.row_commands(device.commands[command].spans)
    counts = level_counts(device)
    openings, accesses = rows_of(device, opener), rows_of(device, command)
    t, banks = row_rules(device, command), len(before)
    number = address @ np.append(np.cumprod(counts[:0:-1])[::-1], 1)
    stream = _Stream(address, number, row, counts, openings, accesses, t)
    state = _State(
        _Banks(before.copy(), *(np.full(banks, FREE) for _ in range(3))),
        _Queues(np.zeros(t.window, np.int64), np.zeros(len(row), np.int64), np.zeros(2, np.int64)),
        np.full((len(openings.latency), banks, int(deepest(openings))), FREE),
        np.full((len(accesses.latency), banks, int(deepest(accesses))), FREE),
    )
    issued = _reordered(stream, state)
    return np.maximum.accumulate(issued), int(state.banks.opened.max())
