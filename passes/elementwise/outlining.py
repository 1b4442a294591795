"""Finds elementwise kernels that a device can run."""

from collections.abc import Sequence

from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import AnyFloat, TensorType, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Region, SSAValue

from pim_opt.cost.lane_mapping import unit_reason
from pim_opt.devices import Device
from pim_opt.dialects.pim import KernelOp, YieldOp
from pim_opt.passes.contraction_body import cast_elements
from pim_opt.passes.elementwise.body import pointwise
from pim_opt.passes.kernel_access import element_of, shape_of
from pim_opt.passes.kernel_types import FLOATS, KernelTypes
from pim_opt.passes.offering import Offer, Refusal, Request
from pim_opt.passes.recognise_elementwise import PointwiseOp, recognise_elementwise
from pim_opt.passes.recognise_weights import weights_of


def find_elementwise(op: linalg.GenericOp, request: Request) -> Offer | Refusal | None:
    """The kernel that `op` can become; why it does not; or None if it is not elementwise."""
    found = recognise_elementwise(op)
    if found is None or weights_of(op.results[0]) is not None:
        return None  # Who multiplies by weights says what becomes of them.
    if request.device.kernels.elementwise is None:
        # Whatever else stands against it.
        found = f'device "{request.device_name}" has no elementwise commands'
    unit: AnyFloat | str = found if isinstance(found, str) else ""
    if isinstance(found, PointwiseOp):
        values = (*found.operands, op.results[0])
        reason = unit_reason(found.elementwise, request.device)
        unit = reason or unit_type(values, request.device, request.narrow_to)
        if not isinstance(unit, str):
            return _offer(op, found, unit, request)
    return Refusal("elementwise kernel stays on the host", unit)


def unit_type(values: Sequence[SSAValue], device: Device, narrow_to: str | None) -> AnyFloat | str:
    """The element type to compute operands and results in, or the reason why there is none."""
    types = {element_of(value) for value in values}
    names = ", ".join(sorted(map(str, types)))
    if len(types) == 1 and names in device.elements:
        return types.pop()
    if narrow_to is not None and types == {f32} and narrow_to in device.elements:
        return FLOATS[narrow_to]
    allowed = " or ".join(device.elements)
    reason = f'its elements are {names}, and the units of device "{device.name}" take {allowed}'
    hint = types == {f32} and narrow_to is None
    return f"{reason}; narrow-to={device.elements[0]} allows it" if hint else reason


def _offer(op: linalg.GenericOp, found: PointwiseOp, unit: AnyFloat, request: Request) -> Offer:
    result = op.results[0]
    outside = element_of(result)

    def build(label: str) -> SSAValue:
        result_type = TensorType(unit, shape_of(result))
        inputs = [cast_elements(value, unit) for value in found.operands]
        body = Block(arg_types=[value.type for value in inputs])
        with ImplicitBuilder(body):
            YieldOp(pointwise(found.elementwise, body.args, result_type))
        kernel = KernelOp(
            label,
            request.device_name,
            found.elementwise,
            inputs,
            [result_type],
            [],
            request.origin,
            Region(body),
            narrowed=outside != unit,
        )
        return cast_elements(kernel.outputs[0], outside)

    return Offer("elementwise", result, [op], KernelTypes(unit, outside), build)
