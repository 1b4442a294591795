"""The commands that add a mask to scores."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr

from pim_opt.cost.attention_mask import MaskMapping
from pim_opt.passes.column_transfers import Transfer
from pim_opt.passes.program_builder import ZERO, ProgramBuilder, constant, total


@dataclass(frozen=True)
class MaskSection:
    """Emits the commands of a mask that lies in its place."""

    mapping: MaskMapping
    row: int
    """Its first DRAM row."""
    ones: SSAValue
    """Host memory: a column of ones."""

    def load_ones(self, builder: ProgramBuilder, group: AffineExpr) -> None:
        """Fill the entry of the operand buffers that masks are multiplied by."""
        mapping = self.mapping
        Transfer(
            mapping.score.device,
            mapping.ones_command,
            mapping.ones_placement,
            (mapping.lanes,),
            mapping.lanes,
            slot_base=constant(mapping.ones_entry),
        ).emit(builder, group, self.ones)

    def add(self, builder: ProgramBuilder, counters: Sequence[AffineExpr]) -> None:
        """Add a column of the mask to the accumulators.

        Args:
            counters: of the loops around the moves of scores.
        """
        mapping, device = self.mapping, self.mapping.score.device
        column = total(
            [
                counters[number] * (piece.stride // mapping.lanes)
                for number, piece in sorted(mapping.loops.items())
            ]
        )
        core = [ZERO] * len(device.core_levels)
        place = [*core, column // device.columns + self.row, column % device.columns]
        builder.issue(mapping.mode.multiply, place, [constant(mapping.ones_entry), ZERO])
