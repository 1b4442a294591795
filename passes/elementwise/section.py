"""The section of a program that computes an elementwise kernel: batches, steps, columns, banks."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from xdsl.ir.affine import AffineConstantExpr, AffineExpr

from pim_opt.cost.elementwise import command_of
from pim_opt.cost.lane_mapping import ElementwiseMapping, FileShare
from pim_opt.cost.lane_program import Step
from pim_opt.devices import Device
from pim_opt.passes.program_builder import ZERO, ProgramBuilder, total


def operand_registers(device: Device, command: str) -> tuple[str, ...]:
    """The register file that each index operand of a command indexes."""
    references = device.meaning(command).references()
    return tuple(
        next(ref.name for ref in references if operand in ref.indices)
        for operand in device.commands[command].operands
    )


@dataclass(frozen=True)
class _Place:
    """Where the loops around a command have come to."""

    levels: dict[str, AffineExpr]
    """Coordinates by the names of core levels."""
    number: AffineExpr
    """The column's number among the tensor's."""


@dataclass(frozen=True)
class ElementwiseSection:
    """Emits the commands of a mapped elementwise kernel whose tensors lie from `first_row` on."""

    mapping: ElementwiseMapping
    first_row: int
    scalar_row: int

    def emit(self, builder: ProgramBuilder) -> None:
        """The section, without the barrier after it."""
        mapping = self.mapping
        with builder.spmd(mapping.tensor.group_loop.count) as group:
            if mapping.program.scalars:
                self._load_scalars(builder, group)
                builder.barrier()
            with ExitStack() as stack:
                batch = _loop(stack, builder, mapping.batches)
                for step in mapping.program.steps:
                    for share in mapping.shares:
                        self._step(builder, group, batch, step, share)
                    builder.barrier()

    def _load_scalars(self, builder: ProgramBuilder, group: AffineExpr) -> None:
        scalars = self.mapping.kernels.scalars
        assert scalars is not None, "a kernel with constants is refused on a device without"
        spans = self.mapping.scalar_spans
        with ExitStack() as stack:
            place = self._place(stack, builder, group, spans, ZERO)
            with builder.when(self._bounds(place, spans, 1)):
                row = AffineConstantExpr(self.scalar_row)
                builder.issue(scalars.load, [*self._core(place), row, ZERO])

    def _step(
        self,
        builder: ProgramBuilder,
        group: AffineExpr,
        batch: AffineExpr,
        step: Step,
        share: FileShare,
    ) -> None:
        """One step on the columns of a batch that one register file holds."""
        mapping, command = self.mapping, command_of(share, step)
        spans = mapping.device.commands[command].spans
        with ExitStack() as stack:
            within = _loop(stack, builder, share.columns)
            column = batch * mapping.schedule.columns + share.first + within
            place = self._place(stack, builder, group, spans, column)
            columns = mapping.batches * mapping.schedule.columns
            with builder.when(self._bounds(place, spans, columns)):
                operands = self._operands(command, share, step, within, place)
                builder.issue(command, [*self._core(place), *self._row(step, column)], operands)

    def _place(
        self,
        stack: ExitStack,
        builder: ProgramBuilder,
        group: AffineExpr,
        spans: Sequence[str],
        column: AffineExpr,
    ) -> _Place:
        """Loops over the members of all levels that a command addresses, the slowest outermost."""
        tensor = self.mapping.tensor
        terms = [column * tensor.banks, group * tensor.group_loop.weight]
        levels: dict[str, AffineExpr] = {}
        for loop in tensor.loops_of(spans)[::-1]:
            counter = _loop(stack, builder, loop.count)
            levels[loop.level.name] = counter
            terms.append(counter * loop.weight)
        return _Place(levels, total(terms))

    def _bounds(self, place: _Place, spans: Sequence[str], columns: int) -> list[AffineExpr]:
        """That the place holds a column, if there are places that hold none."""
        tensor = self.mapping.tensor
        loops = [tensor.group_loop, *tensor.loops_of(spans)]
        last = (columns - 1) * tensor.banks + sum((lp.count - 1) * lp.weight for lp in loops)
        return [] if last < tensor.columns else [place.number * -1 + (tensor.columns - 1)]

    def _core(self, place: _Place) -> list[AffineExpr]:
        levels = self.mapping.device.core_levels
        return [place.levels.get(level.name, ZERO) for level in levels]

    def _row(self, step: Step, column: AffineExpr) -> list[AffineExpr]:
        """Row and column of the step's tensor."""
        placement = self.mapping.placement(step.tensor, self.first_row)
        columns = self.mapping.device.columns
        place = column + placement.column
        return [place // columns + placement.row, place % columns]

    def _operands(
        self, command: str, share: FileShare, step: Step, within: AffineExpr, place: _Place
    ) -> list[AffineExpr]:
        """The entry that holds the column's value, and the constant where the step has one."""
        mapping = self.mapping
        entry = within
        for loop in mapping.tensor.used_below(mapping.device.registers[share.register].per):
            entry = entry * loop.count + place.levels.get(loop.level.name, ZERO)
        number = AffineConstantExpr(step.scalar or 0)
        registers = operand_registers(mapping.device, command)
        return [entry if name == share.register else number for name in registers]


def _loop(stack: ExitStack, builder: ProgramBuilder, count: int) -> AffineExpr:
    """The counter of a loop, which is left out where it runs once."""
    return stack.enter_context(builder.repeat(count)) if count > 1 else ZERO
