"""Builds reshapes of tensors that split or join axes."""

from collections.abc import Sequence

from xdsl.dialects import tensor
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, IntegerAttr, TensorType, i64
from xdsl.ir import SSAValue

from pim_opt.passes.kernel_access import element_of, shape_of


def reshaped(value: SSAValue, shape: Sequence[int]) -> SSAValue:
    """`value` with its axes split, or joined, to make up `shape`; at the implicit insertion point.

    Raises:
        ValueError: the one shape does not come from the other by splitting axes.
    """
    source, result = shape_of(value), TensorType(element_of(value), shape)
    if source == tuple(shape):
        return value
    if len(shape) > len(source):
        return tensor.ExpandShapeOp.build(
            operands=[value, []],
            result_types=[result],
            properties={
                "reassociation": _reassociation(source, shape),
                "static_output_shape": DenseArrayBase.from_list(i64, list(shape)),
            },
        ).result
    return tensor.CollapseShapeOp.build(
        operands=[value],
        result_types=[result],
        properties={"reassociation": _reassociation(shape, source)},
    ).result


def _reassociation(
    joined: Sequence[int], split: Sequence[int]
) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    """The axes of `split` that make up each axis of `joined`."""
    groups: list[list[int]] = []
    axis = 0
    for number, size in enumerate(joined):
        first, product = axis, 1
        while axis < len(split) and (axis == first or product < size or number == len(joined) - 1):
            product *= split[axis]
            axis += 1
        if product != size:
            break
        groups.append(list(range(first, axis)))
    if len(groups) < len(joined) or axis < len(split):
        raise ValueError(f"shape {tuple(split)} does not split the axes of {tuple(joined)}")
    return ArrayAttr([ArrayAttr([IntegerAttr(a, i64) for a in group]) for group in groups])
