"""What the engines read and write: blocks of requests, counters, the log of issued commands."""

from typing import NamedTuple

import numpy as np

from pim_opt.sim.timing.tables import CAUSES, Ints, Model

NEEDS_INPUT, DONE, STUCK, LOG_FULL = range(4)
"""Why an engine returned."""

UNKNOWN = -1
"""An index operand that a trace does not give."""

LOG_CYCLE, LOG_COMMAND, LOG_GROUP, LOG_BANK, LOG_ROW, LOG_COLUMN, LOG_OPERANDS = range(7)


class Requests(NamedTuple):
    """A block of requests in stream order; arrays have one row per request."""

    command: Ints
    group: Ints
    bank: Ints
    """Flat number of the core in its group."""
    row: Ints
    column: Ints
    address: Ints
    """The whole byte address."""
    operands: Ints
    """Shape (n, operands): index operands, or UNKNOWN."""


class Counters(NamedTuple):
    """What the engines count, per group."""

    commands: Ints
    """Shape (groups, commands)."""
    hits: Ints
    misses: Ints
    causes: Ints
    """Shape (groups, causes): cycles by what they were spent on."""


class Log(NamedTuple):
    """Commands issued since the log was emptied."""

    entries: Ints
    """Shape (capacity, 6 + operands); capacity 0 if nobody wants a log."""
    count: Ints
    """Shape (1)."""


def new_counters(model: Model, groups: int) -> Counters:
    """All zero."""
    return Counters(
        np.zeros((groups, len(model.names)), np.int64),
        np.zeros(groups, np.int64),
        np.zeros(groups, np.int64),
        np.zeros((groups, len(CAUSES)), np.int64),
    )


def new_log(model: Model, capacity: int) -> Log:
    """Empty, for `capacity` commands."""
    width = LOG_OPERANDS + model.operands
    return Log(np.zeros((capacity, width), np.int64), np.zeros(1, np.int64))


def empty_requests(model: Model, count: int) -> Requests:
    """A block of `count` requests to fill; operands unknown."""
    columns = [np.zeros(count, np.int64) for _ in range(6)]
    return Requests(*columns, np.full((count, model.operands), UNKNOWN, np.int64))
