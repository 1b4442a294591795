"""Makes the number of positions of attention an argument of the function."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from xdsl.builder import ImplicitBuilder
from xdsl.context import Context
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    AffineMapAttr,
    AnyFloat,
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    FunctionType,
    IndexType,
    IntegerAttr,
    ModuleOp,
    TensorType,
    i64,
)
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, BlockArgument, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.iteration import AttentionRole
from pim_opt.dialects.pim.attrs import AT_MOST
from pim_opt.passes.kernel_access import element_of, shape_of
from pim_opt.passes.recognise_attention import FusedAttention, recognise_attention


def attentions_of(function: FuncOp) -> list[FusedAttention]:
    """The attention in a function.

    Raises:
        DiagnosticError: something is nearly attention, at its place.
    """
    found: list[FusedAttention] = []
    for op in function.walk():
        match = recognise_attention(op) if isinstance(op, linalg.GenericOp) else None
        if isinstance(match, str):
            raise DiagnosticError(f"attention takes no length: {match}", op)
        if match is not None:
            found.append(match)
    return found


def _positions(function: FuncOp, found: Sequence[FusedAttention]) -> int:
    """The positions that all attention of a function has.

    Raises:
        DiagnosticError: they differ.
    """
    sizes = sorted({match.attention.extent(AttentionRole.LENGTH) for match in found})
    if len(sizes) > 1:
        raise DiagnosticError(
            f"attention of '{function.sym_name.data}' has {' and '.join(map(str, sizes))}"
            " positions; expected as many everywhere for one length",
            function,
        )
    return sizes[0]


def _add_argument(function: FuncOp) -> BlockArgument:
    """A new last argument of a function, an index."""
    type_, block = function.function_type, function.body.block
    function.function_type = FunctionType.from_lists([*type_.inputs, IndexType()], [*type_.outputs])
    if function.arg_attrs is not None:
        function.arg_attrs = ArrayAttr([*function.arg_attrs, DictionaryAttr({})])
    argument = block.insert_arg(IndexType(), len(block.args))
    argument.name_hint = "length"
    return argument


def _mark(function: FuncOp, argument: BlockArgument, positions: int) -> None:
    """Say that an argument is a length from 1 to `positions`."""
    attributes = list(function.arg_attrs or [DictionaryAttr({})] * len(function.body.block.args))
    known = attributes[argument.index].data
    attributes[argument.index] = DictionaryAttr({**known, AT_MOST: IntegerAttr(positions, i64)})
    function.arg_attrs = ArrayAttr(attributes)


def _limit(match: FusedAttention, length: SSAValue) -> None:
    """Put minus infinity in the place of the scores of positions from `length` on.

    Raises:
        DiagnosticError: no loop of the product of query and key runs over all positions.
    """
    product = match.ops[0]
    assert isinstance(product, linalg.GenericOp), "contractions are, when attention is recognised"
    if match.scale <= 0:
        raise DiagnosticError(
            f"attention takes no length: its scores are scaled by {match.scale:g}", product
        )
    if match.position_loop is None:
        raise DiagnosticError(
            "attention takes no length: no loop of its scores runs over all positions", product
        )
    scores = product.results[0]
    map_ = product.indexing_maps.data[-1].data
    axis = map_.results.index(AffineDimExpr(match.position_loop))
    around = Block()
    with ImplicitBuilder(around):
        limited = _limited(scores, axis, length)
    ops = [op.detach() or op for op in list(around.ops)]
    Rewriter.insert_op(ops, InsertPoint.after(product))
    for op in ops:
        op.location = product.location
    scores.replace_uses_with_if(limited, lambda use: use.operation is not limited.owner)


def _limited(scores: SSAValue, axis: int, length: SSAValue) -> SSAValue:
    """`scores` up to index `length` along an axis, then minus infinity."""
    element, shape = element_of(scores), shape_of(scores)
    type_ = TensorType[AnyFloat](element, shape)
    block = Block(arg_types=[element, element])
    with ImplicitBuilder(block):
        inside = arith.CmpiOp(linalg.IndexOp(axis).result, length, "slt")
        low = arith.ConstantOp(FloatAttr(-inf, element))
        linalg.YieldOp(arith.SelectOp(inside, block.args[0], low))
    identity = AffineMapAttr(AffineMap.identity(len(shape)))
    return linalg.GenericOp(
        [scores],
        [tensor.EmptyOp([], type_).tensor],
        Region(block),
        [identity, identity],
        [IteratorTypeAttr(IteratorType.PARALLEL)] * len(shape),
        [type_],
    ).results[0]


def _take_length(function: FuncOp, matches: Sequence[FusedAttention], called: bool) -> None:
    """Give the attention of a function a length.

    Raises:
        DiagnosticError: the function cannot take one, or the attention cannot.
    """
    positions = _positions(function, matches)
    for match in matches:
        own = match.length
        if isinstance(own, BlockArgument) and own.block is function.body.block:
            _mark(function, own, positions)
    unlimited = [match for match in matches if match.length is None]
    if not unlimited:
        return
    if called:
        name = function.sym_name.data
        raise DiagnosticError(f"'{name}' is called; it cannot take another argument", function)
    length = _add_argument(function)
    _mark(function, length, positions)
    for match in unlimited:
        _limit(match, length)


@dataclass(frozen=True)
class PimLengthArgumentPass(ModulePass):
    """Make the number of positions that attention looks at an argument of its function.

        func.func @decode(%q: .., %k: tensor<32x512x128xf16>, %v: ..) {
          %s = linalg.generic .. (%q, %k) -> tensor<32x512xf32>

    becomes

        func.func @decode(%q: .., %k: .., %v: .., %length: index {pim.at_most = 512 : i64}) {
          %s = linalg.generic .. (%q, %k) -> tensor<32x512xf32>
          %l = linalg.generic .. (%s): select(index 1 < %length, %s, minus infinity)

    1. All attention of a function has as many positions: those of a cache that is not full.
    2. Scores of positions from the length on are minus infinity, so that these take no part.
    3. Attention that does so by itself keeps its own length; if that is an argument, its bounds are
       noted.

    pim-outline makes one kernel of it that takes the length.
    """

    name = "pim-length-argument"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = [o for o in op.walk() if isinstance(o, FuncOp) and not o.is_declaration]
        found = [(function, attentions_of(function)) for function in functions]
        if not any(matches for _, matches in found):
            where = functions[0] if functions else op
            raise DiagnosticError("nothing takes a length: there is no attention", where)
        called = {o.callee.string_value() for o in op.walk() if isinstance(o, CallOp)}
        for function, matches in found:
            if matches:
                _take_length(function, matches, function.sym_name.data in called)
