"""Canonicalisation of the `layout` dialect: movement that can be seen to be needless."""

from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from pim_opt.dialects.layout import RearrangeOp


class RemoveRearrangeToSamePlace(RewritePattern):
    """Fires on a rearrangement whose source already lies where it goes."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RearrangeOp, rewriter: PatternRewriter) -> None:
        if op.source.type == op.result.type:
            rewriter.replace(op, [], [op.source])


class RemoveRearrangeThereAndBack(RewritePattern):
    """Fires on a rearrangement back to the place that its source was rearranged from."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RearrangeOp, rewriter: PatternRewriter) -> None:
        there = op.source.owner
        if isinstance(there, RearrangeOp) and there.source.type == op.result.type:
            rewriter.replace(op, [], [there.source])
