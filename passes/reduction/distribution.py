"""A scheduled reduction, split over the units of its device, or left to the host."""

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import AffineMapAttr, AnyFloat, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from pim_opt.cost.reduction_mapping import ReductionMapping
from pim_opt.dialects.pim import ArrangeOp, CombineOp, DistributeOp, KernelOp, YieldOp
from pim_opt.passes.contraction_body import zeros
from pim_opt.passes.kernel_access import element_of, shape_of


def distribute(kernel: KernelOp, mapping: ReductionMapping) -> None:
    """Replace the kernel's body by its distributed form."""
    body = Block(arg_types=kernel.inputs.types)
    with ImplicitBuilder(body):
        source, output = body.args[0], kernel.outputs[0]
        result_type = TensorType(element_of(output), shape_of(output))
        # 1. Units add what lies in their columns.
        head = source if mapping.rest is None else _part(source, mapping, first=True)
        sums = _by_units(mapping, head, result_type) if mapping.by_units else source
        # 2. The host adds what they leave, or everything.
        if not mapping.gives_result:
            rest = [] if mapping.rest is None else [_part(source, mapping, first=False)]
            sums = _combined(mapping, sums, rest, result_type)
        YieldOp(sums)
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))


def _part(source: SSAValue, mapping: ReductionMapping, *, first: bool) -> SSAValue:
    """The points of the folded axis that units add up, which are the first, or the rest."""
    whole, fold = shape_of(source), mapping.fold
    held = fold.terms * fold.period
    shape = mapping.part_shape(held if first else fold.rest)
    offsets = [0] * len(whole)
    offsets[fold.axis] = 0 if first else held // fold.inner
    return tensor.ExtractSliceOp.from_static_parameters(source, offsets, shape).result


def _by_units(
    mapping: ReductionMapping, value: SSAValue, result_type: TensorType[AnyFloat]
) -> SSAValue:
    """The sums that units leave: the results, or partial sums along the folded axis."""
    element, fold = result_type.element_type, mapping.fold
    sums = fold.outer * mapping.blocks
    tile = TensorType(element, [sums, fold.terms * mapping.joined_banks, mapping.lanes])
    core = Block(arg_types=[tile])
    with ImplicitBuilder(core):
        YieldOp(_column_sum(core.args[0], TensorType(element, [sums, mapping.lanes])))
    partials = TensorType(element, mapping.partial_shape)
    type_ = result_type if mapping.gives_result else partials
    return DistributeOp([value], type_, Region(core)).output


def _column_sum(value: SSAValue, type_: TensorType[AnyFloat]) -> SSAValue:
    """The sum along axis 1, at the implicit insertion point."""
    element = type_.element_type
    block = Block(arg_types=[element, element])
    with ImplicitBuilder(block):
        linalg.YieldOp(arith.AddfOp(block.args[1], block.args[0]))
    kinds = (IteratorType.PARALLEL, IteratorType.REDUCTION, IteratorType.PARALLEL)
    kept = AffineMap(3, 0, (AffineDimExpr(0), AffineDimExpr(2)))
    generic = linalg.GenericOp(
        [value],
        [zeros(type_)],
        Region(block),
        [AffineMapAttr(AffineMap.identity(3)), AffineMapAttr(kept)],
        [IteratorTypeAttr(kind) for kind in kinds],
        [type_],
    )
    return generic.results[0]


def _combined(
    mapping: ReductionMapping,
    sums: SSAValue,
    rest: list[SSAValue],
    result_type: TensorType[AnyFloat],
) -> SSAValue:
    """The results from partial sums, or summands, in the order of the input's axes."""
    kernel, element = mapping.kernel, result_type.element_type
    ordered = TensorType(element, [kernel.dims[dim].size for dim in kernel.kept])
    result = CombineOp(sums, ordered, rest, kernel.summed).result
    if not kernel.permutes:
        return result
    axes = tuple(AffineDimExpr(kernel.result.dims.index(dim)) for dim in kernel.kept)
    by = AffineMap(len(axes), 0, axes)
    return ArrangeOp(result, AffineMapAttr(by), result_type).result
