"""Kernels of a device, outlined and not scheduled yet."""

from collections.abc import Sequence

from pim_opt.dialects.pim import KernelOp
from pim_opt.measuring import Kernel, outlined


def gemv_kernel(
    *, batch: int = 1, heads: int = 1, k: int = 64, n: int = 64, device: str = "attacc-ref"
) -> KernelOp:
    """y[b, h, n] = sum over k of w[b, h, n, k] * x[b, h, k] on a device; not to be changed."""
    return kernel_of("gemv", (batch, heads, k, n), device=device)


def kernel_of(kind: str, shape: Sequence[int], *, device: str = "attacc-ref") -> KernelOp:
    """The only kernel of a kind and shape; not to be changed."""
    return outlined(Kernel(device, kind, tuple(shape)))
