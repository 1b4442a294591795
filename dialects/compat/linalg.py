"""xDSL's linalg dialect with what xDSL 0.74 lacks or gets wrong mended.

- linalg.generic: the pretty form of several results can be parsed;
- linalg.matmul: mixed element types (f16 inputs, f32 sums), and `indexing_maps` in the pretty form;
- linalg.pooling_nchw_max: its body, which compares with the window and not with the maximum so far;
- linalg.reduce: the short form `{ arith.addf }`;
- named contractions that are missing, and linalg.softmax.

Each repair has a test that shows the defect in stock xDSL, and fails once that is mended.
"""

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar, Self, cast

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    AffineMapAttr,
    AnyFloat,
    ArrayAttr,
    ContainerType,
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    i64,
)
from xdsl.dialects.linalg import Linalg as StockLinalg
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import NamedOperation
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Attribute, Block, BlockArgument, Dialect, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa


def _parse_values(parser: Parser, keyword: str) -> Sequence[SSAValue]:
    """`ins(%a, %b : t, u)` or `outs(..)`; nothing if the keyword is not there."""
    position = parser.pos
    if parser.parse_optional_characters(keyword) is None:
        return ()
    with parser.in_parens():
        names = parser.parse_comma_separated_list(
            parser.Delimiter.NONE, parser.parse_unresolved_operand
        )
        parser.parse_punctuation(":")
        types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
    return parser.resolve_operands(names, types, position)


def _parse_results(parser: Parser) -> Sequence[Attribute]:
    """`-> t`, `-> t, u` or `-> (t, u)`; nothing if there is no arrow."""
    if parser.parse_optional_punctuation("->") is None:
        return ()
    types = parser.parse_optional_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
    if types is not None:
        return types
    return parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)


class GenericOp(linalg.GenericOp):
    """linalg.generic whose pretty form may have several results."""

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        position = parser.pos
        attributes = parser.parse_optional_attr_dict()
        end = parser.pos
        maps = attributes.pop("indexing_maps", None)
        iterators = attributes.pop("iterator_types", None)
        if not isinstance(maps, ArrayAttr) or not isinstance(iterators, ArrayAttr):
            message = "expected indexing_maps and iterator_types for linalg.generic"
            parser.raise_error(message, position, end)
        try:
            kinds = [_iterator(kind) for kind in cast(ArrayAttr[Attribute], iterators)]
        except ValueError as error:
            parser.raise_error(str(error), position, end)
        doc, library_call = attributes.pop("doc", None), attributes.pop("library_call", None)
        inputs = _parse_values(parser, "ins")
        outputs = _parse_values(parser, "outs")
        if parser.parse_optional_keyword("attrs") is not None:
            parser.parse_punctuation("=")
            attributes |= parser.parse_optional_attr_dict()
        body = parser.parse_region()
        generic = cls(
            inputs,
            outputs,
            body,
            cast(ArrayAttr[AffineMapAttr], maps),
            kinds,
            _parse_results(parser),
            doc if isinstance(doc, StringAttr) else None,
            library_call if isinstance(library_call, StringAttr) else None,
        )
        generic.attributes |= attributes
        return generic


def _iterator(kind: Attribute) -> IteratorTypeAttr:
    if isinstance(kind, IteratorTypeAttr):
        return kind
    known = [str(iterator) for iterator in IteratorType]
    if not isinstance(kind, StringAttr) or kind.data not in known:
        raise ValueError(f"iterator type {kind}; expected one of {', '.join(known)}")
    return IteratorTypeAttr(IteratorType(kind.data))


def element_of(value: SSAValue) -> Attribute:
    """The element type of a tensor or memory; of a scalar its own type."""
    type_ = value.type
    if not isinstance(type_, ContainerType):
        return type_
    return cast(ContainerType[Attribute], type_).get_element_type()


def product_sum_region(types: Sequence[Attribute]) -> Region:
    """acc + a * b, with a and b converted to the accumulator's type, as linalg's own ops do."""

    if len(types) != 3:
        raise VerifyException(f"{len(types)} operands; a contraction has 2 inputs and 1 output")

    @Builder.implicit_region(types)
    def region(args: tuple[BlockArgument, ...]) -> None:
        left, right = (_converted(arg, types[-1]) for arg in args[:2])
        if isinstance(types[-1], IntegerType):
            total = arith.AddiOp(args[2], arith.MuliOp(left, right))
        else:
            total = arith.AddfOp(args[2], arith.MulfOp(left, right))
        linalg.YieldOp(total)

    return region


def _converted(value: SSAValue, type_: Attribute) -> SSAValue:
    """`value` as `type_`, integers being signed."""
    source = value.type
    if source == type_:
        return value
    if isinstance(source, IntegerType) and isa(type_, IntegerType):
        op = arith.ExtSIOp if source.bitwidth < type_.bitwidth else arith.TruncIOp
        return op(value, type_).result
    if isinstance(source, IntegerType) and isa(type_, AnyFloat):
        return arith.SIToFPOp(value, type_).result
    if isa(source, AnyFloat) and isa(type_, IntegerType):
        return arith.FPToSIOp(value, type_).result
    if isa(source, AnyFloat) and isa(type_, AnyFloat) and source.bitwidth != type_.bitwidth:
        op = arith.ExtFOp if source.bitwidth < type_.bitwidth else arith.TruncFOp
        return op(value, type_).result
    raise VerifyException(f"no conversion of elements from {source} to {type_}")


class _Contraction(NamedOperation, ABC):
    """A named op that sums products of its two inputs."""

    MAPS: ClassVar[tuple[AffineMap, ...]]
    PARALLEL: ClassVar[int]
    """Number of parallel loops; the one after them reduces."""

    @classmethod
    def get_hidden_region(cls, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]) -> Region:
        return product_sum_region([element_of(value) for value in (*inputs, *outputs)])

    def get_default_indexing_maps(self) -> Sequence[AffineMap]:
        return self.MAPS

    def get_iterator_types(self) -> ArrayAttr[IteratorTypeAttr]:
        parallel = [IteratorTypeAttr.parallel()] * self.PARALLEL
        return ArrayAttr([*parallel, IteratorTypeAttr.reduction()])


def _maps(loops: str, *operands: str) -> tuple[AffineMap, ...]:
    """Maps from loops, a letter each, to the letters that index each operand."""
    return tuple(
        AffineMap(len(loops), 0, tuple(AffineDimExpr(loops.index(loop)) for loop in operand))
        for operand in operands
    )


def _as_attribute(maps: Sequence[AffineMap]) -> ArrayAttr[AffineMapAttr]:
    return ArrayAttr([AffineMapAttr(map_) for map_ in maps])


class _WrittenMaps(NamedOperation, ABC):
    """Pretty form with the indexing maps, where they are not those that the op's name means."""

    USUAL_MAPS: ClassVar[ArrayAttr[AffineMapAttr]]

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        maps: Attribute | None = None
        if parser.parse_optional_keyword("indexing_maps") is not None:
            parser.parse_punctuation("=")
            maps = parser.parse_attribute()
        op = super().parse(parser)
        if maps is not None:
            op.properties["indexing_maps"] = maps
        return op

    def print(self, printer: Printer) -> None:
        maps = self.get_indexing_maps()
        if maps != self.USUAL_MAPS:
            printer.print_string(" indexing_maps = ")
            printer.print_attribute(maps)
        super().print(printer)


_BATCH_MATMUL_MAPS = _maps("bmnk", "bmk", "bkn", "bmn")


@irdl_op_definition
class BatchMatmulOp(_WrittenMaps, _Contraction):
    """C[b, m, n] += A[b, m, k] * B[b, k, n], unless the maps say otherwise."""

    name = "linalg.batch_matmul"
    MAPS: ClassVar = _BATCH_MATMUL_MAPS
    USUAL_MAPS: ClassVar = _as_attribute(_BATCH_MATMUL_MAPS)
    PARALLEL: ClassVar = 3

    indexing_maps = prop_def(
        ArrayAttr[AffineMapAttr], default_value=_as_attribute(_BATCH_MATMUL_MAPS)
    )

    def get_indexing_maps(self) -> ArrayAttr[AffineMapAttr]:
        return self.indexing_maps


@irdl_op_definition
class BatchMatvecOp(_Contraction):
    """y[b, m] += A[b, m, k] * x[b, k]."""

    name = "linalg.batch_matvec"
    MAPS: ClassVar = _maps("bmk", "bmk", "bk", "bm")
    PARALLEL: ClassVar = 2


@irdl_op_definition
class BatchVecmatOp(_Contraction):
    """y[b, n] += x[b, k] * A[b, k, n]."""

    name = "linalg.batch_vecmat"
    MAPS: ClassVar = _maps("bnk", "bk", "bkn", "bn")
    PARALLEL: ClassVar = 2


@irdl_op_definition
class DotOp(_Contraction):
    """y += a[k] * b[k]."""

    name = "linalg.dot"
    MAPS: ClassVar = _maps("k", "k", "k", "")
    PARALLEL: ClassVar = 0


@irdl_op_definition
class MatvecOp(_Contraction):
    """y[m] += A[m, k] * x[k]."""

    name = "linalg.matvec"
    MAPS: ClassVar = _maps("mk", "mk", "k", "m")
    PARALLEL: ClassVar = 1


@irdl_op_definition
class VecmatOp(_Contraction):
    """y[n] += x[k] * A[k, n]."""

    name = "linalg.vecmat"
    MAPS: ClassVar = _maps("nk", "k", "kn", "n")
    PARALLEL: ClassVar = 1


class MatmulOp(_WrittenMaps, linalg.MatmulOp):
    """linalg.matmul with mixed element types, and with its indexing maps in the pretty form."""

    USUAL_MAPS: ClassVar = _as_attribute(_maps("mnk", "mk", "kn", "mn"))

    @classmethod
    def get_hidden_region(cls, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]) -> Region:
        return product_sum_region([element_of(value) for value in (*inputs, *outputs)])


class PoolingNchwMaxOp(linalg.PoolingNchwMaxOp):
    """linalg.pooling_nchw_max that keeps the larger of an element and the maximum so far."""

    @classmethod
    def get_hidden_region(cls, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue]) -> Region:
        types = cls.body_arg_types((*inputs, *outputs))

        @Builder.implicit_region(types)
        def region(args: tuple[BlockArgument, ...]) -> None:
            larger = arith.MaxSIOp if isinstance(types[-1], IntegerType) else arith.MaximumfOp
            linalg.YieldOp(larger(args[2], args[0]))

        return region


class ReduceOp(linalg.ReduceOp):
    """linalg.reduce that may be written with a single op for its body."""

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        if parser.parse_optional_punctuation("{") is None:
            return super().parse(parser)
        position = parser.pos
        name = parser.parse_identifier(" for the op that combines two elements")
        kind = parser.ctx.get_optional_op(name)
        if kind is None:
            message = f"unknown op '{name}' for the body of linalg.reduce"
            parser.raise_error(message, position, parser.pos)
        parser.parse_punctuation("}")
        position = parser.pos
        inputs, outputs = _parse_values(parser, "ins"), _parse_values(parser, "outs")
        if len(inputs) != 1 or len(outputs) != 1:
            message = (
                f"{len(inputs)} inputs and {len(outputs)} outputs; linalg.reduce takes 1 and 1"
            )
            parser.raise_error(message, position, parser.pos)
        (source,), (init,) = inputs, outputs
        parser.parse_keyword("dimensions")
        parser.parse_punctuation("=")
        dimensions = parser.parse_comma_separated_list(
            parser.Delimiter.SQUARE, parser.parse_integer
        )
        element = cast(TensorType[Attribute], init.type).element_type
        block = Block(arg_types=[element, element])
        combine = kind.create(operands=block.args, result_types=[element])
        block.add_ops([combine, linalg.YieldOp(combine.results[0])])
        return cls(source, init, DenseArrayBase.from_list(i64, dimensions), Region(block))


@irdl_op_definition
class SoftmaxOp(IRDLOperation):
    """Softmax along one dimension: exp(x - max) / sum(exp(x - max)).

    %y = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%o : tensor<4x8xf32>)
           -> tensor<4x8xf32>
    """

    name = "linalg.softmax"

    input = operand_def(TensorType)
    output = operand_def(TensorType)
    result = result_def(TensorType)

    dimension = prop_def(IntegerAttr.constr(i64))

    traits = traits_def(Pure())

    assembly_format = (
        "`dimension` `(` $dimension `)` `ins` `(` $input `:` type($input) `)`"
        " `outs` `(` $output `:` type($output) `)` attr-dict `->` type($result)"
    )

    def verify_(self) -> None:
        types = [cast(TensorType[Attribute], v.type) for v in (*self.operands, self.result)]
        if len({type_.get_shape() for type_ in types}) != 1:
            raise VerifyException(
                f"input {types[0]}, output {types[1]} and result {types[2]} differ in shape"
            )
        rank = types[0].get_num_dims()
        if not 0 <= self.dimension.value.data < rank:
            raise VerifyException(
                f"dimension {self.dimension.value.data} of a tensor of rank {rank}"
            )


_REPAIRED = [GenericOp, MatmulOp, PoolingNchwMaxOp, ReduceOp]
_MISSING = [BatchMatmulOp, BatchMatvecOp, BatchVecmatOp, DotOp, MatvecOp, SoftmaxOp, VecmatOp]
_replaced = {op.name for op in _REPAIRED}

Linalg = Dialect(
    "linalg",
    [
        *(op for op in StockLinalg.operations if op.name not in _replaced),
        *_REPAIRED,
        *_MISSING,
    ],
    list(StockLinalg.attributes),
)
