"""Recognises sums over some of a tensor's dimensions among linalg ops, by structure.

A device whose units multiply can add up, too: the sum is a contraction of the data, as the matrix,
with a vector of ones. The ones are as many as a column has lanes where these divide what is summed,
so that they serve every column; else as many as the data's own points, with zeros for the padding.
"""

from dataclasses import dataclass

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    TensorType,
    i64,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Operation, SSAValue

from pim_opt.dialects.iteration import Access, Contraction, Role, name_dims
from pim_opt.passes.kernel_access import element_of, shape_of
from pim_opt.passes.recognise_contraction import VectorProduct, axes_of, unextended

OTHER_COMBINERS: dict[type[Operation], str] = {
    arith.MaximumfOp: "maximum",
    arith.MaxnumfOp: "maximum",
    arith.MinimumfOp: "minimum",
    arith.MinnumfOp: "minimum",
    arith.MulfOp: "product",
}
"""Reductions that no multiplication computes."""


@dataclass(frozen=True)
class Sum:
    """A linalg.generic that adds up its only input over some of its dimensions."""

    data: SSAValue
    axes: tuple[int | None, ...]
    """Per axis of the data its loop, or None for index 0."""
    result: tuple[int | None, ...]
    """The same of the result."""
    sizes: tuple[int, ...]
    """Of the loops."""


def combiner_of(op: linalg.GenericOp) -> arith.FloatingPointLikeBinaryOperation | None:
    """The op that joins the accumulator and the only input, extended at most; None of others."""
    if len(op.inputs) != 1 or len(op.outputs) != 1:
        return None
    block = op.body.block
    terminator = block.last_op
    assert isinstance(terminator, linalg.YieldOp), "as linalg verifies"
    combiner = terminator.operands[0].owner
    if not isinstance(combiner, arith.FloatingPointLikeBinaryOperation):
        return None
    joined = [unextended(combiner.lhs), unextended(combiner.rhs)]
    data, accumulator = block.args
    return combiner if joined in ([data, accumulator], [accumulator, data]) else None


def recognise_sum(op: linalg.GenericOp) -> Sum | str | None:
    """The sum that `op` is.

    Returns:
        The sum; or, for a reduction that cannot be offloaded, the reason; or None for another op.
    """
    kinds = [kind.data for kind in op.iterator_types]
    combiner = combiner_of(op) if IteratorType.REDUCTION in kinds else None
    if combiner is None:
        return None
    if not isinstance(combiner, arith.AddfOp):
        what = OTHER_COMBINERS.get(type(combiner))
        return None if what is None else f"it needs a unit that takes the {what}"
    data, result = (axes_of(attr.data) for attr in op.indexing_maps)
    if data is None or result is None:
        return "an operand is indexed by more than plain dimensions"
    type_ = op.inputs[0].type
    if not isinstance(type_, TensorType):
        return "its operands are not tensors"
    shape = type_.get_shape()
    if DYNAMIC_INDEX in shape:
        return "it has a dynamic shape"
    if 0 in shape:
        return "it has nothing to compute: a dimension has size 0"
    sizes = {dim: size for dim, size in zip(data, shape, strict=True) if dim is not None}
    if len(sizes) != len(kinds):
        return "a loop dimension does not index its operand"
    return Sum(op.inputs[0], data, result, tuple(sizes[dim] for dim in range(len(kinds))))


def product_of(sum_: Sum, lanes: int) -> VectorProduct:
    """The contraction that computes a sum, its operands built at the implicit insertion point.

    Args:
        sum_: what to compute.
        lanes: elements in one DRAM column.
    """
    summed = [dim for dim in sum_.axes if dim is not None and dim not in sum_.result]
    last = summed[-1]
    whole = sum_.sizes[last]
    inner = lanes if whole % lanes == 0 else whole
    pairs: list[tuple[int, Role]] = []
    matrix: list[int | None] = []
    number: dict[int | None, int] = {}
    for dim in sum_.axes:
        role = Role.REDUCTION if dim in summed else Role.OUTPUT
        if dim == last:
            parts = [whole // inner, inner] if whole > inner else [whole]
        else:
            # Loops of one iteration carry nothing; but a contraction has a reduction dimension.
            parts = [] if dim is None or sum_.sizes[dim] == 1 else [sum_.sizes[dim]]
        number |= {dim: len(pairs)} if parts else {}
        matrix += range(len(pairs), len(pairs) + len(parts)) if parts else [None]
        pairs += [(size, role) for size in parts]
    ones = number[last] + (whole > inner)
    result = tuple(number.get(dim) for dim in sum_.result)
    contraction = Contraction(
        name_dims(pairs), Access((ones,)), Access(tuple(matrix)), Access(result)
    )
    data = sum_.data
    if whole > inner:
        data = _split(data, sum_.axes.index(last), inner)
    return VectorProduct(contraction, _ones(inner, element_of(data)), data)


def _ones(size: int, element: AnyFloat) -> SSAValue:
    type_ = TensorType(element, [size])
    return arith.ConstantOp(DenseIntOrFPElementsAttr.from_list(type_, [1.0])).result


def _split(data: SSAValue, axis: int, inner: int) -> SSAValue:
    """The data with one axis as two, the second of size `inner`."""
    shape = list(shape_of(data))
    groups = [[i + (i > axis)] for i in range(len(shape))]
    groups[axis].append(axis + 1)
    shape[axis : axis + 1] = [shape[axis] // inner, inner]
    reassociation = ArrayAttr([ArrayAttr([IntegerAttr(i, i64) for i in group]) for group in groups])
    type_ = TensorType(element_of(data), shape)
    return tensor.ExpandShapeOp(data, [], reassociation, shape, type_).result
