"""One compiled program of attention serves all lengths up to the number of positions."""

from functools import partial

import numpy as np
import pytest
from attention import function_of, normalised
from attention_kernels import schedule_of
from checked_pipeline import compile_checked
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from kernels import gemv_kernel, kernel_of
from lengths import (
    check_call,
    check_issue_order,
    kernel_with_length,
    program_of,
)
from random_attention import RandomAttention, attentions
from xdsl.dialects.builtin import ModuleOp

from pim_opt.cost.attention import estimate
from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.parsing import make_context
from pim_opt.passes.attention.binding import attention_of, bound
from pim_opt.passes.kernel_access import device_of, kernels, lanes_of
from pim_opt.passes.kernel_program import lowered
from pim_opt.passes.kernel_tuning import tune_kernel
from pim_opt.passes.pim_outline import PimOutlinePass
from pim_opt.passes.recorded_tuning import key_of
from pim_opt.sim.length import LengthError, check_length
from pim_opt.sim.semantics import run_function
from pim_opt.sim.timing import simulate_program
from pim_opt.tune.attention_tuner import mappings

STORED = (tuple("bhgd"), tuple("bhnd"), tuple("bhne"))


def compiled(case: RandomAttention, device: str, seed: int = 0, inputs: str = "dram") -> ModuleOp:
    """A case compiled under one of the tuner's schedules."""
    module, _ = compile_checked(
        case.mlir(),
        device,
        inputs,
        partial(schedule_of, seed=seed),
        narrow_to="f16",
        variable_length=True,
    )
    return module


def is_offloaded(case: RandomAttention, device: str) -> bool:
    """Whether the device runs a case as one kernel."""
    module = normalised(case.mlir())
    PimOutlinePass(device, "f16").apply(make_context(), module)
    return [kernel.kind for kernel in kernels(module)] == ["attention"]


@pytest.mark.parametrize("device", ["attacc", "attacc-ref"])
@pytest.mark.parametrize(("mask", "shared"), [(None, 1), (("b", "n"), 1), (("n",), 3)])
def test_lengths_at_the_edges_of_blocks(
    device: str, mask: tuple[str, ...] | None, shared: int
) -> None:
    case = RandomAttention((1, 17, shared, 300, 3, 5), "f16", "grouped", STORED, mask=mask)
    module = compiled(case, device)
    text = str(module)
    for length in (1, 16, 17, 256, 257, 300):
        check_call(case, module, length, seed=length)
        check_issue_order(module, length)
    assert str(module) == text, "one program"


@settings(max_examples=15)
@given(
    case=attentions(),
    device=st.sampled_from(["attacc", "attacc-ref"]),
    inputs=st.sampled_from(["dram", "host"]),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_random_attention_up_to_a_length(
    case: RandomAttention, device: str, inputs: str, seed: int, data: st.DataObject
) -> None:
    positions = case.sizes[3]
    assume(positions > 1 and is_offloaded(case, device))
    module = compiled(case, device, seed, inputs)
    for length in data.draw(st.lists(st.integers(1, positions), min_size=1, max_size=3)):
        check_call(case, module, length, seed)
        check_issue_order(module, length)
    event(f"masked: {case.mask is not None}, guarded: {case.guarded}")


@settings(max_examples=15)
@given(
    kind=st.sampled_from(["attention", "masked-attention"]),
    device=st.sampled_from(["attacc", "attacc-ref"]),
    heads=st.integers(1, 20),
    size=st.integers(1, 40),
    positions=st.integers(2, 600),
    data=st.data(),
)
def test_the_program_issues_what_the_model_counts(
    kind: str, device: str, heads: int, size: int, positions: int, data: st.DataObject
) -> None:
    kernel = kernel_with_length(kind, (1, heads, heads, size, positions), device)
    found = list(mappings(attention_of(kernel), device_of(kernel), lanes_of(kernel)))
    schedule = found[data.draw(st.integers(0, len(found) - 1))].schedule
    length = data.draw(st.integers(1, positions))
    counted = estimate(bound(kernel, schedule).at_length(length)).commands
    _, program = lowered(kernel, schedule)
    result = simulate_program(program, device_of(kernel), length=length)
    assert {name: result.commands.get(name, 0) for name in counted} == counted
    assert result == simulate_program(program, device_of(kernel), length=length, share=False)


@pytest.mark.parametrize("device", ["attacc", "attacc-ref"])
def test_short_calls_take_what_programs_of_that_length_do(device: str) -> None:
    kernel = kernel_with_length("attention", (1, 32, 32, 64, 1024), device)
    schedule = tune_kernel(kernel, top_k=1, confirm=False).best.schedule
    _, program = lowered(kernel, schedule)
    took: list[int] = []
    for length in (16, 200, 500, 1024):
        only = kernel_of("attention", (1, 32, 32, 64, length), device=device)
        fixed = simulate_program(lowered(only, schedule)[1], device_of(only)).cycles
        took.append(simulate_program(program, device_of(kernel), length=length).cycles)
        # Scores beyond the length move, too, up to those of a last round of the cores.
        assert took[-1] <= 1.06 * fixed
        predicted = estimate(bound(kernel, schedule).at_length(length)).cycles
        assert took[-1] == pytest.approx(predicted, rel=0.15)
    assert took == sorted(took)
    assert took[0] < 0.6 * took[-1]


@pytest.mark.parametrize("length", [-1, 0, 21, 1 << 40])
def test_lengths_that_a_kernel_does_not_take(length: int) -> None:
    case = RandomAttention((1, 2, 1, 20, 4, 4), "f16", "grouped", STORED)
    module = compiled(case, "attacc")
    function, (kernel,) = function_of(module), kernels(module)
    message = f"length {length}; kernel 'attention0' takes 1 to 20 positions"
    arguments = [np.zeros(shape, np.float16) for shape in ((1, 2, 1, 4), *[(1, 2, 20, 4)] * 2)]
    with pytest.raises(DiagnosticError, match=message) as error:
        run_function(function, [*arguments, np.asarray(length)])
    assert error.value.place is not None
    for given_length in (length, None):
        with pytest.raises(LengthError, match="kernel 'attention0' takes"):
            simulate_program(program_of(kernel), device_of(kernel), length=given_length)


def test_a_kernel_without_a_length_takes_none() -> None:
    check_length(gemv_kernel(), None)
    with pytest.raises(LengthError, match="kernel 'gemv0' takes no length; given is 3"):
        check_length(gemv_kernel(), 3)


def test_records_tell_kernels_with_a_length_apart() -> None:
    shape = (1, 2, 2, 8, 64)
    fixed = kernel_of("attention", shape, device="attacc")
    assert key_of(kernel_with_length("attention", shape, "attacc")) != key_of(fixed)
