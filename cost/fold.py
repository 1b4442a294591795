"""How units add up a tensor that lies in host layout: the same lane of columns of the same bank.

Consecutive elements go round the banks, so elements a whole round apart share bank and lane. Along
an axis whose points lie `inner` elements apart, those that are summed and share them lie

    period = lcm(inner, round)

elements apart. So a run of `size * inner` elements has `period` places in each of which units add
up `terms = size * inner // period` elements; the rest, if the run is the only one, is the host's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm, prod

from pim_opt.dialects.reduction import Reduction


@dataclass(frozen=True)
class Fold:
    """Sums along one axis of a reduction's input."""

    axis: int
    outer: int
    """Runs, one for each point of the axes before."""
    size: int
    """Of the axis."""
    inner: int
    """Elements from one point of the axis to the next."""
    period: int
    """Elements from one summand of a place to the next."""
    joins: bool
    """Whether the banks that share registers hold summands of the same results."""

    @property
    def terms(self) -> int:
        """Summands of every place in its bank."""
        return self.size * self.inner // self.period

    @property
    def rest(self) -> int:
        """Elements behind the last summand of all places."""
        return self.size * self.inner % self.period


def folds(kernel: Reduction, around: int, beside: Sequence[int]) -> list[Fold]:
    """The ways to add up a reduction in units, one for each axis that allows it.

    Args:
        kernel: its dimensions are the axes of a tensor in host layout.
        around: elements of a whole round of the banks.
        beside: elements from one bank to the next among those that share registers, per level.
    """
    found: list[Fold] = []
    for axis in kernel.summed:
        outer, size, inner = (
            prod(kernel.sizes[:axis]),
            kernel.sizes[axis],
            prod(kernel.sizes[axis + 1 :]),
        )
        joins = all(step % inner == 0 for step in beside)
        fold = Fold(axis, outer, size, inner, lcm(inner, around), joins)
        # Of several runs, each must begin at the start of a round.
        if fold.terms and (outer == 1 or not fold.rest):
            found.append(fold)
    return found


def best_fold(kernel: Reduction, around: int, beside: Sequence[int], members: int) -> Fold | None:
    """The fold that leaves least to the host; None where units would add nothing.

    Args:
        kernel, around, beside: see `folds`.
        members: banks that share registers.
    """

    def summands(fold: Fold) -> int:
        return fold.terms * (members if fold.joins else 1)

    best = max(folds(kernel, around, beside), key=summands, default=None)
    return best if best is not None and summands(best) > 1 else None
