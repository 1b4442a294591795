"""How far a kernel's results may be from exact ones: rounding error bounds of its own arithmetic.

Source of the bounds: N. Higham, Accuracy and Stability of Numerical Algorithms, chapter 3: a sum
of n products in precision u is within n u sum|a b| of the exact one, to first order.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute

from pim_opt.cost.mapping import Mapping
from pim_opt.cost.reduction_mapping import ReductionMapping
from pim_opt.devices import load_device
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.elementwise import Elementwise
from pim_opt.dialects.iteration import Access, AttentionRole, Contraction, Role
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.reduction import Reduction
from pim_opt.dialects.schedule import one_batch, one_nest
from pim_opt.sim.element_types import unit_roundoff
from pim_opt.sim.expression_bounds import SMALLEST_STEP, expression_bound

Array = NDArray[Any]
Doubles = NDArray[np.float64]


def exact_contraction(contraction: Contraction, vector: Array, matrix: Array) -> Doubles:
    """The contraction in f64, of shape `contraction.shape(contraction.result)`."""
    letters = "abcdefghijklmnopqrstuvwxyz"

    def squeezed(array: Array, access: Access) -> tuple[Doubles, str]:
        shape = [
            size for size, dim in zip(array.shape, access.axes, strict=True) if dim is not None
        ]
        return array.reshape(shape).astype(np.float64), "".join(letters[d] for d in access.dims)

    a, a_axes = squeezed(vector, contraction.vector)
    b, b_axes = squeezed(matrix, contraction.matrix)
    y_axes = "".join(letters[dim] for dim in contraction.result.dims)
    result = np.einsum(f"{a_axes},{b_axes}->{y_axes}", a, b, optimize=True)
    return result.reshape(contraction.shape(contraction.result))


def kernel_bound(kernel: KernelOp, inputs: Sequence[Array]) -> tuple[Doubles, Doubles]:
    """The exact result of a kernel on its operands, and how far the device's may be from it.

    Where all inputs of a contraction are integers and no sum of magnitudes exceeds what the element
    type holds exactly, no step rounds, and the bound is 0.
    """
    match kernel.computation:
        case Contraction() as contraction:
            return _contraction_bound(kernel, contraction, inputs)
        case Attention() as attention:
            unit = unit_roundoff(str(kernel.outputs[0].type.element_type))
            return attention_bound(*_up_to_length(kernel, attention, inputs), unit)
        case Elementwise() as elementwise:
            element = str(kernel.outputs[0].type.element_type)
            return expression_bound(elementwise, inputs, element)
        case Reduction() as reduction:
            return _sum_bound(kernel, reduction, inputs[0])
        case other:
            raise NotImplementedError(f"no rounding bound for kernels of class {other.kind}")


def source_bound(kernel: KernelOp, inputs: Sequence[Array]) -> Doubles:
    """How far the source's own arithmetic, which a kernel replaces, may be from exact."""
    match kernel.computation:
        case Contraction() as contraction:
            return _source_contraction_bound(kernel, contraction, inputs)
        case Attention() as attention:
            rounds = kernel.narrowed is not None or kernel.source_accumulator is not None
            narrowest = kernel.source_accumulator or kernel.outputs[0].type.element_type
            unit = unit_roundoff(str(narrowest) if rounds else "f32")
            return attention_bound(*_up_to_length(kernel, attention, inputs), unit)[1]
        case Elementwise() as elementwise:
            element = str(kernel.outputs[0].type.element_type)
            off = 2 * unit_roundoff(element) if kernel.narrowed is not None else 0.0
            return expression_bound(elementwise, inputs, element, off)[1]
        case Reduction():
            bound = kernel_bound(kernel, inputs)[1]
            if kernel.narrowed is None:
                return bound
            element = str(kernel.outputs[0].type.element_type)
            magnitude, _ = kernel_bound(kernel, [np.abs(inputs[0])])
            return bound + 2 * unit_roundoff(element) * magnitude
        case other:
            raise NotImplementedError(f"no rounding bound for kernels of class {other.kind}")


def _up_to_length(
    kernel: KernelOp, attention: Attention, operands: Sequence[Array]
) -> tuple[Attention, Sequence[Array]]:
    """Attention over the positions that take part, and its tensors without the others."""
    if kernel.length is None:
        return attention, operands
    *tensors, length = operands
    (position,) = attention.with_role(AttentionRole.LENGTH)
    dims = list(attention.dims)
    dims[position] = replace(dims[position], size=int(length))
    shorter = replace(attention, dims=tuple(dims))
    return shorter, [
        array[tuple(map(slice, shorter.shape(access)))]
        for array, access in zip(tensors, shorter.inputs, strict=True)
    ]


def attention_bound(
    attention: Attention, inputs: Sequence[Array], unit: float
) -> tuple[Doubles, Doubles]:
    """Attention in f64, and how far one that rounds to `unit` between its steps may be from it.

    The query is rounded when it is scaled, scores when they gather, weights when they are made,
    partial sums of the context when they move and the result at its end; sums are in f32. Errors of
    at most d[n] in the scores of a row change the numerator of weight n by a factor of at most
    exp(d[n]), and their sum as its summands change, so that scores of no weight spoil none.
    """
    query, key, value, *masks = (np.asarray(array, np.float64) for array in inputs)
    score, context = attention.score, attention.context
    sum_unit = unit_roundoff("f32")

    def sums(terms: int) -> float:
        return 2 * unit + terms * sum_unit

    scaled = query * attention.scale
    logits = exact_contraction(score, scaled, key)
    for mask in masks:
        logits = logits + _broadcast_mask(attention, mask)
    logit_error = unit * np.abs(logits) + SMALLEST_STEP
    magnitude = exact_contraction(score, np.abs(scaled) + SMALLEST_STEP, np.abs(key))
    logit_error += sums(score.extent(Role.REDUCTION)) * magnitude
    axis = _length_axis(attention)
    exponentials = np.exp(logits - logits.max(axis=axis, keepdims=True))
    weights = exponentials / exponentials.sum(axis=axis, keepdims=True)
    factor = np.exp(np.minimum(logit_error, 300.0))
    least = (weights / factor).sum(axis=axis, keepdims=True)
    most = (weights * factor).sum(axis=axis, keepdims=True)
    spread = np.maximum(factor / least - 1, 1 - 1 / (factor * most))
    terms = context.extent(Role.REDUCTION)
    weight_error = weights * (spread + unit + terms * sum_unit + 4 * sum_unit) + SMALLEST_STEP
    exact = exact_contraction(context, weights, value)
    largest = np.abs(value).max(initial=0.0)
    bound = np.minimum(exact_contraction(context, weight_error, np.abs(value)), 2 * largest)
    bound += sums(terms) * exact_contraction(context, weights, np.abs(value))
    return exact, (bound + unit * np.abs(exact) + SMALLEST_STEP) * (1 + 2 * unit)


def _broadcast_mask(attention: Attention, mask: Doubles) -> Doubles:
    """A mask with an axis for each dimension of scores, of one element where it has none."""
    assert attention.mask is not None, "else there is no operand for it"
    axes, dims = attention.mask.dims, attention.scores.dims
    squeezed = mask.reshape([attention.dims[dim].size for dim in axes])
    ordered = squeezed.transpose([axes.index(dim) for dim in dims if dim in axes])
    return ordered.reshape([attention.dims[d].size if d in axes else 1 for d in dims])


def _length_axis(attention: Attention) -> tuple[int, ...]:
    lengths = attention.with_role(AttentionRole.LENGTH)
    return tuple(i for i, dim in enumerate(attention.scores.axes) if dim in lengths)


def _contraction_bound(
    kernel: KernelOp, contraction: Contraction, inputs: Sequence[Array]
) -> tuple[Doubles, Doubles]:
    factor = _weight_factor(kernel)
    exact = exact_contraction(contraction, inputs[0], inputs[1]) * factor
    magnitude = _magnitude(kernel, contraction, inputs)
    unit = unit_roundoff(str(kernel.outputs[0].type.element_type))
    integers = all(bool((array == np.round(array)).all()) for array in inputs)
    if integers and magnitude.max(initial=0.0) <= 0.5 / unit * factor:
        return exact, np.zeros_like(exact)
    terms = contraction.extent(Role.REDUCTION)
    relative = terms * _accumulator_unit(kernel)
    relative += unit if _host_partials(kernel) > 1 else 0.0
    bound = unit * np.abs(exact) + relative * magnitude + SMALLEST_STEP
    return exact, bound * (1 + 2 * unit)


def _magnitude(kernel: KernelOp, contraction: Contraction, inputs: Sequence[Array]) -> Doubles:
    """Sums of the products' magnitudes, of the result's shape."""
    vector, matrix = (np.abs(array.astype(np.float64)) for array in inputs)
    return exact_contraction(contraction, vector, matrix) * _weight_factor(kernel)


def _weight_factor(kernel: KernelOp) -> float:
    """What a 1 in the matrix counts as in units."""
    matrix = cast(TensorType[Attribute], kernel.inputs[1].type).element_type
    return load_device(kernel.device.data).weights.get(str(matrix), 1.0)


def _source_contraction_bound(
    kernel: KernelOp, contraction: Contraction, inputs: Sequence[Array]
) -> Doubles:
    _, bound = kernel_bound(kernel, inputs)
    if not bound.any():
        return bound
    magnitude = _magnitude(kernel, contraction, inputs)
    relative = 0.0
    if kernel.narrowed is not None:
        element = str(cast(TensorType[Attribute], kernel.inputs[0].type).element_type)
        relative += 2 * unit_roundoff(element)
    if kernel.source_accumulator is not None:
        terms = contraction.extent(Role.REDUCTION)
        relative += terms * unit_roundoff(str(kernel.source_accumulator))
    return relative * magnitude


def _sum_bound(kernel: KernelOp, sums: Reduction, source: Array) -> tuple[Doubles, Doubles]:
    """The sums, and how far those of units that round every addition may be off."""
    element = str(kernel.outputs[0].type.element_type)
    wide, unit = source.astype(np.float64), unit_roundoff(element)
    order = [sorted(sums.result.dims).index(dim) for dim in sums.result.dims]
    exact = wide.sum(axis=sums.summed).transpose(order)
    magnitude = np.abs(wide).sum(axis=sums.summed).transpose(order)
    if (wide == np.round(wide)).all() and magnitude.max(initial=0.0) <= 0.5 / unit:
        return exact, np.zeros_like(exact)
    relative = _unit_additions(kernel, sums, element) * unit + sums.terms * unit_roundoff("f32")
    bound = unit * np.abs(exact) + relative * magnitude + SMALLEST_STEP
    return exact, bound * (1 + 2 * unit)


def _unit_additions(kernel: KernelOp, sums: Reduction, element: str) -> int:
    """Roundings of one sum in units; the host adds in f32."""
    if kernel.schedule is None:
        return 0
    device = load_device(kernel.device.data)
    schedule, lanes = one_batch(kernel.schedule.data), device.column_elements(element)
    mapping = ReductionMapping(sums, schedule, device, lanes)
    return mapping.fold.terms * mapping.joined_banks if mapping.by_units else 0


def _accumulator_unit(kernel: KernelOp) -> float:
    """The roundoff of a device's accumulators, of the coarsest where they differ."""
    device, element = load_device(kernel.device.data), str(kernel.outputs[0].type.element_type)
    modes = device.kernels.contraction
    assert modes is not None, "a device without is offered no contraction"
    known = [mode for mode in (modes.tree, modes.broadcast) if mode is not None]
    types = [device.registers[mode.accumulator].element for mode in known]
    return max(unit_roundoff(element if type_ == "column" else type_) for type_ in types)


def _host_partials(kernel: KernelOp) -> int:
    if kernel.schedule is None:
        return 1
    device = load_device(kernel.device.data)
    element = cast(TensorType[Attribute], kernel.inputs[1].type).element_type
    lanes = device.column_elements(str(element))
    return Mapping(kernel.contraction, one_nest(kernel.schedule.data), device, lanes).host_partials
