"""What every engine works on."""

from dataclasses import dataclass

from pim_opt.sim.timing.arrays import Ints


@dataclass(frozen=True)
class State:
    """The controllers of all groups."""

    tables: Ints
    groups: Ints
    """Shape (groups, words)."""
    shared: Ints

    def scalar(self, word: int) -> Ints:
        """A word of every group, as HITS."""
        return self.groups[:, word]
