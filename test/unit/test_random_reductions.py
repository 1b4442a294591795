"""Random reductions: every level computes the same numbers, the model counts what is issued."""

from typing import Literal

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pim_opt.cost.reduction import estimate
from pim_opt.cost.reduction_mapping import ReductionMapping
from pim_opt.devices import device_names, load_device
from pim_opt.diagnostics import verify
from pim_opt.dialects.lane_schedule import LaneSchedule
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.reduction import Reduction
from pim_opt.parsing import make_context, parse_module
from pim_opt.pass_options import expand, make_pass
from pim_opt.passes.kernel_access import kernels
from pim_opt.passes.kernel_program import lowered
from pim_opt.passes.pim_outline import PimOutlinePass
from pim_opt.passes.pim_set_schedule import PimSetSchedulePass
from pim_opt.pipeline_spec import OptionSpec, PassSpec
from pim_opt.sim.issue_order import broken_order
from pim_opt.sim.semantics import SemanticsChecker
from pim_opt.sim.timing import simulate_program
from pim_opt.tune.reduction_space import reduction_schedules

DEVICES = [name for name in device_names() if load_device(name).kernels.reduction is not None]
LANES = 16
WHOLE = 1024 * LANES
"""Elements that fill a column of every bank."""


def text_of(kept: tuple[int, ...], summed: tuple[int, ...]) -> str:
    """A function that sums the last axes of a tensor."""
    sizes = (*kept, *summed)
    names = [f"d{axis}" for axis in range(len(sizes))]
    source = f"tensor<{''.join(f'{size}x' for size in sizes)}f16>"
    result = f"tensor<{''.join(f'{size}x' for size in kept)}f16>"
    loops = ", ".join(names)
    kinds = ", ".join(['"parallel"'] * len(kept) + ['"reduction"'] * len(summed))
    return f"""
func.func @sums(%x : {source}) -> {result} {{
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : {result}
  %init = linalg.fill ins(%zero : f16) outs(%empty : {result}) -> {result}
  %y = linalg.generic {{
      indexing_maps = [affine_map<({loops}) -> ({loops})>,
                       affine_map<({loops}) -> ({", ".join(names[: len(kept)])})>],
      iterator_types = [{kinds}]}} ins(%x : {source}) outs(%init : {result}) {{
  ^bb0(%a: f16, %acc: f16):
    %s = arith.addf %acc, %a : f16
    linalg.yield %s : f16
  }} -> {result}
  func.return %y : {result}
}}
"""


@st.composite
def shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Axes that are kept and axes that are summed: any sizes, or whole columns of all banks."""
    if draw(st.booleans()):
        kept = tuple(draw(st.lists(st.integers(1, 9), max_size=2)))
        return kept, tuple(draw(st.lists(st.integers(1, 40), min_size=1, max_size=2)))
    kept = draw(st.sampled_from([(), (1,), (3,), (2, 5), (17,)]))
    columns = draw(st.integers(1, 2))
    return kept, draw(st.sampled_from([(columns * WHOLE,), (columns, WHOLE)]))


def kernel_of(text: str, device: str, inputs: Literal["dram", "host"]) -> KernelOp:
    """The outlined kernel of a function."""
    context = make_context()
    module = parse_module(text, "<text>", context)
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


# The source's sums are evaluated one term after the other.
@settings(max_examples=25)
@given(
    device=st.sampled_from(DEVICES),
    shape=shapes(),
    inputs=st.sampled_from(["dram", "host"]),
    seed=st.integers(0, 20),
)
def test_every_level_computes_the_same(
    device: str,
    shape: tuple[tuple[int, ...], tuple[int, ...]],
    inputs: Literal["dram", "host"],
    seed: int,
) -> None:
    context, text = make_context(), text_of(*shape)
    module = parse_module(text, "<text>", context)
    checker = SemanticsChecker()
    checker.check(module, "input")
    options = {"device": OptionSpec(device, 0), "inputs": OptionSpec(inputs, 0)}
    schedule = str(schedule_of(kernel_of(text, device, inputs), seed))
    for spec in expand([PassSpec("pim-compile", options, 0)], ""):
        pass_ = make_pass(spec, "")
        if isinstance(pass_, PimSetSchedulePass):
            pass_ = PimSetSchedulePass(schedule)
        pass_.apply(context, module)
        verify(module, "<text>")
        checker.check(module, spec.name)
    assert len(kernels(module)) == 1


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=60)
@given(shape=shapes(), inputs=st.sampled_from(["dram", "host"]), seed=st.integers(0, 20))
def test_the_program_issues_what_the_model_counts(
    device: str,
    shape: tuple[tuple[int, ...], tuple[int, ...]],
    inputs: Literal["dram", "host"],
    seed: int,
) -> None:
    kernel, loaded = kernel_of(text_of(*shape), device, inputs), load_device(device)
    schedule, computation = schedule_of(kernel, seed), kernel.computation
    assert isinstance(computation, Reduction)
    mapping = ReductionMapping(computation, schedule, loaded, LANES)
    expected = estimate(mapping, from_dram=inputs == "dram")
    _, program = lowered(kernel, schedule)
    result = simulate_program(program, loaded, log=True)
    event(f"{mapping.by_units=}, {mapping.batches > 1=}")
    assert result.log is not None
    assert broken_order(program, result.log, loaded) is None
    issued = {name: result.commands.get(name, 0) for name in expected.commands}
    assert issued == expected.commands
