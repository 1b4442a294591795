"""A scheduled reduction, split over the units of its device, or left to the host."""

from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith
from xdsl.dialects.builtin import AffineMapAttr, AnyFloat, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.ir import Block, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from pim_opt.cost.reduction_mapping import ReductionMapping
from pim_opt.dialects.pim import ArrangeOp, CombineOp, DistributeOp, KernelOp, YieldOp
from pim_opt.passes.contraction_body import zeros
from pim_opt.passes.kernel_access import element_of


def distribute(kernel: KernelOp, mapping: ReductionMapping) -> None:
    """Replace the kernel's body by its distributed form."""
    body = Block(arg_types=kernel.inputs.types)
    with ImplicitBuilder(body):
        partials = _by_units(kernel, mapping, body.args[0]) if mapping.by_units else None
        if partials is None:
            partials = _transposed(mapping, body.args[0])
        YieldOp(CombineOp(partials, kernel.outputs[0].type).result)
    kernel.detach_region(kernel.body)
    kernel.add_region(Region(body))


def _by_units(kernel: KernelOp, mapping: ReductionMapping, value: SSAValue) -> SSAValue:
    """The partial sums of all units and lanes: tensor<partials x results>."""
    element, results = element_of(kernel.outputs[0]), mapping.kernel.results
    columns = mapping.schedule.columns * mapping.banks_of_unit
    tile = TensorType(element, [results, columns, mapping.lanes])
    core = Block(arg_types=[tile])
    with ImplicitBuilder(core):
        YieldOp(_column_sum(core.args[0], TensorType(element, [results, mapping.lanes])))
    type_ = TensorType(element, [mapping.partials, results])
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


def _transposed(mapping: ReductionMapping, value: SSAValue) -> SSAValue:
    """Every element a partial sum of its own: tensor<terms x results>."""
    type_ = TensorType(element_of(value), [mapping.kernel.terms, mapping.kernel.results])
    swapped = AffineMap(2, 0, (AffineDimExpr(1), AffineDimExpr(0)))
    return ArrangeOp(value, AffineMapAttr(swapped), type_).result
