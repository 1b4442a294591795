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

_Round = tuple[AffineExpr, AffineExpr]
"""The numbers of a run and of a batch of its sums."""


@dataclass(frozen=True)
class _Section:
    """Emits what the units do: some sums at a time, which are then stored."""

    mapping: ReductionMapping
    input_row: int
    sums_place: tuple[int, int]
    """Row and column of the first sum."""
    builder: ProgramBuilder

    def emit(self) -> None:
        """The section, without the barrier after it."""
        mapping, builder = self.mapping, self.builder
        commands, terms = mapping.commands, range(mapping.fold.terms)
        assert commands.add is not None, "a file of a reduction adds"
        banks, joined = range(mapping.banks_of_unit), range(mapping.joined_banks)
        with builder.spmd(mapping.device.groups), ExitStack() as stack:
            run = _loop(stack, builder, mapping.runs)
            batch = _loop(stack, builder, mapping.batches)
            self._sum((run, batch), commands.load, terms[:1], banks[: mapping.sums_of_unit])
            builder.barrier()
            self._sum((run, batch), commands.add, terms[:1], joined[1:])
            self._sum((run, batch), commands.add, terms[1:], banks)
            builder.barrier()
            self._store((run, batch))
            builder.barrier()

    def _sum(self, at: _Round, command: str, terms: range, banks: range) -> None:
        """One command for these summands of each sum, in these banks of every unit."""
        if not terms or not banks:
            return
        mapping = self.mapping
        of_sum, of_term = mapping.steps
        with ExitStack() as stack:
            # Columns are gone through in order: summands of sums that lie side by side take turns.
            if of_term > of_sum:
                term = _loop(stack, self.builder, len(terms)) + terms.start
                entry, number = self._number(stack, at)
            else:
                entry, number = self._number(stack, at)
                term = _loop(stack, self.builder, len(terms)) + terms.start
            column = at[0] * mapping.run_columns + number * of_sum + term * of_term
            self._issue(stack, command, banks, (self.input_row, column), entry)

    def _store(self, at: _Round) -> None:
        mapping = self.mapping
        with ExitStack() as stack:
            entry, number = self._number(stack, at)
            row, column = self.sums_place
            place = (row, at[0] * mapping.sums + number + column)
            banks = range(mapping.sums_of_unit)
            self._issue(stack, mapping.commands.store, banks, place, entry)

    def _number(self, stack: ExitStack, at: _Round) -> tuple[AffineExpr, AffineExpr]:
        """The loop over the sums of a batch: the place of each in it, and its number in the run."""
        mapping = self.mapping
        entry = _loop(stack, self.builder, mapping.together)
        number = at[1] * mapping.together + entry
        bounds = [number * -1 + (mapping.sums - 1)]
        padded = mapping.sums % mapping.together
        stack.enter_context(self.builder.when(bounds if padded else []))
        return entry, number

    def _issue(
        self,
        stack: ExitStack,
        command: str,
        banks: range,
        place: tuple[int, AffineExpr],
        entry: AffineExpr,
    ) -> None:
        """The command in these banks of every unit, at a column counted from a row."""
        mapping, device = self.mapping, self.mapping.device
        inner = mapping.inner_levels
        sizes = {name: device.level(name).count for name in inner}
        bank = _loop(stack, self.builder, len(banks)) + banks.start
        levels = level_coordinates(inner, bank, sizes)
        spans: Sequence[str] = (*device.commands[command].spans, *inner)
        for loop in mapping.tensor.loops_of(spans)[::-1]:
            levels[loop.level.name] = _loop(stack, self.builder, loop.count)
        if mapping.sums_of_unit > 1:
            entry = entry * mapping.sums_of_unit + bank
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
