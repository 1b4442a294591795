"""Random contractions of few vectors, as MLIR: what the property tests of the pipeline run on."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from hypothesis import strategies as st

ROLES = ("batch", "row", "output", "reduction")

MOST_ROWS = 16
"""Points of all row loops together at most: with more, the host computes."""
MOST_WORK = 1 << 17
"""Multiplications of one random contraction at most."""


@dataclass(frozen=True)
class RandomContraction:
    """Loops with their roles, and the operands' axes: loop numbers, None for index 0."""

    sizes: tuple[int, ...]
    roles: tuple[str, ...]
    vector: tuple[int | None, ...]
    matrix: tuple[int | None, ...]
    result: tuple[int | None, ...]
    matrix_first: bool = False
    element: str = "f16"
    weights: str | None = None
    """The matrix's element type, if it is an integer that is converted to the others'."""

    def mlir(self) -> str:
        """A function that computes it, by one linalg.generic."""
        v, r = self._type(self.vector), self._type(self.result)
        m = self._type(self.matrix, self.weights)
        inputs = [("%v", v, self.vector), ("%m", m, self.matrix)]
        if self.matrix_first:
            inputs.reverse()
        maps = [self._map(axes) for *_, axes in inputs] + [self._map(self.result)]
        kinds = ['"reduction"' if role == "reduction" else '"parallel"' for role in self.roles]
        t = self.element
        converted, factor = "", "%b"
        if self.weights is not None:
            converted = f"    %w = arith.sitofp %b : {self.weights} to {t}\n"
            factor = "%w"
        scalars = f"%a: {t}, %b: {self.weights or t}"
        if self.matrix_first:
            scalars = f"%b: {self.weights or t}, %a: {t}"
        return f"""
func.func @contraction(%v : {v}, %m : {m}) -> {r} {{
  %zero = arith.constant 0.0 : {t}
  %empty = tensor.empty() : {r}
  %init = linalg.fill ins(%zero : {t}) outs(%empty : {r}) -> {r}
  %y = linalg.generic {{
      indexing_maps = [{", ".join(maps)}],
      iterator_types = [{", ".join(kinds)}]}}
      ins({inputs[0][0]}, {inputs[1][0]} : {inputs[0][1]}, {inputs[1][1]}) outs(%init : {r}) {{
  ^bb0({scalars}, %acc: {t}):
{converted}    %p = arith.mulf %a, {factor} : {t}
    %s = arith.addf %acc, %p : {t}
    linalg.yield %s : {t}
  }} -> {r}
  func.return %y : {r}
}}
"""

    def _type(self, axes: Sequence[int | None], element: str | None = None) -> str:
        sizes = (1 if dim is None else self.sizes[dim] for dim in axes)
        return f"tensor<{''.join(f'{size}x' for size in sizes)}{element or self.element}>"

    def _map(self, axes: Sequence[int | None]) -> str:
        loops = ", ".join(f"d{i}" for i in range(len(self.sizes)))
        results = ", ".join("0" if dim is None else f"d{dim}" for dim in axes)
        return f"affine_map<({loops}) -> ({results})>"


@st.composite
def _sizes(draw: st.DrawFn, count: int) -> tuple[int, ...]:
    """Sizes from 1 to 5000, odd ones included, whose product is bounded."""
    sizes: list[int] = []
    for _ in range(count):
        most = min(5000, MOST_WORK // prod(sizes))
        small, any_ = st.integers(1, min(most, 40)), st.integers(1, most)
        sizes.append(draw(st.one_of(st.just(1), small, any_)))
    return tuple(draw(st.permutations(sizes)))


@st.composite
def _axes(draw: st.DrawFn, dims: Sequence[int]) -> tuple[int | None, ...]:
    """The dimensions in any order, with at most one unit axis among them."""
    extra: list[int | None] = [None] if draw(st.integers(0, 4)) == 0 else []
    return tuple(draw(st.permutations([*dims, *extra])))


@st.composite
def _row_sizes(draw: st.DrawFn, count: int) -> tuple[int, ...]:
    """Sizes of loops over vectors that share a matrix, any M that is offloaded."""
    sizes: list[int] = []
    for _ in range(count):
        sizes.append(draw(st.integers(1, MOST_ROWS // prod(sizes))))
    return tuple(sizes)


@st.composite
def contractions(draw: st.DrawFn, *, rows: bool = False) -> RandomContraction:
    """Contractions: up to two loops per role, at least one output and one reduction.

    Args:
        draw: hypothesis'.
        rows: whether loops over vectors that share the matrix may be among them; M is 1 without.
    """
    counts = (
        draw(st.integers(0, 2)),
        draw(st.integers(1, 2)) if rows else 0,
        draw(st.integers(1, 2)),
        draw(st.integers(1, 2)),
    )
    named = [role for role, count in zip(ROLES, counts, strict=True) for _ in range(count)]
    roles = tuple(draw(st.permutations(named)))
    row_sizes = iter(draw(_row_sizes(counts[1])))
    other_sizes = iter(draw(_sizes(len(roles) - counts[1])))
    sizes = tuple(next(row_sizes if role == "row" else other_sizes) for role in roles)

    def having(*wanted: str) -> list[int]:
        return [i for i, role in enumerate(roles) if role in wanted]

    return RandomContraction(
        sizes,
        roles,
        draw(_axes(having("batch", "row", "reduction"))),
        draw(_axes(having("batch", "output", "reduction"))),
        draw(_axes(having("batch", "row", "output"))),
        draw(st.booleans()),
    )
