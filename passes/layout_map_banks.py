"""Gives every operand of a distributed kernel its place in the device."""

from dataclasses import dataclass

from xdsl.builder import ImplicitBuilder
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.passes import ModulePass

from pim_opt.cost.mapping import Mapping
from pim_opt.devices import Device
from pim_opt.dialects.diagnostics import DiagnosticError
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
from pim_opt.dialects.placement import LOCAL, Placement, interleaved
from pim_opt.passes.kernel_access import (
    MATRIX,
    VECTOR,
    kernels,
    mapping_of,
    only_op_of,
    shape_of,
)


def host_layout(device: Device, elements: int, column_elements: int, row: int) -> Placement:
    """Where a streamed tensor lies in DRAM: the host's interleave, from the start of `row`."""
    levels = [device.level(name) for name in device.host_layout[:-2]]
    return interleaved(elements, column_elements, [(lv.short, lv.count) for lv in levels], row)


class _Rows:
    """Hands out DRAM rows, the same in every bank, from `first` on."""

    def __init__(self, device: Device, first: int, kernel: KernelOp) -> None:
        self._device, self._next, self._kernel = device, first, kernel

    def take(self, rows: int) -> int:
        start, self._next = self._next, self._next + rows
        if self._next > self._device.rows:
            raise DiagnosticError(
                f"kernel {self._kernel.label} needs rows up to {self._next} of every bank, but"
                f' device "{self._device.name}" has {self._device.rows}',
                self._kernel,
            )
        return start

    def interleave(self, value: SSAValue, lanes: int) -> PlacementAttr:
        """Rows for a tensor in host layout."""
        elements = 1
        for size in shape_of(value):
            elements *= size
        placement = host_layout(self._device, elements, lanes, self._next)
        self.take(-(-placement.extent(LOCAL) // (self._device.columns * lanes)))
        return PlacementAttr(placement)


def map_banks(kernel: KernelOp, mapping: Mapping, matrix_row: int, streamed_row: int) -> None:
    """Place the operands: the matrix from `matrix_row` on, streamed tensors from `streamed_row`."""
    lanes = mapping.column_elements
    distribution = only_op_of(kernel, DistributeOp, "pim-distribute")
    rows = _Rows(mapping.device, streamed_row, kernel)
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


@dataclass(frozen=True)
class LayoutMapBanksPass(ModulePass):
    """Place every operand of distributed kernels: element to channel, bank, row, column, lane.

    1. Resident matrices take rows of their own from row 0 on; streamed tensors lie in host layout
       in the rows after all of them; each is required where the cores need it.
    2. Results lie in the accumulators and are required at the host.
    3. The kernel's result is required in DRAM, in host layout.
    """

    name = "layout-map-banks"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        mapped = [(kernel, mapping_of(kernel)) for kernel in kernels(op)]
        streamed_row = sum(
            mapping.matrix_rows for kernel, mapping in mapped if MATRIX in kernel.resident_operands
        )
        matrix_row = 0
        for kernel, mapping in mapped:
            if MATRIX in kernel.resident_operands:
                map_banks(kernel, mapping, matrix_row, streamed_row)
                matrix_row += mapping.matrix_rows
            else:
                map_banks(kernel, mapping, streamed_row, streamed_row + mapping.matrix_rows)
