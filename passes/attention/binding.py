"""What passes ask of a kernel that is attention."""

from functools import lru_cache
from typing import cast

from xdsl.dialects.builtin import AffineMapAttr
from xdsl.ir import Attribute, Block, SSAValue

from pim_opt.cost.attention_mapping import AttentionMapping, attention_mapping
from pim_opt.devices import load_device
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.iteration import Access
from pim_opt.dialects.pim import KernelOp, SoftmaxOp
from pim_opt.dialects.pim.kernel_ops import access_map
from pim_opt.dialects.schedule import AnySchedule, ScheduleError
from pim_opt.passes.kernel_access import lanes_of

QUERY, KEY, VALUE, MASK = range(4)
"""Operand numbers; there may be no mask."""


def attention_of(kernel: KernelOp) -> Attention:
    """The mathematics of a kernel of class "attention"."""
    return cast(Attention, kernel.computation)


def mask_map_of(kernel: KernelOp) -> AffineMapAttr | None:
    """The index of the mask of a score, if there is a mask."""
    attention = attention_of(kernel)
    if attention.mask is None:
        return None
    number = {dim: axis for axis, dim in enumerate(attention.scores.dims)}
    axes = tuple(None if dim is None else number[dim] for dim in attention.mask.axes)
    return access_map(Access(axes), len(number))


def mask_of(kernel: KernelOp, body: Block) -> SSAValue | None:
    """The argument of a kernel's region that is the mask, if there is one."""
    return body.args[MASK] if len(kernel.inputs) > MASK else None


def softmax_of(
    kernel: KernelOp, body: Block, scores: SSAValue, type_: Attribute, mask: SSAValue | None
) -> SoftmaxOp:
    """The softmax of the kernel's scores.

    Args:
        kernel: that is attention.
        body: of the kernel, whose last argument is the length if the kernel takes one.
        scores: partial sums of them.
        type_: of the weights.
        mask: what is added to the scores, if anything is.
    """
    axis = attention_of(kernel).scores.axes.index(attention_mapping_of(kernel).length_dim)
    length = None if kernel.length is None else body.args[len(kernel.inputs)]
    return SoftmaxOp(scores, axis, type_, mask, mask_map_of(kernel), length)


def attention_mapping_of(kernel: KernelOp) -> AttentionMapping:
    """The kernel's schedule bound to its device.

    Raises:
        DiagnosticError: the kernel has no schedule, or one that its device cannot follow.
    """
    if kernel.schedule is None:
        raise DiagnosticError(
            f"kernel {kernel.label} has no schedule", kernel, hint="run pim-set-schedule first"
        )
    try:
        return bound(kernel, kernel.schedule.data)
    except ScheduleError as error:
        raise DiagnosticError(f"schedule of kernel {kernel.label}: {error}", kernel) from error


def bound(kernel: KernelOp, schedule: AnySchedule) -> AttentionMapping:
    """A schedule bound to the kernel and its device.

    Raises:
        ScheduleError: the device cannot follow it.
    """
    any_length = kernel.length is not None
    return _bound(attention_of(kernel), schedule, kernel.device.data, lanes_of(kernel), any_length)


@lru_cache(maxsize=64)
def _bound(
    attention: Attention, schedule: AnySchedule, device: str, lanes: int, any_length: bool
) -> AttentionMapping:
    mapping = attention_mapping(attention, schedule, load_device(device), lanes)
    return mapping.of_any_length() if any_length else mapping
