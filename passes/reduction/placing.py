"""The places of a distributed reduction's operands."""

from dataclasses import dataclass, field

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import tensor
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

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
    rows = BankRows(mapping.device, first_row, kernel)
    placing = _Placing(mapping, rows.take(mapping.rows), from_dram(kernel))
    body = Block(arg_types=kernel.inputs.types)
    old = kernel.body.block
    placing.values[old.args[0]] = body.args[0]
    with ImplicitBuilder(body):
        for op in old.ops:
            placing.place(op)
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))


@dataclass
class _Placing:
    """A kernel's body on its way to one with places; emits at the implicit insertion point."""

    mapping: ReductionMapping
    row: int
    """From which on the input lies."""
    from_dram: bool
    values: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    """What stands for each value of the body: of operands, and parts of them, not bound yet."""

    def place(self, op: Operation) -> None:
        """Emit an op with places."""
        match op:
            case tensor.ExtractSliceOp():
                part = op.clone({op.source: self.values[op.source]})
                self.values[op.result] = part.result
            case DistributeOp():
                self._distribute(op)
            case CombineOp():
                self._combine(op)
            case ArrangeOp():
                type_ = _with_host(op.result)
                self.values[op.result] = ArrangeOp(self.values[op.source], op.by, type_).result
            case _:
                assert isinstance(op, YieldOp), "pim-distribute makes no other"
                self._yield(self.values[op.arguments[0]])

    def _distribute(self, op: DistributeOp) -> None:
        mapping = self.mapping
        place = PlacementAttr(mapping.head.placement(self.row))
        start = BindOp(self.values[op.inputs[0]], place if self.from_dram else HostAttr()).result
        left = (
            mapping.result_placement(self.row)
            if mapping.gives_result
            else mapping.partial_placement(self.row)
        )
        type_ = with_layout(plain(op.output.type), PlacementAttr(left))
        region = op.detach_region(op.body)
        sums = DistributeOp([RequireOp(start, place).result], type_, region)
        self.values[op.output] = sums.output

    def _combine(self, op: CombineOp) -> None:
        mapping = self.mapping
        sums = self.values[op.partials]
        if not mapping.by_units:
            sums = self._bound(sums, PlacementAttr(mapping.tensor.placement(self.row)))
        more = [
            RequireOp(
                self._bound(self.values[value], PlacementAttr(mapping.rest_placement(self.row))),
                HostAttr(),
            ).result
            for value in op.more
        ]
        held = RequireOp(sums, HostAttr()).result
        self.values[op.result] = CombineOp(held, _with_host(op.result), more, op.axes).result

    def _bound(self, value: SSAValue, place: PlacementAttr) -> SSAValue:
        """A part of the input where it starts."""
        return BindOp(value, place if self.from_dram else HostAttr()).result

    def _yield(self, value: SSAValue) -> None:
        if not self.mapping.gives_result:
            place = PlacementAttr(self.mapping.result_placement(self.row))
            value = RequireOp(value, place).result
        YieldOp(UnbindOp(value).result)


def _with_host(value: SSAValue) -> Attribute:
    return with_layout(plain(value.type), HostAttr())
