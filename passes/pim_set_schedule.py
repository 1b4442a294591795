"""Gives kernels a schedule: one that is named, or the device's hand mapping."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.pim import KernelOp, ScheduleAttr
from pim_opt.dialects.schedule import AnySchedule, ScheduleError, check_covers, parse_schedule
from pim_opt.passes.kernel_access import kernels
from pim_opt.passes.kernel_classes import class_of


@dataclass(frozen=True)
class PimSetSchedulePass(ModulePass):
    """Write a schedule to every kernel that has none, by rule of thumb unless one is given.

        pim.kernel .. from "dram" {..}

    becomes

        pim.kernel .. from "dram" schedule <"n: channel 16, time 4; k: ba 4, lane 16; ..."> {..}
    """

    name = "pim-set-schedule"

    schedule: str | None = None
    """The schedule, as one line of text; "baseline" or nothing is the device's hand mapping."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in kernels(op):
            if kernel.schedule is None:
                kernel.properties["schedule"] = ScheduleAttr(self._choose(kernel))

    def _choose(self, kernel: KernelOp) -> AnySchedule:
        class_ = class_of(kernel)
        try:
            if self.schedule is None or self.schedule == "baseline":
                return class_.hand_mapping(kernel)
            schedule = parse_schedule(self.schedule)
            check_covers(schedule, kernel.computation)
            # Binds the schedule to the device, which finds what the device cannot do.
            class_.estimate(kernel, schedule)
            return schedule
        except ScheduleError as error:
            raise DiagnosticError(f"schedule of kernel {kernel.label}: {error}", kernel) from error
