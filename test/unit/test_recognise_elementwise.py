"""Which linalg.generic ops are elementwise kernels, what they compute, and why others are not."""

import pytest
from xdsl.dialects.linalg import ops as linalg
from xdsl.parser import Parser

from pim_opt.dialects.elementwise import expression_text
from pim_opt.parsing import make_context
from pim_opt.passes.recognise_elementwise import PointwiseOp, recognise_elementwise

ROUND = "%r = arith.truncf %s : f32 to f16"
SAME = "affine_map<(i, j) -> (i, j)>"


def generic(
    body: str,
    maps: str = f"{SAME}, {SAME}, {SAME}",
    types: str = "tensor<2x8xf16>, tensor<2x8xf16>",
    iterators: str = '"parallel", "parallel"',
) -> linalg.GenericOp:
    first, second = types.split(", ")
    source = f"""
    func.func @f(%x : {first}, %w : {second}, %init : tensor<2x8xf16>) -> tensor<2x8xf16> {{
      %two = arith.constant 2.0 : f16
      %y = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}}
          ins(%x, %w : {types}) outs(%init : tensor<2x8xf16>) {{
      ^bb0(%a: f16, %b: f16, %old: f16):
        %zero = arith.constant 0.0 : f16
        {body}
        linalg.yield %r : f16
      }} -> tensor<2x8xf16>
      func.return %y : tensor<2x8xf16>
    }}"""
    module = Parser(make_context(), source).parse_module()
    return next(op for op in module.walk() if isinstance(op, linalg.GenericOp))


def compare_and_select(predicate: str, chosen: str) -> str:
    return f"%c = arith.cmpf {predicate}, %a, %zero : f16\n%r = arith.select %c, {chosen} : f16"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("%r = arith.addf %a, %b : f16", "(x0 + x1)"),
        ("%r = arith.subf %b, %a : f16", "(x1 - x0)"),
        ("%r = arith.mulf %a, %two : f16", "(x0 * 2.0)"),
        ("%r = arith.negf %a : f16", "(x0 * -1.0)"),
        ("%r = arith.maximumf %a, %zero : f16", "maximum(x0, 0.0)"),
        ("%r = arith.maxnumf %zero, %b : f16", "maximum(0.0, x0)"),
        (compare_and_select("ogt", "%a, %zero"), "maximum(x0, 0.0)"),
        (compare_and_select("ult", "%zero, %a"), "maximum(x0, 0.0)"),
        (
            "%s = arith.mulf %a, %a : f16\n%r = arith.addf %s, %b : f16",
            "((x0 * x0) + x1)",
        ),
        (
            "%w32 = arith.extf %a : f16 to f32\n%s = arith.addf %w32, %w32 : f32\n" + ROUND,
            "(x0 + x0)",
        ),
    ],
)
def test_bodies(body: str, text: str) -> None:
    found = recognise_elementwise(generic(body))
    assert isinstance(found, PointwiseOp)
    assert expression_text(found.elementwise.body) == text
    assert len(found.operands) == len(found.elementwise.inputs)


def test_broadcast_and_transposed_inputs() -> None:
    op = generic(
        "%r = arith.addf %a, %b : f16",
        f"affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (0, j)>, {SAME}",
        "tensor<8x2xf16>, tensor<1x8xf16>",
    )
    found = recognise_elementwise(op)
    assert isinstance(found, PointwiseOp)
    kernel = found.elementwise
    assert [access.axes for access in kernel.inputs] == [(1, 0), (None, 1)]
    assert [kernel.is_aligned(number) for number in range(2)] == [False, False]
    assert [(dim.name, dim.size) for dim in kernel.dims] == [("i0", 2), ("i1", 8)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("%r = arith.divf %a, %b : f16", "its body uses 'arith.divf'"),
        ("%r = arith.addf %a, %old : f16", "it uses what its output holds before"),
        (compare_and_select("olt", "%a, %zero"), "selects by 'olt' what is not the larger"),
        (compare_and_select("oeq", "%a, %zero"), "selects by 'oeq' what is not the larger"),
    ],
)
def test_reasons(body: str, reason: str) -> None:
    found = recognise_elementwise(generic(body))
    assert isinstance(found, str)
    assert reason in found


def test_strides_are_refused() -> None:
    maps = f"affine_map<(i, j) -> (i, j + 0)>, affine_map<(i, j) -> (i, 2 * j)>, {SAME}"
    op = generic("%r = arith.addf %a, %b : f16", maps, "tensor<2x8xf16>, tensor<2x16xf16>")
    assert recognise_elementwise(op) == "an operand is indexed by more than plain dimensions"


def test_what_is_no_elementwise_kernel() -> None:
    constant = generic("%r = arith.addf %zero, %zero : f16")
    assert recognise_elementwise(constant) is None
    summing = generic("%r = arith.addf %a, %old : f16", iterators='"parallel", "reduction"')
    assert recognise_elementwise(summing) is None
