"""Reductions: sums of elements that lie next to each other.

    y[i] = x[i, 0] + x[i, 1] + ..

Pure mathematics, no IR. Tensors of more axes are such sums once the axes are joined.
"""

from dataclasses import dataclass

from pim_opt.dialects.iteration import Access, Dim, Role

COMBINERS = ("add", "maximum")
"""How two elements become one."""


@dataclass(frozen=True)
class Reduction:
    """result[i] = x[i, 0] combined with x[i, 1], and so on."""

    dims: tuple[Dim, ...]
    """A parallel dimension, then a reduction."""
    combiner: str
    """One of COMBINERS."""

    def __post_init__(self) -> None:
        roles = [dim.role for dim in self.dims]
        if roles != [Role.PARALLEL, Role.REDUCTION]:
            found = ", ".join(roles)
            raise ValueError(f"dimensions have roles {found}; expected parallel, reduction")
        for dim in self.dims:
            if dim.size < 1:
                raise ValueError(f"dimension '{dim.name}' has size {dim.size}, expected at least 1")
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
        return (Access((0, 1)),)

    @property
    def result(self) -> Access:
        return Access((0,))

    @property
    def stages(self) -> "tuple[Reduction]":
        return (self,)

    @property
    def results(self) -> int:
        """Elements of the result."""
        return self.dims[0].size

    @property
    def terms(self) -> int:
        """Elements of each sum."""
        return self.dims[1].size

    def shape(self, access: Access) -> tuple[int, ...]:
        """The tensor shape that `access` indexes."""
        return tuple(1 if dim is None else self.dims[dim].size for dim in access.axes)


def reduction(results: int, terms: int, combiner: str = "add") -> Reduction:
    """`results` reductions of `terms` elements each."""
    dims = (Dim("i", results, Role.PARALLEL), Dim("k", terms, Role.REDUCTION))
    return Reduction(dims, combiner)
