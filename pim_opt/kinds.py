"""Kernels by kind and shape, as linalg on tensors: what a command line names in place of a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod


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
    """Sizes that only say how another one divides."""

    def work(self, shape: Sequence[int]) -> int:
        """Multiplications, or elements to go over."""
        pairs = zip(self.sizes, shape, strict=True)
        return prod(size for name, size in pairs if name not in self.divisors)


@dataclass(frozen=True)
class _Product:
    """y = sum of x times w over the loops that y lacks, as one linalg.generic in f32."""

    name: str
    sizes: dict[str, int]
    """Of the loops, by name, in order."""
    x: tuple[str, ...]
    """Loops along the axes of x."""
    w: tuple[str, ...]
    y: tuple[str, ...]

    def mlir(self) -> str:
        """A function of x and w in f16 that rounds y to f16."""
        x, w, y = (self._type(axes, "f16") for axes in (self.x, self.w, self.y))
        wide = self._type(self.y, "f32")
        kinds = ", ".join("parallel" if loop in self.y else "reduction" for loop in self.sizes)
        iterators = '"' + kinds.replace(", ", '", "') + '"'
        same = ", ".join(['"parallel"'] * len(self.y))
        return f"""
#x = {self._map(self.x)}
#w = {self._map(self.w)}
#y = {self._map(self.y)}
#same = affine_map<({", ".join(self.y)}) -> ({", ".join(self.y)})>
func.func @{self.name}(%x : {x}, %w : {w}) -> {y} {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : {wide}
  %init = linalg.fill ins(%zero : f32) outs(%empty : {wide}) -> {wide}
  %sum = linalg.generic {{indexing_maps = [#x, #w, #y], iterator_types = [{iterators}]}}
      ins(%x, %w : {x}, {w}) outs(%init : {wide}) {{
  ^bb0(%a: f16, %b: f16, %acc: f32):
    %a32 = arith.extf %a : f16 to f32
    %b32 = arith.extf %b : f16 to f32
    %product = arith.mulf %a32, %b32 : f32
    %next = arith.addf %acc, %product : f32
    linalg.yield %next : f32
  }} -> {wide}
  %out = tensor.empty() : {y}
  %y = linalg.generic {{indexing_maps = [#same, #same], iterator_types = [{same}]}}
      ins(%sum : {wide}) outs(%out : {y}) {{
  ^bb0(%wide: f32, %old: f16):
    %narrow = arith.truncf %wide : f32 to f16
    linalg.yield %narrow : f16
  }} -> {y}
  func.return %y : {y}
}}
"""

    def _type(self, axes: Sequence[str], element: str) -> str:
        return f"tensor<{''.join(f'{self.sizes[axis]}x' for axis in axes)}{element}>"

    def _map(self, axes: Sequence[str]) -> str:
        return f"affine_map<({', '.join(self.sizes)}) -> ({', '.join(axes)})>"


def gemv(batch: int, heads: int, k: int, n: int) -> str:
    """y[b, h, n] = sum over k of w[b, h, n, k] * x[b, h, k]: a matrix for each head and batch."""
    sizes = {"b": batch, "h": heads, "n": n, "k": k}
    x, w, y = ("b", "h", "k"), ("b", "h", "n", "k"), ("b", "h", "n")
    return _Product("gemv", sizes, x, w, y).mlir()


def gemm(m: int, k: int, n: int) -> str:
    """y[m, n] = sum over k of w[n, k] * x[m, k]: few vectors share a matrix."""
    return _Product("gemm", {"m": m, "n": n, "k": k}, ("m", "k"), ("n", "k"), ("m", "n")).mlir()


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
    return _Product("gqa", sizes, x, w, y).mlir()


KINDS: dict[str, Kind] = {
    "gemm": Kind(("m", "k", "n"), gemm, "a matrix times few vectors (M up to 16)"),
    "gemv": Kind(("batch", "heads", "k", "n"), gemv, "a matrix times a vector for every head"),
    "gqa": Kind(
        ("batch", "heads", "kv_heads", "k", "n"),
        gqa,
        "a matrix for every KV head times the vectors of the heads that share it",
        ("kv_heads",),
    ),
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
            f" {','.join(sizes)}"
        )
    for name, size in zip(sizes, shape, strict=True):
        if size < 1:
            raise ValueError(f"{name} is {size}; expected at least 1")
    return KINDS[kind].build(*shape)
