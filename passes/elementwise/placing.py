"""The places of a distributed elementwise kernel's operands."""

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith
from xdsl.ir import Block, Region, SSAValue

from pim_opt.cost.lane_mapping import ElementwiseMapping
from pim_opt.dialects.layout import (
    BindOp,
    HostAttr,
    PlacementAttr,
    RequireOp,
    UnbindOp,
    with_layout,
)
from pim_opt.dialects.pim import ArrangeOp, DistributeOp, KernelOp, YieldOp
from pim_opt.dialects.pim.kernel_ops import plain
from pim_opt.passes.bank_rows import BankRows
from pim_opt.passes.kernel_access import from_dram, only_op_of


def map_banks(
    kernel: KernelOp, mapping: ElementwiseMapping, resident_row: int, streamed_row: int
) -> None:
    """Place the operands: constants in `resident_row`, tensors from `streamed_row` on."""
    distribution = only_op_of(kernel, DistributeOp, "pim-distribute")
    rows = BankRows(mapping.device, streamed_row, kernel)
    first = rows.take(mapping.rows)
    body = Block(arg_types=kernel.inputs.types)
    with ImplicitBuilder(body):
        operands: list[SSAValue] = []
        for number, (arg, value) in enumerate(zip(body.args, distribution.inputs, strict=False)):
            needed = PlacementAttr(mapping.placement(number, first))
            operands.append(_placed(arg, value, needed, kernel, rows))
        if mapping.program.scalars:
            operands.append(_constants(distribution.inputs[-1], mapping, resident_row))
        # The units leave the result where the host expects it.
        place = PlacementAttr(mapping.placement(mapping.program.result, first))
        result_type = with_layout(plain(distribution.output.type), place)
        region = distribution.detach_region(distribution.body)
        YieldOp(UnbindOp(DistributeOp(operands, result_type, region).output).result)
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))


def _placed(
    arg: SSAValue, value: SSAValue, needed: PlacementAttr, kernel: KernelOp, rows: BankRows
) -> SSAValue:
    """An operand, which the kernel uses as `value`, from where it starts to where it is needed."""
    arrange = value.owner if isinstance(value.owner, ArrangeOp) else None
    if not from_dram(kernel):
        start = BindOp(arg, HostAttr()).result
    elif arrange is None:
        return BindOp(arg, needed).result
    else:
        place = PlacementAttr(rows.interleave(arg))
        start = RequireOp(BindOp(arg, place).result, HostAttr()).result
    if arrange is not None:
        type_ = with_layout(plain(arrange.result.type), HostAttr())
        start = ArrangeOp(start, arrange.by, type_).result
    return RequireOp(start, needed).result


def _constants(value: SSAValue, mapping: ElementwiseMapping, row: int) -> SSAValue:
    """The expression's constants, which stay in PIM memory."""
    assert isinstance(value.owner, arith.ConstantOp), "pim-distribute has made it"
    constant = arith.ConstantOp(value.owner.value)
    placement = PlacementAttr(mapping.scalar_placement(row))
    return BindOp(constant.result, placement, resident=True).result
