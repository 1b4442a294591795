"""Lowers placed and rearranged kernels to looped command programs."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from pim_opt.passes.kernel_access import kernels
from pim_opt.passes.kernel_classes import class_of


@dataclass(frozen=True)
class PimLowerToCommandsPass(ModulePass):
    """Lower each kernel to a command program: every level below it is a loop or an address.

        layout.rearrange "host_read"      a section of host reads, column by column
        pim.distribute                    per loop: operand loads, multiplications, result moves
        pim.combine                       pim.host_combine, where partial sums are left
        layout.rearrange "host_write"     a section of host writes

    Barriers stand wherever a command needs what one of another kind has done; pim-schedule-commands
    removes those that the device makes needless.
    """

    name = "pim-lower-to-commands"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in kernels(op):
            class_of(kernel).lower(kernel)
