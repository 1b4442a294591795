"""The section of a program that computes: loop nest, operand loads, multiplications, moves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr

from pim_opt.cost.mapping import Mapping as KernelMapping
from pim_opt.dialects.placement import LOCAL, TIME, Piece, Placement
from pim_opt.passes.column_transfers import Transfer
from pim_opt.passes.program_builder import ZERO, ProgramBuilder, digit, total


def moments(pieces: Mapping[int, Piece], counters: Sequence[AffineExpr]) -> dict[Piece, AffineExpr]:
    """Per digit along time the counter of its loop."""
    return {p: counters[number] for number, p in pieces.items() if p.target == TIME}


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

    def emit(self, builder: ProgramBuilder) -> None:
        """The whole section, over all groups in use."""
        groups = self.mapping.used(self.mapping.group_target)
        with builder.spmd(groups) as group, builder.when(self._group_bounds(group)):
            self._nest(builder, group, [])

    def _nest(self, builder: ProgramBuilder, group: AffineExpr, counters: list[AffineExpr]) -> None:
        mapping, depth = self.mapping, len(counters)
        if depth == mapping.load_depth:
            self._load(builder, group, counters)
        if depth == len(mapping.loops):
            self._multiply(builder, counters)
        else:
            with builder.repeat(mapping.loops[depth].size) as counter:
                inner = [*counters, counter]
                with builder.when(self._loop_bounds(group, inner)):
                    self._nest(builder, group, inner)
        if depth == mapping.move_depth:
            self._move(builder, group, counters)

    # Operands and results

    def _load(self, builder: ProgramBuilder, group: AffineExpr, counters: list[AffineExpr]) -> None:
        mapping = self.mapping
        Transfer(
            mapping.device,
            mapping.mode.load[mapping.schedule.travel],
            mapping.vector_placement,
            mapping.kernel.shape(mapping.kernel.vector),
            mapping.column_elements,
            moments(mapping.vector_loops, counters),
            self._half(counters),
        ).emit(builder, group, self.vector_memory)
        builder.barrier()

    def _move(self, builder: ProgramBuilder, group: AffineExpr, counters: list[AffineExpr]) -> None:
        mapping = self.mapping
        placement = mapping.moved_placement
        if len(self.result_shape) < len(placement.axes):
            placement = replace(placement, axes=placement.axes[1:])
        level = mapping.schedule.sum_level
        builder.barrier()
        Transfer(
            mapping.device,
            mapping.mode.move["" if level is None else mapping.device.level(level).name],
            placement,
            self.result_shape,
            mapping.column_elements,
            moments(mapping.result_loops, counters) | moments(mapping.round_loops, counters),
        ).emit(builder, group, self.result_memory)
        builder.barrier()

    def _multiply(self, builder: ProgramBuilder, counters: Sequence[AffineExpr]) -> None:
        mapping = self.mapping
        lanes = mapping.column_elements
        column = self._local(mapping.matrix_loops, counters, lanes)
        columns = mapping.device.columns
        core = [ZERO] * len(mapping.device.core_levels)
        half = self._half(counters)
        if mapping.reduces_lanes:
            slot = self._local(mapping.vector_loops, counters, lanes)
            operands = [half + slot, self._local(mapping.result_loops, counters, 1)]
        else:
            element = self._local(mapping.vector_loops, counters, 1)
            operands = [half + element // lanes, element % lanes]
        row = column // columns + self.matrix.row
        builder.issue(mapping.mode.multiply, [*core, row, column % columns], operands)

    # Bounds of padded loops

    def _group_bounds(self, group: AffineExpr) -> list[AffineExpr]:
        """Conditions that the group has any point of every dimension."""
        return [
            bound
            for dim in range(len(self.mapping.kernel.dims))
            for bound in self._bound(dim, group, [])
        ]

    def _loop_bounds(self, group: AffineExpr, counters: Sequence[AffineExpr]) -> list[AffineExpr]:
        """Conditions that the innermost loop's iteration has any point."""
        loop = self.mapping.loops[len(counters) - 1]
        return self._bound(loop.dim, group, counters) if loop.size > 1 else []

    def _bound(
        self, dim: int, group: AffineExpr, counters: Sequence[AffineExpr]
    ) -> list[AffineExpr]:
        """That the first index of `dim` in this iteration is in bounds, if it can be out."""
        mapping = self.mapping
        size = mapping.kernel.dims[dim].size
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
        return [total(terms) * -1 + (size - 1)] if last >= size else []

    # Addresses

    @staticmethod
    def _local(
        pieces: Mapping[int, Piece], counters: Sequence[AffineExpr], unit: int
    ) -> AffineExpr:
        """Local address, in `unit` elements, that the loops have reached."""
        return total(
            [
                counters[number] * (piece.stride // unit)
                for number, piece in sorted(pieces.items())
                if piece.target == LOCAL
            ]
        )

    def _half(self, counters: Sequence[AffineExpr]) -> AffineExpr:
        """First slot of the half of the operand buffer that this iteration's load fills."""
        mapping = self.mapping
        if not mapping.schedule.double_buffer:
            return ZERO
        operand = mapping.device.registers[mapping.operand_register]
        loops = mapping.loops[: mapping.load_depth]
        moment = total(
            [
                counters[number] * prod(loop.size for loop in loops[number + 1 :])
                for number in range(len(loops))
            ]
        )
        return moment % operand.halves * (operand.entries // operand.halves)
