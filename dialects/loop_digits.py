"""Loops as mixed-radix numbers, refined as reshapes demand: how tensors of several shapes are read
by the same loops. Pure mathematics, no IR.

A loop of 12 iterations that reads an axis split into 3 and 4 is from then on two loops, everywhere.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

Digits = tuple[int, ...]
"""Loops that index one axis together, the outermost first; none for the index 0."""


class LoopSpace:
    """Loops by number. Loops of one iteration are no loops; a negative size is one not known."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._bindable: set[int] = set()
        self._parts: dict[int, Digits] = {}
        """What a loop was replaced by: its digits, or the loop that it turned out to be."""

    def loop(self, size: int, bindable: bool = False) -> Digits:
        """A new loop. One that is `bindable` may turn out to be another (see `bind`)."""
        if size == 1:
            return ()
        number = len(self._sizes)
        self._sizes.append(size)
        if bindable:
            self._bindable.add(number)
        return (number,)

    def settle(self, digits: Digits) -> None:
        """Make loops that are bindable loops of their own."""
        self._bindable -= set(self.resolved(digits))

    def size(self, loop: int) -> int:
        """Its iterations."""
        return self._sizes[loop]

    def resolved(self, digits: Digits) -> Digits:
        """`digits` in terms of the loops that there are by now."""
        found: list[int] = []
        for loop in digits:
            parts = self._parts.get(loop)
            found += (loop,) if parts is None else self.resolved(parts)
        return tuple(found)

    def divided(self, digits: Digits, sizes: Sequence[int]) -> tuple[Digits, ...] | None:
        """`digits` as one group for each of `sizes`, loops being split where they have to be.

        Returns:
            The groups; or None if some loop and some size do not divide each other.
        """
        pending = list(self.resolved(digits))
        if len(pending) == 1 and self._sizes[pending[0]] < 0 and min(sizes) < 0:
            whole = tuple(self.loop(size, pending[0] in self._bindable) for size in sizes)
            self._parts[pending[0]] = tuple(loop for group in whole for loop in group)
            return whole
        groups: list[Digits] = []
        for size in sizes:
            group = self._take(pending, size)
            if group is None:
                return None
            groups.append(group)
        return None if pending else tuple(groups)

    def _take(self, pending: list[int], size: int) -> Digits | None:
        """The leading loops of `pending` that make up `size`, taken out of it."""
        group: list[int] = []
        while size != 1:
            if not pending:
                return None
            loop = pending.pop(0)
            if min(size, self._sizes[loop]) < 1:
                return (loop,) if size == self._sizes[loop] and not group else None
            if size % self._sizes[loop] == 0:
                size //= self._sizes[loop]
                group.append(loop)
            elif self._sizes[loop] % size == 0:
                first, rest = self._split(loop, size)
                pending.insert(0, rest)
                group.append(first)
                size = 1
            else:
                return None
        return tuple(group)

    def _split(self, loop: int, outer: int) -> Digits:
        """Replace a loop by two, of `outer` iterations and of the rest."""
        bindable = loop in self._bindable
        parts = self.loop(outer, bindable) + self.loop(self._sizes[loop] // outer, bindable)
        self._parts[loop] = parts
        return parts

    def bind(self, left: Digits, right: Digits) -> bool:
        """Make `left` and `right` the same loops.

        Loops that are bindable become those that they meet, once. The answer is False, and some of
        the loops may be bound, if two that are not bindable meet or sizes do not divide.
        """
        ours, theirs = list(self.resolved(left)), list(self.resolved(right))
        while ours and theirs:
            if self._sizes[ours[0]] < self._sizes[theirs[0]]:
                ours, theirs = theirs, ours
            mine, other = ours.pop(0), theirs.pop(0)
            if mine == other:
                continue
            if self._sizes[mine] == self._sizes[other]:
                if not self._bind_loop(mine, other):
                    return False
            elif self._sizes[other] < 1 or self._sizes[mine] % self._sizes[other]:
                return False
            else:
                ours[:0] = self._split(mine, self._sizes[other])
                theirs.insert(0, other)
        return not ours and not theirs

    def _bind_loop(self, loop: int, other: int) -> bool:
        for bound, target in ((loop, other), (other, loop)):
            if bound in self._bindable:
                self._parts[bound] = (target,)
                return True
        return False


def joined(indices: Iterable[Sequence[Digits]]) -> list[Digits]:
    """Loops that always stand together, in one order, in the indices of all tensors: one loop."""
    after: dict[int, set[int | None]] = {}
    before: dict[int, set[int | None]] = {}
    for digits in (digits for index in indices for digits in index):
        for left, right in pairwise((None, *digits, None)):
            if left is not None:
                after.setdefault(left, set()).add(right)
            if right is not None:
                before.setdefault(right, set()).add(left)
    follower = {
        loop: right
        for loop, (right, *others) in after.items()
        if right is not None and not others and before[right] == {loop}
    }
    chains: list[Digits] = []
    for first in (loop for loop in after if loop not in follower.values()):
        chain = [first]
        while chain[-1] in follower:
            chain.append(follower[chain[-1]])
        chains.append(tuple(chain))
    return chains
