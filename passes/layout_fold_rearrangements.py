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

from pim_opt.dialects.layout import RearrangeOp
from pim_opt.dialects.layout_canonicalize import (
    RemoveRearrangeThereAndBack,
    RemoveRearrangeToSamePlace,
)


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


@dataclass(frozen=True)
class LayoutFoldRearrangementsPass(ModulePass):
    """Remove rearrangements to the same place, there and back, made before, or never used.

        %0 = layout.rearrange "host_read" %x : A -> #layout.host
        %1 = layout.rearrange "host_write" %0 : #layout.host -> A

    leaves %x.
    """

    name = "layout-fold-rearrangements"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = GreedyRewritePatternApplier(
            [
                RemoveRearrangeToSamePlace(),
                RemoveRearrangeThereAndBack(),
                ShareRearrange(),
                RemoveUnusedRearrange(),
            ]
        )
        PatternRewriteWalker(patterns).rewrite_module(op)
