"""Random contractions under random schedules: every level computes the same numbers."""

from functools import partial
from pathlib import Path

import numpy as np
from checked_pipeline import compile_checked
from contractions import RandomContraction, contractions
from hypothesis import assume, event, example, given
from hypothesis import strategies as st
from sums import RandomSum, regular_sums, sums
from xdsl.dialects.builtin import ModuleOp

from pim_opt.cost.mapping import Mapping
from pim_opt.cost.unit_nest import unit_loops
from pim_opt.devices import device_names, load_device
from pim_opt.dialects.iteration import Role
from pim_opt.dialects.pim import IssueOp
from pim_opt.dialects.schedule import ScheduleError
from pim_opt.passes.kernel_access import kernels, mapping_of
from pim_opt.tune.in_place import in_place_schedules
from pim_opt.tune.random_schedules import random_schedule

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "lpddr5-pim.yaml")
"""A device that is not the compiler's, whose accumulators do not fill a column."""
KNOWN = [name for name in device_names() if load_device(name).kernels.contraction is not None]
DEVICES = [*KNOWN, EXAMPLE]
SUMMING = [name for name in DEVICES if load_device(name).kernels.reduction is None]
"""Devices on which sums are contractions."""

MOST_ROUNDS = 60
"""Operand loads and result moves per group at most: what bounds the time of a simulation."""


def is_quick(mapping: Mapping) -> bool:
    """Whether the functional simulator executes the mapping's program in a moment."""
    loops = mapping.loops
    rounds = [int(np.prod([loop.size for loop in loops[:depth]]))
              for depth in (mapping.load_depth, mapping.move_depth)]  # fmt: skip
    columns = int(np.prod([loop.size for loop in loops]))
    commands = columns * unit_loops(mapping, mapping.mode.multiply).commands
    return max(rounds) <= MOST_ROUNDS and commands <= 40 * MOST_ROUNDS


def schedule_of(module: ModuleOp, seed: int, name: str) -> str:
    """A random schedule for the module's only kernel; a case for which none is found is dropped.

    So is one without outputs on a device whose lanes all hold outputs, where the host computes.
    """
    device = load_device(name)
    modes = device.kernels.contraction
    assert modes is not None
    found = kernels(module)
    assume(found or modes.tree is not None)
    (kernel,) = found
    try:
        rng = np.random.default_rng(seed)
        return str(random_schedule(kernel.contraction, device, device.column_elements("f16"), rng,
                                   is_quick))  # fmt: skip
    except ScheduleError:
        assume(False)
        raise


SCALAR_VECTOR = RandomContraction(
    (1, 1), ("output", "reduction"), vector=(1, None), matrix=(0, 1, None), result=(0,)
)


@given(
    device=st.sampled_from(DEVICES),
    contraction=contractions(),
    inputs=st.sampled_from(["dram", "host"]),
    seed=st.integers(0),
)
@example(device="attacc", contraction=SCALAR_VECTOR, inputs="dram", seed=29)
def test_every_level_computes_the_same(
    device: str, contraction: RandomContraction, inputs: str, seed: int
) -> None:
    module, _ = compile_checked(
        contraction.mlir(), device, inputs, partial(schedule_of, seed=seed, name=device)
    )
    (kernel,) = kernels(module)
    note_kind(mapping_of(kernel))


@given(
    device=st.sampled_from(DEVICES),
    contraction=contractions(rows=True),
    inputs=st.sampled_from(["dram", "host"]),
    seed=st.integers(0),
)
def test_vectors_that_share_a_matrix(
    device: str, contraction: RandomContraction, inputs: str, seed: int
) -> None:
    module, _ = compile_checked(
        contraction.mlir(), device, inputs, partial(schedule_of, seed=seed, name=device)
    )
    (kernel,) = kernels(module)
    mapping = mapping_of(kernel)
    note_kind(mapping)
    rows = kernel.contraction.with_role(Role.ROW)
    event(f"M > 1: {kernel.contraction.extent(Role.ROW) > 1}")
    event(f"copies of the matrix: {any(d.dim in rows for d in mapping.digits)}")


@given(
    device=st.sampled_from(SUMMING),
    sum_=sums(),
    inputs=st.sampled_from(["dram", "host"]),
    seed=st.integers(0),
)
def test_sums(device: str, sum_: RandomSum, inputs: str, seed: int) -> None:
    module, _ = compile_checked(
        sum_.mlir(), device, inputs, partial(schedule_of, seed=seed, name=device)
    )
    (kernel,) = kernels(module)
    note_kind(mapping_of(kernel))


@given(device=st.sampled_from(SUMMING), sum_=regular_sums(), seed=st.integers(0))
def test_sums_of_data_that_stay_in_place(device: str, sum_: RandomSum, seed: int) -> None:
    module, _ = compile_checked(
        sum_.mlir(), device, "dram", partial(in_place_schedule_of, seed=seed)
    )
    (kernel,) = kernels(module)
    mapping = mapping_of(kernel)
    assert mapping.in_place
    note_kind(mapping)
    writes = [op for op in kernel.body.walk() if isinstance(op, IssueOp)]
    host = mapping.device.kernels.host
    assert host.read not in {op.command.data for op in writes}


def in_place_schedule_of(module: ModuleOp, seed: int) -> str:
    """One of the schedules that leave the data in place; a case without any is dropped."""
    (kernel,) = kernels(module)
    device = load_device(kernel.device.data)
    found = list(in_place_schedules(kernel.contraction, device, device.column_elements("f16")))
    assume(found)
    return str(found[seed % len(found)])


def note_kind(mapping: Mapping) -> None:
    """Tell hypothesis' statistics what kind of program was checked."""
    event(f"lanes along {'the reduction' if mapping.reduces_lanes else 'outputs'}")
    event(f"vector by {mapping.schedule.travel}")
    event(f"banks take turns: {any(loop.size > 1 for loop in mapping.loops if loop.turns)}")
    event(f"summed over {mapping.schedule.sum_level}")
    event(f"partial sums for the host: {mapping.host_partials > 1}")
    event(f"loads once: {mapping.load_depth == 0}, both halves: {mapping.schedule.double_buffer}")
