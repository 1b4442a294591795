"""Finds contractions, and sums, that a device can run."""

from collections.abc import Sequence

from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import AnyFloat, TensorType, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Region, SSAValue

from pim_opt.devices import Device
from pim_opt.dialects.compat.recognise import constant_initial_value
from pim_opt.dialects.iteration import Contraction, Role
from pim_opt.dialects.pim import KernelOp, YieldOp
from pim_opt.passes.contraction_body import cast_elements, product_sum
from pim_opt.passes.kernel_access import MATRIX, VECTOR, element_of, shape_of
from pim_opt.passes.kernel_types import KernelTypes, choose_types
from pim_opt.passes.offering import Offer, Refusal, Request, is_argument
from pim_opt.passes.recognise_contraction import VectorProduct, recognise
from pim_opt.passes.recognise_sum import Sum, product_of, recognise_sum


def find_contraction(op: linalg.GenericOp, request: Request) -> Offer | Refusal | None:
    """The kernel that `op` can become; why it does not; or None if it is no contraction."""
    product = recognise(op)
    if product is None:
        return None
    types = product if isinstance(product, str) else _reason(op, request, "contractions")
    if isinstance(product, VectorProduct):
        inputs = (product.vector, product.matrix)
        types = types or _lane_reason(product.contraction, request.device)
        types = types or choose_types(inputs, op.results[0], request.device, request.narrow_to)
        if isinstance(types, KernelTypes):
            return _product_offer(op, product, types, request)
    return Refusal("contraction stays on the host", str(types))


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


def _lane_reason(contraction: Contraction, device: Device) -> str | None:
    """Why no dimension can run along the lanes of a device; None if one can."""
    modes = device.kernels.contraction
    assert modes is not None, "a device without is refused"
    able = {Role.REDUCTION: modes.tree, Role.OUTPUT: modes.broadcast}
    roles = {contraction.dims[dim].role for dim in contraction.lane_dims}
    if any(mode is not None and role in roles for role, mode in able.items()):
        return None
    wanted = " or ".join(role for role, mode in able.items() if mode is not None)
    return f'it has no {wanted} for the lanes of device "{device.name}"'


def _product_offer(
    op: linalg.GenericOp, product: VectorProduct, types: KernelTypes, request: Request
) -> Offer:
    resident = [MATRIX] if is_argument(product.matrix) else []

    def build(label: str) -> SSAValue:
        inputs = [cast_elements(v, types.unit) for v in (product.vector, product.matrix)]
        kernel = _kernel(label, product.contraction, inputs, op, types, request, resident)
        return cast_elements(kernel.outputs[0], types.outside)

    return Offer("gemv", op.results[0], [op], types, build)


def _sum_offer(op: linalg.GenericOp, found: Sum, types: KernelTypes, request: Request) -> Offer:
    """A kernel that multiplies the data, where the host has put them, by ones that the host has."""

    def build(label: str) -> SSAValue:
        product = product_of(found, request.device.column_elements(str(types.unit)))
        inputs = [product.vector, product.matrix]
        held = [VECTOR]
        kernel = _kernel(label, product.contraction, inputs, op, types, request, [], held)
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
) -> KernelOp:
    """A kernel of a vector and a matrix of the unit's type, in the place of `source`."""
    result_type: TensorType[AnyFloat] = TensorType(types.unit, shape_of(source.results[0]))
    accumulator = element_of(source.results[0])
    block = Block(arg_types=[value.type for value in inputs])
    with ImplicitBuilder(block):
        wide = TensorType(f32, result_type.get_shape())
        total = product_sum(contraction, block.args[0], block.args[1], wide)
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
        narrowed=element_of(source.inputs[0]) != types.unit,
        source_accumulator=accumulator if accumulator.bitwidth < f32.bitwidth else None,
    )
