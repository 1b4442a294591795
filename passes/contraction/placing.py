"""The places of a distributed contraction's operands."""

from xdsl.builder import ImplicitBuilder
from xdsl.ir import Attribute, Block, Region, SSAValue

from pim_opt.cost.mapping import Mapping
from pim_opt.dialects.layout import (
    BindOp,
    HostAttr,
    PlacementAttr,
    RequireOp,
    UnbindOp,
    with_layout,
)
from pim_opt.dialects.pim import CombineOp, DistributeOp, KernelOp, YieldOp
from pim_opt.dialects.pim.kernel_ops import plain
from pim_opt.passes.bank_rows import BankRows
from pim_opt.passes.kernel_access import MATRIX, VECTOR, only_op_of


def map_banks(kernel: KernelOp, mapping: Mapping, matrix_row: int, streamed_row: int) -> None:
    """Place the operands: the matrix from `matrix_row` on, streamed tensors from `streamed_row`."""
    lanes = mapping.column_elements
    distribution = only_op_of(kernel, DistributeOp, "pim-distribute")
    rows = BankRows(mapping.device, streamed_row, kernel)
    needed: dict[int, Attribute] = {
        VECTOR: PlacementAttr(mapping.vector_placement),
        MATRIX: PlacementAttr(mapping.matrix_placement(matrix_row)),
    }
    body = Block(arg_types=kernel.inputs.types)
    with ImplicitBuilder(body):
        placed: list[SSAValue] = []
        for number, arg in enumerate(body.args):
            # 1. Resident operands lie where they are needed, the others where the host left them.
            if number in kernel.resident_operands:
                placed.append(BindOp(arg, needed[number], resident=True).result)
                continue
            held = kernel.origin.data == "host"
            start = HostAttr() if held else rows.interleave(arg, lanes)
            placed.append(RequireOp(BindOp(arg, start).result, needed[number]).result)
        # 2. Partial sums come from the accumulators to the host, which combines them.
        accumulated = with_layout(
            plain(distribution.output.type), PlacementAttr(mapping.partial_placement)
        )
        shares = DistributeOp(placed, accumulated, kernel_region(distribution))
        gathered = RequireOp(shares.output, HostAttr()).result
        result_type = with_layout(plain(kernel.outputs[0].type), HostAttr())
        combined = CombineOp(gathered, result_type).result
        # 3. The result ends in DRAM, in host layout.
        stored = RequireOp(combined, rows.interleave(kernel.outputs[0], lanes)).result
        YieldOp(UnbindOp(stored).result)
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))


def kernel_region(distribution: DistributeOp) -> Region:
    """Take the body of a distribution that is about to be replaced."""
    return distribution.detach_region(distribution.body)
