"""Kernels that are attention, and what holds of all of them: counts of commands, issue order."""

from collections.abc import Sequence
from random import Random

from kernels import kernel_of
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, StringAttr, i64

from pim_opt.cost.attention_mapping import AttentionMapping
from pim_opt.dialects.pim import KernelOp, ProgramOp
from pim_opt.passes.attention.binding import attention_of
from pim_opt.passes.kernel_access import device_of, kernels, lanes_of
from pim_opt.passes.kernel_classes import class_of
from pim_opt.passes.kernel_program import lowered
from pim_opt.sim.issue_order import broken_order
from pim_opt.sim.timing import simulate_program
from pim_opt.tune.attention_tuner import mappings

DATA = ("host_read", "host_write", "load", "move")
"""Kinds of commands that carry a column of data."""


def started_from(
    shape: Sequence[int], inputs: str, device: str, kind: str = "attention"
) -> KernelOp:
    """A kernel whose keys and values are resident, or start where `inputs` says."""
    kernel = kernel_of(kind, shape, device=device).clone()
    if inputs != "resident":
        kernel.properties["resident"] = DenseArrayBase.from_list(i64, [])
        kernel.properties["origin"] = StringAttr(inputs)
    return kernel


def check_counts(kernel: KernelOp, seed: int) -> None:
    """Compare the estimate of one of the tuner's schedules with what its program issues."""
    device = device_of(kernel)
    schedule = _random_mapping(kernel, seed).schedule
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


def schedule_of(module: ModuleOp, seed: int) -> str:
    """One of the schedules that the tuner looks at, for the module's only kernel."""
    (kernel,) = kernels(module)
    return str(_random_mapping(kernel, seed).schedule)


def _random_mapping(kernel: KernelOp, seed: int) -> AttentionMapping:
    """One of those that the tuner looks at: of the few that are multicast as often as of others."""
    by_travel: dict[tuple[str, str], list[AttentionMapping]] = {}
    for mapping in mappings(attention_of(kernel), device_of(kernel), lanes_of(kernel)):
        travel = mapping.score.schedule.travel, mapping.context.schedule.travel
        by_travel.setdefault(travel, []).append(mapping)
    random = Random(seed)
    return random.choice(random.choice(list(by_travel.values())))


def check_order(module: ModuleOp) -> None:
    """Check that the device's controller keeps what depends on each other in order."""
    (kernel,) = kernels(module)
    device = device_of(kernel)
    (program,) = [op for op in kernel.body.walk() if isinstance(op, ProgramOp)]
    log = simulate_program(program, device, log=True).log
    assert log is not None
    assert broken_order(program, log, device) is None
