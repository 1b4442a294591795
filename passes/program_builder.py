"""Builds command programs: nested loops, guards and issues, with affine maps over the counters."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from xdsl.dialects.builtin import IndexType
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from pim_opt.dialects.pim import BarrierOp, IssueOp, RepeatOp, SpmdOp, WhenOp

ZERO: AffineExpr = AffineConstantExpr(0)


def constant(value: int) -> AffineExpr:
    """A number as an affine expression."""
    return AffineConstantExpr(value)


def total(terms: Sequence[AffineExpr]) -> AffineExpr:
    """The sum of `terms`; 0 of none."""
    result = ZERO
    for term in terms:
        result = result + term
    return result


def digit(index: AffineExpr, weight: int, size: int | None) -> AffineExpr:
    """The mixed-radix digit of `index` with `weight`; no size where no digit is above it."""
    shifted = index if weight == 1 else index // weight
    return shifted if size is None else shifted % size


class ProgramBuilder:
    """Appends ops at the end of `block`; loops are context managers around what they hold.

    Args:
        block: of the program.
        length: an argument of it that conditions and operands may use.
    """

    def __init__(self, block: Block, length: SSAValue | None = None) -> None:
        self._block = block
        self._counters: list[SSAValue] = [] if length is None else [length]
        self.length: AffineExpr | None = None if length is None else AffineDimExpr(0)
        """The length in the maps of conditions and operands."""

    @property
    def lane(self) -> AffineExpr:
        """The lane, in an element map given to `issue`: the dimension after all counters."""
        return AffineDimExpr(len(self._counters))

    def add(self, op: Operation) -> None:
        self._block.add_op(op)

    def barrier(self) -> None:
        self.add(BarrierOp())

    @contextmanager
    def spmd(self, groups: int) -> Generator[AffineExpr]:
        """A section that groups 0 to `groups` - 1 run; gives the group's number."""
        block = Block(arg_types=[IndexType()])
        self.add(SpmdOp(groups, Region(block)))
        with self._inside(block, block.args[0]):
            yield AffineDimExpr(len(self._counters) - 1)

    @contextmanager
    def repeat(self, count: int) -> Generator[AffineExpr]:
        """A loop; gives its counter."""
        block = Block(arg_types=[IndexType()])
        self.add(RepeatOp(count, Region(block)))
        with self._inside(block, block.args[0]):
            yield AffineDimExpr(len(self._counters) - 1)

    @contextmanager
    def when(self, conditions: Sequence[AffineExpr]) -> Generator[None]:
        """A region for the iterations in which every condition is at least 0."""
        if not conditions:
            yield
            return
        block = Block()
        condition = AffineMap(len(self._counters), 0, tuple(conditions))
        self.add(WhenOp(condition, self._counters, Region(block)))
        with self._inside(block, None):
            yield

    def issue(
        self,
        command: str,
        address: Sequence[AffineExpr],
        operands: Sequence[AffineExpr] = (),
        staging: SSAValue | None = None,
        element: Sequence[AffineExpr] = (),
        lanes: int | None = None,
    ) -> None:
        """One command; see `pim.issue`. `element` may use `self.lane`."""
        rank = len(self._counters)
        self.add(
            IssueOp(
                command,
                self._counters,
                AffineMap(rank, 0, tuple(address)),
                AffineMap(rank, 0, tuple(operands)) if operands else None,
                staging,
                None if staging is None else AffineMap(rank + 1, 0, tuple(element)),
                lanes,
            )
        )

    @contextmanager
    def _inside(self, block: Block, counter: SSAValue | None) -> Generator[None]:
        outer, self._block = self._block, block
        if counter is not None:
            self._counters.append(counter)
        try:
            yield
        finally:
            self._block = outer
            if counter is not None:
                self._counters.pop()


def unflatten(index: AffineExpr, shape: Sequence[int]) -> list[AffineExpr]:
    """Tensor indices of flat element `index`; past the end, the first is out of bounds."""
    result: list[AffineExpr] = []
    weight = 1
    for number, size in reversed(tuple(enumerate(shape))):
        result.append(digit(index, weight, size if number else None))
        weight *= size
    return result[::-1] if shape else []


def level_coordinates(
    target: Sequence[str], index: AffineExpr, sizes: Mapping[str, int]
) -> dict[str, AffineExpr]:
    """Coordinates along the levels of `target`, whose last runs fastest, of a position along it."""
    result: dict[str, AffineExpr] = {}
    weight = 1
    for number, level in reversed(tuple(enumerate(target))):
        result[level] = digit(index, weight, sizes[level] if number else None)
        weight *= sizes[level]
    return result
