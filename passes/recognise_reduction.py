"""Recognises reductions among linalg ops, by structure and not by name."""

from dataclasses import dataclass
from math import prod

from xdsl.dialects import arith
from xdsl.dialects.builtin import DYNAMIC_INDEX, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import SSAValue

from pim_opt.dialects.reduction import Reduction, reduction
from pim_opt.passes.recognise_contraction import axes_of, unextended

_COMBINERS: dict[type, str] = {
    arith.AddfOp: "add",
    arith.MaximumfOp: "maximum",
    arith.MaxnumfOp: "maximum",
}


@dataclass(frozen=True)
class ReductionOp:
    """A linalg.generic that combines elements of its only input along some axes."""

    reduction: Reduction
    """Once the axes are joined that are kept, and those that are reduced."""
    operand: SSAValue


def recognise_reduction(op: linalg.GenericOp) -> ReductionOp | str | None:
    """The reduction that `op` is.

    Returns:
        The reduction; or, for one that cannot be offloaded, the reason; or None for an op that is
        no reduction of one input.
    """
    kinds = [kind.data for kind in op.iterator_types]
    combiner = _combiner(op)
    if IteratorType.REDUCTION not in kinds or combiner is None:
        return None
    types = [op.inputs[0].type, op.outputs[0].type]
    shapes = [type_.get_shape() for type_ in types if isinstance(type_, TensorType)]
    if len(shapes) != 2:
        return "its operands are not tensors"
    if any(DYNAMIC_INDEX in shape for shape in shapes):
        return "it has a dynamic shape"
    if any(0 in shape for shape in shapes):
        return "it has nothing to compute: a dimension has size 0"
    source, result = (axes_of(attr.data) for attr in op.indexing_maps)
    if source is None or result is None or len(source) != len(kinds):
        return "an operand is indexed by more than plain dimensions"
    axes = [(dim, size) for dim, size in zip(source, shapes[0], strict=True) if dim is not None]
    kept = [(dim, size) for dim, size in axes if kinds[dim] is IteratorType.PARALLEL]
    long = [dim for dim, size in axes if size > 1]
    if sorted(long, key=lambda dim: kinds[dim] is IteratorType.REDUCTION) != long:
        return "it sums along other axes than the last"
    if [dim for dim in result if dim is not None] != [dim for dim, _ in kept]:
        return "its result has its axes in another order"
    results = prod(size for _, size in kept)
    return ReductionOp(reduction(results, prod(shapes[0]) // results, combiner), op.inputs[0])


def _combiner(op: linalg.GenericOp) -> str | None:
    """How the body combines its input with what it has; None if it does anything else."""
    if len(op.inputs) != 1 or len(op.outputs) != 1:
        return None
    block = op.body.block
    terminator = block.last_op
    if not isinstance(terminator, linalg.YieldOp):
        return None
    combine = terminator.operands[0].owner
    if not isinstance(combine, arith.AddfOp | arith.MaximumfOp | arith.MaxnumfOp):
        return None
    element, accumulator = block.args
    operands = [unextended(combine.lhs), unextended(combine.rhs)]
    if operands not in ([element, accumulator], [accumulator, element]):
        return None
    return _COMBINERS[type(combine)]
