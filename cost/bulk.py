"""How long the host's accesses to many rows of each bank take: what moves a matrix.

Unlike streams.host_cycles, which follows the first row of each bank to the cycle, these streams go
on through row after row; two rows of every bank are followed, and the others take as long.
"""

from typing import NamedTuple

import numpy as np

from pim_opt.cost.jit import compiled
from pim_opt.cost.rates import latency
from pim_opt.cost.reordering import CLOSED, OTHER, reordered_cycles
from pim_opt.cost.streams import (
    FREE,
    Ints,
    Rows,
    add_to_history,
    deepest,
    host_places,
    level_counts,
    member,
    places_of,
    reach,
    ready_at,
    rows_of,
)
from pim_opt.cost.transfers import TransferLoops
from pim_opt.devices import Device

ROWS_FOLLOWED = 2

PASSES_FOLLOWED, ACCESSES_FOLLOWED = 4, 256
"""Of each row, where the controller reorders: passes over all places, and accesses, at least."""


class BulkRows(NamedTuple):
    """Cycles that a bank needs to go on in another row."""

    close: int
    """From an access to the precharge of its row."""
    active: int
    """From an activation to the precharge of its row."""
    precharge: int
    """From a precharge to the activation of the next row."""
    open: int
    """From an activation to an access."""
    spacing: int
    """Between row commands of a group."""
    window: int
    """Accesses ahead of the one issued whose rows are brought."""


@compiled
def _bulk_cycles(
    address: Ints,
    row: Ints,
    counts: Ints,
    openings: Rows,
    accesses: Rows,
    t: BulkRows,
    before: Ints,
) -> Ints:
    """Cycles at which accesses to `row` of the bank at `address` issue, in program order."""
    most = 1
    for count in counts:
        most *= count
    opened = np.full((len(openings.latency), most, deepest(openings)), FREE)
    accessed = np.full((len(accesses.latency), most, deepest(accesses)), FREE)
    open_row = before.copy()
    last_open, last_access, ready = np.full(most, FREE), np.full(most, FREE), np.zeros(most)
    result = np.empty(len(address), np.int64)
    now, closes, opens = 0, 0, 0
    for i in range(len(address)):
        bank = member(address[i], counts, len(counts))
        if open_row[bank] != row[i]:
            begin = 0 if i < t.window else result[i - t.window] + 1
            if open_row[bank] != CLOSED:
                begin = max(begin, closes, last_access[bank] + t.close, last_open[bank] + t.active)
                closes = begin + t.spacing
                begin += t.precharge
            begin = ready_at(max(begin, opens), address[i], counts, openings, opened)
            add_to_history(begin, address[i], counts, openings, opened)
            opens = begin + t.spacing
            open_row[bank], last_open[bank], ready[bank] = row[i], begin, begin + t.open
        now = max(ready_at(now, address[i], counts, accesses, accessed), int(ready[bank]))
        add_to_history(now, address[i], counts, accesses, accessed)
        result[i], last_access[bank] = now, now
        now += 1
    return result


@compiled
def cycles_of(issued: Ints, accesses: int) -> float:
    """Cycles from the first moment of a stream to its access number `accesses`.

    Args:
        issued: what `bulk` gives.
        accesses: of the stream, the first 1; none takes no time.
    """
    if accesses == 0:
        return 0.0
    if accesses <= len(issued):
        return float(issued[accesses - 1])
    in_row = len(issued) // ROWS_FOLLOWED
    rows, rest = divmod(accesses - 1, in_row)
    return float(issued[in_row + rest] + (rows - 1) * (issued[-1] - issued[in_row - 1]))


def bulk(device: Device, command: str, places: Ints, before: Ints) -> Ints:
    """Cycles at which the accesses to two rows of all places issue, column after column.

    Args:
        device: whose rows bind them.
        command: that accesses a column.
        places: the banks of one column, shape (n, core levels).
        before: per bank of a group its row at first: OTHER or CLOSED.
    """
    if reach(device) > 1:
        return _reordered_bulk(device, command, places, before)
    opener, closer = device.row_commands(device.commands[command].spans)
    times = BulkRows(
        close=latency(device, command, closer),
        active=latency(device, opener, closer),
        precharge=latency(device, closer, opener),
        open=latency(device, opener, command),
        spacing=latency(device, opener, opener, level=device.group),
        window=device.controller.window,
    )
    columns = ROWS_FOLLOWED * device.columns
    return _bulk_cycles(
        np.concatenate([places] * columns),
        np.repeat(np.arange(columns) // device.columns, len(places)),
        level_counts(device),
        rows_of(device, opener),
        rows_of(device, command),
        times,
        before,
    )


def _reordered_bulk(device: Device, command: str, places: Ints, before: Ints) -> Ints:
    """The same where the controller reorders: some columns of each row, the others at their pace.

    A row's first columns wait for it; behind them a pass over all places takes as long as the last.
    """
    followed = min(max(PASSES_FOLLOWED, -(-ACCESSES_FOLLOWED // len(places))), device.columns)
    passes = ROWS_FOLLOWED * followed
    row = np.repeat(np.arange(passes) // followed, len(places))
    address = np.concatenate([places] * passes)
    issued, _ = reordered_cycles(device, command, address, row, before)
    first, second = issued.reshape(ROWS_FOLLOWED, followed, len(places))
    period = -(-(first[-1, -1] - first[-3, -1]) // 2)
    more = np.arange(1, device.columns - followed + 1)[:, None] * period
    later = more[-1:, 0].sum()
    rows = [first, first[-1] + more, second + later, second[-1] + later + more]
    return np.concatenate(rows).reshape(-1)


def read_in_bulk(device: Device, *, closed: bool) -> Ints:
    """What `bulk` gives for the host's reads of consecutive columns in host layout."""
    read = device.kernels.host.read
    before = np.full(device.cores, CLOSED if closed else OTHER)
    return bulk(device, read, host_places(device, device.cores), before)


def written_in_bulk(loops: TransferLoops, before: Ints) -> Ints:
    """What `bulk` gives for the host's writes to the places of a placement."""
    return bulk(loops.device, loops.command, places_of(loops), before)
