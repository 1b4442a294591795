"""Ops of the `pim` dialect by which the host brings an operand into the shape of a result."""

from typing import cast

from xdsl.dialects.builtin import AffineMapAttr, MemRefType, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect, Pure
from xdsl.utils.exceptions import VerifyException

from pim_opt.dialects.pim.kernel_ops import access_of


def _verify_map(map_: AffineMap, source: tuple[int, ...], result: tuple[int, ...]) -> None:
    """That the map names an element of the source for every one of the result.

    Raises:
        VerifyException: saying what was found and expected.
    """
    try:
        axes = access_of(map_, len(result)).axes
    except ValueError as error:
        raise VerifyException(str(error)) from error
    expected = tuple(1 if dim is None else result[dim] for dim in axes)
    if expected != source:
        raise VerifyException(
            f"source has shape {list(source)}, but {map_} takes {list(expected)} to {list(result)}"
        )


@irdl_op_definition
class ArrangeOp(IRDLOperation):
    """The host broadcasts or transposes a tensor: the map gives each element's index in the source.

    %w = pim.arrange %b by affine_map<(d0, d1) -> (d1)> : tensor<8xf16> -> tensor<2x8xf16>
    """

    name = "pim.arrange"

    source = operand_def(TensorType)
    result = result_def(TensorType)

    by = prop_def(AffineMapAttr)

    traits = traits_def(Pure())

    assembly_format = "$source `by` $by attr-dict `:` type($source) `->` type($result)"

    def __init__(self, source: SSAValue, by: AffineMapAttr, result_type: Attribute) -> None:
        super().__init__(operands=[source], properties={"by": by}, result_types=[result_type])

    def verify_(self) -> None:
        source = cast(TensorType[Attribute], self.source.type)
        if source.element_type != self.result.type.element_type:
            raise VerifyException(f"takes {source.element_type} to {self.result.type.element_type}")
        _verify_map(self.by.data, source.get_shape(), self.result.type.get_shape())


@irdl_op_definition
class HostArrangeOp(IRDLOperation):
    """The host broadcasts or transposes what one memory holds into another; see `pim.arrange`.

    pim.host_arrange %b into %w by affine_map<(d0, d1) -> (d1)> : memref<8xf16> into memref<2x8xf16>
    """

    name = "pim.host_arrange"

    source = operand_def(MemRefType)
    result = operand_def(MemRefType)

    by = prop_def(AffineMapAttr)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "$source `into` $result `by` $by attr-dict `:` type($source) `into` type($result)"
    )

    def __init__(self, source: SSAValue, result: SSAValue, by: AffineMapAttr) -> None:
        super().__init__(operands=[source, result], properties={"by": by})

    def verify_(self) -> None:
        source = cast(MemRefType[Attribute], self.source.type)
        result = cast(MemRefType[Attribute], self.result.type)
        if source.element_type != result.element_type:
            raise VerifyException(f"takes {source.element_type} to {result.element_type}")
        _verify_map(self.by.data, source.get_shape(), result.get_shape())
