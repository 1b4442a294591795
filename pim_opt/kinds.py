"""Kernels by kind and shape, as linalg on tensors: what a command line names in place of a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of kernel."""

    sizes: tuple[str, ...]
    """What its shape lists."""
    build: Callable[..., str]
    """MLIR text of a function that computes it in f16, from the sizes."""
    text: str


def gemv(batch: int, heads: int, k: int, n: int) -> str:
    """y[b, h, n] = sum over k of w[b, h, n, k] * x[b, h, k]: a matrix for each head and batch."""
    return f"""
#x = affine_map<(b, h, n, k) -> (b, h, k)>
#w = affine_map<(b, h, n, k) -> (b, h, n, k)>
#y = affine_map<(b, h, n, k) -> (b, h, n)>
func.func @gemv(%x : tensor<{batch}x{heads}x{k}xf16>, %w : tensor<{batch}x{heads}x{n}x{k}xf16>)
    -> tensor<{batch}x{heads}x{n}xf16> {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<{batch}x{heads}x{n}xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<{batch}x{heads}x{n}xf32>)
      -> tensor<{batch}x{heads}x{n}xf32>
  %sum = linalg.generic {{indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}}
      ins(%x, %w : tensor<{batch}x{heads}x{k}xf16>, tensor<{batch}x{heads}x{n}x{k}xf16>)
      outs(%init : tensor<{batch}x{heads}x{n}xf32>) {{
  ^bb0(%a: f16, %b: f16, %acc: f32):
    %a32 = arith.extf %a : f16 to f32
    %b32 = arith.extf %b : f16 to f32
    %product = arith.mulf %a32, %b32 : f32
    %next = arith.addf %acc, %product : f32
    linalg.yield %next : f32
  }} -> tensor<{batch}x{heads}x{n}xf32>
  %out = tensor.empty() : tensor<{batch}x{heads}x{n}xf16>
  %y = linalg.generic {{indexing_maps = [affine_map<(b, h, n) -> (b, h, n)>,
      affine_map<(b, h, n) -> (b, h, n)>], iterator_types = ["parallel", "parallel", "parallel"]}}
      ins(%sum : tensor<{batch}x{heads}x{n}xf32>) outs(%out : tensor<{batch}x{heads}x{n}xf16>) {{
  ^bb0(%wide: f32, %old: f16):
    %narrow = arith.truncf %wide : f32 to f16
    linalg.yield %narrow : f16
  }} -> tensor<{batch}x{heads}x{n}xf16>
  func.return %y : tensor<{batch}x{heads}x{n}xf16>
}}
"""


KINDS: dict[str, Kind] = {
    "gemv": Kind(("batch", "heads", "k", "n"), gemv, "a matrix times a vector for every head"),
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
