"""Why a device does not run attention as one kernel."""

from pim_opt.cost.attention_mapping import attention_mapping
from pim_opt.devices import Device
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.iteration import AttentionRole
from pim_opt.dialects.schedule import ScheduleError
from pim_opt.passes.attention_parts import Stage
from pim_opt.passes.recognise_attention import FusedAttention
from pim_opt.tune.attention_rule import attention_rule
from pim_opt.tune.attention_tuner import mappings


def reason_against(found: FusedAttention, device: Device) -> str | None:
    """Why a device cannot run it; None if it can."""
    if device.kernels.attention is None:
        return f'device "{device.name}" has no attention commands'
    return _reason_against_dims(found.attention) or _reason_against_mask(found)


def _reason_against_dims(attention: Attention) -> str | None:
    whats = {
        AttentionRole.LENGTH: "positions",
        AttentionRole.KEY: "keys",
        AttentionRole.VALUE: "values",
    }
    for role, what in whats.items():
        number = len(attention.with_role(role))
        if number != 1:
            return f"its {what} have {number} dimensions that are stored apart"
    return None


def _reason_against_mask(found: FusedAttention) -> str | None:
    attention = found.attention
    if attention.mask is None:
        return None
    if not set(attention.with_role(AttentionRole.LENGTH)) <= set(attention.mask.dims):
        return "its mask is the same at all positions"
    if found.guarded and any(rounding.stage is Stage.SCORE for rounding in found.roundings):
        return "what it says of rows that are masked as a whole depends on how their scores round"
    return None


def reason_against_schedules(attention: Attention, device: Device, lanes: int) -> str | None:
    """Why no schedule of attention suits a device: what the hand mapping meets; None if one does.

    Args:
        attention: with one dimension each of positions, keys and values.
        device: that has commands for attention.
        lanes: elements in one DRAM column.
    """
    try:
        attention_mapping(attention, attention_rule(attention, device, lanes), device, lanes)
    except ScheduleError as error:
        if next(mappings(attention, device, lanes), None) is None:
            return f"no schedule of it suits the device: {error}"
    return None
