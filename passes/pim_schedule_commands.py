"""Removes the barriers that a device's own ordering makes needless."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from pim_opt.cost.rates import back_to_back, latency
from pim_opt.devices import Device
from pim_opt.dialects.pim import (
    BarrierOp,
    HostArrangeOp,
    HostCombineOp,
    IssueOp,
    KernelOp,
    ProgramOp,
    SpmdOp,
    WhenOp,
)
from pim_opt.passes.kernel_access import device_of, kernels
from pim_opt.sim.expand import expand_nest

COLUMN, DATA = "column", "data"
"""Names in meanings: the addressed DRAM column, and what the host sends or receives."""


@dataclass(frozen=True)
class _Step:
    """A command as barriers see it: what it reads and sets, and the host memory of its data."""

    reads: frozenset[str]
    sets: frozenset[str]
    memory: SSAValue | None

    def passes_data_to(self, later: "_Step") -> bool:
        """Whether `later` may take data from this command that program order does not protect.

        Order protects what passes through the registers of one group, and what its units write to
        DRAM rows and read there; not what the host writes to rows, nor what the host receives from
        one group and sends to another.
        """
        if DATA in self.reads and COLUMN in self.sets and COLUMN in later.reads:
            return True
        if self.memory is None or self.memory is not later.memory:
            return False
        return DATA in self.sets and DATA in later.reads


def _memories(kernel: KernelOp) -> dict[SSAValue, SSAValue]:
    """Per host memory the one that stands for it and for all that it is combined into."""
    combined: dict[SSAValue, SSAValue] = {}
    for op in kernel.body.walk():
        if isinstance(op, HostCombineOp):
            first = combined.get(op.partials, op.partials)
            combined |= {value: first for value in (*op.more, op.result)}
        if isinstance(op, HostArrangeOp):
            combined[op.result] = combined.get(op.source, op.source)
    return combined


def remove_needless_barriers(kernel: KernelOp) -> None:
    """Erase every barrier of the kernel's program that its device does not need."""
    device = device_of(kernel)
    in_order = device.controller.keeps_order
    combined = _memories(kernel)

    def step(op: IssueOp) -> _Step:
        memory, name = op.staging, op.command.data
        memory = None if memory is None else combined.get(memory, memory)
        if device.commands[name].meaning is None:
            return _Step(frozenset(), frozenset(), memory)
        meaning = device.meaning(name)
        return _Step(meaning.reads, meaning.sets, memory)

    for section in kernel.body.walk():
        if isinstance(section, SpmdOp):
            steps = [step(op) for op in section.walk() if isinstance(op, IssueOp)]
            # Inside a section, loops bring every command before and after every barrier.
            needed = not in_order or _pass_data(steps, steps)
            for barrier in [op for op in section.walk() if isinstance(op, BarrierOp)]:
                if not needed or (not in_order and _follows_closed_run(barrier, device)):
                    _erase(barrier)
    pending: list[_Step] = []
    for op in [op for op in kernel.body.walk() if isinstance(op, IssueOp | BarrierOp)]:
        if isinstance(op, IssueOp):
            pending.append(step(op))
        elif isinstance(op.parent_op(), ProgramOp):
            later = _steps_after(op, step)
            if _pass_data(pending, later) if in_order else pending and later:
                pending.clear()
            else:
                Rewriter.erase_op(op)


def _erase(barrier: BarrierOp) -> None:
    """Erase a barrier, and a condition around nothing but it."""
    around = barrier.parent_op()
    Rewriter.erase_op(barrier)
    if isinstance(around, WhenOp) and not around.body.block.ops:
        Rewriter.erase_op(around)


def _follows_closed_run(barrier: BarrierOp, device: Device) -> bool:
    """Whether commands that take the column bus in every cycle stand between two barriers.

    A controller that takes the oldest request that is ready lets nothing overtake them, so that the
    second barrier, this one, orders nothing more. They must be so many that the first of them is
    ready, whatever issued before the first barrier, when what follows the last one comes.
    """
    run = barrier.prev_op
    if run is None or not isinstance(run.prev_op, BarrierOp):
        return False
    while isinstance(run, WhenOp) and len(run.body.block.ops) == 1:
        # All of the run or nothing: of two barriers one after the other one is enough.
        run = run.body.block.ops.first
        assert run is not None, "it is the one"
    commands = [op for op in run.walk() if isinstance(op, IssueOp | BarrierOp | WhenOp)]
    if len(commands) != 1 or not isinstance(commands[0], IssueOp):
        return False
    name = commands[0].command.data
    if device.commands[name].row:
        return False
    parts = list(expand_nest(run))
    longest_wait = max(latency(device, before, name) for before in device.commands)
    if sum(map(len, parts)) < longest_wait - 1:
        return False
    return all(back_to_back(device, name, part.address) for part in parts)


def _steps_after(barrier: BarrierOp, step: Callable[[IssueOp], _Step]) -> list[_Step]:
    found: list[_Step] = []
    following = barrier.next_op
    while following is not None:
        found += [step(op) for op in following.walk() if isinstance(op, IssueOp)]
        following = following.next_op
    return found


def _pass_data(earlier: Sequence[_Step], later: Sequence[_Step]) -> bool:
    return any(one.passes_data_to(other) for one in earlier for other in later)


@dataclass(frozen=True)
class PimScheduleCommandsPass(ModulePass):
    """Remove barriers that order nothing which the device does not keep in order itself.

    1. A barrier goes if no command comes before or after it.
    2. On a device that issues column commands in program order it goes unless data pass it through
       DRAM rows or through the host.
    3. On one that reorders, it goes behind a run of commands that nothing can overtake.
    """

    name = "pim-schedule-commands"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in kernels(op):
            remove_needless_barriers(kernel)
