"""Removes rearrangements that need not happen."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from pim_opt.cost.host_layout import level_sizes
from pim_opt.dialects.flat_placement import same_places
from pim_opt.dialects.layout import PlacementAttr, RearrangeOp, layout_of
from pim_opt.dialects.layout_canonicalize import (
    RemoveRearrangeThereAndBack,
    RemoveRearrangeToSamePlace,
)
from pim_opt.dialects.pim import KernelOp
from pim_opt.passes.kernel_access import device_of, shape_of


class RemoveUnusedRearrange(RewritePattern):
    """Fires on a rearrangement whose result nothing reads."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RearrangeOp, rewriter: PatternRewriter) -> None:
        if not op.result.uses:
            rewriter.erase(op)


class ShareRearrange(RewritePattern):
    """Fires on a rearrangement that an earlier one of the block has made already."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RearrangeOp, rewriter: PatternRewriter) -> None:
        earlier = _same_before(op)
        if earlier is not None:
            rewriter.replace(op, [], [earlier.result])


def _same_before(op: RearrangeOp) -> RearrangeOp | None:
    previous: Operation | None = op.prev_op
    while previous is not None:
        if (
            isinstance(previous, RearrangeOp)
            and previous.source is op.source
            and previous.result.type == op.result.type
        ):
            return previous
        previous = previous.prev_op
    return None


class RemoveRearrangeInPlace(RewritePattern):
    """Fires on a rearrangement of what the host has read from where it goes, said otherwise."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RearrangeOp, rewriter: PatternRewriter) -> None:
        there = op.source.owner
        kernel = op.parent_op()
        if not isinstance(there, RearrangeOp) or not isinstance(kernel, KernelOp):
            return
        source, target = layout_of(there.source), layout_of(op.result)
        if not isinstance(source, PlacementAttr) or not isinstance(target, PlacementAttr):
            return
        sizes = level_sizes(device_of(kernel))
        if same_places(source.data, target.data, shape_of(op.result), sizes):
            rewriter.replace(op, [], [there.source])


@dataclass(frozen=True)
class LayoutFoldRearrangementsPass(ModulePass):
    """Remove rearrangements to the same place, there and back, made before, or never used.

        %0 = layout.rearrange "host_read" %x : A -> #layout.host
        %1 = layout.rearrange "host_write" %0 : #layout.host -> A

    leaves %x. So does a second place B that says the same of every element as A: a placement along
    the axes of a matrix may be the host's layout of its flat elements.
    """

    name = "layout-fold-rearrangements"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = GreedyRewritePatternApplier(
            [
                RemoveRearrangeToSamePlace(),
                RemoveRearrangeThereAndBack(),
                RemoveRearrangeInPlace(),
                ShareRearrange(),
                RemoveUnusedRearrange(),
            ]
        )
        PatternRewriteWalker(patterns).rewrite_module(op)
