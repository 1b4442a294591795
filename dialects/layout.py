"""The `layout` dialect: where tensors lie in a device's memory, and what moves them.

It sits between distributed kernels and command programs. A plain tensor type says nothing of its
place; a tensor type with a `#layout.placement` encoding lies in DRAM rows or in register files of
the PIM cores; one with `#layout.host` is in the host's hands.
"""

from enum import StrEnum
from typing import cast

from xdsl.dialects.builtin import NoneAttr, StringAttr, TensorType, UnitAttr
from xdsl.ir import Attribute, Data, Dialect, ParametrizedAttribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import HasCanonicalizationPatternsTrait, Pure
from xdsl.utils.exceptions import VerifyException

from pim_opt.dialects.placement import Piece, Placement, PlacementError


@irdl_attr_definition
class PlacementAttr(Data[Placement]):
    """A place for every element of a tensor.

    Space, then one list of digits per axis, outermost first; a digit is a target, its size and,
    after a colon unless it is 1, its stride:

        #layout.placement<operand, [channel 16, time 2], [ba 4, local 2 : 16, local 16],
                          copies [pc*ra*bg 16]>

    `flat` makes the tensor one axis of consecutive elements; `row` is the first DRAM row, `column`
    the first column in it.
    """

    name = "layout.placement"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Placement:
        with parser.in_angle_brackets():
            position = parser.pos
            space = parser.parse_identifier(" for the space of a placement")
            axes: list[tuple[Piece, ...]] = []
            copies: tuple[Piece, ...] = ()
            row, flat, column = 0, False, 0
            while parser.parse_optional_punctuation(",") is not None:
                if parser.parse_optional_keyword("copies") is not None:
                    copies = _parse_pieces(parser)
                elif parser.parse_optional_keyword("row") is not None:
                    row = parser.parse_integer(allow_boolean=False, allow_negative=False)
                elif parser.parse_optional_keyword("column") is not None:
                    column = parser.parse_integer(allow_boolean=False, allow_negative=False)
                elif parser.parse_optional_keyword("flat") is not None:
                    flat = True
                else:
                    axes.append(_parse_pieces(parser))
            try:
                return Placement(space, tuple(axes), copies, row, flat, column)
            except PlacementError as error:
                parser.raise_error(str(error), position, parser.pos)

    def print_parameter(self, printer: Printer) -> None:
        parts = [self.data.space]
        parts.extend(_pieces_text(axis) for axis in self.data.axes)
        if self.data.copies:
            parts.append(f"copies {_pieces_text(self.data.copies)}")
        if self.data.row:
            parts.append(f"row {self.data.row}")
        if self.data.column:
            parts.append(f"column {self.data.column}")
        if self.data.flat:
            parts.append("flat")
        with printer.in_angle_brackets():
            printer.print_string(", ".join(parts))


def _pieces_text(pieces: tuple[Piece, ...]) -> str:
    texts: list[str] = []
    for piece in pieces:
        stride = "" if piece.stride == 1 else f" : {piece.stride}"
        texts.append(f"{'*'.join(piece.target)} {piece.size}{stride}")
    return f"[{', '.join(texts)}]"


def _parse_pieces(parser: AttrParser) -> tuple[Piece, ...]:
    return tuple(
        parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: _parse_piece(parser))
    )


def _parse_piece(parser: AttrParser) -> Piece:
    target = [parser.parse_identifier(" for a level")]
    while parser.parse_optional_punctuation("*") is not None:
        target.append(parser.parse_identifier(" for a level"))
    size = parser.parse_integer(allow_boolean=False, allow_negative=False)
    stride = 1
    if parser.parse_optional_punctuation(":") is not None:
        stride = parser.parse_integer(allow_boolean=False, allow_negative=False)
    return Piece(tuple(target), size, stride)


@irdl_attr_definition
class HostAttr(ParametrizedAttribute):
    """In the host's hands: its registers or caches, no place in DRAM."""

    name = "layout.host"


class Strategy(StrEnum):
    """How a rearrangement moves its data."""

    HOST_READ = "host_read"
    """The host reads DRAM columns."""
    HOST_WRITE = "host_write"
    """The host writes DRAM columns."""
    DIRECT = "direct"
    """The host writes the register files of the cores, one core a command."""
    MULTICAST = "multicast"
    """The host writes the register files of many cores with one command."""
    MOVE = "move"
    """The device moves results out to the host."""


def layout_of(value: SSAValue | Attribute) -> Attribute:
    """The encoding of a tensor type or of a value's; NoneAttr for a plain tensor."""
    type_ = value.type if isinstance(value, SSAValue) else value
    return cast(TensorType[Attribute], type_).encoding


def with_layout(type_: TensorType[Attribute], layout: Attribute) -> TensorType[Attribute]:
    """The same tensor type with another encoding."""
    return TensorType(type_.element_type, type_.get_shape(), layout)


def _verify_tensor_fits(type_: TensorType[Attribute], role: str) -> None:
    layout = type_.encoding
    if not isinstance(layout, PlacementAttr):
        return
    if not type_.has_static_shape():
        raise VerifyException(f"{role} has a placement, so its shape must be static")
    if not layout.data.holds(type_.get_shape()):
        covered = "x".join(map(str, layout.data.padded_shape()))
        raise VerifyException(
            f"{role} has shape {'x'.join(map(str, type_.get_shape()))}, but its placement covers"
            f" {covered or 'a scalar'}"
        )


def _verify_same_tensor(source: TensorType[Attribute], result: TensorType[Attribute]) -> None:
    if with_layout(source, NoneAttr()) != with_layout(result, NoneAttr()):
        raise VerifyException(
            f"source {with_layout(source, NoneAttr())} and result"
            f" {with_layout(result, NoneAttr())} must differ in layout only"
        )


class _LayoutChange(IRDLOperation):
    """Shared by the ops whose result is their source, lying elsewhere."""

    source = operand_def(TensorType)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    def __init__(self, source: SSAValue, layout: Attribute, **properties: Attribute | None) -> None:
        type_ = cast(TensorType[Attribute], source.type)
        super().__init__(
            operands=[source],
            result_types=[with_layout(type_, layout)],
            properties=properties,
        )

    def verify_(self) -> None:
        source = cast(TensorType[Attribute], self.source.type)
        result = self.result.type
        _verify_same_tensor(source, result)
        _verify_tensor_fits(source, "source")
        _verify_tensor_fits(result, "result")


@irdl_op_definition
class BindOp(_LayoutChange):
    """States where a kernel's argument lies when the kernel starts; moves nothing.

    %wp = layout.bind %w resident : tensor<64x32xf16> -> tensor<64x32xf16, #layout.placement<..>>
    """

    name = "layout.bind"

    resident = opt_prop_def(UnitAttr)
    """The tensor stays there between calls; putting it there is paid once, not per call."""

    assembly_format = (
        "$source (`resident` $resident^)? attr-dict `:` type($source) `->` type($result)"
    )

    def __init__(self, source: SSAValue, layout: Attribute, *, resident: bool = False) -> None:
        super().__init__(source, layout, resident=UnitAttr() if resident else None)

    def verify_(self) -> None:
        super().verify_()
        if layout_of(self.source) != NoneAttr():
            raise VerifyException(f"source has layout {layout_of(self.source)}, expected none")


@irdl_op_definition
class UnbindOp(_LayoutChange):
    """Forgets where a kernel's result lies when the kernel ends; moves nothing.

    %r = layout.unbind %y : tensor<64xf16, #layout.placement<..>> -> tensor<64xf16>
    """

    name = "layout.unbind"

    assembly_format = "$source attr-dict `:` type($source) `->` type($result)"

    def __init__(self, source: SSAValue) -> None:
        super().__init__(source, NoneAttr())

    def verify_(self) -> None:
        super().verify_()
        if layout_of(self.result) != NoneAttr():
            raise VerifyException(f"result has layout {layout_of(self.result)}, expected none")


@irdl_op_definition
class RequireOp(_LayoutChange):
    """A tensor is needed in another place; how it gets there is not decided yet.

    %xp = layout.require %x : tensor<32xf16, #layout.host> -> tensor<32xf16, #layout.placement<..>>
    """

    name = "layout.require"

    assembly_format = "$source attr-dict `:` type($source) `->` type($result)"


class _RearrangeCanonicalization(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls):
        from pim_opt.dialects.layout_canonicalize import (  # noqa: PLC0415
            RemoveRearrangeThereAndBack,
            RemoveRearrangeToSamePlace,
        )

        return (RemoveRearrangeToSamePlace(), RemoveRearrangeThereAndBack())


@irdl_op_definition
class RearrangeOp(_LayoutChange):
    """Moves a tensor from one place to another, by the strategy named.

    %xp = layout.rearrange multicast %x
            : tensor<32xf16, #layout.host> -> tensor<32xf16, #layout.placement<..>>
    """

    name = "layout.rearrange"

    strategy = prop_def(StringAttr)
    """One of the values of Strategy."""

    traits = traits_def(Pure(), _RearrangeCanonicalization())

    assembly_format = "$strategy $source attr-dict `:` type($source) `->` type($result)"

    def __init__(self, source: SSAValue, layout: Attribute, strategy: Strategy) -> None:
        super().__init__(source, layout, strategy=StringAttr(strategy.value))

    def verify_(self) -> None:
        super().verify_()
        known = [strategy.value for strategy in Strategy]
        if self.strategy.data not in known:
            raise VerifyException(
                f"unknown strategy '{self.strategy.data}'; expected one of {', '.join(known)}"
            )


Layout = Dialect(
    "layout",
    [BindOp, RearrangeOp, RequireOp, UnbindOp],
    [HostAttr, PlacementAttr],
)
