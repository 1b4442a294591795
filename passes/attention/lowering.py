"""Placed attention as a looped command program."""

from functools import cached_property
from typing import cast

from pim_opt.cost.attention_mapping import AttentionMapping
from pim_opt.dialects.layout import PlacementAttr, layout_of
from pim_opt.dialects.pim import DistributeOp, KernelOp, SoftmaxOp
from pim_opt.passes.attention.binding import attention_mapping_of
from pim_opt.passes.attention.section import AttentionSection
from pim_opt.passes.compute_section import ComputeSection
from pim_opt.passes.kernel_access import MATRIX, VECTOR, shape_of
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
        memory = self.stage(op.output, shape)
        score_shape = self.mapping.score.kernel.shape(self.mapping.score.kernel.result)
        keys, values = (
            cast(PlacementAttr, layout_of(product.inputs[MATRIX])).data for product in (score, op)
        )
        nest = self.mapping.score
        with self.builder.spmd(nest.used(nest.group_target)) as group:
            AttentionSection(
                self.mapping,
                ComputeSection(nest, keys, query, memory, score_shape),
                ComputeSection(self.mapping.context, values, memory, memory, shape),
                self.builder,
                group,
            ).emit()
        self.builder.barrier()

    def _product_of_scores(self, op: DistributeOp) -> DistributeOp:
        softmax = next(o for o in self.kernel.body.block.ops if isinstance(o, SoftmaxOp))
        return cast(DistributeOp, softmax.partials.owner)


def lower(kernel: KernelOp) -> None:
    """Replace the kernel's body by a program between its binds and unbinds."""
    lower_kernel(kernel, _AttentionLowering)
