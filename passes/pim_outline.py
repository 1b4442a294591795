"""Finds the kernels that the PIM side can run and wraps them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg import ops as linalg
from xdsl.passes import ModulePass

from pim_opt.dialects.diagnostics import emit_remark
from pim_opt.dialects.pim import KernelOp
from pim_opt.passes.attention.outlining import find_attention
from pim_opt.passes.contraction.outlining import find_contraction, find_sum
from pim_opt.passes.elementwise.outlining import find_elementwise
from pim_opt.passes.kernel_types import replace_by_kernel
from pim_opt.passes.offering import Offer, Refusal, Request
from pim_opt.passes.reduction.outlining import find_reduction
from pim_opt.passes.split_for_units import split_for_units

Finder = Callable[[linalg.GenericOp, Request], Offer | Refusal | None]

FINDERS: tuple[tuple[Finder, ...], ...] = (
    (find_attention,),
    (find_elementwise, find_reduction, find_contraction, find_sum),
)
"""Tried in rounds: what an earlier one finds may hold what a later one would."""


@dataclass(frozen=True)
class PimOutlinePass(ModulePass):
    """Wrap the kernels that the device can run: attention, contractions, sums, elementwise ones.

        %y = linalg.generic .. ins(%x, %w : tensor<1x4096xf16>, tensor<64x4096xf16>) ..

    becomes

        %y = pim.kernel "gemv0" on "attacc" over <n 64 output, k 4096 reduction> ..

    1. Attention is recognised from its scores to its context, whatever ops it is split into, and
       becomes one kernel.
    2. Contractions of a matrix with up to 16 vectors are recognised by iterators, indexing maps and
       body; those that stay on the host get a remark that says why.
    3. A result that all users round first is rounded by the kernel; with narrow-to, f32 operands
       are rounded before the kernel and its result is extended after it.
    4. What rounding the source allows is noted, for checks: rounded operands, a narrow accumulator.
    5. A matrix of floats that is made of int8 weights is those, where units take them; what scales
       them scales the result instead.
    6. A matrix that is an argument of the function, or a constant, is resident in PIM memory.
    7. A sum is what units do that add up columns; else, of an argument, a contraction of it,
       streamed, with ones that the host holds.
    8. Where units compute elementwise kernels, what they can do is split from what they cannot: a
       part of a body that needs fewer loops, and the summands of a sum.
    9. Elementwise kernels are sums, differences, products and maxima with 0 of tensors, constants
       among them.
    """

    name = "pim-outline"

    device: str = "attacc"
    """Device to offload to: a name that `pimc devices` lists, or a file."""
    narrow_to: Literal["f16", "bf16"] | None = None
    """Element type that f32 contractions may be rounded to; without it they stay on the host."""
    inputs: Literal["dram", "host"] = "dram"
    """Where streamed operands are when a kernel starts: in DRAM, host layout, or with the host.
    On a device whose host keeps them they are with it anyway."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        outliner = _Outliner(Request(self.device, self.narrow_to, self.inputs))
        assert outliner.request.device is not None, "a device that is not there is an error here"
        first, *others = FINDERS
        outliner.round(op, first)
        split_for_units(op, outliner.request)
        for finders in others:
            outliner.round(op, finders)


@dataclass
class _Outliner:
    request: Request
    made: Counter[str] = field(default_factory=Counter[str], init=False)
    """Kernels by what they are called."""

    def round(self, module: ModuleOp, finders: Sequence[Finder]) -> None:
        """Replace what the finders find, the first that finds something in an op."""
        for op in [o for o in module.walk() if isinstance(o, linalg.GenericOp)]:
            # What stands in a kernel, or has become part of one, is no kernel of its own.
            if op.parent is None or isinstance(op.parent_op(), KernelOp):
                continue
            found = (finder(op, self.request) for finder in finders)
            match next((one for one in found if one is not None), None):
                case Offer() as offer:
                    self._take(offer)
                case Refusal(what, reason):
                    emit_remark(op, f"{what}: {reason}")
                case None:
                    pass

    def _take(self, offer: Offer) -> None:
        label = f"{offer.name}{self.made[offer.name]}"
        self.made[offer.name] += 1
        replace_by_kernel(offer.result, offer.ops, offer.types, lambda: offer.build(label))
