"""Expressions as steps: the steps compute the expression, on a unit of plain Python."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim_opt.cost.lane_program import LaneProgram, UnitError, lane_program
from pim_opt.dialects.elementwise import (
    Apply,
    Constant,
    Expression,
    Input,
    evaluate,
    nodes,
    parse_expression,
)

INPUTS = 3


def binary(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    constants = st.integers(-4, 4).map(lambda value: Constant(float(value)))
    operations = st.sampled_from(("add", "sub", "mul"))
    return st.one_of(
        st.builds(Apply, operations, parts, parts),
        st.builds(Apply, operations, parts, constants),
        st.builds(Apply, operations, constants, parts),
        parts.map(lambda part: Apply("maximum", part, Constant(0.0))),
    )


BODIES = st.recursive(st.integers(0, INPUTS - 1).map(Input), binary, max_leaves=8)


def run(program: LaneProgram, inputs: Sequence[float]) -> float:
    """The result's column after all steps; what nothing has written is nan."""
    columns = [*inputs, *[float("nan")] * (program.tensors - program.inputs)]
    register = float("nan")
    for step in program.steps:
        scalar = float("nan") if step.scalar is None else program.scalars[step.scalar]
        column = columns[step.tensor]
        match step.use:
            case "load":
                register = column
            case "store":
                columns[step.tensor] = register
            case "add":
                register += column
            case "mul":
                register *= column
            case "relu":
                register = max(column, 0.0)
            case "scalar_add":
                register = scalar + column
            case _:
                assert step.use == "scalar_mul"
                register = scalar * column
    return columns[program.result]


@given(BODIES)
def test_steps_compute_the_expression(body: Expression) -> None:
    inputs = [3.0, -5.0, 7.0]
    program = lane_program(body, INPUTS)
    expected = evaluate(body, [np.asarray(value) for value in inputs])
    assert run(program, inputs) == expected


@given(BODIES)
def test_no_step_stores_to_an_input(body: Expression) -> None:
    program = lane_program(body, INPUTS)
    stores = [step.tensor for step in program.steps if step.use == "store"]
    assert min(stores) >= INPUTS
    assert max(step.tensor for step in program.steps) < program.tensors
    reads = [step for step in program.steps if step.use != "store"]
    assert len(reads) >= sum(isinstance(node, Input) for node in nodes(body))


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("x0 + x1", "load 0, add 1, store 2"),
        ("maximum(x0, 0)", "relu 0, store 1"),
        ("maximum(0, x0 + x1)", "load 0, add 1, store 2, relu 2, store 2"),
        ("x0 - x1", "scalar_mul 1, add 0, store 2"),
        ("x1 - x0 * 3.0", "scalar_mul 0, add 1, store 2"),
        ("x0 * x1 + x0 * x0", "load 0, mul 0, store 2, load 0, mul 1, add 2, store 2"),
    ],
)
def test_few_steps(text: str, steps: str) -> None:
    body = parse_expression(text)
    inputs = len({node.number for node in nodes(body) if isinstance(node, Input)})
    program = lane_program(body, inputs)
    assert ", ".join(f"{step.use} {step.tensor}" for step in program.steps) == steps
    assert program.temporaries == 0


@pytest.mark.parametrize("text", ["maximum(x0, 1)", "maximum(x0, x0)", "1 + 2"])
def test_what_no_unit_computes(text: str) -> None:
    with pytest.raises(UnitError):
        lane_program(parse_expression(text), 1)
