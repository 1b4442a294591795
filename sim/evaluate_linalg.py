"""Structured linalg ops on arrays: indexing maps, iterators and a scalar body.

Reductions run in linalg's order, one point of the reduction space after the other, each over all
parallel points at once, so that the body rounds as it says. Plain product sums with a wide
accumulator, whose order shows in the last digits only, go through np.einsum.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import arith
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from pim_opt.sim.affine import evaluate_affine

Array = NDArray[Any]
EvaluateBody = Callable[[Block, Sequence[Array], Mapping[SSAValue, Array]], Sequence[Array]]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WIDE = (np.dtype(np.float32), np.dtype(np.float64))


@dataclass(frozen=True)
class Structure:
    """Loops of a structured op: a map per operand, and which loops reduce."""

    maps: tuple[AffineMap, ...]
    reductions: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def parallels(self) -> tuple[int, ...]:
        return tuple(dim for dim in range(len(self.sizes)) if dim not in self.reductions)


def structure_of(
    maps: Sequence[AffineMap], reductions: Sequence[int], operands: Sequence[Array]
) -> Structure:
    """The loops and their sizes, from the operands' shapes.

    Raises:
        ValueError: a loop's size follows from no operand.
    """
    sizes: dict[int, int] = {}
    for map_, operand in zip(maps, operands, strict=True):
        for axis, expr in enumerate(map_.results):
            if isinstance(expr, AffineDimExpr):
                sizes.setdefault(expr.position, operand.shape[axis])
    rank = maps[0].num_dims
    if len(sizes) < rank:
        raise ValueError(f"the size of loop {min(set(range(rank)) - set(sizes))} is not known")
    return Structure(tuple(maps), tuple(reductions), tuple(sizes[dim] for dim in range(rank)))


def batched(map_: AffineMap, scalar: bool) -> AffineMap:
    """`map_` with one more loop in front, which indexes a leading axis of the operand."""
    dims = [AffineDimExpr(i + 1) for i in range(map_.num_dims)]
    shifted = map_.replace_dims_and_symbols(dims, [], map_.num_dims + 1, 0)
    return (
        shifted if scalar else AffineMap(map_.num_dims + 1, 0, (AffineDimExpr(0), *shifted.results))
    )


def evaluate_structured(
    structure: Structure,
    operands: Sequence[Array],
    block: Block,
    evaluate_body: EvaluateBody,
) -> list[Array]:
    """The results of a structured op with body `block`, whose inputs and outputs are `operands`."""
    terminator = block.last_op
    assert isinstance(terminator, linalg.YieldOp), "the verifier has seen to it"
    count = len(terminator.operands)
    inputs, outputs = operands[:-count], operands[-count:]
    if is_wide_product_sum(block, outputs[0]) and len(inputs) == 2:
        fast = _einsum(structure, inputs, outputs[0])
        if fast is not None:
            return [fast]
    aligned = [
        _Operand(array, map_, structure)
        for array, map_ in zip(operands, structure.maps, strict=True)
    ]
    shape = tuple(1 if d in structure.reductions else n for d, n in enumerate(structure.sizes))
    state = [np.broadcast_to(o.at({}), shape) for o in aligned[-count:]]
    sizes = [structure.sizes[dim] for dim in structure.reductions]
    for point in np.ndindex(*sizes):
        fixed = dict(zip(structure.reductions, point, strict=True))
        arguments = [operand.at(fixed) for operand in aligned[:-count]]
        index = _indices(block, structure, fixed)
        state = [
            np.broadcast_to(value, shape)
            for value in evaluate_body(block, [*arguments, *state], index)
        ]
    return [
        _unaligned(value, map_, output)
        for value, map_, output in zip(state, structure.maps[-count:], outputs, strict=True)
    ]


class _Operand:
    """An operand seen from the loops: at a point of the reductions, one axis per loop."""

    def __init__(self, array: Array, map_: AffineMap, structure: Structure) -> None:
        self._structure = structure
        self._map = map_
        self._array = array
        self._view = self._plain_view()

    def _plain_view(self) -> Array | None:
        """The array with one axis per loop, if its map is but loops and zeros."""
        dims: list[int] = []
        array = self._array
        for axis in reversed(range(len(self._map.results))):
            match self._map.results[axis]:
                case AffineDimExpr(position) if position not in dims:
                    dims.insert(0, position)
                case AffineConstantExpr(0):
                    array = array.take(0, axis=axis)
                case _:
                    return None
        order = np.argsort(dims)
        sizes = dict(zip(dims, array.shape, strict=True))
        rank = len(self._structure.sizes)
        return array.transpose(order).reshape([sizes.get(dim, 1) for dim in range(rank)])

    def at(self, fixed: Mapping[int, int]) -> Array:
        """The elements that the body sees with the reduction loops at `fixed`."""
        if self._view is not None:
            index = tuple(
                slice(min(at, size - 1), min(at, size - 1) + 1)
                if (at := fixed.get(dim)) is not None
                else slice(None)
                for dim, size in enumerate(self._view.shape)
            )
            return self._view[index]
        dims = _loop_indices(self._structure, fixed)
        rank = len(dims)
        index = tuple(evaluate_affine(expr, dims) for expr in self._map.results)
        return self._array[tuple(np.broadcast_to(i, _joint(dims)) for i in index)].reshape(
            _joint(dims) if rank else ()
        )


def _joint(dims: Sequence[Array]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(dim.shape for dim in dims))


def _loop_indices(structure: Structure, fixed: Mapping[int, int]) -> list[Array]:
    """Per loop its index, as an array that broadcasts with the others."""
    rank = len(structure.sizes)
    result: list[Array] = []
    for dim, size in enumerate(structure.sizes):
        values = np.array([fixed[dim]]) if dim in fixed else np.arange(size)
        result.append(values.reshape([-1 if d == dim else 1 for d in range(rank)]))
    return result


def _indices(block: Block, structure: Structure, fixed: Mapping[int, int]) -> dict[SSAValue, Array]:
    """Values of the linalg.index ops of a body."""
    found = [op for op in block.ops if isinstance(op, linalg.IndexOp)]
    if not found:
        return {}
    dims = _loop_indices(structure, fixed)
    # With a batch in front the loops are counted from its axis.
    shift = len(dims) - len(structure.sizes)
    return {op.result: dims[op.dim.value.data + shift] for op in found}


def _unaligned(value: Array, map_: AffineMap, output: Array) -> Array:
    """A result with its own axes, from one with an axis per loop."""
    dims = [expr.position for expr in map_.results if isinstance(expr, AffineDimExpr)]
    others = [dim for dim in range(value.ndim) if dim not in dims]
    plain = value.transpose([*dims, *others]).reshape([value.shape[dim] for dim in dims])
    return np.array(plain.reshape(output.shape), dtype=output.dtype)


def is_wide_product_sum(block: Block, output: Array) -> bool:
    """Whether a body is acc + ext(a) * ext(b) with a wide accumulator."""
    terminator = block.last_op
    if (
        output.dtype not in _WIDE
        or len(block.args) != 3
        or not isinstance(terminator, linalg.YieldOp)
    ):
        return False
    total = terminator.operands[0].owner
    if not isinstance(total, arith.AddfOp):
        return False
    for accumulator, product in ((total.lhs, total.rhs), (total.rhs, total.lhs)):
        if accumulator is block.args[2] and isinstance(product.owner, arith.MulfOp):
            factors = {_unextended(product.owner.lhs), _unextended(product.owner.rhs)}
            return factors == set(block.args[:2])
    return False


def _unextended(value: SSAValue) -> SSAValue:
    owner = value.owner
    return owner.input if isinstance(owner, arith.ExtFOp) else value


def _einsum(structure: Structure, inputs: Sequence[Array], output: Array) -> Array | None:
    """The product sum by np.einsum, if all maps are plain; None otherwise."""
    subscripts: list[str] = []
    arrays: list[Array] = []
    for map_, array in zip(structure.maps, (*inputs, output), strict=True):
        text, kept = _subscript(map_.results)
        if text is None or len(set(text)) != len(text):
            return None
        subscripts.append(text)
        arrays.append(array[kept])
    a, b, c = (array.astype(output.dtype, copy=False) for array in arrays)
    total = np.einsum(f"{subscripts[0]},{subscripts[1]}->{subscripts[2]}", a, b)
    return (c + total).reshape(output.shape)


def _subscript(results: Sequence[AffineExpr]) -> tuple[str | None, tuple[int | slice, ...]]:
    text = ""
    kept: list[int | slice] = []
    for expr in results:
        match expr:
            case AffineDimExpr(position):
                text += _LETTERS[position]
                kept.append(slice(None))
            case AffineConstantExpr(0):
                kept.append(0)
            case _:
                return None, ()
    return text, tuple(kept)
