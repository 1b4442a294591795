"""One account of attention's work: the model counts what the program issues."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels import kernel_of
from xdsl.dialects.builtin import DenseArrayBase, StringAttr, i64

from pim_opt.dialects.pim import KernelOp
from pim_opt.passes.attention.binding import attention_of
from pim_opt.passes.kernel_access import device_of, lanes_of
from pim_opt.passes.kernel_classes import class_of
from pim_opt.passes.kernel_program import lowered
from pim_opt.sim.timing import simulate_program
from pim_opt.tune.attention_tuner import mappings

DATA = ("host_read", "host_write", "load", "move")
"""Kinds of commands that carry a column of data."""


@pytest.mark.parametrize("name", ["attacc", "attacc-ref"])
@given(
    heads=st.tuples(st.integers(1, 5), st.integers(1, 9), st.just(1) | st.integers(1, 4)),
    size=st.integers(1, 40),
    length=st.integers(1, 200),
    inputs=st.sampled_from(["resident", "dram", "host"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=25)
def test_the_program_issues_what_the_model_counts(
    name: str, heads: tuple[int, int, int], size: int, length: int, inputs: str, seed: int
) -> None:
    batch, kv_heads, ratio = heads
    shape = (batch, kv_heads * ratio, kv_heads, size, length)
    check_counts(started_from(shape, inputs, name), seed)


def started_from(shape: Sequence[int], inputs: str, device: str) -> KernelOp:
    """A kernel whose keys and values are resident, or start where `inputs` says."""
    kernel = kernel_of("attention", shape, device=device).clone()
    if inputs != "resident":
        kernel.properties["resident"] = DenseArrayBase.from_list(i64, [])
        kernel.properties["origin"] = StringAttr(inputs)
    return kernel


def check_counts(kernel: KernelOp, seed: int) -> None:
    """Compare the estimate of one of the tuner's schedules with what its program issues."""
    device = device_of(kernel)
    found = list(mappings(attention_of(kernel), device, lanes_of(kernel)))
    schedule = found[seed % len(found)].schedule
    expected = class_of(kernel).estimate(kernel, schedule)
    _, program = lowered(kernel, schedule)
    issued = simulate_program(program, device).commands
    assert {name: issued.get(name, 0) for name in expected.commands} == expected.commands
    carrying = [name for name in issued if device.commands[name].kind in DATA]
    assert sum(issued[name] for name in carrying) * device.column_bytes == expected.moved_bytes
    assert device.refresh is not None
    # Refreshes close rows, which open again; a controller that reorders may open a row twice.
    if device.controller.policy == "in-order" and not issued.get(device.refresh.command):
        opened = {name: issued.get(name, 0) for name in expected.activations}
        assert opened == expected.activations
