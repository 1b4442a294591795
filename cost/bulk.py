"""How long the host's accesses to many rows of each bank take: what moves a matrix.

Unlike streams.host_cycles, which follows the first row of each bank to the cycle, these streams go
on through row after row; two rows of every bank are followed, and the others take as long.
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
    host_places,
    issue_cycles,
    level_counts,
    member,
    places_of,
    reach,
    ready_at,
    rows_of,
)
from pim_opt.cost.transfers import TransferLoops
from pim_opt.devices import Device

CLOSED, OTHER = -1, -2
"""In place of a bank's open row: none; one of another tensor."""

ROWS_FOLLOWED = 2


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
    before: int,
) -> Ints:
    """Cycles at which accesses to `row` of the bank at `address` issue, in program order."""
    most = 1
    for count in counts:
        most *= count
    opened = np.full((len(openings.latency), most, deepest(openings)), FREE)
    accessed = np.full((len(accesses.latency), most, deepest(accesses)), FREE)
    open_row = np.full(most, before)
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


def bulk(device: Device, command: str, places: Ints, *, closed: bool) -> Ints:
    """Cycles at which the accesses to two rows of all places issue, column after column.

    Args:
        device: whose rows bind them.
        command: that accesses a column.
        places: the banks of one column, shape (n, core levels).
        closed: whether all banks are closed at first; else they are open in another row.
    """
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
    issued = _bulk_cycles(
        np.concatenate([places] * columns),
        np.repeat(np.arange(columns) // device.columns, len(places)),
        level_counts(device),
        rows_of(device, opener),
        rows_of(device, command),
        times,
        CLOSED if closed else OTHER,
    )
    gained = np.arange(len(issued)) * _gain_by_order(device, command, places)
    return issued - gained.astype(np.int64)


def _gain_by_order(device: Device, command: str, places: Ints) -> float:
    """Cycles an access that a controller gains which takes the first of several that is ready."""
    few, many = 2, 4

    def cycles(passes: int, window: int) -> int:
        address = np.concatenate([places] * passes)
        rows = rows_of(device, command)
        return int(issue_cycles(address, level_counts(device), rows, window).max())

    window = reach(device)
    if window == 1:
        return 0.0
    gain = cycles(many, 1) - cycles(few, 1) - cycles(many, window) + cycles(few, window)
    return max(gain, 0) / ((many - few) * len(places))


def read_in_bulk(device: Device, *, closed: bool) -> Ints:
    """What `bulk` gives for the host's reads of consecutive columns in host layout."""
    read = device.kernels.host.read
    return bulk(device, read, host_places(device, device.cores), closed=closed)


def written_in_bulk(loops: TransferLoops, *, closed: bool) -> Ints:
    """What `bulk` gives for the host's writes to the places of a placement."""
    return bulk(loops.device, loops.command, places_of(loops), closed=closed)
