"""A placed elementwise kernel as a looped command program."""

from typing import cast

from xdsl.dialects import arith

from pim_opt.cost.lane_mapping import ElementwiseMapping
from pim_opt.dialects.layout import BindOp, PlacementAttr, layout_of
from pim_opt.dialects.pim import DistributeOp, KernelOp
from pim_opt.passes.elementwise.section import ElementwiseSection
from pim_opt.passes.lane_lowering import lower_in_place
from pim_opt.passes.program_builder import ProgramBuilder


def lower(kernel: KernelOp, mapping: ElementwiseMapping) -> None:
    """Replace the kernel's body by a program between its binds and unbinds."""

    def section(op: DistributeOp, builder: ProgramBuilder) -> None:
        place = cast(PlacementAttr, layout_of(op.output)).data
        first = place.row - mapping.placement(mapping.program.result, 0).row
        ElementwiseSection(mapping, first, _scalar_row(op.inputs[-1].owner)).emit(builder)

    lower_in_place(kernel, section)


def _scalar_row(bind: object) -> int:
    """The row of the constants, if they are what `bind` places; else 0."""
    if isinstance(bind, BindOp) and isinstance(bind.source.owner, arith.ConstantOp):
        return cast(PlacementAttr, layout_of(bind.result)).data.row
    return 0
