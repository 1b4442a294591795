"""From a contraction and a schedule straight to a command program, for tools that time many.

The stages are those of the pipeline from pim-distribute on; what is left out are the source around
the kernel and the verification between the stages.
"""

from dataclasses import dataclass

from xdsl.dialects import tensor
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Block, Region
from xdsl.pattern_rewriter import PatternRewriteWalker

from pim_opt.dialects.iteration import Contraction
from pim_opt.dialects.pim import KernelOp, ProgramOp, ScheduleAttr
from pim_opt.dialects.schedule import Schedule
from pim_opt.passes.kernel_access import MATRIX, mapping_of, only_op_of
from pim_opt.passes.layout_insert_rearrangements import LowerRequire
from pim_opt.passes.layout_map_banks import map_banks
from pim_opt.passes.pim_distribute import distribute
from pim_opt.passes.pim_lower_to_commands import lower
from pim_opt.passes.pim_outline import FLOATS
from pim_opt.passes.pim_schedule_commands import remove_needless_barriers


@dataclass(frozen=True)
class LoneKernel:
    """A contraction on a device by itself, its matrix resident."""

    contraction: Contraction
    device: str
    """Name or path."""
    element: str = "f16"
    origin: str = "dram"
    """Where the vector starts: one of dialects.pim.kernel_ops.INPUTS."""

    def op(self, schedule: Schedule) -> KernelOp:
        """The kernel with its schedule and no body yet, in a module of its own."""
        element = FLOATS[self.element]
        vector, matrix, result = (
            TensorType(element, self.contraction.shape(access))
            for access in (
                self.contraction.vector,
                self.contraction.matrix,
                self.contraction.result,
            )
        )
        operands = [tensor.EmptyOp([], type_) for type_ in (vector, matrix)]
        body = Region(Block(arg_types=[vector, matrix]))
        kernel = KernelOp(
            "kernel",
            self.device,
            self.contraction,
            [operand.tensor for operand in operands],
            [result],
            [MATRIX],
            self.origin,
            body,
        )
        kernel.properties["schedule"] = ScheduleAttr(schedule)
        ModuleOp([*operands, kernel])
        return kernel


def program_of(kernel: LoneKernel, schedule: Schedule) -> ProgramOp:
    """The command program of a kernel under a schedule, as the pipeline makes it.

    Raises:
        DiagnosticError: the device cannot follow the schedule.
    """
    op = kernel.op(schedule)
    distribute(op)
    mapping = mapping_of(op)
    map_banks(op, mapping, 0, mapping.matrix_rows)
    PatternRewriteWalker(LowerRequire()).rewrite_region(op.body)
    lower(op)
    remove_needless_barriers(op)
    return only_op_of(op, ProgramOp, "pim-lower-to-commands")
