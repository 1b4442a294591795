"""A scheduled contraction, split over the cores of its device."""

from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import TensorType, f32
from xdsl.ir import Block, Region

from pim_opt.dialects.pim import CombineOp, DistributeOp, KernelOp, YieldOp
from pim_opt.passes.contraction_body import product_sum
from pim_opt.passes.kernel_access import MATRIX, element_of, mapping_of, shape_of, weight_factor


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
        factor = weight_factor(mapping.device, kernel.inputs[MATRIX])
        YieldOp(product_sum(contraction, core.args[0], core.args[1], result_tile, factor))
    # 2. All cores, then their partial sums.
    body = Block(arg_types=kernel.inputs.types)
    with ImplicitBuilder(body):
        partials = TensorType(f32, (mapping.partials, *shape_of(kernel.outputs[0])))
        shares = DistributeOp(body.args, partials, Region(core))
        YieldOp(CombineOp(shares.output, kernel.outputs[0].type))
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))
