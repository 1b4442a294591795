"""One account of work: the model counts the commands and rows that the program issues."""

from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernels import gemv_kernel, kernel_of
from xdsl.dialects.builtin import DenseArrayBase, StringAttr, i64

from pim_opt.cost.contraction import estimate
from pim_opt.cost.mapping import Mapping
from pim_opt.devices import load_device
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import ScheduleError
from pim_opt.passes.kernel_access import MATRIX, lanes_of, origins_of
from pim_opt.passes.kernel_program import lowered
from pim_opt.sim.timing import simulate_program
from pim_opt.tune.random_schedules import random_schedule

W8 = str(Path(__file__).parents[2] / "examples" / "attacc-w8.yaml")
"""A device whose units take int8 weights."""
MOST_ITERATIONS = 300
FEWER = settings().max_examples // 3
"""Examples of kernels that share most of their account with others."""
DEVICES = ["attacc", "attacc-ref", "gddr6-aim-ref", "hbm-pim", "hbm-pim-ref"]


def is_short(mapping: Mapping) -> bool:
    return prod(loop.size for loop in mapping.loops) <= MOST_ITERATIONS


@pytest.mark.parametrize("name", DEVICES)
@given(h=st.integers(1, 40), n=st.integers(2, 300), k=st.integers(1, 300), seed=st.integers(0))
def test_the_program_issues_what_the_model_counts(
    name: str, h: int, n: int, k: int, seed: int
) -> None:
    check_counts(gemv_kernel(heads=h, k=k, n=n, device=name), seed)


@pytest.mark.parametrize("name", DEVICES)
@settings(max_examples=FEWER)
@given(
    h=st.integers(1, 8),
    m=st.integers(1, 16),
    n=st.integers(2, 200),
    k=st.integers(1, 600),
    seed=st.integers(0),
)
def test_rows_of_shared_matrices_are_counted(
    name: str, h: int, m: int, n: int, k: int, seed: int
) -> None:
    check_counts(kernel_of("gqa", (1, h * m, h, k, n), device=name), seed)


@pytest.mark.parametrize("name", DEVICES)
@settings(max_examples=FEWER)
@given(
    h=st.integers(1, 8),
    n=st.integers(2, 100),
    k=st.integers(1, 300),
    inputs=st.sampled_from(["dram", "host"]),
    seed=st.integers(0),
)
def test_streamed_matrices_are_counted(
    name: str, h: int, n: int, k: int, inputs: str, seed: int
) -> None:
    kernel = gemv_kernel(heads=h, k=k, n=n, device=name)
    kernel.properties["resident"] = DenseArrayBase.from_list(i64, [])
    kernel.properties["origin"] = StringAttr(inputs)
    check_counts(kernel, seed)


@pytest.mark.parametrize("name", ["attacc", "attacc-ref"])
@settings(max_examples=FEWER)
@given(batch=st.integers(1, 40), length=st.integers(1, 600), seed=st.integers(0))
def test_sums_are_counted(name: str, batch: int, length: int, seed: int) -> None:
    check_counts(kernel_of("red", (batch, length), device=name), seed)


@settings(max_examples=FEWER)
@given(
    h=st.integers(1, 8),
    n=st.integers(2, 200),
    k=st.integers(1, 600),
    start=st.sampled_from(["resident", "dram", "host"]),
    seed=st.integers(0),
)
def test_columns_of_weights_are_counted(h: int, n: int, k: int, start: str, seed: int) -> None:
    kernel = kernel_of("gemv-w8", (1, h, k, n), device=W8)
    resident = start == "resident"
    kernel.properties["resident"] = DenseArrayBase.from_list(i64, [MATRIX] if resident else [])
    kernel.properties["origin"] = StringAttr("dram" if resident else start)
    check_counts(kernel, seed)


def check_counts(kernel: KernelOp, seed: int) -> None:
    """Compare a random schedule's estimate with what its program issues."""
    device = load_device(kernel.device.data)
    contraction, rng = kernel.contraction, np.random.default_rng(seed)
    lanes = lanes_of(kernel)
    try:
        schedule = random_schedule(contraction, device, lanes, rng, is_short)
    except ScheduleError:
        assume(False)
        raise
    expected = estimate(Mapping(contraction, schedule, device, lanes), origins_of(kernel))
    _, program = lowered(kernel, schedule)
    result = simulate_program(program, device)
    counted = {command: number for command, number in expected.commands.items() if number}
    issued = {command: result.commands.get(command, 0) for command in counted}
    assert issued == counted
    # Refreshes close rows, which open again: rows are compared in kernels without one. A
    # controller that reorders may open a row twice.
    refresh = device.refresh
    refreshed = refresh is not None and result.commands.get(refresh.command)
    if device.controller.keeps_order and not refreshed:
        opened = {name: result.commands.get(name, 0) for name in expected.activations}
        assert opened == expected.activations
