"""Gives kernels the best schedule there is, by search and simulation."""

from dataclasses import dataclass
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.pim import KernelOp, ScheduleAttr
from pim_opt.dialects.schedule import AnySchedule
from pim_opt.passes.kernel_access import kernels
from pim_opt.passes.kernel_tuning import tune_kernel
from pim_opt.passes.recorded_tuning import key_of, recalled, record_of, remember
from pim_opt.tune.objectives import Objective


@dataclass(frozen=True)
class PimAutotunePass(ModulePass):
    """Write to every kernel that has no schedule the best one under the cost model and simulation.

        pim.kernel .. from "dram" {..}

    becomes

        pim.kernel .. from "dram" schedule <"n: channel 16, ..; order n k x n; x: multicast, double;
            y: sum(ba); rows: all"> {..}

    1. The search keeps the `top-k` best schedules under the cost model.
    2. With `confirm`, each is lowered and simulated, and so is the device's hand mapping; the best
       is taken whose commands the device's controller does not reorder against a data dependence.
    3. With `records`, what an earlier tuning found is taken instead, once it is verified.
    """

    name = "pim-autotune"

    objective: Objective = "latency"
    """What to make small: cycles, picojoules, their product, or one part of the cycles."""
    top_k: int = 16
    """How many schedules the search keeps."""
    confirm: bool = True
    """Whether to simulate what the search keeps."""
    records: str | None = None
    """A file of JSON lines that tunings are recorded in; only confirmed ones are."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in kernels(op):
            if kernel.schedule is None:
                kernel.properties["schedule"] = ScheduleAttr(self._choose(kernel))

    def _choose(self, kernel: KernelOp) -> AnySchedule:
        if self.top_k < 1:
            raise DiagnosticError(f"top-k is {self.top_k}; expected at least 1", kernel)
        path = None if self.records is None or not self.confirm else Path(self.records)
        known = None if path is None else recalled(kernel, path, self.objective, self.top_k)
        if known is not None:
            return known[1].schedule
        tuned = tune_kernel(kernel, self.objective, self.top_k, confirm=self.confirm)
        if path is not None:
            key = key_of(kernel)
            remember(path, record_of(kernel, tuned, self.objective, self.top_k, key))
        return tuned.best.schedule
