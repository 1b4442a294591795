"""The state that the engine begins with."""

import numpy as np

from pim_opt.sim.timing.in_order.layout import (
    CLOSED,
    COMPLETED_CAUSE,
    DEMAND_WORDS,
    DEMANDS,
    FREE,
    LAST_CAUSE,
    OPEN_ROWS,
    OPERAND,
    REFRESH_DUE,
)
from pim_opt.sim.timing.layout import OTHER_CAUSE, REFRESH_INTERVAL
from pim_opt.sim.timing.state import State
from pim_opt.sim.timing.tables import Model


def new_state(model: Model, groups: int) -> State:
    """Nothing has arrived yet; all banks are closed."""
    window, request = model.device.controller.window, OPERAND + model.operands
    banks = model.device.cores
    sizes = [window * request, window * DEMAND_WORDS, window, window, banks]
    tables, words = model.with_engine(sizes)
    state = State(tables, np.zeros((groups, words), np.int64), np.zeros(4, np.int64))
    state.scalar(REFRESH_DUE)[:] = tables[REFRESH_INTERVAL]
    state.scalar(LAST_CAUSE)[:] = OTHER_CAUSE
    state.scalar(COMPLETED_CAUSE)[:] = OTHER_CAUSE
    free = tables[DEMANDS] + DEMAND_WORDS * np.arange(window)
    state.groups[:, tables[FREE] : tables[FREE] + window] = free
    state.groups[:, tables[OPEN_ROWS] : tables[OPEN_ROWS] + banks] = CLOSED
    return state
