"""Recognises elementwise kernels among linalg ops, by structure and not by name."""

from dataclasses import dataclass

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import DYNAMIC_INDEX, FloatAttr, IntegerAttr, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.ir.affine import AffineMap

from pim_opt.dialects.elementwise import (
    Apply,
    Constant,
    Elementwise,
    Expression,
    ExpressionError,
    Input,
    nodes,
)
from pim_opt.dialects.iteration import Access, Role, name_dims
from pim_opt.passes.recognise_contraction import axes_of

_GREATER = {"ogt", "oge", "ugt", "uge"}
_LESS = {"olt", "ole", "ult", "ule"}
_PREDICATES = ("false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult",
               "ule", "une", "uno", "true")  # fmt: skip
"""Names of arith.cmpf's predicates by their numbers."""


class Unrecognised(Exception):
    """Why a body is no expression of additions, products and maxima."""


@dataclass(frozen=True)
class PointwiseOp:
    """A linalg.generic that computes one expression at every point."""

    elementwise: Elementwise
    operands: tuple[SSAValue, ...]
    """One for each input of the description."""


def recognise_elementwise(op: linalg.GenericOp) -> PointwiseOp | str | None:
    """The elementwise kernel that `op` is.

    Casts to wider and narrower floats are looked through.

    Returns:
        The kernel; or, for one that cannot be offloaded, the reason; or None for an op that is no
        elementwise kernel, or computes nothing.
    """
    if any(kind.data is not IteratorType.PARALLEL for kind in op.iterator_types):
        return None
    if not op.inputs or len(op.outputs) != 1 or len(op.results) != 1:
        return None
    try:
        body = _body(op)
        kinds = {type(node) for node in nodes(body)}
        if Apply not in kinds or Input not in kinds:
            return None
        return _pointwise(op, body)
    except (Unrecognised, ExpressionError) as reason:
        return str(reason)


def is_expression(value: SSAValue, op: linalg.GenericOp) -> bool:
    """Whether a value of a generic's body is an expression of additions, products and maxima."""
    try:
        _expression(value, op)
    except (Unrecognised, ExpressionError):
        return False
    return True


def _body(op: linalg.GenericOp) -> Expression:
    terminator = op.body.block.last_op
    if not isinstance(terminator, linalg.YieldOp):
        raise Unrecognised("its body yields nothing")
    return _expression(terminator.operands[0], op)


def _expression(value: SSAValue, generic: linalg.GenericOp) -> Expression:
    if isinstance(value, BlockArgument):
        if value.block is not generic.body.block:
            raise Unrecognised("its body uses a value from outside")
        if value.index >= len(generic.inputs):
            raise Unrecognised("it uses what its output holds before")
        return Input(value.index)
    owner = value.owner
    assert isinstance(owner, Operation), "a block's values are its arguments"
    constant = _constant(owner)
    return Constant(constant) if constant is not None else _operation(owner, generic)


def _constant(op: Operation) -> float | None:
    if isinstance(op, arith.ConstantOp) and isinstance(op.value, FloatAttr):
        return float(op.value.value.data)
    return None


def _operation(op: Operation, generic: linalg.GenericOp) -> Expression:
    def part(value: SSAValue) -> Expression:
        return _expression(value, generic)

    match op:
        case arith.ExtFOp() | arith.TruncFOp():
            return part(op.input)
        case arith.AddfOp():
            return Apply("add", part(op.lhs), part(op.rhs))
        case arith.SubfOp():
            return Apply("sub", part(op.lhs), part(op.rhs))
        case arith.MulfOp():
            return Apply("mul", part(op.lhs), part(op.rhs))
        case arith.NegfOp():
            return Apply("mul", part(op.operand), Constant(-1.0))
        case arith.MaximumfOp() | arith.MaxnumfOp():
            return Apply("maximum", part(op.lhs), part(op.rhs))
        case math.FPowIOp() if _exponent(op) == 2:
            return Apply("mul", part(op.lhs), part(op.lhs))
        case arith.SelectOp():
            return _selected(op, generic)
        case _:
            raise Unrecognised(f"its body uses '{op.name}'")


def _exponent(op: math.FPowIOp) -> int | None:
    """The constant exponent of a power."""
    owner = op.rhs.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


def _selected(op: arith.SelectOp, generic: linalg.GenericOp) -> Expression:
    """The maximum that a select of the larger of the two compared values is."""
    compare = op.cond.owner
    if not isinstance(compare, arith.CmpfOp):
        raise Unrecognised(f"its body uses '{op.name}' on what is no comparison of floats")
    parts = [_expression(v, generic) for v in (compare.lhs, compare.rhs, op.lhs, op.rhs)]
    compared, chosen = parts[:2], parts[2:]
    predicate = _PREDICATES[compare.predicate.value.data]
    if (predicate in _GREATER and chosen == compared) or (
        predicate in _LESS and chosen == compared[::-1]
    ):
        return Apply("maximum", compared[0], compared[1])
    raise Unrecognised(f"its body selects by '{predicate}' what is not the larger value")


def _pointwise(op: linalg.GenericOp, body: Expression) -> PointwiseOp | str:
    values = (*op.inputs, *op.outputs)
    types = [value.type for value in values]
    shapes = [type_.get_shape() for type_ in types if isinstance(type_, TensorType)]
    if len(shapes) != len(values):
        return "its operands are not tensors"
    if any(DYNAMIC_INDEX in shape for shape in shapes):
        return "it has a dynamic shape"
    if any(0 in shape for shape in shapes):
        return "it has nothing to compute: a dimension has size 0"
    maps = [attr.data for attr in op.indexing_maps]
    accesses = [_access(map_) for map_ in maps]
    result = accesses[-1]
    if result is None or set(result.dims) != set(range(maps[-1].num_dims)):
        return "its result is not indexed by every loop once"
    sizes = dict(zip(result.axes, shapes[-1], strict=True))
    dims = name_dims((sizes[number], Role.PARALLEL) for number in range(maps[-1].num_dims))
    used = sorted({node.number for node in nodes(body) if isinstance(node, Input)})
    inputs = [accesses[number] for number in used]
    if any(access is None for access in inputs):
        return "an operand is indexed by more than plain dimensions"
    kernel = _distinct(op, used, accesses, body)
    return PointwiseOp(
        Elementwise(dims, tuple(access for _, access in kernel[0]), result, kernel[1]),
        tuple(value for value, _ in kernel[0]),
    )


def _distinct(
    op: linalg.GenericOp, used: list[int], accesses: list[Access | None], body: Expression
) -> tuple[list[tuple[SSAValue, Access]], Expression]:
    """The inputs that the body uses, each once, and the body that counts them so."""
    inputs: list[tuple[SSAValue, Access]] = []
    number: dict[int, int] = {}
    for old in used:
        access = accesses[old]
        assert access is not None, "operands in use have been looked at"
        if (op.inputs[old], access) not in inputs:
            inputs.append((op.inputs[old], access))
        number[old] = inputs.index((op.inputs[old], access))
    return inputs, renumbered(body, number)


def renumbered(body: Expression, number: dict[int, int]) -> Expression:
    """The expression with inputs numbered anew."""
    match body:
        case Input(old):
            return Input(number[old])
        case Apply(op, left, right):
            return Apply(op, renumbered(left, number), renumbered(right, number))
        case Constant():
            return body


def _access(map_: AffineMap) -> Access | None:
    """How a map indexes; None if it says more than plain dimensions and index 0."""
    axes = axes_of(map_)
    return None if axes is None else Access(axes)
