"""A kernel's command program under some schedule, apart from the kernel's module."""

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region
from xdsl.passes import ModulePass

from pim_opt.dialects.pim import KernelOp, ProgramOp, ScheduleAttr
from pim_opt.dialects.schedule import AnySchedule
from pim_opt.passes.layout_fold_rearrangements import LayoutFoldRearrangementsPass
from pim_opt.passes.layout_insert_rearrangements import LayoutInsertRearrangementsPass
from pim_opt.passes.layout_map_banks import LayoutMapBanksPass
from pim_opt.passes.pim_distribute import PimDistributePass
from pim_opt.passes.pim_lower_to_commands import PimLowerToCommandsPass
from pim_opt.passes.pim_schedule_commands import PimScheduleCommandsPass

LOWERING: tuple[ModulePass, ...] = (
    PimDistributePass(),
    LayoutMapBanksPass(),
    LayoutInsertRearrangementsPass(),
    LayoutFoldRearrangementsPass(),
    PimLowerToCommandsPass(),
    PimScheduleCommandsPass(),
)
"""From scheduled kernels to command programs."""


def isolated(kernel: KernelOp, schedule: AnySchedule) -> tuple[ModuleOp, KernelOp]:
    """A module with a function that is a copy of the kernel and nothing else, and the copy."""
    block = Block(arg_types=kernel.argument_types)
    copy = kernel.clone(dict(zip(kernel.operands, block.args, strict=True)))
    copy.properties["schedule"] = ScheduleAttr(schedule)
    block.add_ops([copy, ReturnOp(*copy.outputs)])
    types = (kernel.argument_types, tuple(kernel.outputs.types))
    return ModuleOp([FuncOp(kernel.label.data, types, Region(block))]), copy


def lowered(kernel: KernelOp, schedule: AnySchedule) -> tuple[ModuleOp, ProgramOp]:
    """A copy of a kernel that is not distributed yet, lowered under a schedule, and its program.

    The kernel's own schedule, if it has one, is not looked at, and the kernel stays as it is.

    Raises:
        DiagnosticError: the device cannot follow the schedule.
    """
    module, copy = isolated(kernel, schedule)
    for lowering in LOWERING:
        lowering.apply(Context(), module)
    program = next(op for op in copy.body.walk() if isinstance(op, ProgramOp))
    return module, program
