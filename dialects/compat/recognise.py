"""Recognises tensors filled with one constant, however they are written."""

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, IntegerAttr
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import SSAValue


def constant_initial_value(value: SSAValue) -> float | None:
    """The constant that every element of `value` is, or None.

    linalg.fill, a generic without inputs that yields a constant, a splat constant, and reshapes of
    these count.
    """
    match value.owner:
        case linalg.FillOp():
            return _scalar(value.owner.inputs[0])
        case linalg.GenericOp() if not value.owner.inputs:
            terminator = value.owner.body.block.last_op
            if not isinstance(terminator, linalg.YieldOp):
                return None
            index = next(i for i, result in enumerate(value.owner.results) if result is value)
            return _scalar(terminator.operands[index])
        case arith.ConstantOp():
            return _scalar(value)
        case tensor.CollapseShapeOp() | tensor.ExpandShapeOp() | tensor.CastOp():
            return constant_initial_value(value.owner.operands[0])
        case _:
            return None


def _scalar(value: SSAValue) -> float | None:
    owner = value.owner
    if not isinstance(owner, arith.ConstantOp):
        return None
    match owner.value:
        case FloatAttr() | IntegerAttr():
            return float(owner.value.value.data)
        case DenseIntOrFPElementsAttr() if owner.value.is_splat():
            element = next(iter(owner.value.get_values()))
            return None if isinstance(element, tuple) else float(element)
        case _:
            return None
