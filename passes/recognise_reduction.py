"""Recognises reductions among linalg ops, by structure and not by name."""

from dataclasses import dataclass
from math import prod

from xdsl.dialects import arith
from xdsl.dialects.builtin import DYNAMIC_INDEX, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import SSAValue

from pim_opt.dialects.iteration import Access, Role, name_dims
from pim_opt.dialects.reduction import Reduction
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
    """Once neighbouring axes are joined that are both kept or both reduced."""
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
    if source is None or result is None or len(set(source) - {None}) != len(kinds):
        return "an operand is indexed by more than plain dimensions"
    sizes = [size if dim is not None else 1 for dim, size in zip(source, shapes[0], strict=True)]
    space = _Space(
        tuple(dim for dim, size in zip(source, sizes, strict=True) if dim is not None and size > 1),
        tuple(dim for dim in result if dim is not None),
        {dim: size for dim, size in zip(source, sizes, strict=True) if dim is not None},
    )
    return ReductionOp(space.joined(combiner), op.inputs[0])


@dataclass(frozen=True)
class _Space:
    """The loops of a reduction: those of the input's axes longer than 1, and the result's."""

    source: tuple[int, ...]
    result: tuple[int, ...]
    sizes: dict[int, int]

    def joined(self, combiner: str) -> Reduction:
        """The reduction, neighbours that are both kept or both summed as one dimension."""
        groups: list[list[int]] = []
        for dim in self.source:
            if groups and self._follows(groups[-1][-1], dim):
                groups[-1].append(dim)
            else:
                groups.append([dim])
        pairs = [(prod(self.sizes[dim] for dim in group), self._role(group[0])) for group in groups]
        # Loops of one iteration have gone; but there is a dimension of each role.
        for role in (Role.PARALLEL, Role.REDUCTION):
            if role not in [kind for _, kind in pairs]:
                pairs.append((1, role))
                groups.append([])
        kept = [number for number, (_, role) in enumerate(pairs) if role is Role.PARALLEL]
        kept.sort(key=lambda number: [self.result.index(dim) for dim in groups[number]])
        return Reduction(name_dims(pairs), Access(tuple(kept)), combiner)

    def _role(self, dim: int) -> Role:
        return Role.PARALLEL if dim in self.result else Role.REDUCTION

    def _follows(self, before: int, dim: int) -> bool:
        if self._role(before) is not self._role(dim):
            return False
        if dim not in self.result:
            return True
        long = [other for other in self.result if self.sizes[other] > 1]
        return long.index(dim) == long.index(before) + 1


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
