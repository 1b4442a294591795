"""Random attention functions, as MLIR in forms that frontends print: for the property tests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod, sqrt

from hypothesis import strategies as st

MOST_POINTS = 1 << 15
"""Points of heads, positions and sizes of one function at most: what bounds its time."""


@dataclass(frozen=True)
class Tensor:
    """A value, its element type, and per axis the letters of the loops that index it together."""

    name: str
    axes: tuple[str, ...]
    element: str


class Writer:
    """Writes ops on tensors whose axes are loops: b, h, g, n, d, e, and joined ones such as hg."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self._sizes = {"": 1, **sizes}
        self.lines: list[str] = []
        self._made = 0

    def size(self, axis: str) -> int:
        """Iterations of the loops that index an axis together."""
        return prod(self._sizes[letter] for letter in axis)

    def type(self, tensor: Tensor) -> str:
        """Its MLIR type."""
        return f"tensor<{''.join(f'{self.size(axis)}x' for axis in tensor.axes)}{tensor.element}>"

    def fresh(self) -> str:
        """A new value's name."""
        self._made += 1
        return f"%v{self._made}"

    def generic(
        self, reads: Sequence[Tensor], axes: Sequence[str], element: str, body: str, start: str = ""
    ) -> Tensor:
        """A linalg.generic; `body` computes %r from %a, %b.. and %o, the result so far; or copies.

        Loops that the result lacks reduce, from the constant `start`.
        """
        result = Tensor(self.fresh(), tuple(axes), element)
        loops = list(dict.fromkeys(axis for t in (*reads, result) for axis in t.axes if axis))
        empty = init = self.fresh()
        self.lines.append(f"{empty} = tensor.empty() : {self.type(result)}")
        if start:
            constant, init = self.fresh(), self.fresh()
            self.lines.append(f"{constant} = arith.constant {start} : {element}")
            self.lines.append(
                f"{init} = linalg.fill ins({constant} : {element}) outs({empty} :"
                f" {self.type(result)}) -> {self.type(result)}"
            )
        kinds = ['"parallel"' if loop in axes else '"reduction"' for loop in loops]
        maps = ", ".join(_map(loops, t.axes) for t in (*reads, result))
        names = [f"%{chr(ord('a') + i)}: {t.element}" for i, t in enumerate(reads)]
        self.lines.append(
            f"{result.name} = linalg.generic {{indexing_maps = [{maps}],"
            f" iterator_types = [{', '.join(kinds)}]}}"
            f" ins({', '.join(t.name for t in reads)} : {', '.join(map(self.type, reads))})"
            f" outs({init} : {self.type(result)}) {{\n"
            f"^bb0({', '.join([*names, f'%o: {element}'])}):\n{body}\n"
            f"linalg.yield {'%r' if body else '%a'} : {element}\n}} -> {self.type(result)}"
        )
        return result

    def function(self, arguments: Sequence[Tensor], results: Sequence[Tensor]) -> str:
        """The function of what was written so far."""
        signature = ", ".join(f"{t.name}: {self.type(t)}" for t in arguments)
        types = ", ".join(map(self.type, results))
        names = ", ".join(t.name for t in results)
        body = "\n".join(self.lines)
        return (
            f"func.func @attention({signature}) -> ({types}) {{\n{body}\n"
            f"func.return {names} : {types}\n}}"
        )

    def reshape(self, source: Tensor, axes: Sequence[str], groups: str) -> Tensor:
        """`source` with axes joined or split, by the groups of the longer shape's axes."""
        result = Tensor(self.fresh(), tuple(axes), source.element)
        joins = len(axes) < len(source.axes)
        shape = ", ".join(str(self.size(axis)) for axis in axes)
        output = "" if joins else f" output_shape [{shape}]"
        op = "collapse_shape" if joins else "expand_shape"
        self.lines.append(
            f"{result.name} = tensor.{op} {source.name} {groups}{output} :"
            f" {self.type(source)} into {self.type(result)}"
        )
        return result

    def cast(self, source: Tensor, element: str) -> Tensor:
        """`source` in another float type."""
        if source.element == element:
            return source
        op = "extf" if element == "f32" else "truncf"
        body = f"%r = arith.{op} %a : {source.element} to {element}"
        return self.generic([source], source.axes, element, body)

    def scaled(self, source: Tensor, factor: float) -> Tensor:
        """`source` times a constant."""
        t = source.element
        body = f"%c = arith.constant {factor!r} : {t}\n%r = arith.mulf %a, %c : {t}"
        return self.generic([source], source.axes, t, body)


def _map(loops: Sequence[str], axes: Sequence[str]) -> str:
    dims = ", ".join(f"d{i}" for i in range(len(loops)))
    results = ", ".join(f"d{loops.index(axis)}" if axis else "0" for axis in axes)
    return f"affine_map<({dims}) -> ({results})>"


@dataclass(frozen=True)
class RandomAttention:
    """Attention with what its forms differ in."""

    sizes: tuple[int, int, int, int, int, int]
    """Requests b, key/value heads h, query heads of each g, positions n, key and value size."""
    element: str = "f32"
    form: str = "grouped"
    """Queries with a loop of their own for g; or "repeated" or "tiled" keys and values."""
    stored: tuple[tuple[str, ...], ...] = ()
    """Axes of query, key and value of the grouped form, "" for a unit axis."""
    joined_batch: bool = False
    """Whether the other forms multiply with b and the heads as one loop."""
    mask: tuple[str, ...] | None = None
    scaled: tuple[str, ...] = ("score",)
    """What is scaled: by the root of the scale if query and key are both."""
    guarded: bool = False
    rounds: bool = True
    """Whether, of an f16 function, scores and weights are rounded to f16."""

    @property
    def scale(self) -> float:
        """The factor of the scores."""
        return 0.375 if self.scaled else 1.0

    def mlir(self) -> str:
        """The function."""
        writer = Writer(dict(zip("bhgnde", self.sizes, strict=True)))
        query, key, value = (
            Tensor(name, axes, self.element)
            for name, axes in zip(("%q", "%k", "%v"), self._stored(), strict=True)
        )
        arguments = [query, key, value]
        if self.mask is not None:
            arguments.append(Tensor("%m", self.mask, self.element))
        return writer.function(arguments, [self._attention(writer, *arguments)])

    def axes(self) -> tuple[tuple[str, ...], ...]:
        """Per argument the loops along its axes."""
        return (*self._stored(), *(() if self.mask is None else (self.mask,)))

    def _stored(self) -> tuple[tuple[str, ...], ...]:
        if self.form == "grouped":
            return self.stored
        heads = self._heads()
        return ("b", heads, "", "d"), ("b", "h", "n", "d"), ("b", "h", "n", "e")

    def _heads(self) -> str:
        return "gh" if self.form == "tiled" else "hg"

    def _attention(
        self, writer: Writer, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        heads = ("b", "h", "g") if self.form == "grouped" else ("b", self._heads())
        if self.form != "grouped":
            key, value = self._repeated(writer, key), self._repeated(writer, value)
        root = sqrt(self.scale) if len(self.scaled) == 2 else self.scale
        query = writer.scaled(query, root) if "query" in self.scaled else query
        key = writer.scaled(key, root) if "key" in self.scaled else key
        scores = self._product(writer, query, key, (*heads, "n"))
        if "score" in self.scaled:
            scores = writer.scaled(scores, self.scale)
        scores = writer.cast(scores, self.element) if self.rounds else scores
        if mask is not None:
            scores = self._masked(writer, scores, mask)
        weights = softmax(writer, writer.cast(scores, "f32"), self.guarded)
        weights = writer.cast(weights, self.element) if self.rounds else weights
        return writer.cast(self._product(writer, weights, value, (*heads, "e")), self.element)

    def _repeated(self, writer: Writer, source: Tensor) -> Tensor:
        """`source` with its heads repeated for all query heads."""
        _, _, *rest = source.axes
        axes = ("b", *self._heads(), *rest)
        repeated = writer.generic([source], axes, source.element, "")
        joined = ("b", self._heads(), *rest)
        return writer.reshape(repeated, joined, "[[0], [1, 2], [3], [4]]")

    def _masked(self, writer: Writer, scores: Tensor, mask: Tensor) -> Tensor:
        if "hg" not in scores.axes and "gh" not in scores.axes:
            return _sum(writer, scores, mask)
        split = ("b", *self._heads(), "n")
        wide = writer.reshape(scores, split, "[[0], [1, 2], [3]]")
        total = _sum(writer, wide, mask)
        return writer.reshape(total, scores.axes, "[[0], [1, 2], [3]]")

    def _product(
        self, writer: Writer, left: Tensor, right: Tensor, axes: tuple[str, ...]
    ) -> Tensor:
        """The product of two tensors, in f32, by a contraction over b and heads or over both."""
        if not (self.joined_batch and self.form != "grouped"):
            return product(writer, left, right, axes)
        batch = "b" + self._heads()
        pair = [
            writer.reshape(t, (batch, *t.axes[2:]), "[[0, 1], " + _singles(len(t.axes)))
            for t in (left, right)
        ]
        joined = product(writer, pair[0], pair[1], (batch, *axes[2:]))
        return writer.reshape(joined, axes, "[[0, 1], " + _singles(len(axes)))


def _singles(rank: int) -> str:
    return ", ".join(f"[{axis}]" for axis in range(2, rank)) + "]"


def _sum(writer: Writer, scores: Tensor, mask: Tensor) -> Tensor:
    extended = f"%e = arith.extf %b : {mask.element} to {scores.element}\n"
    wide = mask.element == scores.element
    body = ("" if wide else extended) + (
        f"%r = arith.addf %a, {'%b' if wide else '%e'} : {scores.element}"
    )
    return writer.generic([scores, mask], scores.axes, scores.element, body)


def product(writer: Writer, left: Tensor, right: Tensor, axes: Sequence[str]) -> Tensor:
    """The sum of products in f32, over the loops that `axes` lacks."""
    lines: list[str] = []
    factors: list[str] = []
    for name, tensor in (("a", left), ("b", right)):
        narrow = tensor.element != "f32"
        factors.append(f"%{name}w" if narrow else f"%{name}")
        if narrow:
            lines.append(f"%{name}w = arith.extf %{name} : {tensor.element} to f32")
    lines += [f"%p = arith.mulf {', '.join(factors)} : f32", "%r = arith.addf %o, %p : f32"]
    return writer.generic([left, right], axes, "f32", "\n".join(lines), "0.0")


def softmax(writer: Writer, scores: Tensor, guarded: bool, axis: str = "n") -> Tensor:
    """The softmax of f32 scores along an axis, numerically safe."""
    rows = tuple("" if other == axis else other for other in scores.axes)
    maxima = writer.generic([scores], rows, "f32", "%r = arith.maximumf %a, %o : f32", "0xFF800000")
    shifted = writer.generic([scores, maxima], scores.axes, "f32", "%r = arith.subf %a, %b : f32")
    exponentials = writer.generic([shifted], scores.axes, "f32", "%r = math.exp %a : f32")
    sums = writer.generic([exponentials], rows, "f32", "%r = arith.addf %a, %o : f32", "0.0")
    weights = writer.generic(
        [exponentials, sums], scores.axes, "f32", "%r = arith.divf %a, %b : f32"
    )
    return _guard(writer, scores, rows, weights) if guarded else weights


def _guard(writer: Writer, scores: Tensor, rows: Sequence[str], weights: Tensor) -> Tensor:
    low = "%i = arith.constant 0xFF800000 : f32\n%r = arith.cmpf oeq, %a, %i : f32"
    masked = writer.generic([scores], scores.axes, "i1", low)
    all_masked = writer.generic([masked], rows, "i1", "%r = arith.andi %a, %o : i1", "1")
    select = "%z = arith.constant 0.0 : f32\n%r = arith.select %a, %z, %b : f32"
    return writer.generic([all_masked, weights], scores.axes, "f32", select)


@st.composite
def _sizes(draw: st.DrawFn) -> tuple[int, int, int, int, int, int]:
    """Lengths and sizes up to 50, ratios of heads up to 8, all of them odd at times."""
    most = (3, 7, 8, 50, 50, 50)
    sizes = [draw(st.integers(1, limit)) for limit in most]
    while prod(sizes[:4]) * max(sizes[4:]) > MOST_POINTS:
        largest = max(range(6), key=lambda i: sizes[i])
        sizes[largest] = (sizes[largest] + 1) // 2
    b, h, g, n, d, e = sizes
    return b, h, g, n, d, e


@st.composite
def _axes(draw: st.DrawFn, letters: str) -> tuple[str, ...]:
    """The loops in any order, with a unit axis at times."""
    unit = [""] if draw(st.booleans()) else []
    return tuple(draw(st.permutations([*letters, *unit])))


@st.composite
def attentions(draw: st.DrawFn) -> RandomAttention:
    """Attention of any form and shape."""
    drawn = RandomAttention(
        draw(_sizes()),
        draw(st.sampled_from(["f32", "f16"])),
        draw(st.sampled_from(["grouped", "repeated", "tiled"])),
        tuple(draw(_axes(letters)) for letters in ("bhgd", "bhnd", "bhne")),
        draw(st.booleans()),
        draw(st.one_of(st.none(), _masks())),
        draw(st.sampled_from([("score",), ("query",), ("key",), ("query", "key"), ()])),
        draw(st.booleans()),
        draw(st.booleans()),
    )
    return drawn if drawn.element == "f16" else replace(drawn, rounds=False)


@st.composite
def _masks(draw: st.DrawFn) -> tuple[str, ...]:
    return draw(_axes("".join(c for c in "bhgn" if draw(st.booleans()))))
