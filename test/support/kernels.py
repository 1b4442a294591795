"""Kernels of a device, outlined and not scheduled yet."""

from collections.abc import Sequence

from pim_opt.dialects.pim import KernelOp
from pim_opt.kinds import kernel_text
from pim_opt.parsing import make_context, parse_module
from pim_opt.passes.kernel_access import kernels
from pim_opt.passes.linalg_normalize import LinalgNormalizePass
from pim_opt.passes.pim_outline import PimOutlinePass


def gemv_kernel(
    *, batch: int = 1, heads: int = 1, k: int = 64, n: int = 64, device: str = "attacc-ref"
) -> KernelOp:
    """y[b, h, n] = sum over k of w[b, h, n, k] * x[b, h, k] on a device."""
    return kernel_of("gemv", (batch, heads, k, n), device=device)


def kernel_of(kind: str, shape: Sequence[int], *, device: str = "attacc-ref") -> KernelOp:
    """The only kernel of a kind and shape, as `pimc` takes them."""
    context = make_context()
    module = parse_module(kernel_text(kind, shape), "<text>", context)
    LinalgNormalizePass().apply(context, module)
    PimOutlinePass(device=device).apply(context, module)
    (kernel,) = kernels(module)
    return kernel
