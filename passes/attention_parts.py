"""Matches the parts of attention in element expressions: softmax, scores and operands."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import TypeGuard, cast

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AnyFloat, TensorType
from xdsl.dialects.linalg.ops import IndexOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.hints import isa

from pim_opt.dialects.loop_digits import Digits
from pim_opt.passes.element_walk import (
    RESHAPES,
    Element,
    ElementWalk,
    Fold,
    Node,
    Reduction,
    Scalar,
)


class Stage(StrEnum):
    """Where on its way through attention a source may round to a narrow type."""

    QUERY = "query"
    """The query after its scaling."""
    KEY = "key"
    """The key after its scaling."""
    VALUE = "value"
    SCORE_SUM = "score sum"
    """Every partial sum of a score."""
    SCORE = "score"
    """Scores, scaled and masked."""
    SOFTMAX = "softmax"
    """Exponentials and their sum."""
    WEIGHT = "weight"
    """The softmax's results."""
    CONTEXT_SUM = "context sum"
    """Every partial sum of the weighted values."""
    CONTEXT = "context"
    """The result."""


class NotTakenError(Exception):
    """Why something that looks like attention is not taken for it."""


class ComputedMaskError(NotTakenError):
    """The mask is computed where it is added to the scores."""

    def __init__(self, mask: Scalar) -> None:
        super().__init__("its mask is no tensor: it is computed where it is added")
        self.mask = mask


class HiddenScoreError(NotTakenError):
    """A selection puts minus infinity in the place of scores, where its condition is `when`."""

    def __init__(self, selection: Scalar, when: bool) -> None:
        super().__init__("its scores are selected, and not added to a mask")
        self.selection, self.when = selection, when


@dataclass(frozen=True)
class Softmax:
    """exp(score - maximum) / sum of these."""

    score: Scalar
    maximum_loops: Digits
    sum_loops: Digits
    guarded: bool
    """Whether weights are 0 where all scores are minus infinity."""


@dataclass(frozen=True)
class Product:
    """The sum of left * right over `reduction.loops`, neither of them being constant."""

    reduction: Reduction
    left: Scalar
    right: Scalar


@dataclass(frozen=True)
class Limit:
    """Scores from an index on are minus infinity."""

    length: SSAValue
    """The first of these indices."""
    loops: Digits
    """What they are indices of."""


@dataclass(frozen=True)
class Score:
    """scale * product + mask, up to a limit."""

    product: Product
    scale: float
    mask: Element | None
    limit: Limit | None


@dataclass(frozen=True)
class Operand:
    """The tensor that a factor is read from, `scale` times."""

    element: Element
    scale: float = 1.0
    rounded: AnyFloat | None = None
    """The narrowest type that the scaled factor was rounded to, if it was."""


def match_softmax(walk: ElementWalk, weight: Node) -> Softmax | None:
    """The softmax of scores that `weight` is the result of, or None.

    Raises:
        NotTakenError: it is one, but not the numerically safe one over one set of loops.
    """
    quotient, guard = _unguarded(walk, weight)
    if not is_made_by(quotient, arith.DivfOp):
        return None
    exponential, total = (walk.see(node, Stage.SOFTMAX) for node in walk.operands(quotient))
    if not is_made_by(exponential, math.ExpOp) or not isinstance(total, Reduction):
        return None
    if total.fold is not Fold.SUM or not leads_to_product(walk, exponential):
        return None
    if total.initial != 0 or not walk.same(exponential, total.summand):
        raise NotTakenError("its softmax divides by something else than the sum of exponentials")
    score, maximum = _shifted_score(walk, walk.operands(exponential)[0])
    if guard is not None and _all_masked(walk, guard[0], score) is not guard[1]:
        raise NotTakenError("its weights are selected by something else than masked scores")
    return Softmax(score, maximum.loops, total.loops, guard is not None)


def _shifted_score(walk: ElementWalk, shifted: Scalar) -> tuple[Scalar, Reduction]:
    """The score whose maximum is subtracted from it, and that maximum.

    Raises:
        NotTakenError: it is not.
    """
    difference = walk.see(shifted, Stage.SOFTMAX)
    if not is_made_by(difference, arith.SubfOp):
        raise NotTakenError("its softmax does not subtract the maximum of the scores")
    score, subtracted = walk.operands(difference)
    maximum = walk.see(subtracted, Stage.SOFTMAX)
    if not isinstance(maximum, Reduction) or maximum.fold is not Fold.MAXIMUM:
        raise NotTakenError("its softmax does not subtract the maximum of the scores")
    if not walk.same(score, maximum.summand):
        raise NotTakenError("its softmax subtracts the maximum of something else than the scores")
    return score, maximum


def is_made_by(node: Node, *kinds: type[Operation]) -> TypeGuard[Scalar]:
    """Whether `node` is the result of a scalar op of one of the kinds."""
    return isinstance(node, Scalar) and isinstance(node.value.owner, kinds)


def _unguarded(walk: ElementWalk, weight: Node) -> tuple[Node, tuple[Scalar, bool] | None]:
    """`weight` before a selection between it and 0, with the condition and when that gives 0."""
    node = walk.see(weight, Stage.WEIGHT)
    if is_made_by(node, arith.SelectOp):
        condition, if_true, if_false = walk.operands(node)
        if walk.constant(if_true) == 0:
            return walk.see(if_false, Stage.WEIGHT), (condition, True)
        if walk.constant(if_false) == 0:
            return walk.see(if_true, Stage.WEIGHT), (condition, False)
    return node, None


def _all_masked(walk: ElementWalk, condition: Node, score: Node) -> bool | None:
    """True if `condition` says that scores are minus infinity, False if that some are not."""
    node = walk.see(condition)
    if isinstance(node, Reduction):
        inner = _all_masked(walk, node.summand, score)
        return inner if inner is {Fold.ALL: True, Fold.ANY: False}.get(node.fold) else None
    if not is_made_by(node, arith.XOrIOp, arith.CmpiOp, arith.CmpfOp):
        return None
    left, right = walk.operands(node)
    number = walk.constant(right)
    predicate = _predicate(node)
    if number is None or predicate not in _EQUAL | _UNEQUAL:
        return None
    equal = predicate in _EQUAL
    if isinstance(node.value.owner, arith.CmpfOp):
        return equal if number == -inf and walk.same(left, score) else None
    inner = _all_masked(walk, left, score)
    return None if inner is None else inner is ((number != 0) is equal)


_EQUAL = {"eq", "oeq", "ueq"}
_UNEQUAL = {"ne", "une", "one"}


def _predicate(scalar: Scalar) -> str:
    """What a comparison compares for; exclusive or is inequality of truth values."""
    match scalar.value.owner:
        case arith.CmpfOp() as op:
            return arith.CMPF_COMPARISON_OPERATIONS[op.predicate.value.data]
        case arith.CmpiOp() as op:
            return arith.CMPI_COMPARISON_OPERATIONS[op.predicate.value.data]
        case _:
            return "ne"


def match_product(walk: ElementWalk, node: Node) -> Product | None:
    """The sum of products that `node` is, or None."""
    if not isinstance(node, Reduction) or node.fold is not Fold.SUM:
        return None
    product = walk.see(node.summand)
    if not is_made_by(product, arith.MulfOp):
        return None
    left, right = walk.operands(product)
    constant = walk.constant(left) is not None or walk.constant(right) is not None
    return None if constant else Product(node, left, right)


def leads_to_product(walk: ElementWalk, node: Node, seen: set[SSAValue] | None = None) -> bool:
    """Whether `node` is computed from a sum of products by scalar ops."""
    seen = set() if seen is None else seen
    node = walk.see(node)
    if isinstance(node, Scalar) and node.value not in seen:
        seen.add(node.value)
        return any(leads_to_product(walk, operand, seen) for operand in walk.operands(node))
    return match_product(walk, node) is not None


def match_score(walk: ElementWalk, node: Node) -> Score:
    """The product, scale and mask that a score, as the softmax takes it, is made of.

    Raises:
        NotTakenError: other work stands between the product and the softmax.
    """
    scale, mask, limit = 1.0, None, None
    node = walk.see(node, Stage.SCORE)
    while (product := match_product(walk, node)) is None:
        factor = _constant_factor(walk, node)
        if factor is not None:
            node, number = factor
            scale *= number
        elif limit is None and (limited := _limited(walk, node)) is not None:
            if scale <= 0:
                raise NotTakenError(f"its scores are limited and then scaled by {scale:g}")
            node, limit = limited
        elif is_made_by(node, arith.SelectOp) and (when := _hides_score(walk, node)) is not None:
            raise HiddenScoreError(node, when)
        elif not is_made_by(node, arith.AddfOp):
            raise NotTakenError(f"{_describe(node)} stands between its scores and the softmax")
        elif mask is not None:
            raise NotTakenError("two masks are added to its scores")
        elif scale != 1:
            raise NotTakenError("its mask is added before the scores are scaled")
        else:
            node, mask = _mask(walk, node)
        node = walk.see(node, Stage.SCORE)
    walk.note(Stage.SCORE_SUM, product.reduction.summand.value.type)
    if product.reduction.initial != 0:
        raise NotTakenError("its scores add to a value that is not zero")
    return Score(product, scale, mask, limit)


def _limited(walk: ElementWalk, node: Node) -> tuple[Scalar, Limit] | None:
    """The score that a selection puts minus infinity in the place of from an index on."""
    if not is_made_by(node, arith.SelectOp):
        return None
    condition, *branches = walk.operands(node)
    compared = walk.see(condition)
    if not is_made_by(compared, arith.CmpiOp) or (when := _hides_score(walk, node)) is None:
        return None
    index, length = walk.operands(compared)
    dim = index.value.owner
    if _predicate(compared) not in (_FROM if when else _BELOW) or not isinstance(dim, IndexOp):
        return None
    structure = compared.structure
    if structure is None or structure.op.is_ancestor(_around(length.value)):
        return None
    return branches[when], Limit(length.value, compared.loops[dim.dim.value.data])


_BELOW = {"slt", "ult"}
_FROM = {"sge", "uge"}


def _around(value: SSAValue) -> Operation:
    """The op that makes a value, or whose region takes it."""
    owner = value.owner if isinstance(value.owner, Operation) else value.owner.parent_op()
    assert owner is not None, "values stand in functions"
    return owner


def _hides_score(walk: ElementWalk, selection: Scalar) -> bool | None:
    """The condition under which a selection is minus infinity in the place of a score."""
    _, *branches = walk.operands(selection)
    hidden = [walk.constant(branch) == -inf for branch in branches]
    if hidden[0] == hidden[1] or not leads_to_product(walk, branches[hidden.index(False)]):
        return None
    return hidden[0]


def _describe(node: Node) -> str:
    owner = node.value.owner if isinstance(node, Scalar) else None
    return f"'{owner.name}'" if isinstance(owner, Operation) else "an op that is no linalg"


def _constant_factor(walk: ElementWalk, node: Node) -> tuple[Scalar, float] | None:
    """What `node` is a constant multiple of, and that constant."""
    if not is_made_by(node, arith.MulfOp, arith.DivfOp):
        return None
    left, right = walk.operands(node)
    number = walk.constant(right)
    if number is not None:
        return left, 1 / number if isinstance(node.value.owner, arith.DivfOp) else number
    number = walk.constant(left) if isinstance(node.value.owner, arith.MulfOp) else None
    return None if number is None else (right, number)


def _mask(walk: ElementWalk, total: Scalar) -> tuple[Scalar, Element]:
    """The score in a sum, and the element of the mask that is added to it."""
    left, right = walk.operands(total)
    score, mask = (left, right) if leads_to_product(walk, left) else (right, left)
    operand = match_operand(walk, mask, scaled=False)
    if operand is None:
        raise ComputedMaskError(mask)
    return score, operand.element


def match_operand(walk: ElementWalk, start: Node, scaled: bool) -> Operand | None:
    """The tensor that a factor is read from, or None where there is none.

    Copies, broadcasts and changes of the element type that lose nothing of the tensor are looked
    through, if it may be `scaled` constant factors too. Reshapes are only where one of these is
    behind them.
    """
    found: Operand | None = None
    scale, is_copy = 1.0, True
    narrowest: AnyFloat | None = None
    node: Node | None = start
    while node is not None:
        if isinstance(node, Element):
            if _loses(node, narrowest):
                break
            if is_copy:
                found = Operand(node, scale, narrowest)
            is_copy = not isinstance(node.tensor.owner, RESHAPES)
            node = walk.behind(node)
            continue
        step = _operand_step(walk, node, scaled)
        if step is None:
            break
        node, factor, rounded = step
        scale *= factor
        if rounded is not None and (narrowest is None or rounded.bitwidth < narrowest.bitwidth):
            narrowest = rounded
    return found


def _loses(element: Element, narrowest: AnyFloat | None) -> bool:
    """Whether the tensor's elements have more digits than what was made of them."""
    type_ = cast(TensorType[Attribute], element.tensor.type).element_type
    return narrowest is not None and isa(type_, AnyFloat) and type_.bitwidth > narrowest.bitwidth


def _operand_step(
    walk: ElementWalk, node: Scalar | Reduction, scaled: bool
) -> tuple[Node, float, AnyFloat | None] | None:
    """What `node` is a cast or a multiple of, the factor, and the type it was rounded to."""
    if isinstance(node, Reduction):
        return None
    read = walk.element_read(node)
    if read is not None:
        return read, 1.0, None
    if is_made_by(node, arith.ExtFOp):
        return walk.operands(node)[0], 1.0, None
    rounded = cast(AnyFloat, node.value.type)
    if is_made_by(node, arith.TruncFOp):
        return walk.operands(node)[0], 1.0, rounded
    factor = _constant_factor(walk, node) if scaled else None
    return None if factor is None else (*factor, rounded)
