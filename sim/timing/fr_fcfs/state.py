"""The state of the engine."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pim_opt.sim.timing.fr_fcfs.layout import (
    BLOCKED,
    ENTRIES,
    ERAS,
    FREE,
    FREE_ENTRIES,
    FRONTEND_AT,
    LAST_CAUSE,
    MEMO_VERSION,
    NONE,
    NOW,
    OPERAND,
    QUEUES,
    REFRESH_DUE,
    WAKES,
)
from pim_opt.sim.timing.layout import OTHER_CAUSE, REFRESH_INTERVAL
from pim_opt.sim.timing.state import State
from pim_opt.sim.timing.tables import Model

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class RowState(State):
    """The controllers of all groups, and when they opened each row."""

    rows: Rows
    """Shape (groups, rows, banks): the era of the bank in which the row was opened."""


def new_state(model: Model, groups: int) -> RowState:
    """Nothing has arrived yet."""
    device = model.device
    window, entry = device.controller.window, OPERAND + model.operands
    entries = QUEUES * window + 1
    per_bank = [device.cores, device.cores]
    sizes = [QUEUES * window, entries * entry, entries, *per_bank]
    tables, words = model.with_engine(sizes)
    state = RowState(
        tables,
        np.zeros((groups, words), np.int64),
        np.zeros(WAKES + groups, np.int64),
        np.zeros((groups, device.rows, device.cores), np.int32),
    )
    state.scalar(FREE_ENTRIES)[:] = entries
    state.scalar(REFRESH_DUE)[:] = tables[REFRESH_INTERVAL]
    state.scalar(LAST_CAUSE)[:] = OTHER_CAUSE
    state.scalar(MEMO_VERSION)[:] = NONE
    free = tables[ENTRIES] + entry * np.arange(entries)
    state.groups[:, tables[FREE] : tables[FREE] + entries] = free
    state.groups[:, tables[ERAS] : tables[ERAS] + device.cores] = 1
    state.shared[[NOW, FRONTEND_AT]] = 1
    state.shared[WAKES:] = 1
    state.shared[BLOCKED] = NONE
    return state
