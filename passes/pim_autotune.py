"""Gives kernels the schedule that is best under the cost model."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.pim import KernelOp, ScheduleAttr
from pim_opt.passes.kernel_access import MATRIX, device_of, element_of, kernels
from pim_opt.tune.contraction_tuner import TuningResult, tune_contraction


def tune(kernel: KernelOp, keep: int) -> TuningResult:
    """The best `keep` schedules of a kernel under the cost model.

    Raises:
        DiagnosticError: the device has no schedule for the kernel at all.
    """
    device = device_of(kernel)
    lanes = device.column_elements(str(element_of(kernel.inputs[MATRIX])))
    result = tune_contraction(
        kernel.contraction, device, lanes, from_dram=kernel.origin.data == "dram", keep=keep
    )
    if not result.candidates:
        raise DiagnosticError(
            f'no schedule of kernel {kernel.label} fits device "{device.name}"', kernel
        )
    return result


@dataclass(frozen=True)
class PimAutotunePass(ModulePass):
    """Write to every kernel that has no schedule the best one under the cost model.

        pim.kernel .. from "dram" {..}

    becomes

        pim.kernel .. from "dram" schedule <"n: channel 16, ..; order n k x n; x: multicast, double;
            y: sum(ba); rows: all"> {..}
    """

    name = "pim-autotune"

    top_k: int = 16
    """How many schedules the search keeps."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in kernels(op):
            if kernel.schedule is None:
                best = tune(kernel, self.top_k).candidates[0]
                kernel.properties["schedule"] = ScheduleAttr(best.schedule)
