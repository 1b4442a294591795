"""Gives masks that are computed where they are added to scores a tensor of their own."""

from xdsl.dialects.linalg import ops as linalg
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from pim_opt.passes.recognise_attention import computed_mask
from pim_opt.passes.split_generic import split_off


class SplitMask(RewritePattern):
    """Fires on the end of attention whose mask is a scalar in the body that adds it to the scores.

    Fusion does so to masks that come of truth values or of positions.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: linalg.GenericOp, rewriter: PatternRewriter) -> None:
        mask = computed_mask(op)
        adder = None if mask is None or mask.structure is None else mask.structure.op
        if mask is not None and isinstance(adder, linalg.GenericOp) and len(adder.results) == 1:
            split_off(adder, mask.value, rewriter)
