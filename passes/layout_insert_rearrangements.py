"""Turns every required change of place into rearrangements with a strategy each."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.layout import (
    HostAttr,
    PlacementAttr,
    RearrangeOp,
    RequireOp,
    Strategy,
    layout_of,
)
from pim_opt.dialects.pim import DistributeOp, KernelOp
from pim_opt.dialects.placement import BANK
from pim_opt.dialects.schedule import Schedule
from pim_opt.passes.kernel_access import device_of


def _kernel_around(op: RequireOp) -> KernelOp:
    parent = op.parent_op()
    if not isinstance(parent, KernelOp):
        raise DiagnosticError("'layout.require' outside of a kernel has no device to move by", op)
    return parent


def _stays_in_group(op: RequireOp) -> bool:
    """Whether the data come from a register file of the group, from where its cores can load."""
    source = layout_of(op.source)
    if not isinstance(source, PlacementAttr) or source.data.space == BANK:
        return False
    device = device_of(_kernel_around(op))
    return device.registers[source.data.space].per == device.group


def _strategy_from_host(op: RequireOp, layout: PlacementAttr) -> Strategy:
    return Strategy.HOST_WRITE if layout.data.space == BANK else _travel(op)


def _travel(op: RequireOp) -> Strategy:
    """How the kernel's schedule says that the operand of the nest that uses it travels."""
    schedule = _kernel_around(op).schedule
    assert schedule is not None, "layout-map-banks has seen to it"
    stages = [use.operation for use in op.result.uses]
    (number,) = {stage.stage_number for stage in stages if isinstance(stage, DistributeOp)}
    nest = schedule.data.stages[number]
    assert isinstance(nest, Schedule), "else nothing loads into the buffers of cores"
    return Strategy(nest.travel)


class LowerRequire(RewritePattern):
    """Fires on every layout.require: its data go through the host's hands."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RequireOp, rewriter: PatternRewriter) -> None:
        ops: list[RearrangeOp] = []
        value = op.source
        source, target = layout_of(op.source), layout_of(op.result)
        if _stays_in_group(op):
            rewriter.replace(op, [RearrangeOp(value, target, _travel(op))])
            return
        if isinstance(source, PlacementAttr):
            strategy = Strategy.HOST_READ if source.data.space == BANK else Strategy.MOVE
            ops.append(RearrangeOp(value, HostAttr(), strategy))
            value = ops[-1].result
        if isinstance(target, PlacementAttr):
            ops.append(RearrangeOp(value, target, _strategy_from_host(op, target)))
        rewriter.replace(op, ops, [ops[-1].result if ops else op.source])


@dataclass(frozen=True)
class LayoutInsertRearrangementsPass(ModulePass):
    """Give every required change of place a strategy.

        %xp = layout.require %x : .., #layout.placement<bank, ..>
                               -> .., #layout.placement<operand, ..>

    becomes

        %0  = layout.rearrange "host_read" %x : .. -> .., #layout.host
        %xp = layout.rearrange "multicast" %0 : .. -> .., #layout.placement<operand, ..>

    The host is the only mover between groups, so data in DRAM or in accumulators come to the host
    first; from there they go to DRAM or, as the schedule's `x:` says, to the operand buffers. What
    lies in a register file of the group goes to the buffers of its cores directly.
    """

    name = "layout-insert-rearrangements"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(LowerRequire()).rewrite_module(op)
