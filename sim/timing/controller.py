"""What both controllers can say of themselves."""

from collections.abc import Iterator
from typing import Protocol

from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.layout import CAUSES, CAUSES_AT


class Controller(Protocol):
    """A controller of all groups under way."""

    tables: Ints
    groups: Ints
    shared: Ints
    logged: int
    """The word of `shared` that counts the log's lines."""

    def run(self, block: Ints, log: Ints, last: bool) -> int: ...

    def cycles(self) -> int: ...

    def hits_and_misses(self) -> tuple[Ints, Ints]: ...

    def causes(self) -> Ints:
        """Cycles by cause of the group that ends last; their sum is `cycles`."""
        ...

    def waiting(self) -> Iterator[Ints]:
        """Requests that wait, as rows of a block without operands."""
        ...


def causes_of(engine: Controller) -> Ints:
    """Cycles by cause of all groups, shape (groups, causes)."""
    first = int(engine.tables[CAUSES_AT])
    return engine.groups[:, first : first + len(CAUSES)]
