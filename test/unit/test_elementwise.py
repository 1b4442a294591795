"""The mathematics of elementwise kernels against loops over single points."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from pim_opt.dialects.elementwise import (
    OPERATIONS,
    Apply,
    Constant,
    Elementwise,
    Expression,
    ExpressionError,
    Input,
    evaluate,
    expression_text,
    nodes,
    parse_expression,
)
from pim_opt.dialects.iteration import Access, Role, name_dims


def expressions(inputs: int) -> st.SearchStrategy[Expression]:
    leaves = st.one_of(
        st.integers(0, inputs - 1).map(Input), st.integers(-4, 4).map(lambda v: Constant(float(v)))
    )
    return st.recursive(
        leaves,
        lambda parts: st.builds(Apply, st.sampled_from(sorted(OPERATIONS)), parts, parts),
        max_leaves=6,
    )


@st.composite
def kernels(draw: DrawFn) -> Elementwise:
    sizes = draw(st.lists(st.integers(1, 4), min_size=0, max_size=4))
    dims = name_dims((size, Role.PARALLEL) for size in sizes)
    body = draw(expressions(3))
    used = sorted({node.number for node in nodes(body) if isinstance(node, Input)})
    renamed = {old: new for new, old in enumerate(used)}
    if not used:
        body, renamed = Apply("add", body, Input(0)), {0: 0}
    order = draw(st.permutations(range(len(dims))))
    subsets = st.lists(st.sampled_from(range(len(dims))), unique=True) if dims else st.just([])
    inputs = tuple(Access(tuple(draw(subsets))) for _ in renamed)
    return Elementwise(dims, inputs, Access(tuple(order)), with_inputs(body, renamed))


def with_inputs(body: Expression, renamed: dict[int, int]) -> Expression:
    match body:
        case Input(number):
            return Input(renamed[number])
        case Apply(op, left, right):
            return Apply(op, with_inputs(left, renamed), with_inputs(right, renamed))
        case _:
            return body


@given(kernels())
def test_evaluation_is_that_of_every_point(kernel: Elementwise) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-3, 4, kernel.shape(a)).astype(np.float64) for a in kernel.inputs]
    result = kernel.evaluate(arrays)
    assert result.shape == kernel.shape(kernel.result)
    for point in product(*(range(dim.size) for dim in kernel.dims)):
        at = [
            np.asarray(array[tuple(point[d] for d in access.dims)])
            for array, access in zip(arrays, kernel.inputs, strict=True)
        ]
        found = result[tuple(point[d] for d in kernel.result.dims)]
        assert found == evaluate(kernel.body, at)


@given(expressions(12))
def test_text_reads_back(expression: Expression) -> None:
    assert parse_expression(expression_text(expression)) == expression


@given(kernels())
def test_aligned_inputs_have_the_flat_order_of_the_result(kernel: Elementwise) -> None:
    for number, access in enumerate(kernel.inputs):
        if kernel.is_aligned(number):
            copy = Elementwise(kernel.dims, (access,), kernel.result, Input(0))
            own = np.arange(kernel.elements).reshape(kernel.shape(access))
            np.testing.assert_array_equal(copy.evaluate([own]).reshape(-1), own.reshape(-1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x0 +", "'x0 \\+': invalid syntax"),
        ("x0 / x1", "expected x0, x1"),
        ("minimum(x0, 1)", "expected x0, x1"),
        ("x", "expected x0, x1"),
        ("1e999", "finite"),
    ],
)
def test_what_is_no_expression(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse_expression(text)


@pytest.mark.parametrize(
    ("inputs", "result", "body", "message"),
    [
        ([(0, 0)], (0, 1), "x0", "at most once"),
        ([(0, 1)], (0,), "x0", "expected all"),
        ([(0,), (1,)], (0, 1), "x0", "the body uses inputs"),
        ([(0,)], (0, 1), "x0 + x1", "the body uses inputs"),
        ([(2,)], (0, 1), "x0", "at most once"),
    ],
)
def test_wrong_kernels_do_not_construct(
    inputs: list[tuple[int, ...]], result: tuple[int, ...], body: str, message: str
) -> None:
    dims = name_dims([(2, Role.PARALLEL), (3, Role.PARALLEL)])
    accesses = tuple(map(Access, inputs))
    with pytest.raises(ValueError, match=message):
        Elementwise(dims, accesses, Access(result), parse_expression(body))
