"""Products of narrow integers: what scales a source's weights scales a kernel's results instead.

Units may count a 1 of the integers as less, which keeps sums in the range of their type; what they
give is scaled by that, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import AffineMapAttr, AnyFloat, FloatAttr, TensorType, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap

from pim_opt.dialects.iteration import Access, Contraction, Role
from pim_opt.dialects.pim.kernel_ops import access_map
from pim_opt.passes.contraction_body import extended
from pim_opt.passes.kernel_access import element_of, shape_of
from pim_opt.passes.recognise_contraction import VectorProduct
from pim_opt.passes.recognise_weights import Weights, composed


@dataclass(frozen=True)
class WeightProduct:
    """A contraction of the integers themselves, and what its result is scaled by."""

    product: VectorProduct
    scales: tuple[tuple[SSAValue, Access], ...]
    """Each with how the contraction's loops index it."""


def weight_product(product: VectorProduct, weights: Weights) -> WeightProduct | str:
    """The product with the integers for its matrix, or the reason why it is none."""
    contraction, outer = product.contraction, product.contraction.matrix.axes
    matrix = Access(composed(weights.integers.axes, outer))
    if set(matrix.dims) != set(contraction.matrix.dims):
        return f"its {weights.name} weights are the same along a dimension"
    scales = [(scale.tensor, Access(composed(scale.axes, outer))) for scale in weights.scales]
    reductions = contraction.with_role(Role.REDUCTION)
    for _, access in scales:
        if set(access.dims) & set(reductions):
            return f"the scales of its {weights.name} weights vary along the reduction"
    inner = replace(contraction, matrix=matrix)
    integers = weights.integers.tensor
    return WeightProduct(VectorProduct(inner, product.vector, integers), tuple(scales))


def unused_without(op: Operation, weights: Weights) -> list[Operation]:
    """The ops that compute the weights for `op` alone, in order."""
    user, found = op, list[Operation]()
    for inner in reversed(weights.ops):
        if {use.operation for use in inner.results[0].uses} != {user}:
            break
        found.append(inner)
        user = inner
    return found[::-1]


def rescaled(
    value: SSAValue,
    element: AnyFloat,
    factor: float,
    contraction: Contraction,
    scales: Sequence[tuple[SSAValue, Access]],
) -> SSAValue:
    """A result times `factor` and scales, in f32, as `element`; at the implicit insertion point."""
    type_ = TensorType(element, shape_of(value))
    inputs = [value, *(scale for scale, _ in scales)]
    block = Block(arg_types=[*map(element_of, inputs), element])
    with ImplicitBuilder(block):
        number = arith.ConstantOp(FloatAttr(factor, f32)).result
        result = arith.MulfOp(extended(block.args[0]), number).result
        for arg in block.args[1:-1]:
            result = arith.MulfOp(result, extended(arg)).result
        linalg.YieldOp(result if element == f32 else arith.TruncFOp(result, element).result)
    rank = len(type_.get_shape())
    loop = {dim: axis for axis, dim in enumerate(contraction.result.axes) if dim is not None}
    same = AffineMapAttr(AffineMap.identity(rank))
    read = [access_map(Access(tuple(loop.get(d) if d is not None else None for d in a.axes)), rank)
            for _, a in scales]  # fmt: skip
    generic = linalg.GenericOp(
        inputs,
        [tensor.EmptyOp([], type_).tensor],
        Region(block),
        [same, *read, same],
        [IteratorTypeAttr(IteratorType.PARALLEL)] * rank,
        [type_],
    )
    return generic.results[0]


def is_scaled_and_rounded(result: SSAValue, element: AnyFloat) -> bool:
    """Whether all users of a result multiply it by something and round the product to `element`.

    Rounding the result before changes theirs by no more than rounding the product does.
    """
    uses = [(use.operation, use.index) for use in result.uses]
    return bool(uses) and all(_scales_and_rounds(op, index, element) for op, index in uses)


def _scales_and_rounds(user: Operation, index: int, element: AnyFloat) -> bool:
    if not isinstance(user, linalg.GenericOp) or index >= len(user.inputs):
        return False
    products = [use.operation for use in user.body.block.args[index].uses]
    if not products or not all(isinstance(op, arith.MulfOp) for op in products):
        return False
    rounded = [use.operation for op in products for use in op.results[0].uses]
    return bool(rounded) and all(
        isinstance(op, arith.TruncFOp) and op.result.type == element for op in rounded
    )
