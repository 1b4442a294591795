"""Makes contractions plain to see: generic, without transposes, and without other work inside."""

from dataclasses import dataclass
from typing import cast

from xdsl.context import Context
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    IntegerAttr,
    ModuleOp,
    TensorType,
    i64,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr, AffineMap
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from pim_opt.dialects.compat.linalg import GenericOp
from pim_opt.passes.split_generic import inputs_behind, split_off
from pim_opt.passes.split_mask import AddSelectedMask, SplitMask

PARALLEL = IteratorTypeAttr(IteratorType.PARALLEL)


class GeneralizeNamedOp(RewritePattern):
    """Fires on every structured op but linalg.generic and fills: it becomes a generic."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, LinalgStructuredOperation) or isinstance(
            op, linalg.GenericOp | linalg.FillOp
        ):
            return
        if not op.res:
            return
        body = _transposing_body(op) if isinstance(op, linalg.TransposeOp) else op.body.clone()
        generic = GenericOp(
            op.inputs,
            op.outputs,
            body,
            op.get_indexing_maps(),
            op.get_iterator_types(),
            op.res.types,
        )
        generic.location = op.location
        rewriter.replace(op, generic)


class GeneralizeReduce(RewritePattern):
    """Fires on linalg.reduce, which is no structured op by name: it becomes a generic."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: linalg.ReduceOp, rewriter: PatternRewriter) -> None:
        type_ = op.input.type
        if not op.result or not isinstance(type_, TensorType):
            return
        rank = len(type_.get_shape())
        summed = set(op.dimensions.get_values())
        kept = tuple(AffineExpr.dimension(dim) for dim in range(rank) if dim not in summed)
        reduction = IteratorTypeAttr(IteratorType.REDUCTION)
        generic = GenericOp(
            [op.input],
            [op.init],
            op.region.clone(),
            [AffineMapAttr(AffineMap.identity(rank)), AffineMapAttr(AffineMap(rank, 0, kept))],
            [reduction if dim in summed else PARALLEL for dim in range(rank)],
            op.result.types,
        )
        generic.location = op.location
        rewriter.replace(op, generic)


def _transposing_body(op: linalg.TransposeOp) -> Region:
    element = op.res[0].type.element_type
    block = Block(arg_types=[element, element])
    block.add_op(linalg.YieldOp(block.args[0]))
    return Region(block)


def permutation_of(op: Operation) -> tuple[int, ...] | None:
    """The source axis of each result axis, if `op` is a generic that only transposes; else None."""
    if not isinstance(op, linalg.GenericOp) or len(op.inputs) != 1 or len(op.outputs) != 1:
        return None
    terminator = op.body.block.last_op
    if not isinstance(terminator, linalg.YieldOp):
        return None
    if terminator.operands[0] is not op.body.block.args[0]:
        return None
    source, result = (attr.data for attr in op.indexing_maps)
    if not (_permutes(source) and _permutes(result)):
        return None
    axis_of = {cast(AffineDimExpr, e).position: i for i, e in enumerate(source.results)}
    return tuple(axis_of[cast(AffineDimExpr, expr).position] for expr in result.results)


def _permutes(map_: AffineMap) -> bool:
    dims = [expr.position for expr in map_.results if isinstance(expr, AffineDimExpr)]
    return sorted(dims) == list(range(map_.num_dims)) and len(dims) == len(map_.results)


class FoldTranspose(RewritePattern):
    """Fires on a generic that reads a transposed tensor: it reads the tensor, by another map."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: linalg.GenericOp, rewriter: PatternRewriter) -> None:
        maps = [attr.data for attr in op.indexing_maps]
        inputs = list(op.inputs)
        for number, value in enumerate(inputs):
            permutation = (
                permutation_of(value.owner) if isinstance(value.owner, Operation) else None
            )
            if permutation is None or not isinstance(value.owner, linalg.GenericOp):
                continue
            axes: list[AffineExpr] = list(maps[number].results)
            for result_axis, source_axis in enumerate(permutation):
                axes[source_axis] = maps[number].results[result_axis]
            maps[number] = AffineMap(maps[number].num_dims, 0, tuple(axes))
            inputs[number] = value.owner.inputs[0]
        if inputs == list(op.inputs):
            return
        op.operands = [*inputs, *op.outputs]
        op.properties["indexing_maps"] = ArrayAttr([AffineMapAttr(map_) for map_ in maps])
        rewriter.notify_op_modified(op)


class CollapseBeforeTranspose(RewritePattern):
    """Fires on a collapse_shape of a transposed tensor whose groups the permutation keeps whole.

    The tensor is collapsed first and transposed then, so that the transpose meets its reader.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: tensor.CollapseShapeOp, rewriter: PatternRewriter) -> None:
        owner = op.src.owner
        permutation = permutation_of(owner) if isinstance(owner, Operation) else None
        if permutation is None or not isinstance(owner, linalg.GenericOp):
            return
        groups = [[permutation[axis.value.data] for axis in group] for group in op.reassociation]
        if any(group != list(range(group[0], group[0] + len(group))) for group in groups):
            return
        result = op.result.type
        order = sorted(range(len(groups)), key=lambda i: groups[i][0])
        shape = [result.get_shape()[i] for i in order]
        reassociation = ArrayAttr(
            [ArrayAttr([IntegerAttr(axis, i64) for axis in groups[i]]) for i in order]
        )
        collapsed = tensor.CollapseShapeOp.build(
            operands=[owner.inputs[0]],
            result_types=[TensorType(result.element_type, shape)],
            properties={"reassociation": reassociation},
        )
        empty = tensor.EmptyOp([], result)
        rank = len(groups)
        source_map = AffineMap(rank, 0, tuple(AffineDimExpr(i) for i in order))
        block = Block(arg_types=[result.element_type] * 2)
        block.add_op(linalg.YieldOp(block.args[0]))
        transposed = GenericOp(
            [collapsed.result],
            [empty.tensor],
            Region(block),
            [AffineMapAttr(source_map), AffineMapAttr(AffineMap.identity(rank))],
            [PARALLEL] * rank,
            [result],
        )
        rewriter.replace(op, [collapsed, empty, transposed])


class SplitFactor(RewritePattern):
    """Fires on a contraction one of whose factors is computed in its body from its inputs.

    The factor gets a generic of its own before the contraction, over the loops it depends on.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: linalg.GenericOp, rewriter: PatternRewriter) -> None:
        product = _product(op)
        if product is None:
            return
        for factor in product.operands:
            value = _narrowest(factor)
            if isinstance(value, BlockArgument):
                continue
            used = inputs_behind(value, op.body.block)
            if used and op.body.block.args[-1] not in used:
                split_off(op, value, rewriter)
                return


def _product(op: linalg.GenericOp) -> arith.MulfOp | None:
    """The product that a contraction's body adds to its accumulator."""
    terminator = op.body.block.last_op
    if not isinstance(terminator, linalg.YieldOp) or len(op.outputs) != 1:
        return None
    addition = terminator.operands[0].owner
    if not isinstance(addition, arith.AddfOp) or len(op.inputs) < 2:
        return None
    accumulator = op.body.block.args[-1]
    for summand, other in ((addition.lhs, addition.rhs), (addition.rhs, addition.lhs)):
        if other is accumulator and isinstance(summand.owner, arith.MulfOp):
            return summand.owner
    return None


def _narrowest(value: SSAValue) -> SSAValue:
    """`value`, or what it extends: the narrower tensor is the one to keep."""
    return value.owner.input if isinstance(value.owner, arith.ExtFOp) else value


class RemoveUnused(RewritePattern):
    """Fires on a generic, an empty tensor or a reshape whose results nothing reads."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        removable = linalg.GenericOp | tensor.EmptyOp | tensor.CollapseShapeOp
        if isinstance(op, removable) and not any(result.uses for result in op.results):
            rewriter.erase(op)


@dataclass(frozen=True)
class LinalgNormalizePass(ModulePass):
    """Bring contractions to plain generics: acc + ext(a) * ext(b), reading operands as stored.

    1. Named structured ops and linalg.reduce become generics.
    2. Transposes fold into the indexing maps of their readers, across collapse_shape too.
    3. Factors that a contraction's body computes move to generics of their own before it, and so
       do masks of attention that are computed where they are added to the scores, or select them.
    """

    name = "linalg-normalize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        named = GreedyRewritePatternApplier([GeneralizeNamedOp(), GeneralizeReduce()])
        PatternRewriteWalker(named, apply_recursively=False).rewrite_module(op)
        patterns: list[RewritePattern] = [
            CollapseBeforeTranspose(),
            FoldTranspose(),
            SplitFactor(),
            AddSelectedMask(),
            SplitMask(),
            RemoveUnused(),
        ]
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns)).rewrite_module(op)
