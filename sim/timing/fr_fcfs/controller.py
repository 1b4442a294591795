"""The fr-fcfs engine as `simulate` runs it."""

from collections.abc import Iterator

import numpy as np

from pim_opt.cost.jit import compiled_kernel
from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.controller import causes_of
from pim_opt.sim.timing.fr_fcfs.engine import run
from pim_opt.sim.timing.fr_fcfs.layout import (
    COMMAND,
    COMPLETED,
    END,
    HITS,
    LAST_CAUSE,
    LAST_COLUMN,
    LAST_RETURN,
    LENGTHS,
    LOGGED,
    MISSES,
    QUEUES,
)
from pim_opt.sim.timing.fr_fcfs.queues import item
from pim_opt.sim.timing.fr_fcfs.state import new_state
from pim_opt.sim.timing.layout import OTHER_CAUSE, REFRESH_CAUSE
from pim_opt.sim.timing.tables import Model


class FrFcfsController:
    """The published controller."""

    logged = LOGGED

    def __init__(self, model: Model, groups: int, *, jit: bool) -> None:
        self.state = new_state(model, groups)
        self.tables, self.groups, self.shared = (
            self.state.tables,
            self.state.groups,
            self.state.shared,
        )
        self._run = compiled_kernel(run) if jit else run

    def run(self, block: Ints, log: Ints, last: bool) -> int:
        s = self.state
        return self._run(s.tables, s.groups, s.rows, s.shared, log, block, last)

    def cycles(self) -> int:
        return int(self.shared[END])

    def hits_and_misses(self) -> tuple[Ints, Ints]:
        return self.state.scalar(HITS), self.state.scalar(MISSES)

    def causes(self) -> Ints:
        s = self.state
        ends = np.maximum(s.scalar(LAST_RETURN), s.scalar(COMPLETED))
        critical = int(ends.argmax())
        causes = causes_of(self)[critical].copy()
        end = min(int(ends[critical]), self.cycles())
        last = int(s.scalar(LAST_COLUMN)[critical])
        # What follows the last command of all is a refresh that had become due.
        causes[s.scalar(LAST_CAUSE)[critical]] += end - last
        causes[REFRESH_CAUSE if end > 0 else OTHER_CAUSE] += self.cycles() - end
        return causes

    def waiting(self) -> Iterator[Ints]:
        t = self.tables
        for group in range(len(self.groups)):
            c = self.groups[group]
            for queue in range(QUEUES):
                for i in range(c[LENGTHS + queue]):
                    e = item(t, c, queue, i)
                    yield np.array([c[e + COMMAND], group, *c[e + 1 : e + 5]])
