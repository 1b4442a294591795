"""A scheduled elementwise kernel, split over the banks of its device."""

from dataclasses import replace

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith
from xdsl.dialects.builtin import AffineMapAttr, DenseIntOrFPElementsAttr, TensorType
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from pim_opt.cost.lane_mapping import ElementwiseMapping
from pim_opt.dialects.elementwise import Elementwise
from pim_opt.dialects.iteration import Access, Dim, Role
from pim_opt.dialects.pim import ArrangeOp, DistributeOp, KernelOp, YieldOp
from pim_opt.passes.elementwise.body import pointwise
from pim_opt.passes.kernel_access import element_of


def distribute(kernel: KernelOp, mapping: ElementwiseMapping) -> None:
    """Replace the kernel's body by its distributed form."""
    result_type = kernel.outputs[0].type
    points = mapping.tensor.depth * mapping.lanes
    tile = TensorType(element_of(result_type), [points])
    # 1. A bank's share: its columns of every operand, one after the other.
    scalars = mapping.program.scalars
    constants = TensorType(tile.element_type, [len(scalars)])
    core = Block(arg_types=[*[tile] * len(kernel.inputs), *[constants] * bool(scalars)])
    with ImplicitBuilder(core):
        inputs = core.args[: len(kernel.inputs)]
        YieldOp(pointwise(_flat(mapping.kernel, points), inputs, tile))
    # 2. The host brings operands into the order of the result where they have another.
    body = Block(arg_types=kernel.inputs.types)
    with ImplicitBuilder(body):
        operands = [
            _arranged(mapping.kernel, number, arg, result_type)
            for number, arg in enumerate(body.args)
        ]
        # 3. The units take the expression's constants from a tensor.
        if scalars:
            dense = DenseIntOrFPElementsAttr.from_list(constants, scalars)
            operands.append(arith.ConstantOp(dense).result)
        YieldOp(DistributeOp(operands, result_type, Region(core)).output)
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))


def _flat(kernel: Elementwise, points: int) -> Elementwise:
    """The kernel over one dimension."""
    line = Access((0,))
    dims = (Dim("i", points, Role.PARALLEL),)
    return replace(kernel, dims=dims, inputs=(line,) * len(kernel.inputs), result=line)


def _arranged(kernel: Elementwise, number: int, value: SSAValue, type_: Attribute) -> SSAValue:
    if kernel.is_aligned(number):
        return value
    axis_of = {dim: axis for axis, dim in enumerate(kernel.result.axes) if dim is not None}
    results = [
        AffineConstantExpr(0) if dim is None else AffineDimExpr(axis_of[dim])
        for dim in kernel.inputs[number].axes
    ]
    by = AffineMap(len(kernel.result.axes), 0, tuple(results))
    return ArrangeOp(value, AffineMapAttr(by), type_).result
