"""What the engines read and write: blocks of requests and the log of issued commands."""

import numpy as np

from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.tables import Model

NEEDS_INPUT, DONE, STUCK, LOG_FULL = range(4)
"""Why an engine returned."""

UNKNOWN = -1
"""An index operand that a trace does not give."""

# Columns of a block of requests, in stream order: an array of shape (n, OPERAND + operands).
COMMAND, GROUP, BANK, ROW, COLUMN, ADDRESS, OPERAND = range(7)

# Columns of the log: an array of shape (capacity, LOG_OPERAND + operands).
LOG_CYCLE, LOG_COMMAND, LOG_GROUP, LOG_BANK, LOG_ROW, LOG_COLUMN, LOG_OPERAND = range(7)


def empty_requests(model: Model, count: int) -> Ints:
    """A block of `count` requests to fill; operands unknown."""
    return np.full((count, OPERAND + model.operands), UNKNOWN, np.int64)


def empty_log(model: Model, capacity: int) -> Ints:
    """A log for `capacity` commands; none is kept if that is 0."""
    return np.zeros((capacity, LOG_OPERAND + model.operands), np.int64)
