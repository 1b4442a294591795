"""Splits generics of which units can compute a part, so that they get it.

Frontends and MLIR's fusion put into one body what the units have and what they lack.
"""

from dataclasses import dataclass

from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Attribute, BlockArgument, Operation, SSAValue
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from pim_opt.dialects.pim import KernelOp
from pim_opt.passes.offering import Request
from pim_opt.passes.recognise_elementwise import is_expression, recognise_elementwise
from pim_opt.passes.split_generic import inputs_behind, split_off


def _is_outside(op: linalg.GenericOp) -> bool:
    """Whether an op has one result and stands in no kernel."""
    return len(op.outputs) == 1 and not isinstance(op.parent_op(), KernelOp)


class SplitInvariant(RewritePattern):
    """Fires on an elementwise generic with what units lack, some of which needs fewer loops.

        y[i, j] = x[i, j] * rsqrt(s[i] + eps)

    becomes r[i] = rsqrt(s[i] + eps), which the host computes, and y[i, j] = x[i, j] * r[i].
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: linalg.GenericOp, rewriter: PatternRewriter) -> None:
        if not _is_outside(op) or not isinstance(recognise_elementwise(op), str):
            return
        for inner in reversed(list(op.body.block.ops)):
            for value in inner.operands:
                if self._loops(op, value) < self._loops(op, inner) and self._computes(op, value):
                    split_off(op, value, rewriter)
                    return

    @staticmethod
    def _loops(op: linalg.GenericOp, value: SSAValue | Operation) -> frozenset[int]:
        """The loops that a value of the body, or an op's operands, depend on."""
        values = value.operands if isinstance(value, Operation) else (value,)
        used = {arg for part in values for arg in inputs_behind(part, op.body.block)}
        maps = [attr.data for attr in op.indexing_maps]
        return frozenset[int]().union(*(maps[arg.index].used_dims() for arg in used))

    @staticmethod
    def _computes(op: linalg.GenericOp, value: SSAValue) -> bool:
        """Whether a value is computed from inputs, by more than a change of its type."""
        owner = value.owner
        if not isinstance(owner, Operation) or isinstance(owner, arith.ExtFOp | arith.TruncFOp):
            return False
        return bool(inputs_behind(value, op.body.block))


@dataclass(frozen=True)
class SplitSummand(RewritePattern):
    """Fires on a sum of what its body computes from one input, where units can do both.

        y[i] += x[i, j] * x[i, j]

    becomes z[i, j] = x[i, j] * x[i, j] and y[i] += z[i, j].
    """

    request: Request

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: linalg.GenericOp, rewriter: PatternRewriter) -> None:
        kinds = {kind.data for kind in op.iterator_types}
        if not _is_outside(op) or IteratorType.REDUCTION not in kinds:
            return
        summand = self._summand(op)
        if summand is None or isinstance(summand, BlockArgument):
            return
        used = inputs_behind(summand, op.body.block)
        if op.body.block.args[-1] in used or len(used) != 1 or not is_expression(summand, op):
            return
        if self._suits({summand.type, *(arg.type for arg in used)}):
            split_off(op, summand, rewriter)

    @staticmethod
    def _summand(op: linalg.GenericOp) -> SSAValue | None:
        """What the body adds to the sum so far."""
        terminator = op.body.block.last_op
        assert isinstance(terminator, linalg.YieldOp), "as linalg verifies"
        add, so_far = terminator.operands[0].owner, op.body.block.args[-1]
        if not isinstance(add, arith.AddfOp) or so_far not in add.operands:
            return None
        return add.rhs if add.lhs is so_far else add.lhs

    def _suits(self, types: set[Attribute]) -> bool:
        """Whether units take elements of one type, rounded perhaps."""
        (element, *others) = types
        names = (str(element), self.request.narrow_to if element == f32 else None)
        return not others and any(name in self.request.device.elements for name in names)


def split_for_units(op: ModuleOp, request: Request) -> None:
    """Split generics in `op`, on a device whose units compute elementwise kernels."""
    kernels = request.device.kernels
    patterns: list[RewritePattern] = []
    if kernels.elementwise is not None:
        patterns.append(SplitInvariant())
        if kernels.reduction is not None:
            patterns.append(SplitSummand(request))
    if patterns:
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns)).rewrite_module(op)
