"""Splits a scalar off the body of a linalg.generic, into a generic of its own."""

from collections.abc import Sequence
from typing import TypeVar, cast

from xdsl.dialects import tensor
from xdsl.dialects.builtin import AffineMapAttr, IntegerAttr, TensorType, i64
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.pattern_rewriter import PatternRewriter
from xdsl.utils.hints import isa

from pim_opt.dialects.compat.linalg import GenericOp

PARALLEL = IteratorTypeAttr(IteratorType.PARALLEL)

_Op = TypeVar("_Op", bound=Operation)


def inputs_behind(value: SSAValue, block: Block) -> set[BlockArgument]:
    """Arguments of `block` that `value` is computed from."""
    return {found for found in _behind(value, block) if isinstance(found, BlockArgument)}


def _needed_ops(value: SSAValue, block: Block, kind: type[_Op]) -> list[_Op]:
    """Ops of a kind in `block` that `value` is computed by."""
    return [found.owner for found in _behind(value, block) if isinstance(found.owner, kind)]


def _behind(value: SSAValue, block: Block) -> set[SSAValue]:
    """`value` and the values of `block` that it is computed from."""
    found: set[SSAValue] = set()
    pending = [value]
    while pending:
        current = pending.pop()
        owner = current.owner
        if current in found or block is not (
            owner if isinstance(owner, Block) else owner.parent_block()
        ):
            continue
        found.add(current)
        pending += owner.operands if isinstance(owner, Operation) else ()
    return found


def split_off(op: linalg.GenericOp, value: SSAValue, rewriter: PatternRewriter) -> None:
    """Have a scalar of a generic's body computed by a generic of its own before it.

    Args:
        op: with one result.
        value: computed in its body from inputs and loop numbers, not from the result so far.
        rewriter: of the pattern that asks for it.
    """
    body = op.body.block
    maps = [attr.data for attr in op.indexing_maps]
    used = sorted(inputs_behind(value, body), key=lambda arg: arg.index)
    numbers = {index.dim.value.data for index in _needed_ops(value, body, linalg.IndexOp)}
    sizes = _loop_sizes(op)
    dims = sorted(numbers.union(*(maps[arg.index].used_dims() for arg in used)))
    place = {dim: AffineDimExpr(i) for i, dim in enumerate(dims)}
    renamed = [place.get(dim, AffineDimExpr(0)) for dim in range(maps[0].num_dims)]
    result = TensorType(value.type, [sizes[dim] for dim in dims])
    empty = tensor.EmptyOp([], result)
    block = Block(arg_types=[*(arg.type for arg in used), value.type])
    copies: dict[SSAValue, SSAValue] = dict(zip(used, block.args, strict=False))
    block.add_op(linalg.YieldOp(_copied(value, body, copies, block)))
    for index in (inner for inner in block.ops if isinstance(inner, linalg.IndexOp)):
        index.dim = IntegerAttr(place[index.dim.value.data].position, i64)
    factor = GenericOp(
        [op.inputs[arg.index] for arg in used],
        [empty.tensor],
        Region(block),
        [
            *(
                AffineMapAttr(maps[arg.index].replace_dims_and_symbols(renamed, [], len(dims), 0))
                for arg in used
            ),
            AffineMapAttr(AffineMap.identity(len(dims))),
        ],
        [PARALLEL] * len(dims),
        [result],
    )
    factor.location = op.location
    remainder = _with_factor(op, value, factor.results[0], dims)
    rewriter.replace(op, [empty, factor, remainder])


def _with_factor(
    op: linalg.GenericOp, value: SSAValue, factor: SSAValue, dims: Sequence[int]
) -> GenericOp:
    """The generic that reads `factor` in place of computing `value`, less unused inputs."""
    maps = [attr.data for attr in op.indexing_maps]
    factor_map = AffineMap(maps[0].num_dims, 0, tuple(AffineDimExpr(dim) for dim in dims))
    count = len(op.inputs)
    body = op.body.block
    block = Block(arg_types=[value.type, *(arg.type for arg in body.args)])
    copies: dict[SSAValue, SSAValue] = dict(zip(body.args, block.args[1:], strict=True))
    copies[value] = block.args[0]
    terminator = cast(linalg.YieldOp, body.last_op)
    block.add_op(linalg.YieldOp(_copied(terminator.operands[0], body, copies, block)))
    kept = [i for i in range(count) if block.args[i + 1].uses]
    for number in reversed(range(count)):
        if number not in kept:
            block.erase_arg(block.args[number + 1])
    generic = GenericOp(
        [factor, *(op.inputs[i] for i in kept)],
        op.outputs,
        Region(block),
        [AffineMapAttr(m) for m in (factor_map, *(maps[i] for i in kept), *maps[count:])],
        op.iterator_types,
        op.res.types,
    )
    generic.location = op.location
    return generic


def _copied(
    value: SSAValue, source: Block, copies: dict[SSAValue, SSAValue], target: Block
) -> SSAValue:
    """`value`, computed at the end of `target` by copies of the ops of `source` that it needs."""
    if value in copies:
        return copies[value]
    owner = value.owner
    if not isinstance(owner, Operation) or owner.parent_block() is not source:
        return value
    for operand in owner.operands:
        _copied(operand, source, copies, target)
    clone = owner.clone(value_mapper=copies)
    target.add_op(clone)
    copies.update(zip(owner.results, clone.results, strict=True))
    return copies[value]


def _loop_sizes(op: linalg.GenericOp) -> dict[int, int]:
    sizes: dict[int, int] = {}
    for value, attr in zip(op.operands, op.indexing_maps, strict=True):
        type_: Attribute = value.type
        if isa(type_, TensorType[Attribute]):
            for expr, size in zip(attr.data.results, type_.get_shape(), strict=True):
                if isinstance(expr, AffineDimExpr):
                    sizes[expr.position] = size
    return sizes
