"""The `pim` dialect: kernels that run beside DRAM banks, from structure down to command programs.

Three levels share it. `pim.kernel` wraps what is offloaded and says what it computes;
`pim.distribute` and `pim.combine` split it over the cores; `pim.program` is the command stream, as
a tree of loops.
"""

from xdsl.ir import Dialect

from pim_opt.dialects.pim.arrange_ops import ArrangeOp, HostArrangeOp
from pim_opt.dialects.pim.attrs import ScheduleAttr, SpaceAttr
from pim_opt.dialects.pim.kernel_ops import (
    CombineOp,
    DistributeOp,
    KernelOp,
    ScaleOp,
    SoftmaxOp,
    YieldOp,
)
from pim_opt.dialects.pim.program_ops import (
    BarrierOp,
    CollectOp,
    HoldOp,
    HostCombineOp,
    HostScaleOp,
    IssueOp,
    ProgramOp,
    RepeatOp,
    SpmdOp,
    StagingOp,
    WhenOp,
)

Pim = Dialect(
    "pim",
    [
        ArrangeOp,
        BarrierOp,
        CollectOp,
        CombineOp,
        DistributeOp,
        HoldOp,
        HostArrangeOp,
        HostCombineOp,
        HostScaleOp,
        IssueOp,
        KernelOp,
        ProgramOp,
        RepeatOp,
        ScaleOp,
        SoftmaxOp,
        SpmdOp,
        StagingOp,
        WhenOp,
        YieldOp,
    ],
    [ScheduleAttr, SpaceAttr],
)

__all__ = [
    "ArrangeOp",
    "BarrierOp",
    "CollectOp",
    "CombineOp",
    "DistributeOp",
    "HoldOp",
    "HostArrangeOp",
    "HostCombineOp",
    "HostScaleOp",
    "IssueOp",
    "KernelOp",
    "Pim",
    "ProgramOp",
    "RepeatOp",
    "ScaleOp",
    "ScheduleAttr",
    "SoftmaxOp",
    "SpaceAttr",
    "SpmdOp",
    "StagingOp",
    "WhenOp",
    "YieldOp",
]
