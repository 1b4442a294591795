"""Removes the barriers that a device's own ordering makes needless."""

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from pim_opt.devices import Device
from pim_opt.dialects.pim import BarrierOp, IssueOp, KernelOp, ProgramOp
from pim_opt.passes.kernel_access import device_of, kernels

READS_DRAM = frozenset({"host_read", "compute"})
WRITES_DRAM = frozenset({"host_write"})


@dataclass
class _Barriers:
    """Walks a program in order and decides for each barrier whether it must stay."""

    device: Device
    pending: list[str] = field(default_factory=list[str])
    """Kinds of commands since the last barrier that stays."""

    def needless(self, later: list[str]) -> bool:
        """Whether a barrier between `pending` and the kinds in `later` orders nothing new."""
        if not self.pending or not later:
            return True
        ordering = self.device.ordering
        if ordering.pim != "in-order" or not ordering.host_forward:
            return False
        # In order and with the host sending only what it has, data pass safely through registers
        # and through the host. What is left are data that pass through DRAM rows.
        return not (WRITES_DRAM & set(self.pending) and READS_DRAM & set(later))


def remove_needless_barriers(kernel: KernelOp) -> None:
    """Erase every barrier of the kernel's program that its device does not need."""
    device = device_of(kernel)
    steps: list[Operation] = [
        op for op in kernel.body.walk() if isinstance(op, IssueOp | BarrierOp)
    ]
    kinds = [
        device.commands[op.command.data].kind if isinstance(op, IssueOp) else "" for op in steps
    ]
    barriers = _Barriers(device)
    for number, op in enumerate(steps):
        if isinstance(op, IssueOp):
            barriers.pending.append(kinds[number])
        elif barriers.needless([kind for kind in kinds[number + 1 :] if kind]):
            Rewriter.erase_op(op)
        elif not _in_loop(op):
            barriers.pending.clear()


def _in_loop(op: Operation) -> bool:
    """Whether a barrier stands inside a section, where earlier iterations come before it again."""
    return not isinstance(op.parent_op(), ProgramOp)


@dataclass(frozen=True)
class PimScheduleCommandsPass(ModulePass):
    """Remove barriers that order nothing which the device does not keep in order itself.

    A barrier goes if no command comes before or after it; and, on a device that issues PIM commands
    in program order and whose host sends only what it has, unless data pass it through DRAM rows.
    """

    name = "pim-schedule-commands"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in kernels(op):
            remove_needless_barriers(kernel)
