"""The section of a program that computes: loop nest, operand loads, multiplications, moves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr

from pim_opt.cost.mapping import Loop
from pim_opt.cost.mapping import Mapping as KernelMapping
from pim_opt.dialects.placement import LOCAL, TIME, Piece, Placement
from pim_opt.passes.column_transfers import Transfer
from pim_opt.passes.program_builder import (
    ZERO,
    ProgramBuilder,
    constant,
    digit,
    level_coordinates,
    total,
)

_NO_SIZES: Mapping[int, AffineExpr] = {}


def moments(pieces: Mapping[int, Piece], counters: Sequence[AffineExpr]) -> dict[Piece, AffineExpr]:
    """Per digit along time the counter of its loop."""
    return {p: counters[number] for number, p in pieces.items() if p.target == TIME}


def flat_index(loops: Sequence[Loop], counters: Sequence[AffineExpr]) -> AffineExpr:
    """Number of the iteration of nested loops, the last of which runs fastest."""
    sizes = [loop.size for loop in loops]
    return total(
        [
            counter * prod(sizes[number + 1 :])
            for number, counter in enumerate(counters[: len(loops)])
        ]
    )


def split_index(loops: Sequence[Loop], index: AffineExpr) -> list[AffineExpr]:
    """The counters of nested loops in iteration `index`: the inverse of `flat_index`."""
    sizes = [loop.size for loop in loops]
    return [
        digit(index, prod(sizes[number + 1 :]), size if number else None)
        for number, size in enumerate(sizes)
    ]


def bounds_of(
    mapping: KernelMapping,
    group: AffineExpr,
    counters: Sequence[AffineExpr],
    sizes: Mapping[int, AffineExpr] = _NO_SIZES,
) -> list[AffineExpr]:
    """Conditions that an iteration of the outer loops has any point in bounds.

    Args:
        mapping: whose loops they are.
        group: the group's number.
        counters: of the outer loops.
        sizes: of dimensions that only a call of the program knows, at least 1 each.
    """
    dims = range(len(mapping.kernel.dims))
    return [bound for dim in dims for bound in _bound(mapping, dim, group, counters, sizes)]


def _bound(
    mapping: KernelMapping,
    dim: int,
    group: AffineExpr,
    counters: Sequence[AffineExpr],
    sizes: Mapping[int, AffineExpr],
) -> list[AffineExpr]:
    """That the first index of `dim` in an iteration is in bounds, if it can be out."""
    least = 1 if dim in sizes else mapping.kernel.dims[dim].size
    size = sizes.get(dim, constant(least))
    split = mapping.schedule.split(mapping.kernel.dims[dim].name)
    terms: list[AffineExpr] = []
    last = 0
    for d in mapping.digits:
        if d.dim == dim and d.piece.target == mapping.group_target:
            stride = split.stride(d.position)
            terms.append(digit(group, d.piece.stride, d.piece.size) * stride)
            last += (d.piece.size - 1) * stride
    for loop, counter in zip(mapping.loops, counters, strict=False):
        if loop.dim == dim:
            terms.append(counter * loop.stride)
            last += (loop.size - 1) * loop.stride
    return [total(terms) * -1 + (size - 1)] if last >= least else []


def local_address(
    pieces: Mapping[int, Piece], counters: Sequence[AffineExpr], unit: int
) -> AffineExpr:
    """Local address, in `unit` elements, that the loops have reached.

    Args:
        pieces: per loop its digit.
        counters: of the loops, the innermost ones left out where they stand at their start.
        unit: elements.
    """
    return total(
        [
            counters[number] * (piece.stride // unit)
            for number, piece in sorted(pieces.items())
            if piece.target == LOCAL and number < len(counters)
        ]
    )


def turn_coordinates(
    mapping: KernelMapping, counters: Sequence[AffineExpr]
) -> dict[str, AffineExpr]:
    """Coordinates of the bank whose turn it is along the levels inside of a core."""
    sizes = {level.short: level.count for level in mapping.device.levels}
    reached: dict[tuple[str, ...], list[AffineExpr]] = {}
    for number, piece in sorted(mapping.turn_pieces.items()):
        reached.setdefault(piece.target, []).append(counters[number] * piece.stride)
    coordinates: dict[str, AffineExpr] = {}
    for target, terms in reached.items():
        coordinates |= level_coordinates(target, total(terms), sizes)
    return coordinates


@dataclass(frozen=True)
class ComputeSection:
    """Emits the commands that a mapped contraction needs once its vector is with the host."""

    mapping: KernelMapping
    matrix: Placement
    vector_memory: SSAValue
    result_memory: SSAValue
    """Host memory for moved results, with a leading axis where the host adds partial sums."""
    result_shape: tuple[int, ...]
    """Shape of `result_memory`."""
    sizes: Mapping[int, AffineExpr] = field(default_factory=dict[int, AffineExpr])
    """Of dimensions that only a call of the program knows."""

    def emit(self, builder: ProgramBuilder) -> None:
        """The whole section, over all groups in use."""
        mapping = self.mapping
        with builder.spmd(mapping.used(mapping.group_target)) as group:
            if mapping.schedule.double_buffer:
                first: list[AffineExpr] = [ZERO] * mapping.load_depth
                with builder.when(self.bounds(group, first)):
                    self._loads_in_turn(first).emit(builder, group, self.vector_memory)
                builder.barrier()
            if self._clears_before_loads:
                self._reset(builder, group, [ZERO] * mapping.move_depth)
            self._nest(builder, group, [])

    @property
    def _clears_before_loads(self) -> bool:
        """Whether the first round's accumulators are cleared before its vector loads.

        Groups may receive different vectors one after the other, but all receive this at once.
        """
        return self.mapping.load_depth < self.mapping.move_depth

    def _nest(self, builder: ProgramBuilder, group: AffineExpr, counters: list[AffineExpr]) -> None:
        mapping, depth = self.mapping, len(counters)
        if depth == mapping.move_depth and mapping.mode.reset is not None:
            number = flat_index(mapping.loops[:depth], counters)
            with builder.when([number - 1] if self._clears_before_loads else []):
                self._reset(builder, group, counters)
        if depth == mapping.load_depth and not mapping.schedule.double_buffer:
            with builder.when(self.bounds(group, counters)):
                self._loads_in_turn(counters).emit(builder, group, self.vector_memory)
            builder.barrier()
        if depth == len(mapping.loops):
            with builder.when(self.bounds(group, counters)):
                self.multiply(builder, counters, self._half(counters[: mapping.load_depth]))
            if mapping.schedule.double_buffer:
                self._load_ahead(builder, group, counters)
        else:
            with builder.repeat(mapping.loops[depth].size) as counter:
                self._nest(builder, group, [*counters, counter])
        if depth == mapping.load_depth:
            self.end_of_chunk(builder, counters)
        if depth == mapping.move_depth:
            self._move(builder, group, counters)

    # Operands and results

    def _reset(
        self, builder: ProgramBuilder, group: AffineExpr, counters: Sequence[AffineExpr]
    ) -> None:
        """Clear the accumulators that the iteration of the outer loops uses, unless moves do."""
        command = self.mapping.mode.reset
        if command is None:
            return
        core = [ZERO] * len(self.mapping.device.core_levels)
        entries = builder.repeat(self.mapping.moved_results)
        with builder.when(self.bounds(group, counters)), entries as entry:
            builder.issue(command, [*core, ZERO, ZERO], [entry])
        builder.barrier()

    def _loads_in_turn(self, counters: Sequence[AffineExpr]) -> Transfer:
        """The loads of an iteration of the outer loops, into the half whose turn it is."""
        return self.loads(counters, self._half(counters))

    def loads(self, counters: Sequence[AffineExpr], half: AffineExpr) -> Transfer:
        """The loads of the vector that the iteration of the outer loops needs.

        Args:
            half: first slot of the operand buffer that they fill.
        """
        mapping = self.mapping
        return Transfer(
            mapping.device,
            mapping.mode.load[mapping.schedule.travel],
            mapping.vector_placement,
            mapping.kernel.shape(mapping.kernel.vector),
            mapping.vector_lanes,
            moments(mapping.vector_loops, counters),
            half,
        )

    def _load_ahead(
        self, builder: ProgramBuilder, group: AffineExpr, counters: Sequence[AffineExpr]
    ) -> None:
        """After one multiplication, its share of the loads for the next iteration of outer loops.

        The shares are equal, so that loads and multiplications interleave evenly.
        """
        mapping = self.mapping
        outer, inner = mapping.loops[: mapping.load_depth], mapping.loops[mapping.load_depth :]
        iterations = prod(loop.size for loop in outer)
        if iterations == 1:
            return
        moment = flat_index(outer, counters)
        following = split_index(outer, moment + 1)
        loads = self._loads_in_turn(following)
        share = -(-loads.nest.commands // prod(loop.size for loop in inner))
        step = flat_index(inner, counters[mapping.load_depth :])
        with builder.repeat(share) as number:
            index = step * share + number
            conditions = [moment * -1 + (iterations - 2), index * -1 + (loads.nest.commands - 1)]
            with builder.when(conditions + self.bounds(group, following)):
                loads.emit_at(builder, group, self.vector_memory, index)

    def end_of_chunk(self, builder: ProgramBuilder, counters: Sequence[AffineExpr]) -> None:
        """Before the next chunk of the vector, unless a move's own barrier stands there anyway."""
        mapping = self.mapping
        between = mapping.loops[mapping.move_depth : mapping.load_depth]
        last = prod(loop.size for loop in between) - 1
        index = flat_index(between, counters[mapping.move_depth :])
        with builder.when([index * -1 + (last - 1)]):
            builder.barrier()

    def _move(self, builder: ProgramBuilder, group: AffineExpr, counters: list[AffineExpr]) -> None:
        builder.barrier()
        with builder.when(self.bounds(group, counters)):
            self.moves(counters).emit(builder, group, self.result_memory)
        builder.barrier()

    def moves(self, counters: Sequence[AffineExpr]) -> Transfer:
        """The moves of the results that the iteration of the outer loops has made."""
        mapping = self.mapping
        placement = mapping.moved_placement
        if len(self.result_shape) < len(placement.axes):
            placement = replace(placement, axes=placement.axes[1:])
        level = mapping.schedule.sum_level
        return Transfer(
            mapping.device,
            mapping.mode.move["" if level is None else mapping.device.level(level).name],
            placement,
            self.result_shape,
            mapping.vector_lanes,
            moments(mapping.result_loops, counters) | moments(mapping.round_loops, counters),
        )

    def multiply(
        self, builder: ProgramBuilder, counters: Sequence[AffineExpr], half: AffineExpr
    ) -> None:
        """One multiplication, with operands from the half that starts at slot `half`."""
        mapping = self.mapping
        lanes = mapping.vector_lanes
        column = local_address(mapping.matrix_loops, counters, mapping.column_elements)
        columns = mapping.device.columns
        turn = turn_coordinates(mapping, counters)
        core = [turn.get(level.short, ZERO) for level in mapping.device.core_levels]
        if mapping.reduces_lanes:
            # Of several entries the last is named, which is loaded last.
            slot = local_address(mapping.vector_loops, counters, lanes)
            slot += mapping.columns_per_step - 1
            operands = [half + slot, local_address(mapping.result_loops, counters, 1)]
        else:
            element = local_address(mapping.vector_loops, counters, 1)
            operands = [half + element // lanes, element % lanes]
        row = column // columns + self.matrix.row
        builder.issue(mapping.mode.multiply, [*core, row, column % columns], operands)

    # Bounds of padded loops

    def bounds(self, group: AffineExpr, counters: Sequence[AffineExpr]) -> list[AffineExpr]:
        """Conditions that the iteration of the outer loops has any point in bounds."""
        return bounds_of(self.mapping, group, counters, self.sizes)

    def _half(self, counters: Sequence[AffineExpr]) -> AffineExpr:
        """First slot of the half of the operand buffer that the loads of this iteration fill."""
        mapping = self.mapping
        if not mapping.schedule.double_buffer:
            return ZERO
        operand = mapping.device.registers[mapping.operand_register]
        moment = flat_index(mapping.loops[: mapping.load_depth], counters)
        return moment % operand.halves * (operand.entries // operand.halves)
