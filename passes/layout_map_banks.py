"""Gives every operand of a distributed kernel its place in the device."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from pim_opt.passes.kernel_access import kernels
from pim_opt.passes.kernel_classes import class_of


@dataclass(frozen=True)
class LayoutMapBanksPass(ModulePass):
    """Place every operand of distributed kernels: element to channel, bank, row, column, lane.

    1. Resident matrices take rows of their own from row 0 on; streamed tensors lie in host layout
       in the rows after all of them; each is required where the cores need it.
    2. Results lie in the accumulators and are required at the host.
    3. The kernel's result is required in DRAM, in host layout.
    """

    name = "layout-map-banks"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        placed = [(kernel, class_of(kernel)) for kernel in kernels(op)]
        resident = [class_.resident_rows(kernel) for kernel, class_ in placed]
        row, streamed_row = 0, sum(resident)
        for (kernel, class_), rows in zip(placed, resident, strict=True):
            class_.map_banks(kernel, row, streamed_row)
            row += rows
