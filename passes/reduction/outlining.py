"""Finds reductions that the units of a device can run."""

from collections.abc import Sequence
from math import prod

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    IntegerAttr,
    TensorType,
    f32,
    i64,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, Region, SSAValue

from pim_opt.cost.reduction_mapping import reduction_reason
from pim_opt.dialects.compat.recognise import constant_initial_value
from pim_opt.dialects.pim import KernelOp, YieldOp
from pim_opt.dialects.pim.kernel_ops import access_map
from pim_opt.dialects.reduction import Reduction
from pim_opt.passes.contraction_body import cast_elements, zeros
from pim_opt.passes.kernel_access import element_of, shape_of
from pim_opt.passes.kernel_types import KernelTypes, choose_types
from pim_opt.passes.offering import Offer, Refusal, Request
from pim_opt.passes.recognise_reduction import ReductionOp, recognise_reduction


def find_reduction(op: linalg.GenericOp, request: Request) -> Offer | Refusal | None:
    """The kernel that `op` can become; why it does not; or None if it is no reduction.

    On a device whose units do not add columns up there are none: sums are contractions there.
    """
    device = request.device
    if device.kernels.reduction is None:
        return None
    found = recognise_reduction(op)
    if found is None:
        return None
    types: KernelTypes | str = found if isinstance(found, str) else ""
    if isinstance(found, ReductionOp):
        reason = reduction_reason(found.reduction, device)
        if reason is None and constant_initial_value(op.outputs[0]) != 0:
            reason = "it adds to a value that is not zero"
        types = reason or choose_types((found.operand,), op.results[0], device, request.narrow_to)
        if isinstance(types, KernelTypes):
            return _offer(op, found, types, request)
    return Refusal("reduction stays on the host", types)


def _offer(op: linalg.GenericOp, found: ReductionOp, types: KernelTypes, request: Request) -> Offer:
    """A kernel on joined axes."""
    result, kernel = op.results[0], found.reduction
    sums_shape = kernel.shape(kernel.result)

    def build(label: str) -> SSAValue:
        narrow = cast_elements(found.operand, types.unit)
        source = reshaped(narrow, kernel.sizes)
        body = Block(arg_types=[source.type])
        with ImplicitBuilder(body):
            wide = _sums(kernel, body.args[0])
            YieldOp(cast_elements(wide, types.unit))
        sums = KernelOp(
            label,
            request.device_name,
            kernel,
            [source],
            [TensorType(types.unit, sums_shape)],
            [],
            request.origin,
            Region(body),
            narrowed=element_of(found.operand) != types.unit,
        ).outputs[0]
        return cast_elements(reshaped(sums, shape_of(result)), types.outside)

    return Offer("reduction", result, [op], types, build)


def _sums(kernel: Reduction, value: SSAValue) -> SSAValue:
    """The sums in f32, at the implicit insertion point."""
    type_ = TensorType(f32, kernel.shape(kernel.result))
    block = Block(arg_types=[element_of(value), f32])
    with ImplicitBuilder(block):
        wide = arith.ExtFOp(block.args[0], f32)
        linalg.YieldOp(arith.AddfOp(block.args[1], wide.result))
    kinds = [
        IteratorType.PARALLEL if i in kernel.kept else IteratorType.REDUCTION
        for i in range(len(kernel.dims))
    ]
    generic = linalg.GenericOp(
        [value],
        [zeros(type_)],
        Region(block),
        [access_map(access, len(kernel.dims)) for access in (*kernel.inputs, kernel.result)],
        [IteratorTypeAttr(kind) for kind in kinds],
        [type_],
    )
    return generic.results[0]


def reshaped(value: SSAValue, shape: Sequence[int]) -> SSAValue:
    """`value` with its elements in order in another shape, at the implicit insertion point."""
    old = shape_of(value)
    if tuple(shape) == tuple(old):
        return value
    element = element_of(value)
    line = TensorType(element, [prod(old)])
    if len(old) != 1:
        value = _collapsed(value, line, _joined(len(old)))
    if len(shape) == 1:
        return value
    type_ = TensorType(element, shape)
    if not shape:
        return _collapsed(value, type_, ArrayAttr([]))
    return tensor.ExpandShapeOp(value, [], _joined(len(shape)), shape, type_).result


def _collapsed(
    value: SSAValue, type_: TensorType[AnyFloat], groups: ArrayAttr[ArrayAttr[IntegerAttr]]
) -> SSAValue:
    return tensor.CollapseShapeOp.build(
        operands=[value], result_types=[type_], properties={"reassociation": groups}
    ).result


def _joined(rank: int) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    """All of so many axes as one group."""
    return ArrayAttr([ArrayAttr([IntegerAttr(axis, i64) for axis in range(rank)])])
