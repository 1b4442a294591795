"""What a device's table says about contractions, as numbers for the cost model to compute with."""

from math import inf
from typing import NamedTuple

import numpy as np

from pim_opt.cost.rates import change_of_mode, latency, latency_of_any
from pim_opt.cost.reordering import CLOSED, OTHER, reordered_cycles
from pim_opt.cost.streams import (
    Ints,
    RowTimes,
    host_cycles,
    host_places,
    issue_cycles,
    level_counts,
    reach,
    rows_of,
)
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode


class NestTimings(NamedTuple):
    """Cycles between commands of a contraction's loop nest; plain numbers, for compiled code."""

    multiply: float
    """From one multiplication to the next in an open row."""
    close: float
    """From a multiplication to the precharge of its row."""
    reopen: float
    """From that precharge to the first multiplication in the next row."""
    open: float
    """From the activation of a row to its first multiplication."""
    active: float
    """From an activation to the precharge of its row, at least."""
    drain: float
    """From a multiplication to a move of its sums."""
    resume: float
    """From a move, and what clears the accumulators after it, to the next multiplication."""
    use: float
    """From a load to a multiplication with what it loads."""
    leave: float
    """From a load to any multiplication."""
    enter: float
    """From a multiplication to a load."""
    window: float
    """Commands ahead of the one issued for which rows are opened already; 0 if they are not."""
    ordered: bool
    """Whether program order alone keeps data safe, so that no barriers stand in the nest."""
    columns: int
    """Columns of a row."""


def nest_timings(device: Device, mode: ContractionMode) -> NestTimings:
    """The timings of contractions that use the lanes as `mode` does."""
    multiply = mode.multiply
    opener, closer = device.row_commands(device.commands[multiply].spans)
    moves, loads = mode.move.values(), mode.load.values()
    clears = moves if mode.reset is None else [mode.reset]
    return NestTimings(
        multiply=latency(device, multiply, multiply),
        close=latency(device, multiply, closer),
        reopen=latency(device, closer, opener) + latency(device, opener, multiply),
        open=latency(device, opener, multiply),
        active=latency(device, opener, closer),
        drain=max(latency(device, multiply, move) for move in moves),
        resume=max(latency(device, clear, multiply) for clear in clears),
        use=max(latency(device, load, multiply) for load in loads),
        leave=max(latency_of_any(device, load, multiply) for load in loads),
        enter=max(latency(device, multiply, load) for load in loads),
        window=device.controller.window if device.controller.opens_ahead else 0,
        ordered=device.controller.keeps_order,
        columns=device.columns,
    )


def entering(device: Device, mode: ContractionMode) -> int:
    """Cycles of a change of mode before the first command of a nest."""
    firsts = mode.load.values() if mode.reset is None else [mode.reset]
    return max(change_of_mode(device, None, first) for first in firsts)


class Refreshing(NamedTuple):
    """How refreshes interrupt a kernel."""

    period: float
    """Cycles from one to the next; infinite for a device without."""
    pause: float
    """Cycles for which each keeps multiplications waiting."""


def refreshing_of(device: Device, mode: ContractionMode) -> Refreshing:
    """How a device's refreshes interrupt contractions."""
    if device.refresh is None:
        return Refreshing(inf, 0.0)
    period = device.timing.cycles(device.refresh.interval)
    pause = device.timing.cycles(device.refresh.duration)
    opener, _ = device.rows_by(mode.multiply)
    return Refreshing(float(period), float(pause + latency(device, opener, mode.multiply)))


def completion(device: Device, command: str) -> int:
    """Cycles from the issue of `command` until its data are where they go."""
    return device.timing.cycles(device.timing.completion.get(command, 0))


class HostPhase(NamedTuple):
    """When a run of host accesses to DRAM is over, from the first cycle in which it may begin."""

    issued: int
    """Cycles to the last access."""
    opened: int
    """Cycles to the last activation."""


def settled(device: Device, command: str) -> int:
    """Cycles from `command` until a barrier behind it lets go: at its issue or its completion."""
    in_order = device.controller.keeps_order
    return max(completion(device, command), 1) if in_order else 1


def host_phase(device: Device, command: str, columns: int, *, closed: bool) -> HostPhase:
    """The host's accesses to `columns` consecutive columns of a group, each bank for itself.

    Args:
        device: whose host layout and rows bind them.
        command: that accesses a column.
        columns: at least 1.
        closed: whether all banks are closed at first; else they are open in another row.
    """
    places = host_places(device, columns)
    if reach(device) > 1:
        before = rows_before(device, 0 if closed else columns)
        row = np.zeros(columns, np.int64)
        cycles, opened = reordered_cycles(device, command, places, row, before)
        return HostPhase(int(cycles[-1]), opened)
    opener, closer = device.row_commands(device.commands[command].spans)
    times = RowTimes(
        first=0,
        precharge=0 if closed else latency(device, closer, opener),
        open=latency(device, opener, command),
        spacing=latency(device, opener, closer, level=device.group) if not closed else 1,
        window=device.controller.window,
    )
    issued, opened = host_cycles(
        places,
        level_counts(device),
        rows_of(device, opener),
        rows_of(device, command),
        times,
    )
    return HostPhase(issued, opened)


def rows_before(device: Device, columns: int) -> Ints:
    """What is open per bank of a group when consecutive columns have been accessed elsewhere."""
    before = np.full(device.cores, CLOSED)
    places = host_places(device, min(columns, device.cores))
    before[np.ravel_multi_index(tuple(places.T), tuple(level_counts(device)))] = OTHER
    return before


def open_phase(device: Device, command: str, columns: int) -> int:
    """Cycles from the first to the last of the host's accesses to rows that stand open."""
    places, rows = host_places(device, columns), rows_of(device, command)
    return int(issue_cycles(places, level_counts(device), rows, reach(device)).max())
