"""The in-order engine as `simulate` runs it."""

from collections.abc import Iterator

import numpy as np

from pim_opt.cost.jit import compiled_kernel
from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.controller import causes_of
from pim_opt.sim.timing.in_order.columns import place
from pim_opt.sim.timing.in_order.engine import run
from pim_opt.sim.timing.in_order.layout import COMMAND, COUNT, END, HEAD, HITS, LOGGED, MARK, MISSES
from pim_opt.sim.timing.in_order.state import new_state
from pim_opt.sim.timing.layout import OTHER_CAUSE
from pim_opt.sim.timing.tables import Model


class InOrderController:
    """The consistent controller."""

    logged = LOGGED

    def __init__(self, model: Model, groups: int, *, jit: bool) -> None:
        self.state = new_state(model, groups)
        self.tables, self.groups, self.shared = (
            self.state.tables,
            self.state.groups,
            self.state.shared,
        )
        self._run = compiled_kernel(run) if jit else run
        self._order = np.zeros(0, np.int64)

    def run(self, block: Ints, log: Ints, last: bool) -> int:
        if len(self._order) < len(block):
            self._order = np.zeros(len(block), np.int64)
        return self._run(self.tables, self.groups, self.shared, log, block, self._order, last)

    def cycles(self) -> int:
        return int(self.shared[END])

    def hits_and_misses(self) -> tuple[Ints, Ints]:
        return self.state.scalar(HITS), self.state.scalar(MISSES)

    def causes(self) -> Ints:
        critical = int(self.state.scalar(MARK).argmax())
        causes = causes_of(self)[critical].copy()
        causes[OTHER_CAUSE] += self.cycles() - causes.sum()  # the one cycle of an empty stream
        return causes

    def waiting(self) -> Iterator[Ints]:
        for group in range(len(self.groups)):
            c = self.groups[group]
            head, count = (int(self.state.scalar(w)[group]) for w in (HEAD, COUNT))
            for number in range(head, head + count):
                r = place(self.tables, number)
                yield np.array([c[r + COMMAND], group, *c[r + 1 : r + 4], 0])
