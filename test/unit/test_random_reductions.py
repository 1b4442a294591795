"""Random reductions: every level computes the same numbers, the model counts what is issued."""

from math import prod
from typing import Literal

import pytest
from checked_pipeline import compile_checked
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st
from sums import RandomSum, sums
from xdsl.dialects.builtin import ModuleOp

from pim_opt.cost.reduction import estimate
from pim_opt.cost.reduction_mapping import ReductionMapping
from pim_opt.devices import device_names, load_device
from pim_opt.dialects.lane_schedule import LaneSchedule
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.reduction import Reduction
from pim_opt.parsing import make_context, parse_module
from pim_opt.passes.kernel_access import kernels
from pim_opt.passes.kernel_program import lowered
from pim_opt.passes.pim_outline import PimOutlinePass
from pim_opt.sim.issue_order import broken_order
from pim_opt.sim.timing import simulate_program
from pim_opt.tune.reduction_space import reduction_schedules

DEVICES = [name for name in device_names() if load_device(name).kernels.reduction is not None]
LANES = 16
WHOLE = 1024 * LANES
"""Elements that fill a column of every bank."""
MOST_TERMS = 2048
"""The source's sums are evaluated one term after the other."""
MOST_ELEMENTS = 40 * WHOLE

LINE = RandomSum((2 * WHOLE + 500,), (0,), (None,))
"""One sum, of which some elements are left when units have added whole columns."""


@st.composite
def large_sums(draw: st.DrawFn) -> RandomSum:
    """Sums along an axis whose points lie so far apart that some of them meet in a bank."""
    turns = 1 << draw(st.integers(0, 9))
    inner = draw(st.sampled_from([1, 3, 5])) * (WHOLE // turns)
    outer = draw(st.sampled_from([1, 1, 2, 3]))
    most = MOST_ELEMENTS // (outer * inner * turns)
    # Of one run some may be left.
    size = draw(st.integers(1, max(most, 1))) * turns + draw(st.integers(0, turns)) * (outer == 1)
    parts = draw(st.sampled_from([1, 1, 2, 16]))
    sizes = (outer, size, inner // parts, parts)
    summed = {1} | draw(st.sets(st.sampled_from([0, 3])))
    kept = [dim for dim in range(4) if dim not in summed]
    return RandomSum(sizes, (0, 1, 2, 3), tuple(draw(st.permutations(kept))), draw(st.booleans()))


@st.composite
def small_sums(draw: st.DrawFn) -> RandomSum:
    """Sums of up to four dimensions, any of which are summed, in any order."""
    case = draw(sums())
    summed = [size for dim, size in enumerate(case.sizes) if dim not in case.result]
    assume(prod(summed) <= MOST_TERMS)
    return case


CASES = st.one_of(small_sums(), large_sums())


def kernel_of(case: RandomSum, device: str, inputs: Literal["dram", "host"]) -> KernelOp:
    """The outlined kernel of a case."""
    context = make_context()
    module = parse_module(case.mlir(), "<text>", context)
    PimOutlinePass(device=device, inputs=inputs).apply(context, module)
    (kernel,) = kernels(module)
    return kernel


def schedule_of(kernel: KernelOp, seed: int) -> LaneSchedule:
    """One of the schedules that the tuner would price."""
    computation = kernel.computation
    assert isinstance(computation, Reduction)
    device = load_device(kernel.device.data)
    schedules = list(reduction_schedules(computation, device, LANES))
    return schedules[seed % len(schedules)]


@settings(max_examples=25)
@given(
    device=st.sampled_from(DEVICES),
    case=CASES,
    inputs=st.sampled_from(["dram", "host"]),
    seed=st.integers(0, 20),
)
@example(device="hbm-pim", case=LINE, inputs="dram", seed=0)
def test_every_level_computes_the_same(
    device: str, case: RandomSum, inputs: str, seed: int
) -> None:
    def choose(module: ModuleOp) -> str:
        (kernel,) = kernels(module)
        return str(schedule_of(kernel, seed))

    module, _ = compile_checked(case.mlir(), device, inputs, choose)
    assert len(kernels(module)) == 1


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=60)
@given(case=CASES, inputs=st.sampled_from(["dram", "host"]), seed=st.integers(0, 20))
@example(case=LINE, inputs="dram", seed=0)
def test_the_program_issues_what_the_model_counts(
    device: str, case: RandomSum, inputs: Literal["dram", "host"], seed: int
) -> None:
    kernel, loaded = kernel_of(case, device, inputs), load_device(device)
    schedule, computation = schedule_of(kernel, seed), kernel.computation
    assert isinstance(computation, Reduction)
    mapping = ReductionMapping(computation, schedule, loaded, LANES)
    expected = estimate(mapping, from_dram=inputs == "dram")
    _, program = lowered(kernel, schedule)
    result = simulate_program(program, loaded, log=True)
    event(f"{mapping.by_units=}, {mapping.gives_result=}")
    if mapping.by_units:
        event(f"{mapping.blocks > 1=}, {mapping.batches > 1=}, {mapping.rest is None=}")
    assert result.log is not None
    assert broken_order(program, result.log, loaded) is None
    issued = {name: result.commands.get(name, 0) for name in expected.commands}
    assert issued == expected.commands
