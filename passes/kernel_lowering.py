"""What lowering to commands has in common for all kernels: host memory, and the host's part."""

from collections.abc import Callable
from typing import cast

from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import IntegerType, MemRefType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineExpr

from pim_opt.devices import Device
from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.layout import (
    BindOp,
    HostAttr,
    PlacementAttr,
    RearrangeOp,
    Strategy,
    UnbindOp,
    layout_of,
)
from pim_opt.dialects.pim import (
    CollectOp,
    CombineOp,
    DistributeOp,
    HoldOp,
    HostCombineOp,
    HostScaleOp,
    KernelOp,
    ProgramOp,
    ScaleOp,
    SoftmaxOp,
    StagingOp,
    YieldOp,
)
from pim_opt.dialects.pim.program_ops import lies_with_host
from pim_opt.passes.column_transfers import Transfer
from pim_opt.passes.kernel_access import device_of, element_of, only_op_of, shape_of
from pim_opt.passes.program_builder import ZERO, ProgramBuilder


class Lowering:
    """One kernel on its way to a program; `memory` holds the host memory of each staged value.

    A class of kernels adds `compute`, and says which command opens rows for results to be written
    to, if any does.
    """

    def __init__(self, kernel: KernelOp, builder: ProgramBuilder) -> None:
        self.kernel = kernel
        self.builder = builder
        self.memory: dict[SSAValue, SSAValue] = {}

    @property
    def device(self) -> Device:
        return device_of(self.kernel)

    @property
    def row_opener(self) -> str | None:
        """A command that opens its row in all banks and whose sums nobody reads."""
        return None

    @property
    def opener_operands(self) -> list[AffineExpr]:
        """Index operands of that command: any that it can have."""
        assert self.row_opener is not None, "who opens rows names the command"
        return [ZERO] * len(self.device.commands[self.row_opener].operands)

    def compute(self, op: DistributeOp) -> None:
        """Emit the loop nests that end in `op`."""
        raise NotImplementedError

    def lower(self, op: Operation) -> None:
        """Emit what one op of the kernel's body needs."""
        match op:
            case BindOp() | UnbindOp() | YieldOp() | SoftmaxOp():
                pass
            case RearrangeOp():
                self._rearrange(op)
            case ScaleOp():
                self.memory[op.result] = self.memory[op.source]
                self.builder.add(HostScaleOp(self.memory[op.source], op.factor))
            case DistributeOp():
                self.compute(op)
            case CombineOp():
                self._combine(op)
            case _:
                raise DiagnosticError(f"'{op.name}' cannot be lowered to commands", op)

    def stored(self, value: SSAValue) -> Attribute:
        """The element type in which a value is held: sums that are in f32 as results are."""
        element = element_of(value)
        narrow = isinstance(element, IntegerType)
        return element if narrow else element_of(self.kernel.outputs[0])

    def stage(
        self, value: SSAValue, shape: tuple[int, ...], number: float | None = None
    ) -> SSAValue:
        """New host memory of `shape` for `value`.

        Args:
            value: what the memory is for.
            shape: of the memory.
            number: what is in all of it at first, if anything is.
        """
        staging = StagingOp(MemRefType(self.stored(value), shape), number)
        self.builder.add(staging)
        self.memory[value] = staging.buffer
        return staging.buffer

    def hold(self, value: SSAValue, argument: SSAValue) -> None:
        """Host memory that holds an argument of the program already."""
        hold = HoldOp(argument, MemRefType(element_of(argument), shape_of(argument)))
        self.builder.add(hold)
        self.memory[value] = hold.buffer

    def result_memory(self, value: SSAValue) -> SSAValue | None:
        """The memory of a result that ends with the host; None if it ends in DRAM."""
        return self.memory[value] if isinstance(layout_of(value), HostAttr) else None

    def _rearrange(self, op: RearrangeOp) -> None:
        host = self.device.kernels.host
        match Strategy(op.strategy.data):
            case Strategy.HOST_READ:
                self._transfer(host.read, op.source, self.stage(op.result, shape_of(op.result)))
            case Strategy.HOST_WRITE:
                # Accumulators are free for the opening of rows once results have left them.
                opener = self.row_opener if isinstance(op.source.owner, CombineOp) else None
                self._transfer(host.write, op.result, self.memory[op.source], opener)
            case Strategy.DIRECT | Strategy.MULTICAST | Strategy.MOVE:
                # The compute section loads operands and moves results, where its loops need it.
                if op.source in self.memory:
                    self.memory[op.result] = self.memory[op.source]

    def _transfer(
        self, command: str, placed: SSAValue, memory: SSAValue, opener: str | None = None
    ) -> None:
        """Carry a tensor to or from its place; `opener` opens its rows in all banks at once."""
        placement = cast(PlacementAttr, layout_of(placed)).data
        lanes = self.device.column_elements(str(self.stored(placed)))
        transfer = Transfer(self.device, command, placement, shape_of(placed), lanes)
        with self.builder.spmd(transfer.nest.groups) as group:
            if opener is not None:
                self._write_opened_rows(transfer, group, memory, opener)
            else:
                transfer.emit(self.builder, group, memory)
        self.builder.barrier()

    def _write_opened_rows(
        self, transfer: Transfer, group: AffineExpr, memory: SSAValue, opener: str
    ) -> None:
        """Write row by row, each opened in all banks at once by a multiplication.

        Its sum goes to accumulators that have been read already and that no later command reads.
        """
        core = [ZERO] * len(self.device.core_levels)
        operands = self.opener_operands
        columns = self.device.columns
        rows = -(-transfer.nest.columns // columns)
        with self.builder.repeat(rows) as row:
            self.builder.barrier()
            place = [*core, row + transfer.placement.row, ZERO]
            with self.builder.when(transfer.begins(group, row * columns)):
                self.builder.issue(opener, place, operands)
            self.builder.barrier()
            with self.builder.repeat(min(columns, transfer.nest.columns)) as column:
                number = row * columns + column
                partial = rows > 1 and transfer.nest.columns % columns
                bounds = [number * -1 + (transfer.nest.columns - 1)] if partial else []
                with self.builder.when(bounds):
                    transfer.emit_column(self.builder, group, memory, number)

    def _combine(self, op: CombineOp) -> None:
        partials = self.memory[op.partials]
        result = shape_of(op.result)
        if shape_of(partials) == result:
            self.memory[op.result] = partials
            return
        self.builder.add(HostCombineOp(partials, self.stage(op.result, result)))


def lower_kernel(
    kernel: KernelOp, lowering_of: Callable[[KernelOp, ProgramBuilder], Lowering]
) -> None:
    """Replace the kernel's body by a program between its binds and unbinds."""
    body = Block(arg_types=kernel.argument_types)
    lengths = kernel.argument_types[len(kernel.inputs) :]
    binds = [op for op in kernel.body.block.ops if isinstance(op, BindOp)]
    unbind = only_op_of(kernel, UnbindOp, "layout-map-banks")
    program = Block(arg_types=[*(bind.result.type for bind in binds), *lengths])
    lowering = lowering_of(kernel, ProgramBuilder(program, *program.args[len(binds) :]))
    for bind, arg in zip(binds, program.args, strict=False):
        if lies_with_host(arg):
            lowering.hold(bind.result, arg)
    for op in kernel.body.block.ops:
        lowering.lower(op)
    with ImplicitBuilder(program):
        # What the host has in the end it has in memory; the rest lies in DRAM.
        YieldOp(CollectOp(unbind.source.type, lowering.result_memory(unbind.source)))
    with ImplicitBuilder(body):
        numbers = [kernel.body.block.args.index(bind.source) for bind in binds]
        bound = [
            BindOp(
                body.args[number], layout_of(bind.result), resident=bind.resident is not None
            ).result
            for number, bind in zip(numbers, binds, strict=True)
        ]
        length = body.args[len(kernel.inputs)] if lengths else None
        run = ProgramOp(bound, [unbind.source.type], Region(program), length)
        YieldOp(UnbindOp(run.outputs[0]))
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))
