"""The evaluator against plain NumPy, op by op."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.dialects import func

from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.parsing import make_context, parse_module
from pim_opt.sim.evaluate import Evaluator
from pim_opt.sim.evaluate_scalars import dtype_of_type

Array = NDArray[Any]


def run(signature: str, body: str, *arguments: Array) -> list[Array]:
    """The results of a function on `arguments`."""
    module = parse_module(f"func.func @f({signature} {{\n{body}\n}}", "<text>", make_context())
    function = cast(func.FuncOp, module.body.block.first_op)
    results = Evaluator().evaluate_function(function, arguments)
    for result, type_ in zip(results, function.function_type.outputs, strict=True):
        assert np.asarray(result).dtype == dtype_of_type(getattr(type_, "element_type", type_))
    return results


def floats(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


A, B, C = "tensor<2x3xf32>", "tensor<3x4xf32>", "tensor<2x4xf32>"

Case = tuple[str, str, list[Array], Callable[..., Array]]


def elementwise(name: str, count: int) -> str:
    inputs = ", ".join(["%a", "%b"][:count])
    types = ", ".join([A] * count)
    return f"""%e = tensor.empty() : {A}
    %y = linalg.{name} ins({inputs} : {types}) outs(%e : {A}) -> {A}
    func.return %y : {A}"""


@pytest.mark.parametrize(
    ("name", "function"),
    [("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("max", np.maximum),
     ("min", np.minimum)],
)  # fmt: skip
def test_binary_named_ops(name: str, function: Callable[[Array, Array], Array]) -> None:
    a, b = floats(2, 3), floats(2, 3, seed=1)
    (y,) = run(f"%a : {A}, %b : {A}) -> {A}", elementwise(name, 2), a, b)
    np.testing.assert_array_equal(y, function(a, b))


@pytest.mark.parametrize(
    ("name", "function"),
    [("exp", np.exp), ("log", np.log), ("sqrt", np.sqrt), ("copy", np.positive)],
)
def test_unary_named_ops(name: str, function: Callable[[Array], Array]) -> None:
    a = np.abs(floats(2, 3))
    (y,) = run(f"%a : {A}) -> {A}", elementwise(name, 1), a)
    np.testing.assert_allclose(y, function(a.astype(np.float64)), rtol=1e-7)


def test_select() -> None:
    p, a, b = np.array([[True, False, True]] * 2), floats(2, 3), floats(2, 3, seed=1)
    body = f"""%e = tensor.empty() : {A}
    %y = linalg.select ins(%p, %a, %b : tensor<2x3xi1>, {A}, {A}) outs(%e : {A}) -> {A}
    func.return %y : {A}"""
    (y,) = run(f"%p : tensor<2x3xi1>, %a : {A}, %b : {A}) -> {A}", body, p, a, b)
    np.testing.assert_array_equal(y, np.where(p, a, b))


@pytest.mark.parametrize(
    ("name", "subscripts", "shapes"),
    [
        ("matmul", "mk,kn->mn", [(2, 3), (3, 4), (2, 4)]),
        ("batch_matmul", "bmk,bkn->bmn", [(5, 2, 3), (5, 3, 4), (5, 2, 4)]),
        ("matvec", "mk,k->m", [(2, 3), (3,), (2,)]),
        ("vecmat", "k,kn->n", [(3,), (3, 4), (4,)]),
        ("batch_matvec", "bmk,bk->bm", [(5, 2, 3), (5, 3), (5, 2)]),
        ("batch_vecmat", "bk,bkn->bn", [(5, 3), (5, 3, 4), (5, 4)]),
        ("dot", "k,k->", [(3,), (3,), ()]),
    ],
)
@pytest.mark.parametrize("element", ["f16", "f32"])
def test_named_contractions(
    name: str, subscripts: str, shapes: list[tuple[int, ...]], element: str
) -> None:
    dtype = np.float16 if element == "f16" else np.float32
    a, b, c = (floats(*shape, seed=i).astype(dtype) for i, shape in enumerate(shapes))
    ta, tb, tc = (f"tensor<{''.join(f'{n}x' for n in shape)}{element}>" for shape in shapes)
    body = f"""%y = linalg.{name} ins(%a, %b : {ta}, {tb}) outs(%c : {tc}) -> {tc}
    func.return %y : {tc}"""
    (y,) = run(f"%a : {ta}, %b : {tb}, %c : {tc}) -> {tc}", body, a, b, c)
    exact = c + np.einsum(subscripts, a.astype(np.float64), b.astype(np.float64))
    np.testing.assert_allclose(y, exact, atol=8e-3 if element == "f16" else 1e-6)


def test_matmul_extends_its_inputs_to_the_accumulator() -> None:
    a, b = floats(2, 3).astype(np.float16), floats(3, 4, seed=1).astype(np.float16)
    body = f"""%y = linalg.matmul ins(%a, %b : tensor<2x3xf16>, tensor<3x4xf16>)
      outs(%c : {C}) -> {C}
    func.return %y : {C}"""
    signature = f"%a : tensor<2x3xf16>, %b : tensor<3x4xf16>, %c : {C}) -> {C}"
    (y,) = run(signature, body, a, b, np.zeros((2, 4), np.float32))
    np.testing.assert_allclose(y, a.astype(np.float64) @ b.astype(np.float64), rtol=1e-6)


def test_sums_in_f16_round_at_every_step() -> None:
    x = np.array([2048, 1, 1, 1], np.float16)
    body = """%z = arith.constant 0.0 : f16
    %e = tensor.empty() : tensor<f16>
    %i = linalg.fill ins(%z : f16) outs(%e : tensor<f16>) -> tensor<f16>
    %y = linalg.reduce { arith.addf } ins(%x : tensor<4xf16>) outs(%i : tensor<f16>)
      dimensions = [0]
    func.return %y : tensor<f16>"""
    (y,) = run("%x : tensor<4xf16>) -> tensor<f16>", body, x)
    assert float(y) == 2048


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_convolution(stride: int, dilation: int) -> None:
    x, w = floats(1, 2, 7, 7), floats(3, 2, 3, 3, seed=1)
    size = (7 - 2 * dilation - 1) // stride + 1
    out = f"tensor<1x3x{size}x{size}xf32>"
    body = f"""%y = linalg.conv_2d_nchw_fchw
      {{strides = dense<{stride}> : vector<2xi64>, dilations = dense<{dilation}> : vector<2xi64>}}
      ins(%x, %w : tensor<1x2x7x7xf32>, tensor<3x2x3x3xf32>) outs(%c : {out}) -> {out}
    func.return %y : {out}"""
    signature = f"%x : tensor<1x2x7x7xf32>, %w : tensor<3x2x3x3xf32>, %c : {out}) -> {out}"
    (y,) = run(signature, body, x, w, np.zeros((1, 3, size, size), np.float32))
    expected = np.zeros((3, size, size))
    for row, column in np.ndindex(size, size):
        top, left = row * stride, column * stride
        window = x[0, :, top : top + 2 * dilation + 1 : dilation,
                   left : left + 2 * dilation + 1 : dilation]  # fmt: skip
        expected[:, row, column] = np.tensordot(w, window, 3)
    np.testing.assert_allclose(y[0], expected, atol=1e-5)


def test_max_pooling() -> None:
    x = floats(1, 2, 4, 4)
    out = "tensor<1x2x2x2xf32>"
    body = f"""%k = tensor.empty() : tensor<2x2xf32>
    %y = linalg.pooling_nchw_max
      {{strides = dense<2> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}}
      ins(%x, %k : tensor<1x2x4x4xf32>, tensor<2x2xf32>) outs(%c : {out}) -> {out}
    func.return %y : {out}"""
    start = np.full((1, 2, 2, 2), -np.inf, np.float32)
    (y,) = run(f"%x : tensor<1x2x4x4xf32>, %c : {out}) -> {out}", body, x, start)
    np.testing.assert_array_equal(y, x.reshape(1, 2, 2, 2, 2, 2).max(axis=(3, 5)))


def test_transpose_broadcast_reduce() -> None:
    a = floats(2, 3)
    body = f"""%e = tensor.empty() : tensor<3x2xf32>
    %t = linalg.transpose ins(%a : {A}) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
    %f = tensor.empty() : tensor<3x4x2xf32>
    %b = linalg.broadcast ins(%t : tensor<3x2xf32>) outs(%f : tensor<3x4x2xf32>) dimensions = [1]
    %r = linalg.reduce {{ arith.maximumf }} ins(%b : tensor<3x4x2xf32>) outs(%i : tensor<4xf32>)
      dimensions = [0, 2]
    func.return %t, %b, %r : tensor<3x2xf32>, tensor<3x4x2xf32>, tensor<4xf32>"""
    start = np.full(4, -np.inf, np.float32)
    results = "(tensor<3x2xf32>, tensor<3x4x2xf32>, tensor<4xf32>)"
    t, b, r = run(f"%a : {A}, %i : tensor<4xf32>) -> {results}", body, a, start)
    np.testing.assert_array_equal(t, a.T)
    np.testing.assert_array_equal(b, np.broadcast_to(a.T[:, None, :], (3, 4, 2)))
    np.testing.assert_array_equal(r, np.full(4, a.max()))


def test_generic_with_two_results_an_index_and_a_composite_map() -> None:
    x = floats(7)
    body = """%y, %n = linalg.generic {
        indexing_maps = [affine_map<(i, j) -> (i + j * 2)>, affine_map<(i, j) -> (j)>,
                         affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>],
        iterator_types = ["parallel", "reduction"]}
        ins(%x, %w : tensor<7xf32>, tensor<2xf32>) outs(%p, %q : tensor<4xf32>, tensor<4xi64>) {
    ^bb0(%a: f32, %u: f32, %s: f32, %c: i64):
      %i = linalg.index 0 : index
      %v = arith.index_cast %i : index to i64
      %t = arith.addf %s, %a : f32
      %d = arith.addi %c, %v : i64
      linalg.yield %t, %d : f32, i64
    } -> (tensor<4xf32>, tensor<4xi64>)
    func.return %y, %n : tensor<4xf32>, tensor<4xi64>"""
    signature = "%x : tensor<7xf32>, %p : tensor<4xf32>, %q : tensor<4xi64>, %w : tensor<2xf32>)"
    zeros = [np.zeros(4, np.float32), np.zeros(4, np.int64), np.zeros(2, np.float32)]
    y, n = run(f"{signature} -> (tensor<4xf32>, tensor<4xi64>)", body, x, *zeros)
    np.testing.assert_allclose(y, x[:4] + x[2:6], rtol=1e-6)
    assert n.tolist() == [0, 2, 4, 6]


def test_tensors_are_cut_joined_and_padded() -> None:
    a = floats(2, 3)
    body = f"""%z = arith.constant 7.0 : f32
    %s = tensor.extract_slice %a[0, 1] [2, 2] [1, 1] : {A} to tensor<2x2xf32>
    %i = tensor.insert_slice %s into %a[0, 0] [2, 2] [1, 1] : tensor<2x2xf32> into {A}
    %p = tensor.pad %s low[1, 0] high[0, 2] {{
    ^bb0(%x: index, %y: index):
      tensor.yield %z : f32
    }} : tensor<2x2xf32> to tensor<3x4xf32>
    %c = tensor.concat dim(0) %a, %i : ({A}, {A}) -> tensor<4x3xf32>
    %f = tensor.collapse_shape %c [[0, 1]] : tensor<4x3xf32> into tensor<12xf32>
    func.return %i, %p, %f : {A}, tensor<3x4xf32>, tensor<12xf32>"""
    i, p, f = run(f"%a : {A}) -> ({A}, tensor<3x4xf32>, tensor<12xf32>)", body, a)
    inserted = np.concatenate([a[:, 1:], a[:, 2:]], axis=1)
    np.testing.assert_array_equal(i, inserted)
    np.testing.assert_array_equal(p, np.pad(a[:, 1:], ((1, 0), (0, 2)), constant_values=7))
    np.testing.assert_array_equal(f, np.concatenate([a, inserted]).reshape(-1))


@pytest.mark.parametrize(
    ("op", "a", "b", "expected"),
    [
        ("divsi", -7, 2, -3),
        ("remsi", -7, 2, -1),
        ("floordivsi", -7, 2, -4),
        ("ceildivsi", -7, 2, -3),
        ("divui", -1, 2, 127),
        ("remui", -1, 2, 1),
        ("addi", 127, 1, -128),
        ("maxui", -1, 1, -1),
        ("minsi", -1, 1, -1),
        ("shrsi", -4, 1, -2),
        ("shrui", -4, 1, 126),
    ],
)
def test_integers_as_mlir_has_them(op: str, a: int, b: int, expected: int) -> None:
    body = f"%y = arith.{op} %a, %b : i8\nfunc.return %y : i8"
    (y,) = run("%a : i8, %b : i8) -> i8", body, np.array(a, np.int8), np.array(b, np.int8))
    assert int(y) == expected


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [("olt", [True, False, False]), ("ult", [True, False, True]), ("une", [True, False, True]),
     ("ord", [True, True, False]), ("uno", [False, False, True]), ("oge", [False, True, False])],
)  # fmt: skip
def test_comparisons_with_nan(predicate: str, expected: list[bool]) -> None:
    body = f"%y = arith.cmpf {predicate}, %a, %b : f32\nfunc.return %y : i1"
    two = np.asarray(2, np.float32)
    for value, holds in zip((1, 2, np.nan), expected, strict=True):
        (y,) = run("%a : f32, %b : f32) -> i1", body, np.asarray(value, np.float32), two)
        assert bool(y) is holds


def test_ops_without_a_meaning_are_named_with_their_place() -> None:
    body = "%y = bufferization.to_buffer %x : tensor<2xf32> to memref<2xf32>\nfunc.return"
    with pytest.raises(DiagnosticError, match=r"'bufferization.to_buffer' cannot be") as e:
        run("%x : tensor<2xf32>)", body, np.zeros(2, np.float32))
    assert str(e.value.place) == "<text>:2:1"
