"""What the ops of the `pim` and `layout` dialects mean on NumPy data, at every level.

Tensors with a placement are PlacedTensor values: an op that reads one gathers it from where it
lies, so a placement that loses or doubles elements changes the numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from pim_opt.cost.mapping import Mapping
from pim_opt.cost.nests import bound_nests
from pim_opt.cost.reduction_mapping import ReductionMapping
from pim_opt.devices import load_device
from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.iteration import Access
from pim_opt.dialects.layout import (
    BindOp,
    PlacementAttr,
    RearrangeOp,
    RequireOp,
    UnbindOp,
    layout_of,
)
from pim_opt.dialects.pim import (
    ArrangeOp,
    CombineOp,
    DistributeOp,
    KernelOp,
    ProgramOp,
    ScaleOp,
    SoftmaxOp,
    YieldOp,
)
from pim_opt.dialects.reduction import Reduction
from pim_opt.dialects.schedule import one_batch
from pim_opt.sim.element_types import dtype_of
from pim_opt.sim.evaluate import Environment, Evaluator, Handler, Value
from pim_opt.sim.functional import Execution, added, arranged, run_program
from pim_opt.sim.length import LengthError, check_length
from pim_opt.sim.machine import SimulationError, softmax
from pim_opt.sim.placed_tensor import PlacedTensor, store

Array = NDArray[Any]


@dataclass
class PimLevels:
    """Handlers that make an Evaluator run kernels at any level.

    `instead` computes a kernel's result from its operands in place of its body; `executions` keeps
    what every executed command program took, by kernel label.
    """

    instead: Callable[[KernelOp, Sequence[Array]], Array] | None = None
    executions: dict[str, Execution] = field(default_factory=dict[str, Execution])

    def handlers(self) -> dict[str, Handler]:
        """Op names and their handlers, for the constructor of Evaluator."""
        return {
            KernelOp.name: self._kernel,
            DistributeOp.name: _distribute,
            CombineOp.name: _combine,
            ScaleOp.name: _scale,
            SoftmaxOp.name: _softmax,
            ArrangeOp.name: _arrange,
            BindOp.name: _change_layout,
            RequireOp.name: _change_layout,
            RearrangeOp.name: _change_layout,
            UnbindOp.name: _change_layout,
            ProgramOp.name: self._program,
        }

    def _kernel(self, evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
        kernel = cast(KernelOp, op)
        inputs = [cast(Array, env[value]) for value in kernel.operands]
        try:
            check_length(kernel, _length(kernel.length, env))
        except LengthError as error:
            raise DiagnosticError(str(error), kernel) from error
        if self.instead is not None:
            return [self.instead(kernel, inputs)]
        return evaluator.evaluate_block(kernel.body.block, inputs)

    def _program(self, evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
        program = cast(ProgramOp, op)
        kernel = cast(KernelOp, program.parent_op())
        inputs = [_logical(env[value]) for value in program.inputs]
        try:
            device, length = load_device(kernel.device.data), _length(program.length, env)
            execution = run_program(program, device, inputs, length)
        except SimulationError as error:
            raise DiagnosticError(f"kernel {kernel.label}: {error}", program) from error
        self.executions[kernel.label.data] = execution
        return [
            _laid_out(array, value)
            for array, value in zip(execution.results, program.outputs, strict=True)
        ]


def _length(value: SSAValue | None, env: Environment) -> int | None:
    return None if value is None else int(env[value])


def _logical(value: Value) -> Array:
    return value.read() if isinstance(value, PlacedTensor) else cast(Array, value)


def _laid_out(array: Array, value: SSAValue) -> Value:
    layout = layout_of(value)
    return store(array, layout.data) if isinstance(layout, PlacementAttr) else array


def _change_layout(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    return [_laid_out(_logical(env[op.operands[0]]), op.results[0])]


def _combine(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    combine = cast(CombineOp, op)
    arrays = [_logical(env[value]) for value in (combine.partials, *combine.more)]
    dtype = dtype_of(str(combine.result.type.element_type))
    return [_laid_out(added(arrays, combine.axes).astype(dtype), combine.result)]


def _scale(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    scale = cast(ScaleOp, op)
    source = _logical(env[scale.source])
    scaled = source.astype(np.float32) * np.float32(scale.factor.value.data)
    return [_laid_out(scaled.astype(source.dtype), scale.result)]


def _softmax(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    taken = cast(SoftmaxOp, op)
    dtype = dtype_of(str(taken.result.type.element_type))
    partials = _logical(env[taken.partials])
    scores = partials.astype(np.float32).sum(axis=0)
    if taken.mask is not None and taken.mask_map is not None:
        mask = arranged(_logical(env[taken.mask]), taken.mask_map.data, scores.shape)
        scores += mask.astype(np.float32)
    # Scores are rounded where they gather, as everything is that moves.
    scores = scores.astype(dtype).astype(np.float32)
    axis = taken.axis.value.data
    # A view whose first axis is that of positions; those beyond the length take no part.
    rows = np.moveaxis(scores, axis, 0)
    length = len(rows) if taken.length is None else int(env[taken.length])
    rows[:length] = softmax(rows[:length], axis=0)
    rows[length:] = 0
    return [_laid_out(scores.astype(dtype), taken.result)]


def _arrange(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    arrange = cast(ArrangeOp, op)
    shape = arrange.result.type.get_shape()
    return [
        _laid_out(arranged(_logical(env[arrange.source]), arrange.by.data, shape), arrange.result)
    ]


def _distribute(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    distribution = cast(DistributeOp, op)
    if distribution.kernel.kind == "elementwise":
        return _distribute_columns(evaluator, distribution, env)
    if distribution.kernel.kind == "reduction":
        return _distribute_units(evaluator, distribution, env)
    mapping = _mapping(distribution)
    kernel = mapping.kernel
    arrays = [_logical(env[value]) for value in distribution.inputs]
    tiles = [
        _tiles(array, access, mapping)
        for array, access in zip(arrays, (kernel.vector, kernel.matrix), strict=True)
    ]
    block = distribution.body.block
    (results,) = evaluator.evaluate_block(block, tiles, batch=True)
    assert isinstance(block.last_op, YieldOp), "the verifier has seen to it"
    whole = _assemble(cast(Array, results), mapping)
    return [_laid_out(whole, distribution.output)]


def _distribute_columns(
    evaluator: Evaluator, op: DistributeOp, env: Environment
) -> Sequence[Value]:
    """Run the body on each bank's columns of tensors in host layout; padding reads as zero."""
    shape = op.output.type.get_shape()
    block = op.body.block
    elements = cast(TensorType[Attribute], block.args[0].type).get_shape()[0]
    device = load_device(op.kernel.device.data)
    lanes = device.column_elements(str(op.output.type.element_type))
    banks = device.groups * device.cores

    def tiles(array: Array) -> Array:
        padded = np.zeros(banks * elements, array.dtype)
        padded[: array.size] = array.reshape(-1)
        return padded.reshape(-1, banks, lanes).swapaxes(0, 1).reshape(banks, elements)

    # The constants of the expression, if it has any, are the same for all.
    inputs = [
        tiles(array) if arg.type == block.args[0].type else np.stack([array] * banks)
        for arg, array in zip(block.args, map(_logical, (env[v] for v in op.inputs)), strict=True)
    ]
    (results,) = evaluator.evaluate_block(block, inputs, batch=True)
    whole = cast(Array, results).reshape(banks, -1, lanes).swapaxes(0, 1).reshape(-1)
    return [_laid_out(whole[: prod(shape)].reshape(shape), op.output)]


def _distribute_units(evaluator: Evaluator, op: DistributeOp, env: Environment) -> Sequence[Value]:
    """Run the body on the columns of a tensor in host layout that each unit adds up."""
    kernel, device = op.kernel.computation, load_device(op.kernel.device.data)
    assert isinstance(kernel, Reduction), "the kernel's class is reduction"
    assert op.kernel.schedule is not None, "the verifier of pim.distribute has seen to it"
    lanes = device.column_elements(str(op.output.type.element_type))
    mapping = ReductionMapping(kernel, one_batch(op.kernel.schedule.data), device, lanes)
    fold = mapping.fold
    # Banks in the host's order have their levels' coordinates, the slowest first.
    loops = mapping.tensor.loops[::-1]
    counts = [loop.level.count for loop in loops]
    grid = _logical(env[op.inputs[0]]).reshape(
        fold.outer, fold.terms, mapping.blocks, *counts, lanes
    )
    joined = [3 + i for i, lp in enumerate(loops) if lp.level.name in mapping.joined_levels]
    apart = [axis for axis in range(3, grid.ndim - 1) if axis not in joined]
    tiles = grid.transpose([*apart, 0, 2, 1, *joined, grid.ndim - 1])
    tile = cast(TensorType[Attribute], op.body.block.args[0].type).get_shape()
    (sums,) = evaluator.evaluate_block(op.body.block, [tiles.reshape(-1, *tile)], batch=True)
    partials = cast(Array, sums).swapaxes(0, 1).reshape(op.output.type.get_shape())
    return [_laid_out(partials, op.output)]


def _mapping(distribution: DistributeOp) -> Mapping:
    """The loop nest of a distribution, bound to its device."""
    kernel = distribution.kernel
    assert kernel.schedule is not None, "the verifier of pim.distribute has seen to it"
    device = load_device(kernel.device.data)
    element = cast(TensorType[Attribute], kernel.inputs[1].type).element_type
    lanes = device.column_elements(str(element))  # Of the matrix, or of keys as of values.
    nests = bound_nests(kernel.computation, kernel.schedule.data, device, lanes)
    return nests[distribution.stage_number]


@dataclass(frozen=True)
class _Digits:
    """An operand's axes as digits: `sizes` of all, and which of them are hardware digits."""

    sizes: tuple[int, ...]
    hardware: dict[int, int]
    """Number in Mapping.digits to axis among the digits."""
    local: tuple[int, ...]
    """Axes of time and lane digits, in order."""


def _digits(access: Access, mapping: Mapping) -> _Digits:
    numbers = {(d.dim, d.position): i for i, d in enumerate(mapping.digits)}
    sizes: list[int] = []
    hardware: dict[int, int] = {}
    local: list[int] = []
    for dim in access.dims:
        for position, factor in enumerate(
            mapping.schedule.split(mapping.kernel.dims[dim].name).factors
        ):
            if factor.is_local:
                local.append(len(sizes))
            else:
                hardware[numbers[dim, position]] = len(sizes)
            sizes.append(factor.size)
    return _Digits(tuple(sizes), hardware, tuple(local))


def _tiles(array: Array, access: Access, mapping: Mapping) -> Array:
    """Every core's tile of an operand, cores as the leading axis; padding reads as zero."""
    padded = np.zeros(mapping.padded_shape(access), array.dtype)
    padded[tuple(slice(size) for size in array.shape)] = array
    digits = _digits(access, mapping)
    grid = padded.reshape(digits.sizes)
    grid = grid.transpose([*digits.hardware.values(), *digits.local])
    cores = [d.piece.size for d in mapping.digits]
    shape = [size if i in digits.hardware else 1 for i, size in enumerate(cores)]
    ordered = np.argsort(list(digits.hardware))
    grid = grid.transpose([*ordered, *range(len(ordered), grid.ndim)])
    local = grid.shape[len(ordered) :]
    grid = np.broadcast_to(grid.reshape((*shape, *local)), (*cores, *local))
    return grid.reshape(prod(cores), *mapping.tile_shape(access))


def _assemble(tiles: Array, mapping: Mapping) -> Array:
    """The result with its axis of partial sums, from every core's tile of it."""
    access = mapping.kernel.result
    digits = _digits(access, mapping)
    cores = [d.piece.size for d in mapping.digits]
    local_sizes = [digits.sizes[axis] for axis in digits.local]
    grid = tiles.reshape((*cores, *local_sizes))
    partial = [i for i in range(len(cores)) if i not in digits.hardware]
    source = {axis: number for number, axis in digits.hardware.items()}
    source |= {axis: len(cores) + i for i, axis in enumerate(digits.local)}
    grid = grid.transpose([*partial, *(source[axis] for axis in range(len(digits.sizes)))])
    padded = grid.reshape(mapping.partials, *mapping.padded_shape(access))
    shape = mapping.kernel.shape(access)
    return padded[(slice(None), *(slice(size) for size in shape))]
