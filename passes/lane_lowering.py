"""Placed kernels that compute in host layout, as looped command programs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Block, Operation, Region, SSAValue

from pim_opt.devices import Device
from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.layout import (
    BindOp,
    PlacementAttr,
    RearrangeOp,
    Strategy,
    UnbindOp,
    layout_of,
)
from pim_opt.dialects.pim import (
    ArrangeOp,
    CollectOp,
    CombineOp,
    DistributeOp,
    HoldOp,
    HostArrangeOp,
    HostCombineOp,
    KernelOp,
    ProgramOp,
    StagingOp,
    YieldOp,
)
from pim_opt.dialects.pim.program_ops import lies_with_host
from pim_opt.passes.column_transfers import Transfer
from pim_opt.passes.kernel_access import device_of, element_of, lanes_of, only_op_of, shape_of
from pim_opt.passes.program_builder import ProgramBuilder

Section = Callable[[DistributeOp, ProgramBuilder], None]


@dataclass
class _Lowering:
    """One kernel on its way to a program; `memory` holds the host memory of each staged value."""

    device: Device
    lanes: int
    section: Section
    builder: ProgramBuilder
    memory: dict[SSAValue, SSAValue]

    def lower(self, op: Operation) -> None:
        """Emit what one op of the kernel's body needs."""
        match op:
            case BindOp() | UnbindOp() | YieldOp() | arith.ConstantOp() | tensor.ExtractSliceOp():
                pass
            case RearrangeOp():
                self._rearrange(op)
            case ArrangeOp():
                memory = self.memory[op.source]
                self.builder.add(HostArrangeOp(memory, self._stage(op.result), op.by))
            case CombineOp():
                memory, *more = (self.memory[value] for value in (op.partials, *op.more))
                result = self._stage(op.result)
                self.builder.add(HostCombineOp(memory, result, more, op.axes))
            case DistributeOp():
                self.section(op, self.builder)
                self.builder.barrier()
            case _:
                raise DiagnosticError(f"'{op.name}' cannot be lowered to commands", op)

    def _stage(self, value: SSAValue) -> SSAValue:
        """New host memory for `value`."""
        staging = StagingOp(MemRefType(element_of(value), shape_of(value)))
        self.builder.add(staging)
        self.memory[value] = staging.buffer
        return staging.buffer

    def _rearrange(self, op: RearrangeOp) -> None:
        host = self.device.kernels.host
        match Strategy(op.strategy.data):
            case Strategy.HOST_READ:
                self._transfer(host.read, op.source, self._stage(op.result))
            case Strategy.HOST_WRITE:
                self._transfer(host.write, op.result, self.memory[op.source])
            case strategy:
                raise DiagnosticError(f"'{strategy}' goes to registers, not to rows", op)

    def _transfer(self, command: str, placed: SSAValue, memory: SSAValue) -> None:
        placement = cast(PlacementAttr, layout_of(placed)).data
        transfer = Transfer(self.device, command, placement, shape_of(placed), self.lanes)
        with self.builder.spmd(transfer.nest.groups) as group:
            transfer.emit(self.builder, group, memory)
        self.builder.barrier()


def lower_in_place(kernel: KernelOp, section: Section) -> None:
    """Replace the kernel's body by a program between its binds and unbinds.

    Args:
        kernel: with its operands placed.
        section: emits what the units do in place of a pim.distribute.
    """
    binds = [op for op in kernel.body.block.ops if isinstance(op, BindOp)]
    unbind = only_op_of(kernel, UnbindOp, "layout-map-banks")
    program = Block(arg_types=[bind.result.type for bind in binds])
    device, builder = device_of(kernel), ProgramBuilder(program)
    lowering = _Lowering(device, lanes_of(kernel), section, builder, {})
    for bind, arg in zip(binds, program.args, strict=True):
        if lies_with_host(arg):
            hold = HoldOp(arg, MemRefType(element_of(arg), shape_of(arg)))
            lowering.builder.add(hold)
            lowering.memory[bind.result] = hold.buffer
    for op in kernel.body.block.ops:
        lowering.lower(op)
    with ImplicitBuilder(program):
        YieldOp(CollectOp(unbind.source.type))
    body = Block(arg_types=kernel.inputs.types)
    with ImplicitBuilder(body):
        bound = [_rebound(bind, kernel, body) for bind in binds]
        run = ProgramOp(bound, [unbind.source.type], Region(program))
        YieldOp(UnbindOp(run.outputs[0]))
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))


def _rebound(bind: BindOp, kernel: KernelOp, body: Block) -> SSAValue:
    """The same bind in the kernel's new body."""
    owner = bind.source.owner
    if isinstance(owner, arith.ConstantOp):
        source: SSAValue = arith.ConstantOp(owner.value).result
    elif isinstance(owner, tensor.ExtractSliceOp):
        number = kernel.body.block.args.index(owner.source)
        source = owner.clone({owner.source: body.args[number]}).result
    else:
        source = body.args[kernel.body.block.args.index(bind.source)]
    return BindOp(source, layout_of(bind.result), resident=bind.resident is not None).result
