"""Builds attention as plain linalg on tensors: what the body of a kernel computes."""

from collections.abc import Callable, Sequence
from functools import partial
from math import inf

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith, math, tensor
from xdsl.dialects.builtin import AnyFloat, FloatAttr, TensorType, bf16, f16, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, Operation, Region, SSAValue

from pim_opt.dialects.attention import Attention
from pim_opt.dialects.iteration import Access, AttentionRole
from pim_opt.dialects.pim.kernel_ops import access_map
from pim_opt.passes.contraction_body import cast_elements, extended
from pim_opt.passes.kernel_access import element_of

LOWEST = -3.4028234663852886e38
"""The least finite f32."""

LOSING_STEP = 16.0
"""Scores count as lost where numbers of the size of their sums are so far apart."""

LOSING = -32768.0
"""What numbers of any narrow type at most lose scores to, and do not overflow with."""

_DIGITS: dict[AnyFloat, int] = {bf16: 8, f16: 11, f32: 24}
"""Digits of a significand."""

Read = tuple[SSAValue, Access]
"""A tensor and how it is indexed."""


def attention_body(
    attention: Attention,
    operands: Sequence[SSAValue],
    scale: float,
    guarded: bool,
    element: AnyFloat,
    length: SSAValue | None = None,
) -> SSAValue:
    """Attention in f32 with the maximum subtracted, rounded to `element` once, at its end.

    It is built at the implicit insertion point.

    Args:
        attention: the mathematics.
        operands: query, key, value and, if there is one, mask, in the shapes of its accesses.
        scale: factor of the scores.
        guarded: give 0, not NaN, where all scores are minus infinity.
        element: of the result.
        length: how many positions take part, if not all.

    Returns:
        A tensor in the shape of the result's access.
    """
    query, key, value, *masks = operands
    points = attention.scores
    rows = Access(attention.with_role(AttentionRole.HEAD, AttentionRole.GROUP))
    masks = [(mask, attention.mask) for mask in masks if attention.mask is not None]

    def build(reads: Sequence[Read], result: Access, initial: float | None, body: _Body) -> Read:
        return _generic(attention, reads, result, initial, body), result

    products = build([(query, attention.query), (key, attention.key)], points, 0.0, _product_sum)
    scores = build([products, *masks], points, None, partial(_scaled, scale))
    if length is not None:
        scores = build([scores], points, None, partial(_up_to, length, _axis(attention, points)))
    # Where all scores are minus infinity, a finite maximum makes the exponentials 0 and not NaN.
    maxima = build([scores], rows, LOWEST if guarded else -inf, _larger)
    exponentials = build([scores, maxima], points, None, _exponential)
    sums = build([exponentials], rows, 0.0, _sum)
    weights = build([exponentials, sums], points, None, _guarded_quotient if guarded else _quotient)
    context, _ = build([weights, (value, attention.value)], attention.result, 0.0, _product_sum)
    return cast_elements(context, element)


def masked_beyond(attention: Attention, mask: SSAValue, length: SSAValue) -> SSAValue:
    """A mask with minus infinity at positions from `length` on.

    Args:
        attention: whose mask it is.
        mask: in the shape of its access, with an axis of positions.
        length: how many positions take part.
    """
    access = attention.mask
    assert access is not None, "the mask is indexed by something"
    body = partial(_up_to, length, _axis(attention, access))
    return cast_elements(
        _generic(attention, [(mask, access)], access, None, body), element_of(mask)
    )


def _axis(attention: Attention, access: Access) -> int:
    """The loop over positions, of those over the elements of a tensor."""
    (position,) = attention.with_role(AttentionRole.LENGTH)
    return sorted(access.dims).index(position)


def centred(attention: Attention, mask: SSAValue, element: AnyFloat, scores: AnyFloat) -> SSAValue:
    """A mask less its largest value of all positions, which changes no weight, rounded.

    So values of the range of a wide type fit a narrow one. Where the largest value is so low that
    the source loses the scores which it adds it to, they are lost too; where it is minus infinity,
    the result is NaN.

    Args:
        attention: whose mask it is.
        mask: in the shape of its access.
        element: of the result.
        scores: the type that the source rounds masked scores to.
    """
    access = attention.mask
    assert access is not None, "the mask is indexed by something"
    rows = _rows(attention, access)
    maxima = _generic(attention, [(mask, access)], rows, -inf, _larger)
    lowest = -LOSING_STEP * 2.0 ** (_DIGITS[scores] - 1)
    body = partial(_centred, lowest)
    return cast_elements(
        _generic(attention, [(mask, access), (maxima, rows)], access, None, body), element
    )


def zero_where_masked(attention: Attention, result: SSAValue, mask: SSAValue) -> SSAValue:
    """`result` with 0 where all values of the mask are minus infinity."""
    access = attention.mask
    assert access is not None, "the mask is indexed by something"
    rows = _rows(attention, access)
    maxima = _generic(attention, [(mask, access)], rows, -inf, _larger)
    reads = [(result, attention.result), (maxima, rows)]
    kept = _generic(attention, reads, attention.result, None, _kept)
    return cast_elements(kept, element_of(result))


def _rows(attention: Attention, access: Access) -> Access:
    """What positions share: `access` without them."""
    lengths = attention.with_role(AttentionRole.LENGTH)
    return Access(tuple(dim for dim in access.dims if dim not in lengths))


_Body = Callable[[Sequence[SSAValue]], Operation]
"""Makes the scalar of a point from those of the operands and the result so far, all f32."""


def _product_sum(values: Sequence[SSAValue]) -> Operation:
    left, right, total = values
    return arith.AddfOp(total, arith.MulfOp(left, right))


def _scaled(scale: float, values: Sequence[SSAValue]) -> Operation:
    score, *mask, _ = values
    scaled = arith.MulfOp(score, _constant(scale))
    return arith.AddfOp(scaled, mask[0]) if mask else scaled


def _up_to(length: SSAValue, loop: int, values: Sequence[SSAValue]) -> Operation:
    value, _ = values
    inside = arith.CmpiOp(linalg.IndexOp(loop).result, length, "slt")
    return arith.SelectOp(inside, value, _constant(-inf))


def _larger(values: Sequence[SSAValue]) -> Operation:
    score, maximum = values
    return arith.MaximumfOp(score, maximum)


def _exponential(values: Sequence[SSAValue]) -> Operation:
    score, maximum, _ = values
    return math.ExpOp(arith.SubfOp(score, maximum).result)


def _sum(values: Sequence[SSAValue]) -> Operation:
    summand, total = values
    return arith.AddfOp(total, summand)


def _quotient(values: Sequence[SSAValue]) -> Operation:
    exponential, total, _ = values
    return arith.DivfOp(exponential, total)


def _guarded_quotient(values: Sequence[SSAValue]) -> Operation:
    """The largest score adds 1 to the sum, so that only a row of zeros has a lesser one."""
    exponential, total, _ = values
    return arith.DivfOp(exponential, arith.MaximumfOp(total, _constant(1.0)))


def _centred(lowest: float, values: Sequence[SSAValue]) -> Operation:
    value, largest, _ = values
    loses = arith.CmpfOp(largest, _constant(lowest), "ole")
    offset = arith.SelectOp(loses, _constant(LOSING), _constant(0.0))
    return arith.AddfOp(arith.SubfOp(value, largest), offset)


def _kept(values: Sequence[SSAValue]) -> Operation:
    value, largest, _ = values
    masked = arith.CmpfOp(largest, _constant(-inf), "oeq")
    return arith.SelectOp(masked, _constant(0.0), value)


def _constant(number: float) -> SSAValue:
    return arith.ConstantOp(FloatAttr(number, f32)).result


def _generic(
    attention: Attention,
    reads: Sequence[Read],
    result: Access,
    initial: float | None,
    body: _Body,
) -> SSAValue:
    """A linalg.generic over the loops that its operands have; those that the result lacks reduce.

    `initial` is what every element of the result starts from, if that matters.
    """
    type_ = TensorType(f32, attention.shape(result))
    start = tensor.EmptyOp([], type_).tensor
    if initial is not None:
        start = linalg.FillOp([_constant(initial)], [start], [type_]).results[0]
    accesses = [*(access for _, access in reads), result]
    loops = sorted({dim for access in accesses for dim in access.dims})
    number = {dim: i for i, dim in enumerate(loops)}
    values = [value for value, _ in reads]
    block = Block(arg_types=[*(element_of(value) for value in values), f32])
    with ImplicitBuilder(block):
        linalg.YieldOp(body([extended(arg) for arg in block.args]))
    kinds = [
        IteratorType.PARALLEL if dim in result.dims else IteratorType.REDUCTION for dim in loops
    ]
    generic = linalg.GenericOp(
        values,
        [start],
        Region(block),
        [
            access_map(
                Access(tuple(None if dim is None else number[dim] for dim in access.axes)),
                len(loops),
            )
            for access in accesses
        ],
        [IteratorTypeAttr(kind) for kind in kinds],
        [type_],
    )
    return generic.results[0]
