"""The places of a distributed reduction's operands."""

from xdsl.builder import ImplicitBuilder
from xdsl.ir import Block, Region, SSAValue

from pim_opt.cost.reduction_mapping import ReductionMapping
from pim_opt.dialects.layout import (
    BindOp,
    HostAttr,
    PlacementAttr,
    RequireOp,
    UnbindOp,
    with_layout,
)
from pim_opt.dialects.pim import ArrangeOp, CombineOp, DistributeOp, KernelOp, YieldOp
from pim_opt.dialects.pim.kernel_ops import plain
from pim_opt.passes.bank_rows import BankRows
from pim_opt.passes.kernel_access import from_dram


def map_banks(kernel: KernelOp, mapping: ReductionMapping, first_row: int) -> None:
    """Place the operands in rows from `first_row` on."""
    distributed = kernel.body.block.first_op
    rows = BankRows(mapping.device, first_row, kernel)
    first = rows.take(mapping.rows)
    body = Block(arg_types=kernel.inputs.types)
    with ImplicitBuilder(body):
        place = PlacementAttr(mapping.tensor.placement(first))
        start = BindOp(body.args[0], place if from_dram(kernel) else HostAttr()).result
        if isinstance(distributed, DistributeOp):
            partials = _summed(distributed, start, place, mapping, first)
        else:
            assert isinstance(distributed, ArrangeOp), "pim-distribute has made one of the two"
            partials = _read(distributed, start)
        result = with_layout(plain(kernel.outputs[0].type), HostAttr())
        combined = CombineOp(partials, result).result
        stored = RequireOp(combined, PlacementAttr(mapping.result_placement(first))).result
        YieldOp(UnbindOp(stored).result)
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))


def _summed(
    op: DistributeOp, start: SSAValue, place: PlacementAttr, mapping: ReductionMapping, row: int
) -> SSAValue:
    """The units' sums, which the host reads from the rows that they are written to."""
    placed = RequireOp(start, place).result
    partial = PlacementAttr(mapping.partial_placement(row))
    region = op.detach_region(op.body)
    sums = DistributeOp([placed], with_layout(plain(op.output.type), partial), region)
    return RequireOp(sums.output, HostAttr()).result


def _read(op: ArrangeOp, start: SSAValue) -> SSAValue:
    """The input with the host, every element of a result in a row of its own."""
    held = RequireOp(start, HostAttr()).result
    return ArrangeOp(held, op.by, with_layout(plain(op.result.type), HostAttr())).result
