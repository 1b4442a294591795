"""Finds contractions, and sums, that a device can run."""

from collections.abc import Sequence

from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import AnyFloat, TensorType, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Region, SSAValue

from pim_opt.cost.rooms import lane_modes
from pim_opt.devices import Device
from pim_opt.dialects.compat.recognise import constant_initial_value
from pim_opt.dialects.iteration import Contraction
from pim_opt.dialects.pim import KernelOp, YieldOp
from pim_opt.passes.contraction.weights import (
    WeightProduct,
    is_scaled_and_rounded,
    rescaled,
    unused_without,
    weight_product,
)
from pim_opt.passes.contraction_body import cast_elements, product_sum
from pim_opt.passes.kernel_access import MATRIX, VECTOR, element_of, shape_of, weight_factor
from pim_opt.passes.kernel_types import KernelTypes, choose_types
from pim_opt.passes.offering import Offer, Refusal, Request, is_argument
from pim_opt.passes.recognise_contraction import VectorProduct, recognise
from pim_opt.passes.recognise_sum import Sum, product_of, recognise_sum
from pim_opt.passes.recognise_weights import Weights, weights_of


def find_contraction(op: linalg.GenericOp, request: Request) -> Offer | Refusal | None:
    """The kernel that `op` can become; why it does not; or None if it is no contraction."""
    product = recognise(op, lambda value: weights_of(value) is not None)
    if product is None:
        return None
    found = product if isinstance(product, str) else _offer(op, product, request)
    return found if isinstance(found, Offer) else Refusal("contraction stays on the host", found)


def _offer(op: linalg.GenericOp, product: VectorProduct, request: Request) -> Offer | str:
    """The kernel of a product; or why there is none."""
    reason = _reason(op, request, "contractions") or _order_reason(product, request.device)
    if reason is not None:
        return reason
    weights = weights_of(product.matrix)
    if weights is None:
        return _product(op, product, request)
    return _weight_product(op, product, weights, request)


def _product(op: linalg.GenericOp, product: VectorProduct, request: Request) -> Offer | str:
    """The kernel of a vector and a matrix of the same type; or why there is none."""
    lanes = request.device.vector_lanes
    reason = _lane_reason(product.contraction, request.device, lanes)
    inputs = (product.vector, product.matrix)
    types = reason or choose_types(inputs, op.results[0], request.device, request.narrow_to)
    return types if isinstance(types, str) else _product_offer(op, product, types, request)


def _weight_product(
    op: linalg.GenericOp, product: VectorProduct, weights: Weights, request: Request
) -> Offer | str:
    """The kernel of a vector and narrow integers; or why there is none."""
    device, element = request.device, str(element_of(weights.integers.tensor))
    if element not in device.weights:
        return f'device "{device.name}" has no units for {weights.name} weights'
    inner = weight_product(product, weights)
    if isinstance(inner, str):
        return inner
    lanes = device.column_elements(element)
    types = _lane_reason(inner.product.contraction, device, lanes) or choose_types(
        (product.vector,), op.results[0], device, request.narrow_to, is_scaled_and_rounded
    )
    if isinstance(types, str):
        return types
    return _weight_offer(op, inner, types, weights, request)


def find_sum(op: linalg.GenericOp, request: Request) -> Offer | Refusal | None:
    """The kernel that `op` can become; why it does not; or None if it is no reduction."""
    found = None if request.device.kernels.reduction is not None else recognise_sum(op)
    if found is None:
        return None
    types = found if isinstance(found, str) else _reason(op, request, "sums")
    if isinstance(found, Sum):
        if types is None and not is_argument(found.data):
            types = "its operand is with the host, which has computed it"
        types = types or choose_types((found.data,), op.results[0], request.device, None)
        if isinstance(types, KernelTypes):
            return _sum_offer(op, found, types, request)
    return Refusal("reduction stays on the host", str(types))


def _reason(op: linalg.GenericOp, request: Request, what: str) -> str | None:
    device = request.device
    if device.kernels.contraction is None:
        return f'device "{device.name}" has no commands for {what}'
    if constant_initial_value(op.outputs[0]) != 0:
        return "it adds to a value that is not zero"
    return None


def _order_reason(product: VectorProduct, device: Device) -> str | None:
    """Why units might multiply a matrix before it is there; None if they wait for it."""
    if device.controller.awaits_host or is_argument(product.matrix):
        return None
    return (
        f'device "{device.name}" does not wait until the host has written a matrix that it has'
        " computed"
    )


def _lane_reason(contraction: Contraction, device: Device, lanes: int) -> str | None:
    """Why no dimension can run along the `lanes` of a device; None if one can."""
    able = lane_modes(device, lanes)
    if any(contraction.dims[dim].role in able for dim in contraction.lane_dims):
        return None
    wanted = " or ".join(able)
    return f'it has no {wanted} for the lanes of device "{device.name}"'


def _product_offer(
    op: linalg.GenericOp, product: VectorProduct, types: KernelTypes, request: Request
) -> Offer:
    resident = [MATRIX] if is_argument(product.matrix) else []

    def build(label: str) -> SSAValue:
        inputs = [cast_elements(v, types.unit) for v in (product.vector, product.matrix)]
        narrowed = element_of(product.vector) != types.unit
        kernel = _kernel(
            label, product.contraction, inputs, op, types, request, resident, narrowed=narrowed
        )
        return cast_elements(kernel.outputs[0], types.outside)

    return Offer("gemv", op.results[0], [op], types, build)


def _weight_offer(
    op: linalg.GenericOp,
    found: WeightProduct,
    types: KernelTypes,
    weights: Weights,
    request: Request,
) -> Offer:
    """A kernel of the integers, whose result is scaled in place of them."""
    product, device = found.product, request.device
    resident = [MATRIX] if is_argument(product.matrix) else []
    # A source that scales its weights rounds them to what it multiplies.
    rounds = bool(found.scales) and element_of(weights.ops[-1].results[0]) != f32

    def build(label: str) -> SSAValue:
        inputs = [cast_elements(product.vector, types.unit), product.matrix]
        narrowed = rounds or element_of(product.vector) != types.unit
        kernel = _kernel(
            label, product.contraction, inputs, op, types, request, resident, narrowed=narrowed
        )
        factor = 1 / weight_factor(device, product.matrix)
        result = kernel.outputs[0]
        return rescaled(result, types.outside, factor, product.contraction, found.scales)

    ops = [*unused_without(op, weights), op]
    return Offer("gemv", op.results[0], ops, types, build)


def _sum_offer(op: linalg.GenericOp, found: Sum, types: KernelTypes, request: Request) -> Offer:
    """A kernel that multiplies the data, where the host has put them, by ones that the host has."""

    def build(label: str) -> SSAValue:
        product = product_of(found, request.device.column_elements(str(types.unit)))
        inputs = [product.vector, product.matrix]
        held = [VECTOR]
        narrowed = element_of(found.data) != types.unit
        kernel = _kernel(
            label, product.contraction, inputs, op, types, request, [], held, narrowed=narrowed
        )
        return cast_elements(kernel.outputs[0], types.outside)

    return Offer("sum", op.results[0], [op], types, build)


def _kernel(
    label: str,
    contraction: Contraction,
    inputs: Sequence[SSAValue],
    source: linalg.GenericOp,
    types: KernelTypes,
    request: Request,
    resident: Sequence[int],
    held: Sequence[int] = (),
    *,
    narrowed: bool,
) -> KernelOp:
    """A kernel of a vector of the unit's type and a matrix, in the place of `source`."""
    result_type: TensorType[AnyFloat] = TensorType(types.unit, shape_of(source.results[0]))
    accumulator = element_of(source.results[0])
    block = Block(arg_types=[value.type for value in inputs])
    with ImplicitBuilder(block):
        wide = TensorType(f32, result_type.get_shape())
        factor = weight_factor(request.device, inputs[MATRIX])
        total = product_sum(contraction, block.args[0], block.args[1], wide, factor)
        YieldOp(cast_elements(total, result_type.element_type))
    return KernelOp(
        label,
        request.device_name,
        contraction,
        inputs,
        [result_type],
        resident,
        request.origin,
        Region(block),
        held=held,
        narrowed=narrowed,
        source_accumulator=accumulator if accumulator.bitwidth < f32.bitwidth else None,
    )
