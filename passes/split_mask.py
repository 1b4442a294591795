"""Gives masks that are computed where they are added to scores a tensor of their own."""

from math import inf
from typing import cast

from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, FloatAttr
from xdsl.dialects.linalg import ops as linalg
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from pim_opt.passes.recognise_attention import computed_mask, selected_score
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


class AddSelectedMask(RewritePattern):
    """Fires on the end of attention in whose scores minus infinity is put by a condition.

        %r = arith.select %hidden, %low, %score

    becomes a mask that is added, as minus infinity is to be the sum of itself and any score:

        %m = arith.select %hidden, %low, %zero
        %r = arith.addf %score, %m
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: linalg.GenericOp, rewriter: PatternRewriter) -> None:
        found = selected_score(op)
        if found is None:
            return
        selection, hides = found[0].value.owner, found[1]
        assert isinstance(selection, arith.SelectOp), "as selected_score found"
        type_ = cast(AnyFloat, selection.result.type)
        low, zero = (arith.ConstantOp(FloatAttr(number, type_)) for number in (-inf, 0.0))
        score = selection.rhs if hides else selection.lhs
        branches = (low.result, zero.result) if hides else (zero.result, low.result)
        mask = arith.SelectOp(selection.cond, *branches)
        total = arith.AddfOp(score, mask.result)
        rewriter.replace(selection, [low, zero, mask, total])
