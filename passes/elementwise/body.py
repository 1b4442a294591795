"""Builds linalg on tensors that computes an expression at every point, in the tensors' type."""

from collections.abc import Callable, Sequence

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import AnyFloat, FloatAttr, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, Operation, Region, SSAValue

from pim_opt.dialects.elementwise import Apply, Constant, Elementwise, Expression, Input
from pim_opt.dialects.pim.kernel_ops import access_map

_OPS: dict[str, Callable[[SSAValue, SSAValue], Operation]] = {
    "add": arith.AddfOp,
    "sub": arith.SubfOp,
    "mul": arith.MulfOp,
    "maximum": arith.MaximumfOp,
}


def _scalar(expression: Expression, inputs: Sequence[SSAValue], element: AnyFloat) -> SSAValue:
    match expression:
        case Input(number):
            return inputs[number]
        case Constant(value):
            return arith.ConstantOp(FloatAttr(value, element)).result
        case Apply(op, left, right):
            operands = (_scalar(part, inputs, element) for part in (left, right))
            return _OPS[op](*operands).results[0]


def pointwise(
    kernel: Elementwise, inputs: Sequence[SSAValue], result_type: TensorType[AnyFloat]
) -> SSAValue:
    """A linalg.generic that computes `kernel` of `inputs`, at the implicit insertion point.

    The operands' shapes need not be those of `kernel`: tiles have their own.
    """
    element = result_type.element_type
    block = Block(arg_types=[element] * (len(inputs) + 1))
    with ImplicitBuilder(block):
        linalg.YieldOp(_scalar(kernel.body, block.args, element))
    rank = len(kernel.dims)
    generic = linalg.GenericOp(
        inputs,
        [tensor.EmptyOp([], result_type).tensor],
        Region(block),
        [access_map(access, rank) for access in (*kernel.inputs, kernel.result)],
        [IteratorTypeAttr(IteratorType.PARALLEL)] * rank,
        [result_type],
    )
    return generic.results[0]
