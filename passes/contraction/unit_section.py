"""The section of a program in which units multiply what lies in the rows of their own banks."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod

from xdsl.ir.affine import AffineExpr

from pim_opt.cost.mapping import Mapping
from pim_opt.cost.unit_nest import last_in_row_depth, unit_loops
from pim_opt.passes.compute_section import (
    bounds_of,
    flat_index,
    local_address,
    turn_coordinates,
)
from pim_opt.passes.elementwise.section import operand_registers
from pim_opt.passes.program_builder import ZERO, ProgramBuilder, level_coordinates


@dataclass(frozen=True)
class UnitSection:
    """Emits the commands of a mapped contraction whose operands and results pass through rows.

    A round clears the accumulators, multiplies and stores them; a chunk loads the vector. Where the
    controller reorders, a barrier stands wherever one kind of commands follows another, and where
    the multiplications go on in another row.
    """

    mapping: Mapping
    vector_row: int
    """First row of the vector; so for the others."""
    matrix_row: int
    result_row: int

    def emit(self, builder: ProgramBuilder) -> None:
        """The whole section, over all groups in use, without the barrier after it."""
        with builder.spmd(self.mapping.used(self.mapping.group_target)) as group:
            self._nest(builder, group, [])

    def _nest(self, builder: ProgramBuilder, group: AffineExpr, counters: list[AffineExpr]) -> None:
        mapping, depth = self.mapping, len(counters)
        loads_first = mapping.load_depth < mapping.move_depth
        if depth == mapping.move_depth:
            self._reset(builder, group, counters)
            if loads_first:
                builder.barrier()
        if depth == mapping.load_depth:
            self._load(builder, group, counters)
            builder.barrier()
        if depth == len(mapping.loops):
            with builder.when(bounds_of(mapping, group, counters)):
                self._multiply(builder, counters)
        else:
            with builder.repeat(mapping.loops[depth].size) as counter:
                self._nest(builder, group, [*counters, counter])
        if depth == last_in_row_depth(mapping):
            self._end_of_row(builder, counters)
        if depth == mapping.load_depth:
            self._end_of_chunk(builder, counters)
        if depth == mapping.move_depth:
            builder.barrier()
            self._store(builder, group, counters)
            builder.barrier()

    # Commands

    def _reset(
        self, builder: ProgramBuilder, group: AffineExpr, counters: Sequence[AffineExpr]
    ) -> None:
        command, accumulator = self.mapping.mode.reset, self.mapping.accumulator
        if command is None:
            return
        entries = builder.repeat(self.mapping.moved_columns)
        with builder.when(bounds_of(self.mapping, group, counters)), entries as entry:
            self._issue(builder, command, ZERO, 0, {accumulator: entry})

    def _load(
        self, builder: ProgramBuilder, group: AffineExpr, counters: Sequence[AffineExpr]
    ) -> None:
        mapping = self.mapping
        command = mapping.mode.load[mapping.schedule.travel]
        first = local_address(mapping.vector_row_loops, counters, mapping.column_elements)
        slots = builder.repeat(mapping.loaded_columns)
        with builder.when(bounds_of(mapping, group, counters)), slots as slot:
            taken = {mapping.operand_register: slot}
            self._issue(builder, command, first + slot, self.vector_row, taken)

    def _multiply(self, builder: ProgramBuilder, counters: Sequence[AffineExpr]) -> None:
        mapping, lanes = self.mapping, self.mapping.column_elements
        column = local_address(mapping.matrix_loops, counters, lanes)
        unit = lanes if mapping.reduces_lanes else 1
        operands = {
            mapping.operand_register: local_address(mapping.vector_loops, counters, unit),
            mapping.accumulator: local_address(mapping.result_loops, counters, lanes),
        }
        turn = turn_coordinates(mapping, counters)
        self._issue(builder, mapping.mode.multiply, column, self.matrix_row, operands, turn)

    def _store(
        self, builder: ProgramBuilder, group: AffineExpr, counters: Sequence[AffineExpr]
    ) -> None:
        mapping = self.mapping
        first = local_address(mapping.result_row_loops, counters, mapping.column_elements)
        store, entries = mapping.mode.move[""], builder.repeat(mapping.moved_columns)
        with builder.when(bounds_of(mapping, group, counters)), entries as entry:
            taken = {mapping.accumulator: entry}
            self._issue(builder, store, first + entry, self.result_row, taken)

    def _issue(
        self,
        builder: ProgramBuilder,
        command: str,
        column: AffineExpr,
        row: int,
        entries: dict[str, AffineExpr],
        turn: dict[str, AffineExpr] | None = None,
    ) -> None:
        """A command to every unit in use.

        Args:
            builder: of the section.
            command: its name.
            column: counted from the start of `row`.
            row: first row of what lies there.
            entries: per register file the entry that the command takes of it.
            turn: the bank whose turn it is, by the levels inside of a unit; the first if not given.
        """
        device = self.mapping.device
        loops = unit_loops(self.mapping, command)
        levels = {} if turn is None else dict(turn)
        with ExitStack() as stack:
            for loop in loops.loops[1:]:
                counter = stack.enter_context(builder.repeat(loop.count))
                levels |= level_coordinates(loop.levels, counter, loops.level_sizes)
            core = [levels.get(level.short, ZERO) for level in device.core_levels]
            place = [column // device.columns + row, column % device.columns]
            operands = [entries[name] for name in operand_registers(device, command)]
            builder.issue(command, [*core, *place], operands)

    # Barriers

    def _end_of_chunk(self, builder: ProgramBuilder, counters: Sequence[AffineExpr]) -> None:
        """Before the next chunk of the vector, unless a round ends there, with its own barrier."""
        mapping = self.mapping
        between = mapping.loops[mapping.move_depth : mapping.load_depth]
        last = prod(loop.size for loop in between) - 1
        index = flat_index(between, counters[mapping.move_depth :])
        with builder.when([index * -1 + (last - 1)]):
            builder.barrier()

    def _end_of_row(self, builder: ProgramBuilder, counters: Sequence[AffineExpr]) -> None:
        """Before multiplications go on in the next row, so that none of them closes this one early.

        Where a chunk or a round ends, a barrier stands anyway.
        """
        mapping, depth = self.mapping, len(counters)
        outer = max(mapping.load_depth, mapping.move_depth)
        between = mapping.loops[outer:depth]
        last = prod(loop.size for loop in between) - 1
        columns, lanes = mapping.device.columns, mapping.column_elements
        inside = prod(
            piece.size
            for number, piece in mapping.matrix_loops.items()
            if number >= depth and number not in mapping.turn_pieces
        )
        following = local_address(mapping.matrix_loops, counters, lanes) + inside
        index = flat_index(between, counters[outer:])
        fills = following % columns * -1
        with builder.when([index * -1 + (last - 1), fills]):
            builder.barrier()
