"""Splits a scheduled kernel over the cores of its device."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from pim_opt.passes.kernel_access import kernels
from pim_opt.passes.kernel_classes import class_of


@dataclass(frozen=True)
class PimDistributePass(ModulePass):
    """Split each scheduled kernel's iteration space over group, core and local loops.

        pim.kernel .. schedule <"n: channel 16, time 4; ..">  {  linalg on whole tensors  }

    becomes

        pim.kernel .. { %p = pim.distribute ins(..) { linalg on one core's tiles }
                        %y = pim.combine %p }

    1. The body of the distribution computes one core's tile, accumulating in f32.
    2. Cores that share an output leave partial sums, which pim.combine adds.
    """

    name = "pim-distribute"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in kernels(op):
            class_of(kernel).distribute(kernel)
