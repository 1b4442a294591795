"""The dispatch engine as `simulate` runs it."""

from collections.abc import Iterator

import numpy as np

from pim_opt.cost.jit import compiled_kernel
from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.controller import causes_of
from pim_opt.sim.timing.dispatch.engine import run
from pim_opt.sim.timing.dispatch.layout import (
    COMMAND,
    COMPLETED,
    END,
    HITS,
    LAST_CAUSE,
    LENGTHS,
    LOGGED,
    MISSES,
    QUEUES,
)
from pim_opt.sim.timing.dispatch.queues import item
from pim_opt.sim.timing.dispatch.state import instruction_table, new_state
from pim_opt.sim.timing.layout import BARRIER_CAUSE
from pim_opt.sim.timing.tables import Model


class DispatchController:
    """A dispatcher and the controllers of all groups."""

    logged = LOGGED

    def __init__(self, model: Model, groups: int, *, jit: bool) -> None:
        self.state = new_state(model, groups)
        self.tables, self.groups, self.shared = (
            self.state.tables,
            self.state.groups,
            self.state.shared,
        )
        self._instructions = instruction_table(model)
        self._run = compiled_kernel(run) if jit else run

    def run(self, block: Ints, log: Ints, last: bool) -> int:
        """An instruction that ends the trace says so itself, whether or not its block is last."""
        return self._run(self.tables, self.groups, self.shared, log, block, self._instructions)

    def cycles(self) -> int:
        return int(self.shared[END])

    def hits_and_misses(self) -> tuple[Ints, Ints]:
        return self.state.scalar(HITS), self.state.scalar(MISSES)

    def causes(self) -> Ints:
        ends = self.state.scalar(COMPLETED)
        critical = int(ends.argmax())
        causes = causes_of(self)[critical].copy()
        end = min(int(ends[critical]), self.cycles())
        causes[self.state.scalar(LAST_CAUSE)[critical]] += end - causes.sum()
        causes[BARRIER_CAUSE] += self.cycles() - end
        return causes

    def waiting(self) -> Iterator[Ints]:
        for group, c in enumerate(self.groups):
            for queue in reversed(range(QUEUES)):  # those that others wait for first
                for i in range(c[LENGTHS + queue]):
                    e = item(self.tables, c, queue, i)
                    yield np.array([c[e + COMMAND], group, *c[e + 1 : e + 4], 0])
