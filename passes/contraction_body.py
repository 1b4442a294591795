"""Builds linalg on tensors for the bodies of kernels: zero-filled product sums and casts."""

from collections.abc import Sequence
from typing import cast

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import AffineMapAttr, AnyFloat, FloatAttr, IntegerType, TensorType, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, BlockArgument, Region, SSAValue
from xdsl.ir.affine import AffineMap

from pim_opt.dialects.iteration import Contraction, Role
from pim_opt.dialects.pim.kernel_ops import access_map


def zeros(type_: TensorType[AnyFloat]) -> SSAValue:
    """A zero-filled tensor, built at the implicit insertion point."""
    zero = arith.ConstantOp(FloatAttr(0.0, type_.element_type))
    empty = tensor.EmptyOp([], type_)
    fill = linalg.FillOp([zero.result], [empty.tensor], [type_])
    return fill.results[0]


def product_sum(
    contraction: Contraction,
    vector: SSAValue,
    matrix: SSAValue,
    result_type: TensorType[AnyFloat],
    factor: float = 1.0,
) -> SSAValue:
    """sum(extf(vector) * extf(matrix)) in f32 from zero, at the implicit insertion point.

    The operands' shapes need not be those of `contraction`: tiles have their own. A 1 in a matrix
    of integers counts as `factor`.
    """
    init = zeros(result_type)
    element = [_element(vector), _element(matrix), f32]
    block = Block(arg_types=element)
    with ImplicitBuilder(block):
        weight = extended(block.args[1])
        if factor != 1:
            weight = arith.MulfOp(weight, arith.ConstantOp(FloatAttr(factor, f32)).result).result
        product = arith.MulfOp(extended(block.args[0]), weight)
        linalg.YieldOp(arith.AddfOp(block.args[2], product))
    rank = len(contraction.dims)
    accesses = (contraction.vector, contraction.matrix, contraction.result)
    iterators = [
        IteratorTypeAttr(
            IteratorType.REDUCTION if dim.role is Role.REDUCTION else IteratorType.PARALLEL
        )
        for dim in contraction.dims
    ]
    generic = linalg.GenericOp(
        [vector, matrix],
        [init],
        Region(block),
        [access_map(access, rank) for access in accesses],
        iterators,
        [result_type],
    )
    return generic.results[0]


def cast_elements(value: SSAValue, element: AnyFloat) -> SSAValue:
    """`value` rounded or extended to `element`, at the implicit insertion point."""
    source = _element(value)
    if source == element:
        return value
    shape = _shape(value)
    type_ = TensorType(element, shape)
    block = Block(arg_types=[source, element])
    narrowing = source.bitwidth > element.bitwidth
    with ImplicitBuilder(block):
        op = arith.TruncFOp if narrowing else arith.ExtFOp
        linalg.YieldOp(op(block.args[0], element))
    identity = AffineMapAttr(AffineMap.identity(len(shape)))
    parallel = IteratorTypeAttr(IteratorType.PARALLEL)
    generic = linalg.GenericOp(
        [value],
        [tensor.EmptyOp([], type_).tensor],
        Region(block),
        [identity, identity],
        [parallel] * len(shape),
        [type_],
    )
    return generic.results[0]


def extended(arg: BlockArgument) -> SSAValue:
    """`arg` as f32, at the implicit insertion point."""
    if isinstance(arg.type, IntegerType):
        return arith.SIToFPOp(arg, f32).result
    return arg if arg.type == f32 else arith.ExtFOp(arg, f32).result


def _tensor(value: SSAValue) -> TensorType[AnyFloat]:
    return cast(TensorType[AnyFloat], value.type)


def _element(value: SSAValue) -> AnyFloat:
    return _tensor(value).element_type


def _shape(value: SSAValue) -> Sequence[int]:
    return _tensor(value).get_shape()
