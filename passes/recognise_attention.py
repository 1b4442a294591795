"""Recognises attention in linalg on tensors, by structure: softmax between two contractions."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue

from pim_opt.dialects.attention import Attention
from pim_opt.dialects.loop_digits import Digits, LoopSpace
from pim_opt.passes.attention_parts import (
    ComputedMaskError,
    HiddenScoreError,
    Limit,
    NotTakenError,
    Operand,
    Score,
    Softmax,
    Stage,
    match_operand,
    match_score,
    match_softmax,
)
from pim_opt.passes.attention_roles import describe
from pim_opt.passes.element_walk import (
    RESHAPES,
    Element,
    ElementWalk,
    Reduction,
    Scalar,
    shape_of,
    structure_of,
)
from pim_opt.passes.recognise_contraction import is_product_sum


@dataclass(frozen=True)
class Rounding:
    """The source rounds to `element` at a stage."""

    stage: Stage
    element: AnyFloat


@dataclass(frozen=True)
class FusedAttention:
    """Attention as a function computes it, by several ops.

    The accesses of `attention` index the operands in the shapes that it gives, which split axes of
    the values' own shapes at most: tensor.expand_shape leads there.
    """

    attention: Attention
    query: SSAValue
    key: SSAValue
    value: SSAValue
    mask: SSAValue | None
    scale: float
    """Scores are multiplied by it before the mask is added."""
    guarded: bool
    """Whether the result is 0, and not NaN, where all scores are minus infinity."""
    result: SSAValue
    length: SSAValue | None
    """How many positions take part, if not all."""
    position_loop: int | None
    """Loop of the product of query and key that runs over all positions, if one does."""
    ops: tuple[Operation, ...]
    """From the product of query and key to the result, in order; nothing else uses their results,
    so that they go with `result`."""
    roundings: tuple[Rounding, ...]
    """Where the source itself rounds to fewer than 32 bits."""


def recognise_attention(op: linalg.GenericOp) -> FusedAttention | str | None:
    """The attention that `op`, the product of weights and values, is the end of.

    Returns:
        The attention; or, for a softmax between two contractions that is not taken for attention,
        the reason; or None for anything else.
    """
    try:
        match = _match_of(op)
        return None if match is None else match.attention()
    except NotTakenError as error:
        return str(error)


def computed_mask(op: linalg.GenericOp) -> Scalar | None:
    """The mask of attention that ends in `op`, where it is no tensor but a scalar in a body."""
    error = _refusal(op)
    return error.mask if isinstance(error, ComputedMaskError) else None


def selected_score(op: linalg.GenericOp) -> tuple[Scalar, bool] | None:
    """What selects minus infinity or the scores of attention that ends in `op`, and when it does.

    The first is selected where the condition has that value.
    """
    error = _refusal(op)
    return (error.selection, error.when) if isinstance(error, HiddenScoreError) else None


def _refusal(op: linalg.GenericOp) -> NotTakenError | None:
    """Why the scores of attention that ends in `op` are not taken."""
    try:
        match = _match_of(op)
        if match is not None:
            match_score(match.walk, match.softmax.score)
    except NotTakenError as error:
        return error
    return None


def _match_of(op: linalg.GenericOp) -> "_Match | None":
    """The match that ends in `op`, whichever of its inputs are the weights.

    Raises:
        NotTakenError: the weights are a softmax, but not one to be taken.
    """
    if not is_product_sum(op):
        return None
    matches = (_Match.of(op, number) for number in (0, 1))
    return next((match for match in matches if match is not None), None)


def _outcome(op: linalg.GenericOp) -> SSAValue:
    """The result of `op`; or what it is rounded to, if nothing else happens to it."""
    outcome = value = op.results[0]
    while len(uses := tuple(value.uses)) == 1:
        user = uses[0].operation
        if isinstance(user, linalg.GenericOp) and _only_rounds(user):
            return user.results[0]
        if not isinstance(user, RESHAPES):
            break
        value = user.results[0]
    return outcome


def _only_rounds(op: linalg.GenericOp) -> bool:
    terminator = op.body.block.last_op
    if not isinstance(terminator, linalg.YieldOp) or len(op.inputs) != 1 or len(op.results) != 1:
        return False
    rounding = terminator.operands[0].owner
    return isinstance(rounding, arith.TruncFOp) and rounding.input is op.body.block.args[0]


@dataclass(frozen=True)
class _Match:
    """The parts of attention, and the loops that they are read by."""

    op: linalg.GenericOp
    walk: ElementWalk
    result: Element
    sum_loops: Digits
    value: Scalar
    softmax: Softmax

    @staticmethod
    def of(op: linalg.GenericOp, weights: int) -> "_Match | None":
        """A match in which `op` multiplies by weights that its input of that number holds."""
        walk = ElementWalk(LoopSpace())
        outcome = _outcome(op)
        index = tuple(walk.space.loop(size) for size in shape_of(outcome))
        result = Element(outcome, index)
        context = walk.see(result, Stage.CONTEXT)
        structure = structure_of(op)
        if not isinstance(context, Reduction) or context.op is not op or structure is None:
            return None
        walk.space.settle(context.loops)
        walk.note(Stage.CONTEXT_SUM, context.summand.value.type)
        weight, value = (
            Scalar(op.body.block.args[i], structure, context.summand.loops)
            for i in (weights, 1 - weights)
        )
        softmax = match_softmax(walk, weight)
        if softmax is None:
            return None
        if context.initial != 0:
            raise NotTakenError("it adds to a value that is not zero")
        return _Match(op, walk, result, context.loops, value, softmax)

    def attention(self) -> FusedAttention:
        """The description of the match.

        Raises:
            NotTakenError: it is no attention after all, or not one to be taken.
        """
        score = match_score(self.walk, self.softmax.score)
        value = match_operand(self.walk, self.value, scaled=False)
        query, key = self._query_and_key(score)
        if value is None:
            raise NotTakenError("its value is indexed by more than plain loops")
        self._check_softmax_loops()
        elements = {"query": query.element, "key": key.element, "value": value.element}
        elements |= {} if score.mask is None else {"mask": score.mask}
        tensors = {element.tensor for element in elements.values()}
        return FusedAttention(
            describe(self.walk.space, {**elements, "result": self.result}),
            query.element.tensor,
            key.element.tensor,
            value.element.tensor,
            None if score.mask is None else score.mask.tensor,
            score.scale * query.scale * key.scale,
            self.softmax.guarded,
            self.result.tensor,
            self._length(score.limit),
            self._position_loop(score),
            self._ops(score.product.reduction.op, tensors),
            self._roundings(),
        )

    def _query_and_key(self, score: Score) -> tuple[Operand, Operand]:
        """The factors of the scores: the key is the one that has positions.

        Where there is one position only, it is the one that has fewer loops.
        """
        left, right = (
            match_operand(self.walk, f, scaled=True)
            for f in (score.product.left, score.product.right)
        )
        if left is None or right is None:
            raise NotTakenError("its query or key is indexed by more than plain loops")
        positions = self._loops(self.sum_loops)
        of_left, of_right = (self._loops(*operand.element.index) for operand in (left, right))
        if positions and positions <= of_left & of_right:
            raise NotTakenError("its query and its key both differ from position to position")
        by_length = (positions <= of_left, -len(of_left)) > (positions <= of_right, -len(of_right))
        query, key = (right, left) if by_length else (left, right)
        for stage, operand in ((Stage.QUERY, query), (Stage.KEY, key)):
            if operand.rounded is not None:
                self.walk.note(stage, operand.rounded)
        return query, key

    def _length(self, limit: Limit | None) -> SSAValue | None:
        if limit is None:
            return None
        if self.walk.space.resolved(limit.loops) != self.walk.space.resolved(self.sum_loops):
            raise NotTakenError("its length limits something else than its positions")
        return limit.length

    def _position_loop(self, score: Score) -> int | None:
        reduction = score.product.reduction
        structure = structure_of(reduction.op)
        assert structure is not None, "a reduction is one"
        positions = self.walk.space.resolved(self.sum_loops)
        for loop, digits in enumerate(reduction.summand.loops):
            if loop not in structure.reductions and self.walk.space.resolved(digits) == positions:
                return loop
        return None

    def _loops(self, *index: Digits) -> set[int]:
        return {loop for digits in index for loop in self.walk.space.resolved(digits)}

    def _check_softmax_loops(self) -> None:
        summed = self._loops(self.sum_loops)
        for loops in (self.softmax.maximum_loops, self.softmax.sum_loops):
            if self._loops(loops) != summed:
                raise NotTakenError(
                    "its softmax runs over other loops than the sum of the weighted values"
                )

    def _roundings(self) -> tuple[Rounding, ...]:
        noted = self.walk.roundings
        return tuple(Rounding(stage, noted[stage]) for stage in Stage if stage in noted)

    def _ops(self, first: Operation, operands: set[SSAValue]) -> tuple[Operation, ...]:
        """The ops from the scores' product to the result.

        Raises:
            NotTakenError: something else uses what one of them computes.
        """
        last = self.result.tensor.owner
        if not isinstance(last, Operation) or first.parent_block() is not last.parent_block():
            raise NotTakenError("its two contractions are in different regions")
        ops = ops_between(first, last)
        for op in ops:
            for result in op.results:
                if result in operands:
                    raise NotTakenError("an operand depends on its scores")
                if result is not self.result.tensor and not _used_only_in(ops, result):
                    raise NotTakenError(
                        f"'{result.owner.name}' computes an intermediate value, {result.type}, that"
                        " is used elsewhere too"
                    )
        return ops


def ops_between(first: Operation, last: Operation) -> tuple[Operation, ...]:
    """The ops of a block that `last` depends on and that depend on `first`, both included."""
    needed: set[Operation] = set()
    pending = [last]
    while pending:
        op = pending.pop()
        if op not in needed:
            needed.add(op)
            pending += [] if op is first else _read_by(op)
    found = [first]
    op = first.next_op
    while op is not None and found[-1] is not last:
        if op in needed and any(read in found for read in _read_by(op)):
            found.append(op)
        op = op.next_op
    return tuple(found)


def _read_by(op: Operation) -> list[Operation]:
    """The ops of the same block whose results `op`, or an op inside it, uses."""
    values = (operand for inner in op.walk() for operand in inner.operands)
    owners = (value.owner for value in values)
    block = op.parent_block()
    return [o for o in owners if isinstance(o, Operation) and o.parent_block() is block]


def _used_only_in(ops: Sequence[Operation], value: SSAValue) -> bool:
    return all(any(op.is_ancestor(use.operation) for op in ops) for use in value.uses)
