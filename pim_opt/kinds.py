"""Kernels by kind and shape, as linalg on tensors: what a command line names in place of a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod

from pim_opt.attention_kind import attention


@dataclass(frozen=True)
class Kind:
    """A kind of kernel."""

    sizes: tuple[str, ...]
    """What its shape lists."""
    build: Callable[..., str]
    """MLIR text of a function that computes it in f16, from the sizes.

    Raises ValueError for sizes that do not go together."""
    text: str
    divisors: tuple[str, ...] = ()
    """Sizes that only say how the one before them divides; a shape may leave them out."""
    becomes: str | None = None
    """The kind of kernel that all of it is, where parts of it could be kernels by themselves."""

    def completed(self, shape: Sequence[int], kv_heads: int | None = None) -> tuple[int, ...]:
        """The shape with the sizes that it leaves out: as many KV heads as heads, if not told."""
        if len(shape) != len(self.sizes) - len(self.divisors):
            return tuple(shape)
        given, sizes = iter(shape), list[int]()
        for name in self.sizes:
            sizes.append((kv_heads or sizes[-1]) if name in self.divisors else next(given))
        return tuple(sizes)

    @property
    def listed(self) -> tuple[str, ...]:
        """The sizes that a shape must list."""
        return tuple(name for name in self.sizes if name not in self.divisors)

    def work(self, shape: Sequence[int]) -> int:
        """Multiplications, or elements to go over."""
        pairs = zip(self.sizes, shape, strict=True)
        return prod(size for name, size in pairs if name not in self.divisors)


@dataclass(frozen=True)
class _Sum:
    """y = sum of all inputs' product over the loops that y lacks, as one linalg.generic in f32."""

    name: str
    sizes: dict[str, int]
    """Of the loops, by name, in order."""
    inputs: tuple[tuple[str, ...], ...]
    """Loops along the axes of each input, x and w."""
    y: tuple[str, ...]
    scaled: bool = False
    """Whether w is in i8, and a third input s scales y."""

    def mlir(self) -> str:
        """A function of the inputs in f16, but for w of a scaled sum, that rounds y to f16."""
        elements = dict(zip(("x", "w"), ("f16", "i8" if self.scaled else "f16"), strict=True))
        names = ("x", "w")[: len(self.inputs)]
        types = [self._type(a, elements[n]) for n, a in zip(names, self.inputs, strict=True)]
        given = [f"%{name} : {type_}" for name, type_ in zip(names, types, strict=True)]
        maps = ", ".join(self._map(axes) for axes in (*self.inputs, self.y))
        kinds = ", ".join(f'"{self._kind(loop)}"' for loop in self.sizes)
        wide, narrow = self._type(self.y, "f32"), self._type(self.y, "f16")
        same = f"affine_map<({', '.join(self.y)}) -> ({', '.join(self.y)})>"
        parallel = ", ".join(['"parallel"'] * len(self.y))
        scale, product = "", "%wide"
        if self.scaled:
            given.append(f"%s : {narrow}")
            scale, product = "    %s1 = arith.extf %s0 : f16 to f32\n", "%scaled"
            scale += "    %scaled = arith.mulf %wide, %s1 : f32\n"
        scales = given[len(names) :]
        read, scalars = "".join(", %s" for _ in scales), "".join(", %s0: f16" for _ in scales)
        return f"""
func.func @{self.name}({", ".join(given)}) -> {narrow} {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : {wide}
  %init = linalg.fill ins(%zero : f32) outs(%empty : {wide}) -> {wide}
  %sum = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}
      ins({", ".join(f"%{name}" for name in names)} : {", ".join(types)}) outs(%init : {wide}) {{
  ^bb0({", ".join(f"%{name}0: {elements[name]}" for name in names)}, %acc: f32):
{self._body(names)}
    linalg.yield %next : f32
  }} -> {wide}
  %out = tensor.empty() : {narrow}
  %y = linalg.generic {{indexing_maps = [{", ".join([same] * (2 + len(scales)))}],
      iterator_types = [{parallel}]}}
      ins(%sum{read} : {", ".join([wide, *(narrow for _ in scales)])}) outs(%out : {narrow}) {{
  ^bb0(%wide: f32{scalars}, %old: f16):
{scale}    %narrow = arith.truncf {product} : f32 to f16
    linalg.yield %narrow : f16
  }} -> {narrow}
  func.return %y : {narrow}
}}
"""

    def _body(self, names: Sequence[str]) -> str:
        lines = [f"%{name}1 = arith.extf %{name}0 : f16 to f32" for name in names]
        if self.scaled:
            lines[-1] = "%w1 = arith.sitofp %w0 : i8 to f32"
        if len(names) > 1:
            lines.append("%product = arith.mulf %x1, %w1 : f32")
        summand = "%product" if len(names) > 1 else "%x1"
        lines.append(f"%next = arith.addf %acc, {summand} : f32")
        return "\n".join(f"    {line}" for line in lines)

    def _kind(self, loop: str) -> str:
        return "parallel" if loop in self.y else "reduction"

    def _type(self, axes: Sequence[str], element: str) -> str:
        return f"tensor<{''.join(f'{self.sizes[axis]}x' for axis in axes)}{element}>"

    def _map(self, axes: Sequence[str]) -> str:
        return f"affine_map<({', '.join(self.sizes)}) -> ({', '.join(axes)})>"


def gemv(batch: int, heads: int, k: int, n: int) -> str:
    """y[b, h, n] = sum over k of w[b, h, n, k] * x[b, h, k]: a matrix for each head and batch."""
    sizes = {"b": batch, "h": heads, "n": n, "k": k}
    x, w, y = ("b", "h", "k"), ("b", "h", "n", "k"), ("b", "h", "n")
    return _Sum("gemv", sizes, (x, w), y).mlir()


def gemv_w8(batch: int, heads: int, k: int, n: int) -> str:
    """y[b, h, n] = s[b, h, n] * sum over k of w[b, h, n, k] * x[b, h, k], where w is in int8."""
    sizes = {"b": batch, "h": heads, "n": n, "k": k}
    x, w, y = ("b", "h", "k"), ("b", "h", "n", "k"), ("b", "h", "n")
    return _Sum("gemv_w8", sizes, (x, w), y, scaled=True).mlir()


def gemm(m: int, k: int, n: int) -> str:
    """y[m, n] = sum over k of w[n, k] * x[m, k]: few vectors share a matrix."""
    sizes = {"m": m, "n": n, "k": k}
    return _Sum("gemm", sizes, (("m", "k"), ("n", "k")), ("m", "n")).mlir()


def red(batch: int, length: int) -> str:
    """y[b] = sum over l of x[b, l]."""
    return _Sum("red", {"b": batch, "l": length}, (("b", "l"),), ("b",)).mlir()


def gqa(batch: int, heads: int, kv_heads: int, k: int, n: int) -> str:
    """y[b, h, n] = sum over k of w[b, h / (heads / kv_heads), n, k] * x[b, h, k].

    The scores of grouped queries: the heads of a group, g of them, share the keys of one KV head.

    Raises:
        ValueError: the heads do not divide into equal groups.
    """
    if heads % kv_heads:
        raise ValueError(f"{heads} heads do not share {kv_heads} KV heads evenly")
    sizes = {"b": batch, "h": kv_heads, "g": heads // kv_heads, "n": n, "k": k}
    x, w, y = ("b", "h", "g", "k"), ("b", "h", "n", "k"), ("b", "h", "g", "n")
    return _Sum("gqa", sizes, (x, w), y).mlir()


def _pointwise(name: str, inputs: int, body: str, batch: int, length: int) -> str:
    """A function of tensors batch x length that computes `body` of %a, %b at every point."""
    type_ = f"tensor<{batch}x{length}xf16>"
    names, scalars = ("%x0", "%x1")[:inputs], ("%a", "%b")[:inputs]
    arguments = ", ".join(f"{value} : {type_}" for value in names)
    return f"""
#same = affine_map<(b, i) -> (b, i)>
func.func @{name}({arguments}) -> {type_} {{
  %zero = arith.constant 0.0 : f16
  %out = tensor.empty() : {type_}
  %y = linalg.generic {{indexing_maps = [{", ".join(["#same"] * (inputs + 1))}],
      iterator_types = ["parallel", "parallel"]}}
      ins({", ".join(names)} : {", ".join([type_] * inputs)}) outs(%out : {type_}) {{
  ^bb0({", ".join(f"{value}: f16" for value in scalars)}, %old: f16):
    %r = {body} : f16
    linalg.yield %r : f16
  }} -> {type_}
  func.return %y : {type_}
}}
"""


def _kind(name: str, inputs: int, body: str, text: str) -> Kind:
    return Kind(("batch", "length"), partial(_pointwise, name, inputs, body), text)


KINDS: dict[str, Kind] = {
    "attention": Kind(
        ("batch", "heads", "kv_heads", "headsize", "length"),
        attention,
        "decode attention: scores, softmax and context of one query for every head",
        ("kv_heads",),
        becomes="attention",
    ),
    "gemm": Kind(("m", "k", "n"), gemm, "a matrix times few vectors (M up to 16)"),
    "gemv": Kind(("batch", "heads", "k", "n"), gemv, "a matrix times a vector for every head"),
    "gemv-w8": Kind(
        ("batch", "heads", "k", "n"),
        gemv_w8,
        "gemv with int8 weights and a scale for each output",
    ),
    "gqa": Kind(
        ("batch", "heads", "kv_heads", "k", "n"),
        gqa,
        "a matrix for every KV head times the vectors of the heads that share it",
        ("kv_heads",),
    ),
    "masked-attention": Kind(
        ("batch", "heads", "kv_heads", "headsize", "length"),
        partial(attention, masked=True),
        "decode attention with a mask that is added to the scores, the same for all heads",
        ("kv_heads",),
        becomes="attention",
    ),
    "red": Kind(("batch", "length"), red, "the sum of each of several vectors"),
    "va": _kind("va", 2, "arith.addf %a, %b", "the sum of two tensors"),
    "sub": _kind("sub", 2, "arith.subf %a, %b", "the difference of two tensors"),
    "mul": _kind("mul", 2, "arith.mulf %a, %b", "the product of two tensors, by elements"),
    "relu": _kind("relu", 1, "arith.maximumf %a, %zero", "what is negative becomes 0"),
}
"""Kinds by name."""


def kernel_text(kind: str, shape: Sequence[int]) -> str:
    """MLIR text of a kernel.

    Raises:
        ValueError: unknown kind, or a shape that does not fit it.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind '{kind}'; known are {', '.join(KINDS)}")
    sizes = KINDS[kind].sizes
    if len(shape) != len(sizes):
        raise ValueError(
            f"shape {','.join(map(str, shape))} has {len(shape)} sizes; {kind} takes"
            f" {','.join(KINDS[kind].listed)}"
        )
    for name, size in zip(sizes, shape, strict=True):
        if size < 1:
            raise ValueError(f"{name} is {size}; expected at least 1")
    return KINDS[kind].build(*shape)
