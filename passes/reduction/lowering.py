"""A placed reduction as a looped command program."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import cast

from xdsl.ir.affine import AffineConstantExpr, AffineExpr

from pim_opt.cost.reduction_mapping import ReductionMapping
from pim_opt.dialects.layout import PlacementAttr, layout_of
from pim_opt.dialects.pim import DistributeOp, KernelOp
from pim_opt.passes.lane_lowering import lower_in_place
from pim_opt.passes.program_builder import ZERO, ProgramBuilder, level_coordinates


@dataclass(frozen=True)
class _Section:
    """Emits what the units do: sums of some results at a time, then their partial sums stored."""

    mapping: ReductionMapping
    input_row: int
    partial_place: tuple[int, int]
    """Row and column of the first partial sum."""
    builder: ProgramBuilder

    def emit(self) -> None:
        """The section, without the barrier after it."""
        mapping, builder = self.mapping, self.builder
        commands, columns = mapping.commands, mapping.schedule.columns
        assert commands.add is not None, "a file of a reduction adds"
        with builder.spmd(mapping.device.groups), ExitStack() as stack:
            batch = _loop(stack, builder, mapping.batches)
            self._sum(batch, commands.load, range(1), range(1))
            builder.barrier()
            self._sum(batch, commands.add, range(1), range(1, mapping.banks_of_unit))
            self._sum(batch, commands.add, range(1, columns), range(mapping.banks_of_unit))
            builder.barrier()
            self._store(batch)
            builder.barrier()

    def _sum(self, batch: AffineExpr, command: str, columns: range, banks: range) -> None:
        """One command for these columns of these banks of every unit, for each result."""
        if not columns or not banks:
            return
        mapping = self.mapping
        with ExitStack() as stack:
            entry, result = self._result(stack, batch)
            column = _loop(stack, self.builder, len(columns)) + columns.start
            bank = _loop(stack, self.builder, len(banks)) + banks.start
            local = result * mapping.schedule.columns + column
            self._issue(stack, command, bank, (self.input_row, local), entry)

    def _store(self, batch: AffineExpr) -> None:
        with ExitStack() as stack:
            entry, result = self._result(stack, batch)
            row, column = self.partial_place
            place = (row, result + column)
            self._issue(stack, self.mapping.commands.store, ZERO, place, entry)

    def _result(self, stack: ExitStack, batch: AffineExpr) -> tuple[AffineExpr, AffineExpr]:
        """The loop over the results of a batch: the entry of each, and its number."""
        mapping = self.mapping
        entry = _loop(stack, self.builder, mapping.together)
        result = batch * mapping.together + entry
        bounds = [result * -1 + (mapping.kernel.results - 1)]
        padded = mapping.kernel.results % mapping.together
        stack.enter_context(self.builder.when(bounds if padded else []))
        return entry, result

    def _issue(
        self,
        stack: ExitStack,
        command: str,
        bank: AffineExpr,
        place: tuple[int, AffineExpr],
        entry: AffineExpr,
    ) -> None:
        """The command in every unit that it must be sent to, at a column counted from a row."""
        mapping, device = self.mapping, self.mapping.device
        inner = mapping.inner_levels
        sizes = {name: device.level(name).count for name in inner}
        levels = level_coordinates(inner, bank, sizes)
        spans: Sequence[str] = (*device.commands[command].spans, *inner)
        for loop in mapping.tensor.loops_of(spans)[::-1]:
            levels[loop.level.name] = _loop(stack, self.builder, loop.count)
        row, column = place
        core = [levels.get(level.name, ZERO) for level in device.core_levels]
        address = [*core, column // device.columns + row, column % device.columns]
        operands = [entry] * len(device.commands[command].operands)
        self.builder.issue(command, address, operands)


def _loop(stack: ExitStack, builder: ProgramBuilder, count: int) -> AffineExpr:
    """The counter of a loop, which is left out where it runs once."""
    if count == 1:
        return AffineConstantExpr(0)
    return stack.enter_context(builder.repeat(count))


def lower(kernel: KernelOp, mapping: ReductionMapping) -> None:
    """Replace the kernel's body by a program between its binds and unbinds."""

    def section(op: DistributeOp, builder: ProgramBuilder) -> None:
        source = cast(PlacementAttr, layout_of(op.inputs[0])).data
        sums = cast(PlacementAttr, layout_of(op.output)).data
        _Section(mapping, source.row, (sums.row, sums.column), builder).emit()

    lower_in_place(kernel, section)
