"""Recognises weights that are computed from narrow integers, by structure.

    w[n, k] = f16(q[n, k]) * s[n]

The integers q may come through several ops, and scales by any of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xdsl.dialects import arith
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import BlockArgument, SSAValue
from xdsl.ir.affine import AffineMap

from pim_opt.passes.kernel_access import element_of
from pim_opt.passes.recognise_contraction import axes_of

WEIGHT_TYPES = {"i8": "int8"}
"""Types of narrow weights, and what messages call them."""

Axes = tuple[int | None, ...]


@dataclass(frozen=True)
class Indexed:
    """A tensor and, per axis of it, which axis of the weights indexes it, or None for index 0."""

    tensor: SSAValue
    axes: Axes


@dataclass(frozen=True)
class Weights:
    """A tensor of floats that is computed from integers, and perhaps scaled."""

    integers: Indexed
    scales: tuple[Indexed, ...]
    ops: tuple[linalg.GenericOp, ...]
    """That compute it, in order."""

    @property
    def name(self) -> str:
        """The integers' type, as messages call it."""
        return WEIGHT_TYPES[str(element_of(self.integers.tensor))]


def weights_of(value: SSAValue) -> Weights | None:
    """How `value` is computed from narrow integers; None if it is not, or otherwise."""
    op = value.owner
    if not isinstance(op, linalg.GenericOp) or len(op.outputs) != 1:
        return None
    rank = op.indexing_maps.data[-1].data.num_dims
    if op.indexing_maps.data[-1].data != AffineMap.identity(rank):
        return None  # Its loops are its axes.
    terminator = op.body.block.last_op
    assert isinstance(terminator, linalg.YieldOp), "as linalg verifies"
    factors = list(_factors(terminator.operands[0]))
    integers = [_integers(op, factor) for factor in factors]
    (inner, *more) = [found for found in integers if found is not None] or [None]
    scales = [
        _input(op, factor) for factor, found in zip(factors, integers, strict=True) if not found
    ]
    known = tuple(scale for scale in scales if scale is not None)
    if inner is None or more or len(known) < len(scales):
        return None
    return replace(inner, scales=(*inner.scales, *known), ops=(*inner.ops, op))


def _factors(value: SSAValue) -> Iterator[SSAValue]:
    """What is multiplied to give `value`, whatever floats it is cast to."""
    match value.owner:
        case arith.ExtFOp(input=source) | arith.TruncFOp(input=source):
            yield from _factors(source)
        case arith.MulfOp(lhs=left, rhs=right):
            yield from _factors(left)
            yield from _factors(right)
        case _:
            yield value


def _integers(op: linalg.GenericOp, factor: SSAValue) -> Weights | None:
    """The weights that a factor is, read as integers or as what another op makes of them."""
    conversion = factor.owner
    if isinstance(conversion, arith.SIToFPOp):
        read = _input(op, conversion.input)
        known = read is not None and str(element_of(read.tensor)) in WEIGHT_TYPES
        return Weights(read, (), ()) if read is not None and known else None
    read = _input(op, factor)
    inner = None if read is None else weights_of(read.tensor)
    if read is None or inner is None:
        return None

    def through(indexed: Indexed) -> Indexed:
        return Indexed(indexed.tensor, composed(indexed.axes, read.axes))

    return Weights(through(inner.integers), tuple(map(through, inner.scales)), inner.ops)


def composed(axes: Axes, outer: Axes) -> Axes:
    """What indexes axes that others index, which `outer` indexes."""
    return tuple(None if axis is None else outer[axis] for axis in axes)


def _input(op: linalg.GenericOp, arg: SSAValue) -> Indexed | None:
    """The input that an argument of the body is an element of; None for anything else."""
    if not isinstance(arg, BlockArgument) or arg.index >= len(op.inputs):
        return None
    axes = axes_of(op.indexing_maps.data[arg.index].data)
    return None if axes is None else Indexed(op.inputs[arg.index], axes)
