"""Recognises contractions with few vectors among linalg ops, by structure and not by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects import arith
from xdsl.dialects.builtin import DYNAMIC_INDEX, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from pim_opt.dialects.iteration import Access, Contraction, Role, name_dims

MOST_ROWS = 16
"""Vectors that share a matrix (M) at most: with more of them the host reads the matrix often enough
to make up for its narrower path to it."""


@dataclass(frozen=True)
class VectorProduct:
    """A linalg.generic that sums products of a vector's and a matrix's elements."""

    contraction: Contraction
    vector: SSAValue
    matrix: SSAValue


def is_product_sum(op: linalg.GenericOp) -> bool:
    """Whether the body is exactly acc + ext(a) * ext(b) of two inputs and one output."""
    if len(op.inputs) != 2 or len(op.outputs) != 1:
        return False
    block = op.body.block
    terminator = block.last_op
    if not isinstance(terminator, linalg.YieldOp):
        return False
    left, right, accumulator = block.args
    addition = terminator.operands[0].owner
    if not isinstance(addition, arith.AddfOp):
        return False
    summands = {addition.lhs, addition.rhs}
    if accumulator not in summands or len(summands) != 2:
        return False
    (product,) = summands - {accumulator}
    if not isinstance(product.owner, arith.MulfOp):
        return False
    factors = [unextended(product.owner.lhs), unextended(product.owner.rhs)]
    return factors in ([left, right], [right, left])


def unextended(value: SSAValue) -> SSAValue:
    """`value`, or what it extends to a wider float."""
    owner = value.owner
    return owner.input if isinstance(owner, arith.ExtFOp) else value


def _none(value: SSAValue) -> bool:
    return False


def recognise(
    op: linalg.GenericOp, is_matrix: Callable[[SSAValue], bool] = _none
) -> VectorProduct | str | None:
    """The contraction that `op` is.

    Args:
        op: any generic.
        is_matrix: whether an operand can be nothing else, however many rows the other has.

    Returns:
        The contraction; or, for a contraction that cannot be offloaded, the reason; or None for an
        op that is no contraction at all.
    """
    reductions = [
        i for i, kind in enumerate(op.iterator_types) if kind.data is IteratorType.REDUCTION
    ]
    if not reductions or not is_product_sum(op):
        return None
    types = [value.type for value in (*op.inputs, *op.outputs)]
    shapes = [type_.get_shape() for type_ in types if isinstance(type_, TensorType)]
    if len(shapes) != 3:
        return "its operands are not tensors"
    if any(DYNAMIC_INDEX in shape for shape in shapes):
        return "it has a dynamic shape"
    if any(0 in shape for shape in shapes):
        return "it has nothing to compute: a dimension has size 0"
    maps = [attr.data for attr in op.indexing_maps]
    axes = [axes_of(map_) for map_ in maps]
    first, second, result = axes
    if first is None or second is None or result is None:
        return "an operand is indexed by more than plain dimensions"
    sizes = _sizes(maps[0].num_dims, axes, shapes)
    if sizes is None:
        return "a loop dimension indexes no operand"
    fixed = [is_matrix(value) for value in op.inputs]
    return _with_vector(op, sizes, first, second, result, fixed)


def axes_of(map_: AffineMap) -> tuple[int | None, ...] | None:
    """Per axis its dimension or None for index 0; None if the map says anything else."""
    axes: list[int | None] = []
    for expr in map_.results:
        match expr:
            case AffineDimExpr(position) if position not in axes:
                axes.append(position)
            case AffineConstantExpr(0):
                axes.append(None)
            case _:
                return None
    return tuple(axes)


def _sizes(
    rank: int, axes: list[tuple[int | None, ...] | None], shapes: list[tuple[int, ...]]
) -> list[int] | None:
    sizes: dict[int, int] = {}
    for operand_axes, shape in zip(axes, shapes, strict=True):
        for dim, size in zip(operand_axes or (), shape, strict=True):
            if dim is not None:
                sizes[dim] = size
    return [sizes[i] for i in range(rank)] if len(sizes) == rank else None


def _with_vector(
    op: linalg.GenericOp,
    sizes: list[int],
    first: tuple[int | None, ...],
    second: tuple[int | None, ...],
    result: tuple[int | None, ...],
    fixed: Sequence[bool],
) -> VectorProduct | str:
    """The contraction with the operand as vector that has fewer rows of its own, or the first.

    But an operand that is `fixed` is the matrix.
    """
    m = _rows(sizes, first, second, result)
    swapped = _rows(sizes, second, first, result)
    swap = fixed[0] if fixed[0] != fixed[1] else swapped < m
    rows = swapped if swap else m
    if rows > MOST_ROWS:
        return f"it multiplies matrices (M = {rows}); M up to {MOST_ROWS} is offloaded"
    vector, matrix = (second, first) if swap else (first, second)
    contraction = _contraction(sizes, vector, matrix, result)
    if isinstance(contraction, str):
        return contraction
    operands = op.inputs[::-1] if swap else op.inputs
    return VectorProduct(contraction, operands[0], operands[1])


def _rows(
    sizes: list[int],
    vector: tuple[int | None, ...],
    matrix: tuple[int | None, ...],
    result: tuple[int | None, ...],
) -> int:
    """Points of the loops of `vector` and `result` that `matrix` lacks."""
    return prod(sizes[d] for d in vector if d is not None and d in result and d not in matrix)


def _contraction(
    sizes: list[int],
    vector: tuple[int | None, ...],
    matrix: tuple[int | None, ...],
    result: tuple[int | None, ...],
) -> Contraction | str:
    roles: dict[int, Role] = {}
    for dim in range(len(sizes)):
        match (dim in vector, dim in matrix, dim in result):
            case (True, True, True):
                roles[dim] = Role.BATCH
            case (False, True, True):
                roles[dim] = Role.OUTPUT
            case (True, True, False):
                roles[dim] = Role.REDUCTION
            case (True, False, True):
                roles[dim] = Role.ROW
            case _:
                return "a loop sums over one operand alone"
    reductions = [dim for dim, role in roles.items() if role is Role.REDUCTION]
    # Loops of one iteration carry nothing; but a contraction has a reduction dimension.
    kept = [dim for dim in roles if sizes[dim] > 1 or dim in reductions[:1]]
    kept = [d for d in kept if sizes[d] > 1 or not any(sizes[r] > 1 for r in reductions)]
    number = {dim: i for i, dim in enumerate(kept)}

    def access(axes: tuple[int | None, ...]) -> Access:
        return Access(tuple(None if dim is None else number.get(dim) for dim in axes))

    dims = name_dims((sizes[dim], roles[dim]) for dim in kept)
    return Contraction(dims, access(vector), access(matrix), access(result))
