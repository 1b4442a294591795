"""Scheduled attention, split over the cores of its device."""

from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import AnyFloat, TensorType, f32
from xdsl.ir import Block, Region, SSAValue

from pim_opt.cost.mapping import Mapping
from pim_opt.dialects.pim import (
    CombineOp,
    DistributeOp,
    KernelOp,
    ScaleOp,
    YieldOp,
)
from pim_opt.passes.attention.binding import (
    KEY,
    QUERY,
    VALUE,
    attention_mapping_of,
    attention_of,
    mask_of,
    softmax_of,
)
from pim_opt.passes.contraction_body import product_sum
from pim_opt.passes.kernel_access import element_of


def distribute(kernel: KernelOp) -> None:
    """Replace the kernel's body by two distributed products with a softmax between them."""
    attention, mapping = attention_of(kernel), attention_mapping_of(kernel)
    score, context = mapping.stages
    element = element_of(kernel.outputs[0])
    body = Block(arg_types=kernel.argument_types)
    with ImplicitBuilder(body):
        # 1. The host scales the query, whose elements are fewer than the scores.
        query: SSAValue = body.args[QUERY]
        if attention.scale != 1.0:
            query = ScaleOp(query, attention.scale).result
        scores = _share(score, query, body.args[KEY], element, 0)
        # 2. Scores become weights where they gather.
        type_ = TensorType(element, attention.shape(attention.scores))
        weights = softmax_of(kernel, body, scores, type_, mask_of(kernel, body)).result
        # 3. The context's partial sums come back.
        shares = _share(context, weights, body.args[VALUE], element, 1)
        YieldOp(CombineOp(shares, kernel.outputs[0].type))
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))


def _share(
    mapping: Mapping, vector: SSAValue, matrix: SSAValue, element: AnyFloat, stage: int
) -> SSAValue:
    """Every core's share of a product, in f32."""
    contraction = mapping.kernel
    tiles = [
        TensorType(element, mapping.tile_shape(access))
        for access in (contraction.vector, contraction.matrix)
    ]
    core = Block(arg_types=tiles)
    with ImplicitBuilder(core):
        tile = TensorType(f32, mapping.tile_shape(contraction.result))
        YieldOp(product_sum(contraction, core.args[0], core.args[1], tile))
    partials = TensorType(f32, (mapping.partials, *contraction.shape(contraction.result)))
    return DistributeOp([vector, matrix], partials, Region(core), stage).output
