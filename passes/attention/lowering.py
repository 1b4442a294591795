"""Placed attention as a looped command program."""

from functools import cached_property
from typing import cast

from xdsl.dialects.builtin import MemRefType
from xdsl.ir.affine import AffineExpr

from pim_opt.cost.attention_mapping import AttentionMapping
from pim_opt.cost.mapping import Mapping
from pim_opt.dialects.layout import PlacementAttr, layout_of
from pim_opt.dialects.pim import DistributeOp, KernelOp, SoftmaxOp, StagingOp
from pim_opt.passes.attention.binding import attention_mapping_of
from pim_opt.passes.attention.mask_section import MaskSection
from pim_opt.passes.attention.section import AttentionSection
from pim_opt.passes.compute_section import ComputeSection
from pim_opt.passes.kernel_access import MATRIX, VECTOR, element_of, shape_of
from pim_opt.passes.kernel_lowering import Lowering, lower_kernel


class _AttentionLowering(Lowering):
    @cached_property
    def mapping(self) -> AttentionMapping:
        return attention_mapping_of(self.kernel)

    @property
    def row_opener(self) -> str | None:
        context = self.mapping.context
        return context.mode.multiply if context.schedule.rows == "all" else None

    def compute(self, op: DistributeOp) -> None:
        if op.stage_number == 0:
            return  # It runs in turn with the other product.
        score = self._product_of_scores(op)
        query = self.memory[score.inputs[VECTOR]]
        result = shape_of(self.kernel.outputs[0])
        partials = self.mapping.context.host_partials
        shape = result if partials == 1 else (partials, *result)
        # Where a call has few positions, some partial sums may have none.
        memory = self.stage(op.output, shape, None if self.builder.length is None else 0.0)
        score_shape = self.mapping.score.kernel.shape(self.mapping.score.kernel.result)
        keys, values = (
            cast(PlacementAttr, layout_of(product.inputs[MATRIX])).data for product in (score, op)
        )
        (nest, context), mask = self.mapping.stages, self._mask_section()
        with self.builder.spmd(nest.used(nest.group_target)) as group:
            AttentionSection(
                self.mapping,
                ComputeSection(nest, keys, query, memory, score_shape, self._sizes(nest)),
                ComputeSection(context, values, memory, memory, shape, self._sizes(context)),
                mask,
                self.builder,
                group,
            ).emit()
        self.builder.barrier()

    def _sizes(self, nest: Mapping) -> dict[int, AffineExpr]:
        """The number of positions, where a call says it."""
        if self.builder.length is None:
            return {}
        number = nest.kernel.dim_number(self.mapping.kernel.dims[self.mapping.length_dim].name)
        assert number is not None, "both products have positions"
        return {number: self.builder.length}

    def _product_of_scores(self, op: DistributeOp) -> DistributeOp:
        return cast(DistributeOp, self._softmax.partials.owner)

    @property
    def _softmax(self) -> SoftmaxOp:
        return next(o for o in self.kernel.body.block.ops if isinstance(o, SoftmaxOp))

    def _mask_section(self) -> MaskSection | None:
        """The mask where it lies, and ones in the host's memory; nothing if there is no mask."""
        mask, mapping = self._softmax.mask, self.mapping.mask
        if mask is None or mapping is None:
            return None
        ones = StagingOp(MemRefType(element_of(self.kernel.outputs[0]), (mapping.lanes,)), 1.0)
        self.builder.add(ones)
        row = cast(PlacementAttr, layout_of(mask)).data.row
        return MaskSection(mapping, row, ones.buffer)


def lower(kernel: KernelOp) -> None:
    """Replace the kernel's body by a program between its binds and unbinds."""
    lower_kernel(kernel, _AttentionLowering)
