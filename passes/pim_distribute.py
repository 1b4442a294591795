"""Splits a scheduled kernel over the cores of its device."""

from dataclasses import dataclass

from xdsl.builder import ImplicitBuilder
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType, f32
from xdsl.ir import Block, Region
from xdsl.passes import ModulePass

from pim_opt.dialects.pim import CombineOp, DistributeOp, KernelOp, YieldOp
from pim_opt.passes.contraction_body import product_sum
from pim_opt.passes.kernel_access import element_of, kernels, mapping_of, shape_of


def distribute(kernel: KernelOp) -> None:
    """Replace the kernel's body by its distributed form."""
    mapping = mapping_of(kernel)
    contraction = kernel.contraction
    accesses = (contraction.vector, contraction.matrix)
    tiles = [
        TensorType(element_of(value), mapping.tile_shape(access))
        for value, access in zip(kernel.inputs, accesses, strict=True)
    ]
    core = Block(arg_types=tiles)
    # 1. The core's share of the sum, in f32.
    with ImplicitBuilder(core):
        result_tile = TensorType(f32, mapping.tile_shape(contraction.result))
        YieldOp(product_sum(contraction, core.args[0], core.args[1], result_tile))
    # 2. All cores, then their partial sums.
    body = Block(arg_types=kernel.inputs.types)
    with ImplicitBuilder(body):
        partials = TensorType(f32, (mapping.partials, *shape_of(kernel.outputs[0])))
        shares = DistributeOp(body.args, partials, Region(core))
        YieldOp(CombineOp(shares.output, kernel.outputs[0].type))
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))


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
            distribute(kernel)
