"""Random elementwise kernels, as MLIR: what the property tests of their class run on."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from hypothesis import strategies as st

from pim_opt.dialects.elementwise import Apply, Constant, Expression, Input, nodes

MOST_POINTS = 100_000
OPS = {"add": "addf", "sub": "subf", "mul": "mulf", "maximum": "maximumf"}


@dataclass(frozen=True)
class RandomPointwise:
    """Loops, each input's axes, the result's axes, and what is computed of the inputs."""

    sizes: tuple[int, ...]
    inputs: tuple[tuple[int | None, ...], ...]
    result: tuple[int | None, ...]
    body: Expression

    def mlir(self) -> str:
        """A function that computes it, by one linalg.generic."""
        types = [self._type(axes) for axes in (*self.inputs, self.result)]
        names = [f"%x{number}" for number in range(len(self.inputs))]
        arguments = ", ".join(f"{n} : {t}" for n, t in zip(names, types, strict=False))
        scalars = ", ".join(f"%e{number} : f16" for number in range(len(self.inputs)))
        lines: list[str] = []
        value = self._body(self.body, lines)
        maps = ", ".join(self._map(axes) for axes in (*self.inputs, self.result))
        body = "\n    ".join(lines)
        return f"""
func.func @pointwise({arguments}) -> {types[-1]} {{
  %out = tensor.empty() : {types[-1]}
  %y = linalg.generic {{
      indexing_maps = [{maps}],
      iterator_types = [{", ".join(['"parallel"'] * len(self.sizes))}]}}
      ins({", ".join(names)} : {", ".join(types[:-1])}) outs(%out : {types[-1]}) {{
  ^bb0({scalars}, %old : f16):
    {body}
    linalg.yield {value} : f16
  }} -> {types[-1]}
  func.return %y : {types[-1]}
}}
"""

    def _body(self, expression: Expression, lines: list[str]) -> str:
        match expression:
            case Input(number):
                return f"%e{number}"
            case Constant(value):
                text = f"arith.constant {value}"
            case Apply(op, left, right):
                operands = ", ".join(self._body(part, lines) for part in (left, right))
                text = f"arith.{OPS[op]} {operands}"
        lines.append(f"%v{len(lines)} = {text} : f16")
        return f"%v{len(lines) - 1}"

    def _type(self, axes: Sequence[int | None]) -> str:
        sizes = (1 if dim is None else self.sizes[dim] for dim in axes)
        return f"tensor<{''.join(f'{size}x' for size in sizes)}f16>"

    def _map(self, axes: Sequence[int | None]) -> str:
        loops = ", ".join(f"d{i}" for i in range(len(self.sizes)))
        results = ", ".join("0" if dim is None else f"d{dim}" for dim in axes)
        return f"affine_map<({loops}) -> ({results})>"


def _operations(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    constants = st.integers(-3, 3).map(lambda value: Constant(float(value)))
    names = st.sampled_from(("add", "sub", "mul"))
    return st.one_of(
        st.builds(Apply, names, parts, parts),
        st.builds(Apply, names, parts, constants),
        st.builds(Apply, names, constants, parts),
        parts.map(lambda part: Apply("maximum", part, Constant(0.0))),
    )


@st.composite
def _bodies(draw: st.DrawFn) -> Expression:
    """Expressions with at least one operation, of inputs numbered from 0."""
    leaves = st.integers(0, 2).map(Input)
    body = draw(_operations(st.recursive(leaves, _operations, max_leaves=3)))
    used = sorted({node.number for node in nodes(body) if isinstance(node, Input)})
    return _renumbered(body, {old: new for new, old in enumerate(used)})


def _renumbered(body: Expression, number: dict[int, int]) -> Expression:
    match body:
        case Input(old):
            return Input(number[old])
        case Apply(op, left, right):
            return Apply(op, _renumbered(left, number), _renumbered(right, number))
        case Constant():
            return body


@st.composite
def _sizes(draw: st.DrawFn) -> tuple[int, ...]:
    """One to four sizes, odd ones included, whose product is bounded."""
    sizes: list[int] = []
    for _ in range(draw(st.integers(1, 4))):
        most = MOST_POINTS // prod(sizes)
        sizes.append(draw(st.one_of(st.integers(1, min(most, 20)), st.integers(1, most))))
    return tuple(draw(st.permutations(sizes)))


@st.composite
def _axes(draw: st.DrawFn, rank: int, result: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """The result's axes, mostly; or some of the loops in any order, and unit axes."""
    if draw(st.integers(0, 2)):
        return result
    kept = draw(st.lists(st.sampled_from(range(rank)), unique=True))
    extra: list[int | None] = [None] if draw(st.integers(0, 3)) == 0 else []
    return tuple(draw(st.permutations([*kept, *extra])))


@st.composite
def pointwise_kernels(draw: st.DrawFn) -> RandomPointwise:
    """Elementwise kernels of up to three inputs, broadcast and transposed ones among them."""
    sizes, body = draw(_sizes()), draw(_bodies())
    result = tuple(draw(st.permutations(range(len(sizes)))))
    number = len({node.number for node in nodes(body) if isinstance(node, Input)})
    inputs = tuple(draw(_axes(len(sizes), result)) for _ in range(number))
    return RandomPointwise(sizes, inputs, result, body)
