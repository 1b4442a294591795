"""Reductions: sums of a tensor's elements along any of its axes.

    y[i0, i1] = x[i0, 0, i1] + x[i0, 1, i1] + ..

Pure mathematics, no IR. Neighbouring axes that are both kept or both summed count as one.
"""

from dataclasses import dataclass
from math import prod

from pim_opt.dialects.iteration import Access, Dim, Role

COMBINERS = ("add", "maximum")
"""How two elements become one."""


@dataclass(frozen=True)
class Reduction:
    """result[..] = x[..] combined over the reduction dimensions."""

    dims: tuple[Dim, ...]
    """One for each axis of the input, in order: parallel ones and reductions."""
    result: Access
    """The parallel dimensions, in any order."""
    combiner: str
    """One of COMBINERS."""

    def __post_init__(self) -> None:
        for dim in self.dims:
            if dim.role not in (Role.PARALLEL, Role.REDUCTION):
                raise ValueError(
                    f"dimension '{dim.name}' is {dim.role}, expected parallel or reduction"
                )
            if dim.size < 1:
                raise ValueError(f"dimension '{dim.name}' has size {dim.size}, expected at least 1")
        if not self.summed:
            raise ValueError("no dimension is a reduction, expected at least one")
        if sorted(self.result.dims) != list(self.kept) or None in self.result.axes:
            raise ValueError(
                f"result has axes {self.result.axes}, expected the dimensions {list(self.kept)}"
            )
        if self.combiner not in COMBINERS:
            known = ", ".join(COMBINERS)
            raise ValueError(f"unknown combiner '{self.combiner}'; known are {known}")

    @property
    def kind(self) -> str:
        return "reduction"

    @property
    def detail(self) -> str:
        return self.combiner

    @property
    def inputs(self) -> tuple[Access]:
        return (Access(tuple(range(len(self.dims)))),)

    @property
    def stages(self) -> "tuple[Reduction]":
        return (self,)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape of the input."""
        return tuple(dim.size for dim in self.dims)

    @property
    def kept(self) -> tuple[int, ...]:
        """The parallel dimensions, ascending."""
        return tuple(i for i, dim in enumerate(self.dims) if dim.role is Role.PARALLEL)

    @property
    def summed(self) -> tuple[int, ...]:
        """The reduction dimensions, ascending."""
        return tuple(i for i, dim in enumerate(self.dims) if dim.role is Role.REDUCTION)

    @property
    def elements(self) -> int:
        """Elements of the input."""
        return prod(self.sizes)

    @property
    def results(self) -> int:
        """Elements of the result."""
        return prod(self.dims[i].size for i in self.kept)

    @property
    def terms(self) -> int:
        """Elements of each sum."""
        return self.elements // self.results

    @property
    def permutes(self) -> bool:
        """Whether the result has its axes in another order than the input."""
        return list(self.result.dims) != sorted(self.result.dims)

    def shape(self, access: Access) -> tuple[int, ...]:
        """The tensor shape that `access` indexes."""
        return tuple(1 if dim is None else self.dims[dim].size for dim in access.axes)
