"""Each repair of xDSL's linalg: that the defect is still there, and that ours does not have it.

A test that fails on stock xDSL's side says that a repair has become needless.
"""

from collections.abc import Callable
from io import StringIO
from math import inf

import pytest
from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import AnyFloat, DenseIntOrFPElementsAttr, IntegerType, ModuleOp
from xdsl.dialects.linalg import Linalg as StockLinalg
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.hints import isa

from pim_opt.dialects.compat.linalg import Linalg
from pim_opt.parsing import make_context, parse_module


def stock_module(text: str) -> ModuleOp:
    """Parse and verify with xDSL as it comes."""
    context = Context()
    for name, make in get_all_dialects().items():
        context.register_dialect(name, make)
    module = Parser(context, text).parse_module()
    module.verify()
    return module


def our_module(text: str) -> ModuleOp:
    """Parse and verify with the repaired dialect."""
    module = parse_module(text, "<text>", make_context())
    module.verify()
    return module


def only(module: ModuleOp, name: str) -> Operation:
    """The one op of that name."""
    (found,) = (op for op in module.walk() if op.name == name)
    return found


TWO_RESULTS = """
func.func @f(%x : tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %a, %b = linalg.generic {
      indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%x, %x : tensor<4xf32>, tensor<4xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32):
    linalg.yield %p, %q : f32, f32
  } -> (tensor<4xf32>, tensor<4xf32>)
  func.return %a, %b : tensor<4xf32>, tensor<4xf32>
}
"""

MIXED_MATMUL = """
func.func @f(%a : tensor<2x3xf16>, %b : tensor<3x4xf16>, %c : tensor<2x4xf32>) {
  %y = linalg.matmul ins(%a, %b : tensor<2x3xf16>, tensor<3x4xf16>) outs(%c : tensor<2x4xf32>)
    -> tensor<2x4xf32>
  func.return
}
"""

TRANSPOSED_MATMUL = """
func.func @f(%a : tensor<3x3xf32>, %b : tensor<3x3xf32>, %c : tensor<3x3xf32>) {
  %y = linalg.matmul
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                     affine_map<(m, n, k) -> (m, n)>]
    ins(%a, %b : tensor<3x3xf32>, tensor<3x3xf32>) outs(%c : tensor<3x3xf32>) -> tensor<3x3xf32>
  func.return
}
"""

SHORT_REDUCE = """
func.func @f(%x : tensor<4x2xf32>, %i : tensor<2xf32>) {
  %y = linalg.reduce { arith.addf } ins(%x : tensor<4x2xf32>) outs(%i : tensor<2xf32>)
    dimensions = [0]
  func.return
}
"""


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (TWO_RESULTS, ParseError),
        (MIXED_MATMUL, VerifyException),
        (TRANSPOSED_MATMUL, IndexError),
        (SHORT_REDUCE, ParseError),
    ],
)
def test_stock_xdsl_cannot_read_what_ours_reads(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        stock_module(text)
    module = our_module(text)
    assert str(our_module(str(module))) == str(module)


def generic_form(module: ModuleOp) -> str:
    output = StringIO()
    Printer(output, print_generic_format=True).print_op(module)
    return output.getvalue()


def test_stock_xdsl_prints_a_transposed_matmul_as_a_plain_one() -> None:
    module = our_module(TRANSPOSED_MATMUL)
    assert "indexing_maps" in str(module)
    assert "indexing_maps" not in str(stock_module(generic_form(module)))


POOLING = """
func.func @f(%x : tensor<1x1x4x4xf32>, %k : tensor<2x2xf32>, %c : tensor<1x1x2x2xf32>) {
  %y = linalg.pooling_nchw_max
    {strides = dense<2> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}
    ins(%x, %k : tensor<1x1x4x4xf32>, tensor<2x2xf32>) outs(%c : tensor<1x1x2x2xf32>)
    -> tensor<1x1x2x2xf32>
  func.return
}
"""


@pytest.mark.parametrize(("parse", "keeps"), [(stock_module, False), (our_module, True)])
def test_stock_max_pooling_forgets_the_maximum_so_far(
    parse: Callable[[str], ModuleOp], keeps: bool
) -> None:
    pooling = only(parse(POOLING), "linalg.pooling_nchw_max")
    so_far = pooling.regions[0].block.args[2]
    assert bool(list(so_far.uses)) is keeps


MISSING = [
    "linalg.batch_matmul",
    "linalg.batch_matvec",
    "linalg.batch_vecmat",
    "linalg.dot",
    "linalg.matvec",
    "linalg.softmax",
    "linalg.vecmat",
]


@pytest.mark.parametrize("name", MISSING)
def test_named_ops_that_stock_xdsl_lacks(name: str) -> None:
    assert name not in {op.name for op in StockLinalg.operations}
    assert name in {op.name for op in Linalg.operations}


def test_every_op_of_ours_is_stock_or_accounted_for() -> None:
    stock, ours = ({op.name: op for op in d.operations} for d in (StockLinalg, Linalg))
    replaced = {name for name, op in stock.items() if ours[name] is not op}
    assert replaced == {
        "linalg.generic",
        "linalg.matmul",
        "linalg.pooling_nchw_max",
        "linalg.reduce",
    }
    assert set(ours) - set(stock) == set(MISSING)


def expansion(shape: str, ones: str) -> str:
    return f"""
func.func @f(%x : tensor<f32>) -> tensor<{shape}f32> {{
  %a = tensor.expand_shape %x [] output_shape [{ones}] : tensor<f32> into tensor<{shape}f32>
  func.return %a : tensor<{shape}f32>
}}"""


@pytest.mark.parametrize(("shape", "ones"), [("1x", "1"), ("1x1x", "1, 1")])
def test_expanding_a_tensor_of_rank_0(shape: str, ones: str) -> None:
    with pytest.raises(VerifyException, match="total number of reassociation dimensions"):
        stock_module(expansion(shape, ones))
    our_module(expansion(shape, ones))


def test_expanding_one_element_to_more() -> None:
    with pytest.raises(VerifyException, match=r"one element cannot have shape \(2,\)"):
        our_module(expansion("2x", "2"))


INFINITIES = """
%a = arith.constant dense<0xFF800000> : tensor<2xf32>
%b = arith.constant dense<[0xFC00, 0x3C00]> : tensor<2xf16>
%c = arith.constant dense<[0xFF80, 0x3F80]> : tensor<2xbf16>
%d = arith.constant dense<0x7F> : tensor<2xi8>
"""


def dense_values(module: ModuleOp) -> list[list[object]]:
    constants = (op.properties["value"] for op in module.walk() if op.name == "arith.constant")
    return [list(value.get_values()) for value in constants
            if isa(value, DenseIntOrFPElementsAttr[AnyFloat | IntegerType])]  # fmt: skip


def test_bits_of_floats_in_dense_literals() -> None:
    assert dense_values(stock_module(INFINITIES))[0] == [4286578688, 4286578688]
    expected = [[-inf, -inf], [-inf, 1], [-inf, 1], [127, 127]]
    module = our_module(INFINITIES)
    assert dense_values(module) == expected
    assert dense_values(our_module(str(module))) == expected


def test_float_with_too_many_bits() -> None:
    with pytest.raises(ParseError, match="0x10000 has more bits than f16"):
        our_module("%a = arith.constant dense<0x10000> : tensor<2xf16>")
