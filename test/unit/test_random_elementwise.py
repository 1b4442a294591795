"""Random elementwise kernels under random schedules: every level computes the same numbers, and
the model counts the commands and rows of the program."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from pointwise import RandomPointwise, pointwise_kernels

from pim_opt.cost.elementwise import estimate
from pim_opt.devices import device_names, load_device
from pim_opt.diagnostics import verify
from pim_opt.dialects.elementwise import Apply, Constant, Input
from pim_opt.dialects.lane_schedule import LaneSchedule
from pim_opt.dialects.pim import KernelOp
from pim_opt.parsing import make_context, parse_module
from pim_opt.pass_options import expand, make_pass
from pim_opt.passes.elementwise.binding import computation_of, mapping_under
from pim_opt.passes.kernel_access import from_dram, kernels
from pim_opt.passes.kernel_program import lowered
from pim_opt.passes.pim_outline import PimOutlinePass
from pim_opt.passes.pim_set_schedule import PimSetSchedulePass
from pim_opt.pipeline_spec import OptionSpec, PassSpec
from pim_opt.sim.issue_order import broken_order
from pim_opt.sim.semantics import SemanticsChecker
from pim_opt.sim.timing import simulate_program
from pim_opt.tune.elementwise_space import elementwise_schedules

DEVICES = [name for name in device_names() if load_device(name).kernels.elementwise is not None]
LANES = 16

SCALAR_INPUT = RandomPointwise((2,), ((),), (0,), Apply("add", Input(0), Constant(0.0)))
"""A tensor of no axes has no index that could be out of bounds."""


def kernel_of(case: RandomPointwise, device: str, inputs: Literal["dram", "host"]) -> KernelOp:
    """The outlined kernel of a case."""
    context = make_context()
    module = parse_module(case.mlir(), "<text>", context)
    PimOutlinePass(device=device, inputs=inputs).apply(context, module)
    (kernel,) = kernels(module)
    return kernel


def schedule_of(case: RandomPointwise, device: str, seed: int) -> LaneSchedule:
    """One of the schedules that the tuner would price."""
    computation = computation_of(kernel_of(case, device, "dram"))
    schedules = list(elementwise_schedules(computation, load_device(device), LANES))
    return schedules[int(np.random.default_rng(seed).integers(len(schedules)))]


@given(
    device=st.sampled_from(DEVICES),
    case=pointwise_kernels(),
    inputs=st.sampled_from(["dram", "host"]),
    seed=st.integers(0),
)
@example(device="hbm-pim", case=SCALAR_INPUT, inputs="dram", seed=0)
def test_every_level_computes_the_same(
    device: str, case: RandomPointwise, inputs: str, seed: int
) -> None:
    context = make_context()
    module = parse_module(case.mlir(), "<text>", context)
    checker = SemanticsChecker()
    checker.check(module, "input")
    options = {"device": OptionSpec(device, 0), "inputs": OptionSpec(inputs, 0)}
    for spec in expand([PassSpec("pim-compile", options, 0)], ""):
        pass_ = make_pass(spec, "")
        if isinstance(pass_, PimSetSchedulePass):
            pass_ = PimSetSchedulePass(str(schedule_of(case, device, seed)))
        pass_.apply(context, module)
        verify(module, "<text>")
        checker.check(module, spec.name)
    assert len(kernels(module)) == 1


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=100)
@given(case=pointwise_kernels(), inputs=st.sampled_from(["dram", "host"]), seed=st.integers(0))
def test_the_program_issues_what_the_model_counts(
    device: str, case: RandomPointwise, inputs: Literal["dram", "host"], seed: int
) -> None:
    kernel, schedule = kernel_of(case, device, inputs), schedule_of(case, device, seed)
    loaded = load_device(device)
    mapping = mapping_under(kernel, schedule)
    expected = estimate(mapping, from_dram=from_dram(kernel))
    _, program = lowered(kernel, schedule)
    result = simulate_program(program, loaded, log=True)
    event(f"{mapping.batches > 1=}, {len(mapping.shares)=}, {mapping.schedule.rows}")
    assert result.log is not None
    assert broken_order(program, result.log, loaded) is None
    issued = {name: result.commands.get(name, 0) for name in expected.commands}
    assert issued == expected.commands
    assert loaded.refresh is not None
    # Refreshes and controllers that reorder may open a row twice; units find rows open that the
    # host has written to.
    in_order = loaded.controller.policy == "in-order"
    host = expected.moved_bytes > 0
    if in_order and not host and not result.commands.get(loaded.refresh.command):
        opened = {name: result.commands.get(name, 0) for name in expected.activations}
        assert opened == expected.activations
