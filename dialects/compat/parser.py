"""xDSL's parser with hexadecimal floats in dense literals read as MLIR means them.

xDSL 0.74 reads `dense<0xFF800000> : tensor<2xf32>`, minus infinity given by its bits, as the number
4286578688. Frontends print infinities so: masks of attention, initial values of maxima.
"""

from dataclasses import dataclass

from xdsl.dialects.builtin import AnyFloat, ComplexType, IndexType, IntegerType
from xdsl.parser import Parser as StockParser
from xdsl.parser.attribute_parser import AttrParser


@dataclass
class _Element(AttrParser._TensorLiteralElement):  # pyright: ignore[reportPrivateUsage]
    """An element of a dense literal."""

    def to_type(
        self, parser: AttrParser, type: AnyFloat | IntegerType | IndexType | ComplexType
    ) -> int | float | tuple[float, float]:
        if isinstance(type, AnyFloat) and self.span.text[:2] in ("0x", "0X"):
            assert isinstance(self.value, int), "as the lexer reads hexadecimal digits"
            try:
                bits = self.value.to_bytes(type.compile_time_size, "little")
            except OverflowError:
                parser.raise_error(f"{self.span.text} has more bits than {type}", self.span)
            return next(iter(type.iter_unpack(bits)))
        return super().to_type(parser, type)


class Parser(StockParser):
    """xDSL's Parser that reads the bits of floats in dense literals."""

    def _parse_tensor_literal_element(self) -> _Element:
        element = super()._parse_tensor_literal_element()
        return _Element(element.is_negative, element.value, element.span)
