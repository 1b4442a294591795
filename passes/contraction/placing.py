"""The places of a distributed contraction's operands."""

from collections.abc import Callable

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
from pim_opt.dialects.placement import Placement
from pim_opt.passes.bank_rows import BankRows
from pim_opt.passes.kernel_access import MATRIX, VECTOR, only_op_of


def map_banks(kernel: KernelOp, mapping: Mapping, matrix_row: int, streamed_row: int) -> None:
    """Place the operands: the matrix from `matrix_row` on, streamed tensors from `streamed_row`."""
    distribution = only_op_of(kernel, DistributeOp, "pim-distribute")
    rows = BankRows(mapping.device, streamed_row, kernel)
    needed = {
        VECTOR: _in_rows(mapping.vector_row_placement, mapping, rows)
        if mapping.through_rows
        else mapping.vector_placement,
        MATRIX: mapping.matrix_placement(matrix_row),
    }
    body = Block(arg_types=kernel.inputs.types)
    with ImplicitBuilder(body):
        placed: list[SSAValue] = []
        for number, arg in enumerate(body.args):
            # 1. Resident operands lie where they are needed, the others where the host left them;
            #    a matrix that can stay there is needed there.
            start: Attribute = HostAttr()
            match kernel.start_of(number):
                case "resident":
                    start = PlacementAttr(needed[number])
                    placed.append(BindOp(arg, start, resident=True).result)
                    continue
                case "dram":
                    lies = rows.interleave(arg)
                    start = PlacementAttr(lies)
                    if number == MATRIX and mapping.in_place:
                        needed[number] = mapping.matrix_placement(lies.row)
                case "host":
                    pass
            bound = BindOp(arg, start).result
            placed.append(RequireOp(bound, PlacementAttr(needed[number])).result)
        # 2. Partial sums come from the accumulators, or from rows that cores have stored them in,
        #    to the host, which combines them.
        left = mapping.partial_placement
        if mapping.through_rows:
            left = _in_rows(mapping.result_row_placement, mapping, rows)
        accumulated = with_layout(plain(distribution.output.type), PlacementAttr(left))
        shares = DistributeOp(placed, accumulated, kernel_region(distribution))
        gathered = RequireOp(shares.output, HostAttr()).result
        result_type = with_layout(plain(kernel.outputs[0].type), HostAttr())
        combined = CombineOp(gathered, result_type).result
        # 3. The result ends in DRAM, in host layout, or stays with the host.
        end: Attribute = HostAttr()
        if mapping.device.kernels.host.streams == "dram":
            end = PlacementAttr(rows.interleave(kernel.outputs[0]))
        stored = RequireOp(combined, end).result
        YieldOp(UnbindOp(stored).result)
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))


def _in_rows(place: Callable[[int], Placement], mapping: Mapping, rows: BankRows) -> Placement:
    """What `place` makes of the first of as many rows as it takes."""
    return place(rows.take(mapping.rows_of(place(0))))


def kernel_region(distribution: DistributeOp) -> Region:
    """Take the body of a distribution that is about to be replaced."""
    return distribution.detach_region(distribution.body)
