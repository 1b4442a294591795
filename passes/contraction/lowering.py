"""A placed contraction as a looped command program."""

from functools import cached_property
from typing import cast

from xdsl.ir.affine import AffineConstantExpr, AffineExpr

from pim_opt.cost.mapping import Mapping
from pim_opt.dialects.layout import PlacementAttr, layout_of
from pim_opt.dialects.pim import DistributeOp, KernelOp
from pim_opt.passes.compute_section import ComputeSection
from pim_opt.passes.contraction.unit_section import UnitSection
from pim_opt.passes.kernel_access import MATRIX, VECTOR, mapping_of, shape_of
from pim_opt.passes.kernel_lowering import Lowering, lower_kernel


class _ContractionLowering(Lowering):
    @cached_property
    def mapping(self) -> Mapping:
        return mapping_of(self.kernel)

    @property
    def row_opener(self) -> str | None:
        return self.mapping.mode.multiply if self.mapping.schedule.rows == "all" else None

    @property
    def opener_operands(self) -> list[AffineExpr]:
        # The entry of the vector comes first, and names those before it that are multiplied, too.
        first = AffineConstantExpr(self.mapping.columns_per_step - 1)
        return [first, *super().opener_operands[1:]]

    def compute(self, op: DistributeOp) -> None:
        if self.mapping.through_rows:
            self._compute_in_rows(op)
        else:
            self._compute_with_host(op)
        self.builder.barrier()

    def _compute_in_rows(self, op: DistributeOp) -> None:
        """Vector and results pass through rows of the cores' own banks."""
        vector, matrix, results = (
            cast(PlacementAttr, layout_of(value)).data.row
            for value in (op.inputs[VECTOR], op.inputs[MATRIX], op.output)
        )
        UnitSection(self.mapping, vector, matrix, results).emit(self.builder)

    def _compute_with_host(self, op: DistributeOp) -> None:
        """The vector comes from the host, results go to it."""
        result = shape_of(self.kernel.outputs[0])
        partials = self.mapping.host_partials
        shape = result if partials == 1 else (partials, *result)
        memory = self.stage(op.output, shape)
        ComputeSection(
            self.mapping,
            cast(PlacementAttr, layout_of(op.inputs[MATRIX])).data,
            self.memory[op.inputs[VECTOR]],
            memory,
            shape,
        ).emit(self.builder)


def lower(kernel: KernelOp) -> None:
    """Replace the kernel's body by a program between its binds and unbinds."""
    lower_kernel(kernel, _ContractionLowering)
