"""The state that the engine begins with."""

import numpy as np

from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.dispatch.layout import (
    BARRIER_FROM,
    CLOSED,
    DISPATCH_AT,
    ENTRIES,
    ENTRY_WORDS,
    FREE,
    FREE_ENTRIES,
    GROUP_WORDS,
    LAST_CAUSE,
    NONE,
    NOW,
    OPEN_ROWS,
    QUEUES,
    RETURN,
    UNKNOWN_OPERANDS,
)
from pim_opt.sim.timing.layout import NEVER, OTHER_CAUSE
from pim_opt.sim.timing.requests import UNKNOWN
from pim_opt.sim.timing.state import State
from pim_opt.sim.timing.tables import Model


def new_state(model: Model, groups: int) -> State:
    """Nothing has arrived yet; all banks are closed, all controllers in their first mode."""
    window, banks = model.device.controller.window, model.device.cores
    entries = QUEUES * window
    sizes = [QUEUES * window, entries * ENTRY_WORDS, entries, banks, model.operands]
    tables, words = model.with_engine(sizes)
    shared = np.zeros(GROUP_WORDS + 2 * groups, np.int64)
    shared[[NOW, DISPATCH_AT]] = 1
    state = State(tables, np.zeros((groups, words), np.int64), shared)
    state.scalar(RETURN)[:] = NEVER
    state.scalar(BARRIER_FROM)[:] = NEVER
    state.scalar(LAST_CAUSE)[:] = OTHER_CAUSE
    state.scalar(FREE_ENTRIES)[:] = entries
    free = tables[ENTRIES] + ENTRY_WORDS * np.arange(entries)
    _part(state, FREE, entries)[:] = free
    _part(state, OPEN_ROWS, banks)[:] = CLOSED
    _part(state, UNKNOWN_OPERANDS, model.operands)[:] = UNKNOWN
    return state


def instruction_table(model: Model) -> Ints:
    """Per instruction of the device its fields, as I_COMMAND."""
    rows = [
        (NONE if i.command is None else model.names.index(i.command), i.blocking, i.ends)
        for i in model.device.instructions.values()
    ]
    return np.array(rows, np.int64)


def _part(state: State, place: int, size: int) -> Ints:
    first = int(state.tables[place])
    return state.groups[:, first : first + size]
