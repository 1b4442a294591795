"""Finds attention that a device can run as one kernel."""

from collections.abc import Sequence
from dataclasses import replace

from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import AnyFloat, TensorType, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Region, SSAValue

from pim_opt.dialects.attention import Attention
from pim_opt.dialects.pim import KernelOp, YieldOp
from pim_opt.passes.attention.binding import KEY, VALUE
from pim_opt.passes.attention.reasons import reason_against, reason_against_schedules
from pim_opt.passes.attention_body import (
    attention_body,
    centred,
    masked_beyond,
    zero_where_masked,
)
from pim_opt.passes.attention_parts import Stage
from pim_opt.passes.contraction_body import cast_elements
from pim_opt.passes.kernel_access import element_of, shape_of
from pim_opt.passes.kernel_types import KernelTypes, choose_types
from pim_opt.passes.offering import Offer, Refusal, Request, is_argument
from pim_opt.passes.recognise_attention import FusedAttention, recognise_attention
from pim_opt.passes.reshapes import reshaped


def find_attention(op: linalg.GenericOp, request: Request) -> Offer | Refusal | None:
    """The kernel that the attention which ends in `op` can become; or why it does not; or None."""
    found = recognise_attention(op)
    if found is None:
        return None
    types: KernelTypes | str = found if isinstance(found, str) else ""
    if isinstance(found, FusedAttention):
        device = request.device
        inputs = (found.query, found.key, found.value)
        reason = reason_against(found, device)
        types = reason or choose_types(inputs, found.result, device, request.narrow_to)
        if isinstance(types, KernelTypes):
            lanes = device.column_elements(str(types.unit))
            types = reason_against_schedules(found.attention, device, lanes) or types
        if isinstance(types, KernelTypes):
            return _offer(found, types, request)
    return Refusal("attention is not offloaded as one kernel", types)


def _offer(found: FusedAttention, types: KernelTypes, request: Request) -> Offer:
    attention = replace(found.attention, scale=found.scale)
    values = (found.query, found.key, found.value)
    resident = [n for n in (KEY, VALUE) if is_argument(values[n])]

    def build(label: str) -> SSAValue:
        inputs = [
            cast_elements(reshaped(value, attention.shape(access)), types.unit)
            for value, access in zip(values, attention.inputs, strict=False)
        ]
        mask = None
        if found.mask is not None and attention.mask is not None:
            mask = reshaped(found.mask, attention.shape(attention.mask))
            if found.length is not None:
                mask = masked_beyond(attention, mask, found.length)
            inputs.append(_added(found, attention, mask, types.unit))
        kernel = _kernel(label, found, attention, inputs, types.unit, request, resident)
        result = kernel.outputs[0]
        if mask is not None and found.guarded:
            result = zero_where_masked(attention, result, mask)
        return cast_elements(reshaped(result, shape_of(found.result)), types.outside)

    return Offer("attention", found.result, found.ops, types, build)


def _added(found: FusedAttention, attention: Attention, mask: SSAValue, unit: AnyFloat) -> SSAValue:
    """What is added to scores: the mask itself, where the source rounds their sum as units do."""
    scores = next((r.element for r in found.roundings if r.stage is Stage.SCORE), f32)
    if scores == unit == element_of(mask):
        return mask
    return centred(attention, mask, unit, scores)


def _kernel(
    label: str,
    found: FusedAttention,
    attention: Attention,
    inputs: Sequence[SSAValue],
    unit: AnyFloat,
    request: Request,
    resident: Sequence[int],
) -> KernelOp:
    lengths = [] if found.length is None else [found.length]
    block = Block(arg_types=[value.type for value in (*inputs, *lengths)])
    operands, length = block.args[: len(inputs)], block.args[len(inputs) :]
    with ImplicitBuilder(block):
        # What a guard says of masked rows stands behind the kernel.
        guarded = found.guarded and found.mask is None
        YieldOp(attention_body(attention, operands, found.scale, guarded, unit, *length))
    result = TensorType(unit, attention.shape(attention.result))
    rounded = [r.element for r in found.roundings]
    narrowest = min(rounded, key=lambda element: element.bitwidth, default=None)
    return KernelOp(
        label,
        request.device_name,
        attention,
        inputs,
        [result],
        resident,
        request.origin,
        Region(block),
        narrowed=any(element_of(v) != unit for v in _sources(found)),
        source_accumulator=narrowest,
        length=found.length,
    )


def _sources(found: FusedAttention) -> list[SSAValue]:
    masks = [] if found.mask is None else [found.mask]
    return [found.query, found.key, found.value, *masks]
