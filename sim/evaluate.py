"""The oracle: what IR on tensors means, in NumPy.

An Evaluator runs functions and blocks. It knows func, arith, math, linalg and tensor ops; handlers
given to it add ops of other dialects.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import arith, cf, func, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseArrayBase, IntegerType, TensorType
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.traits import IsTerminator

from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.sim.evaluate_linalg import batched, evaluate_structured, structure_of
from pim_opt.sim.evaluate_scalars import SCALAR_FUNCTIONS, constant, dtype_of_type

Array = NDArray[Any]
Value = Any
"""An array, or what a handler makes of its ops' results."""
Environment = dict[SSAValue, Value]
Handler = Callable[["Evaluator", Operation, Environment], Sequence[Value]]


class Evaluator:
    """Evaluates IR.

    Args:
        handlers: more ops, by name; they win over the built-in ones.
    """

    def __init__(self, handlers: Mapping[str, Handler] | None = None) -> None:
        self._handlers: dict[str, Handler] = {**_HANDLERS, **(handlers or {})}
        self._batch = False

    @property
    def batch(self) -> bool:
        """Whether tensors carry one more axis in front, over which all ops run at once."""
        return self._batch

    def evaluate_function(self, function: func.FuncOp, arguments: Sequence[Array]) -> list[Array]:
        """The results of a function.

        Raises:
            DiagnosticError: an op that cannot be evaluated, at its place.
        """
        return self.evaluate_block(function.body.block, arguments)

    def evaluate_block(
        self,
        block: Block,
        arguments: Sequence[Value],
        batch: bool | None = None,
        outer: Mapping[SSAValue, Value] | None = None,
    ) -> list[Value]:
        """The operands of a block's terminator.

        Args:
            block: to run, with `arguments` for its arguments.
            batch: whether all tensors have one more leading axis; None leaves it as it is.
            outer: values from around the block.
        """
        saved, self._batch = self._batch, self._batch if batch is None else batch
        try:
            env: Environment = dict(outer or {})
            env.update(zip(block.args, arguments, strict=True))
            for op in block.ops:
                if op.has_trait(IsTerminator):
                    return [env[value] for value in op.operands]
                env.update(zip(op.results, self._evaluate(op, env), strict=True))
            return []
        finally:
            self._batch = saved

    def _evaluate(self, op: Operation, env: Environment) -> Sequence[Value]:
        try:
            with np.errstate(all="ignore"):
                scalar = SCALAR_FUNCTIONS.get(op.name)
                if scalar is not None:
                    return [scalar(op, [env[value] for value in op.operands])]
                handler = self._handlers.get(op.name)
                if handler is not None:
                    return handler(self, op, env)
                if isinstance(op, LinalgStructuredOperation):
                    return _structured(self, op, env)
        except (TypeError, ValueError, IndexError) as error:
            raise DiagnosticError(f"'{op.name}' cannot be evaluated: {error}", op) from error
        raise DiagnosticError(f"'{op.name}' cannot be evaluated: no meaning is known", op)


def _tensor(value: SSAValue) -> TensorType[Attribute]:
    return cast(TensorType[Attribute], value.type)


def _lead(evaluator: Evaluator, env: Environment) -> tuple[int, ...]:
    """Shape in front of a new tensor's: the batch, as the block's tensors have it."""
    if not evaluator.batch:
        return ()
    arrays = (cast(Array, v) for key, v in env.items() if isinstance(key.type, TensorType))
    return next(arrays).shape[:1]


def _constant(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    value = constant(op)
    if value.ndim and evaluator.batch:
        value = np.broadcast_to(value, (*_lead(evaluator, env), *value.shape))
    return [value]


def _empty(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    type_ = _tensor(op.results[0])
    sizes = iter(int(env[value]) for value in op.operands)
    shape = [next(sizes) if size == DYNAMIC_INDEX else size for size in type_.get_shape()]
    dtype = dtype_of_type(type_.element_type)
    return [np.zeros((*_lead(evaluator, env), *shape), dtype)]


def _structured(evaluator: Evaluator, op: Operation, env: Environment) -> list[Array]:
    structured = cast(LinalgStructuredOperation, op)
    maps = [attr.data for attr in structured.get_indexing_maps()]
    reductions = [
        number
        for number, kind in enumerate(structured.get_iterator_types())
        if kind.data is not IteratorType.PARALLEL
    ]
    return _loops(evaluator, structured, maps, reductions, structured.body.block, env)


def _loops(
    evaluator: Evaluator,
    op: Operation,
    maps: Sequence[AffineMap],
    reductions: Sequence[int],
    block: Block,
    env: Environment,
) -> list[Array]:
    operands = [np.asarray(env[value]) for value in op.operands]
    if evaluator.batch:
        scalars = [not isinstance(value.type, TensorType) for value in op.operands]
        maps = [batched(map_, scalar) for map_, scalar in zip(maps, scalars, strict=True)]
        reductions = [number + 1 for number in reductions]

    def body(
        block: Block, arguments: Sequence[Array], index: Mapping[SSAValue, Array]
    ) -> list[Array]:
        return evaluator.evaluate_block(block, arguments, batch=False, outer={**env, **index})

    structure = structure_of(maps, reductions, operands)
    return evaluate_structured(structure, operands, block, body)


def _reduce(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    reduce = cast(linalg.ReduceOp, op)
    rank = _tensor(reduce.input).get_num_dims()
    reduced = cast(Sequence[int], reduce.dimensions.get_values())
    kept = [AffineDimExpr(dim) for dim in range(rank) if dim not in reduced]
    maps = [AffineMap.identity(rank), AffineMap(rank, 0, tuple(kept))]
    return _loops(evaluator, op, maps, reduced, reduce.region.block, env)


def _transpose(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    transpose = cast(linalg.TransposeOp, op)
    order = list(cast(Sequence[int], transpose.permutation.get_values()))
    if evaluator.batch:
        order = [0, *(axis + 1 for axis in order)]
    return [np.asarray(env[op.operands[0]]).transpose(order)]


def _broadcast(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    broadcast = cast(linalg.BroadcastOp, op)
    source = np.asarray(env[op.operands[0]])
    lead = 1 if evaluator.batch else 0
    added = [int(dim) + lead for dim in cast(Sequence[int], broadcast.dimensions.get_values())]
    shape = (*source.shape[:lead], *_tensor(op.results[0]).get_shape())
    return [np.broadcast_to(np.expand_dims(source, added), shape)]


def _reshape(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    source = np.asarray(env[op.operands[0]])
    lead = source.shape[:1] if evaluator.batch else ()
    shape = _tensor(op.results[0]).get_shape()
    sizes = [-1 if size == DYNAMIC_INDEX else size for size in shape]
    return [source.reshape((*lead, *sizes))]


def _copy(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    return [env[op.operands[0]]]


def _slices(
    op: tensor.ExtractSliceOp | tensor.InsertSliceOp, env: Environment
) -> tuple[slice, ...]:
    def resolve(static: DenseArrayBase[IntegerType], dynamic: Sequence[SSAValue]) -> list[int]:
        values = iter(int(env[value]) for value in dynamic)
        numbers = static.get_values()
        return [next(values) if number == DYNAMIC_INDEX else number for number in numbers]

    offsets = resolve(op.static_offsets, op.offsets)
    sizes = resolve(op.static_sizes, op.sizes)
    strides = resolve(op.static_strides, op.strides)
    return tuple(
        slice(offset, offset + size * stride, stride)
        for offset, size, stride in zip(offsets, sizes, strides, strict=True)
    )


def _extract_slice(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    extract = cast(tensor.ExtractSliceOp, op)
    part = np.asarray(env[extract.source])[_slices(extract, env)]
    return [part.reshape(_tensor(extract.result).get_shape())]


def _insert_slice(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    insert = cast(tensor.InsertSliceOp, op)
    result = np.array(env[insert.dest])
    place = _slices(insert, env)
    result[place] = np.asarray(env[insert.source]).reshape(result[place].shape)
    return [result]


def _extract(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    source, *indices = (np.asarray(env[value]) for value in op.operands)
    return [source[tuple(indices)]]


def _insert(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    scalar, dest, *indices = (np.asarray(env[value]) for value in op.operands)
    result = np.array(dest)
    result[tuple(indices)] = scalar
    return [result]


def _from_elements(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    type_ = _tensor(op.results[0])
    values = [env[value] for value in op.operands]
    return [np.asarray(values, dtype_of_type(type_.element_type)).reshape(type_.get_shape())]


def _splat(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    return [np.broadcast_to(env[op.operands[0]], _tensor(op.results[0]).get_shape())]


def _dim(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    source, axis = (np.asarray(env[value]) for value in op.operands)
    return [np.asarray(source.shape[int(axis)], np.int64)]


def _concat(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    axis = cast(Any, op).dim.value.data
    return [np.concatenate([np.asarray(env[value]) for value in op.operands], axis=axis)]


def _pad(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    pad = cast(tensor.PadOp, op)
    source = np.asarray(env[pad.source])
    block = pad.region.block
    (fill,) = evaluator.evaluate_block(block, [np.asarray(0)] * len(block.args), outer=env)
    low = cast(Sequence[int], pad.static_low.get_values())
    high = cast(Sequence[int], pad.static_high.get_values())
    return [np.pad(source, list(zip(low, high, strict=True)), constant_values=fill)]


def _no_result(evaluator: Evaluator, op: Operation, env: Environment) -> Sequence[Value]:
    return []


_HANDLERS: dict[str, Handler] = {
    arith.ConstantOp.name: _constant,
    cf.AssertOp.name: _no_result,
    linalg.BroadcastOp.name: _broadcast,
    linalg.ReduceOp.name: _reduce,
    linalg.TransposeOp.name: _transpose,
    tensor.CastOp.name: _copy,
    tensor.CollapseShapeOp.name: _reshape,
    "tensor.concat": _concat,
    tensor.DimOp.name: _dim,
    tensor.EmptyOp.name: _empty,
    tensor.ExpandShapeOp.name: _reshape,
    tensor.ExtractOp.name: _extract,
    tensor.ExtractSliceOp.name: _extract_slice,
    tensor.FromElementsOp.name: _from_elements,
    tensor.InsertOp.name: _insert,
    tensor.InsertSliceOp.name: _insert_slice,
    tensor.PadOp.name: _pad,
    tensor.SplatOp.name: _splat,
    linalg.IndexOp.name: lambda evaluator, op, env: [env[op.results[0]]],
}
