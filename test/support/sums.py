"""Random sums over some dimensions of a tensor, as MLIR: what the property tests run on."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from hypothesis import strategies as st

MOST_ELEMENTS = 1 << 14
"""Elements of one random tensor at most."""

LANES = 16


@dataclass(frozen=True)
class RandomSum:
    """A tensor's sizes, the axes that are summed, and the order of the loops and of the result."""

    sizes: tuple[int, ...]
    """Of the loops."""
    data: tuple[int, ...]
    """Per axis of the data its loop."""
    result: tuple[int | None, ...]
    """Per axis of the result its loop, or None for index 0."""
    swapped: bool = False
    """Whether the body adds the accumulator second."""

    def mlir(self) -> str:
        """A function that computes it, by one linalg.generic that sums in f32."""
        x, wide, narrow = (
            self._type(self.data, "f16"),
            *(self._type(self.result, element) for element in ("f32", "f16")),
        )
        loops = range(len(self.sizes))
        kinds = ", ".join('"parallel"' if d in self.result else '"reduction"' for d in loops)
        summands = "%wide, %acc" if self.swapped else "%acc, %wide"
        rank = len(self.result)
        same = f"affine_map<({_names(range(rank))}) -> ({_names(range(rank))})>"
        parallel = ", ".join(['"parallel"'] * rank)
        return f"""
func.func @sum(%x : {x}) -> {narrow} {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : {wide}
  %init = linalg.fill ins(%zero : f32) outs(%empty : {wide}) -> {wide}
  %sum = linalg.generic {{indexing_maps = [{self._map(self.data)}, {self._map(self.result)}],
      iterator_types = [{kinds}]}} ins(%x : {x}) outs(%init : {wide}) {{
  ^bb0(%a: f16, %acc: f32):
    %wide = arith.extf %a : f16 to f32
    %next = arith.addf {summands} : f32
    linalg.yield %next : f32
  }} -> {wide}
  %out = tensor.empty() : {narrow}
  %y = linalg.generic {{indexing_maps = [{same}, {same}], iterator_types = [{parallel}]}}
      ins(%sum : {wide}) outs(%out : {narrow}) {{
  ^bb0(%s: f32, %old: f16):
    %narrow = arith.truncf %s : f32 to f16
    linalg.yield %narrow : f16
  }} -> {narrow}
  func.return %y : {narrow}
}}
"""

    def _type(self, axes: Sequence[int | None], element: str) -> str:
        sizes = (1 if dim is None else self.sizes[dim] for dim in axes)
        return f"tensor<{''.join(f'{size}x' for size in sizes)}{element}>"

    def _map(self, axes: Sequence[int | None]) -> str:
        results = ", ".join("0" if dim is None else f"d{dim}" for dim in axes)
        return f"affine_map<({_names(range(len(self.sizes)))}) -> ({results})>"


def _names(dims: Sequence[int]) -> str:
    return ", ".join(f"d{dim}" for dim in dims)


@st.composite
def sums(draw: st.DrawFn) -> RandomSum:
    """Sums of up to four dimensions, any of which are summed, in any order; some fill lanes."""
    rank = draw(st.integers(1, 4))
    sizes: list[int] = []
    left = MOST_ELEMENTS
    for _ in range(rank):
        odd = st.integers(1, min(left, 300))
        whole = st.integers(1, max(left // LANES, 1)).map(lambda n: min(n * LANES, 1024))
        sizes.append(min(draw(st.one_of(odd, whole, st.just(1))), left))
        left //= sizes[-1]
    summed = draw(st.sets(st.integers(0, rank - 1), min_size=1))
    kept: list[int | None] = [dim for dim in range(rank) if dim not in summed]
    extra: list[int | None] = [None] if not kept or draw(st.booleans()) else []
    return RandomSum(
        tuple(sizes),
        tuple(draw(st.permutations(range(rank)))),
        tuple(draw(st.permutations([*kept, *extra]))),
        draw(st.booleans()),
    )


@st.composite
def regular_sums(draw: st.DrawFn) -> RandomSum:
    """Sums of data whose sizes divide the devices' levels, the first axis any: they can stay."""
    rank = draw(st.integers(1, 3))
    sizes = [1 << draw(st.integers(0, 5)) for _ in range(rank)]
    sizes[-1] *= LANES
    sizes.insert(0, draw(st.integers(1, 9)) if prod(sizes) == 1 << 14 else 1)
    summed = draw(st.sets(st.integers(0, rank), min_size=1))
    kept: list[int | None] = [dim for dim in range(rank + 1) if dim not in summed]
    return RandomSum(
        tuple(sizes), tuple(range(rank + 1)), tuple(draw(st.permutations(kept or [None])))
    )
