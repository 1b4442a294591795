"""Scalar ops of the arith and math dialects, on arrays of any shape at once.

Floats round once per op to their own type, as MLIR's do; integers wrap.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import (
    BFloat16Type,
    DenseIntOrFPElementsAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    TensorType,
)
from xdsl.ir import Attribute, Operation

Array = NDArray[Any]
ScalarFunction = Callable[[Operation, Sequence[Array]], Array]

_INTEGERS = {1: np.bool_, 8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}


def dtype_of_type(type_: Attribute) -> np.dtype[Any]:
    """The NumPy type of a scalar type.

    Raises:
        TypeError: NumPy has no such type.
    """
    match type_:
        case Float16Type():
            return np.dtype(np.float16)
        case BFloat16Type():
            return np.dtype(ml_dtypes.bfloat16)
        case Float32Type():
            return np.dtype(np.float32)
        case Float64Type():
            return np.dtype(np.float64)
        case IndexType():
            return np.dtype(np.int64)
        case IntegerType() if type_.width.data in _INTEGERS:
            return np.dtype(_INTEGERS[type_.width.data])
        case _:
            raise TypeError(f"type {type_} cannot be evaluated")


def constant(op: Operation) -> Array:
    """The value of an arith.constant: a scalar array, or a tensor's.

    Raises:
        TypeError: of a kind that cannot be evaluated.
    """
    value = cast(arith.ConstantOp, op).value
    match value:
        case FloatAttr() | IntegerAttr():
            return np.asarray(value.value.data).astype(dtype_of_type(value.type))
        case DenseIntOrFPElementsAttr():
            type_ = cast(TensorType[Attribute], value.type)
            flat = np.asarray(value.get_values(), dtype_of_type(type_.element_type))
            splat = len(flat) == 1
            shape = type_.get_shape()
            return np.broadcast_to(flat[0], shape) if splat else flat.reshape(shape)
        case _:
            raise TypeError(f"constant {value.name} cannot be evaluated")


def _unsigned(array: Array) -> Array:
    return array if array.dtype == np.bool_ else array.view(f"u{array.dtype.itemsize}")


def _binary(function: Callable[[Array, Array], Array]) -> ScalarFunction:
    def evaluate(op: Operation, args: Sequence[Array]) -> Array:
        return np.asarray(function(args[0], args[1])).astype(args[0].dtype, copy=False)

    return evaluate


def _unary(function: Callable[[Array], Array]) -> ScalarFunction:
    def evaluate(op: Operation, args: Sequence[Array]) -> Array:
        return np.asarray(function(args[0])).astype(args[0].dtype, copy=False)

    return evaluate


def _via_f64(function: Callable[[Array], Array]) -> ScalarFunction:
    """A function that NumPy has in f64 only, rounded to the operand's type once."""

    def evaluate(op: Operation, args: Sequence[Array]) -> Array:
        return np.asarray(function(args[0].astype(np.float64))).astype(args[0].dtype)

    return evaluate


def _cast(op: Operation, args: Sequence[Array]) -> Array:
    return args[0].astype(dtype_of_type(op.results[0].type))


def _zero_extend(op: Operation, args: Sequence[Array]) -> Array:
    return _unsigned(args[0]).astype(dtype_of_type(op.results[0].type))


def _sign_extend(op: Operation, args: Sequence[Array]) -> Array:
    value = -args[0].astype(np.int8) if args[0].dtype == np.bool_ else args[0]
    return value.astype(dtype_of_type(op.results[0].type))


def _truncate(op: Operation, args: Sequence[Array]) -> Array:
    dtype = dtype_of_type(op.results[0].type)
    return (args[0] & 1).astype(dtype) if dtype == np.bool_ else args[0].astype(dtype)


def _bitcast(op: Operation, args: Sequence[Array]) -> Array:
    return args[0].view(dtype_of_type(op.results[0].type))


def _divide_toward_zero(a: Array, b: Array) -> Array:
    quotient = np.abs(a) // np.where(b == 0, 1, np.abs(b))
    return np.where((a < 0) != (b < 0), -quotient, quotient)


def _remainder(a: Array, b: Array) -> Array:
    return a - _divide_toward_zero(a, b) * b


def _minimum_number(a: Array, b: Array) -> Array:
    return np.where(np.isnan(a), b, np.where(np.isnan(b), a, np.minimum(a, b)))


def _maximum_number(a: Array, b: Array) -> Array:
    return np.where(np.isnan(a), b, np.where(np.isnan(b), a, np.maximum(a, b)))


_ORDERED: dict[str, Callable[[Array, Array], Array]] = {
    "eq": np.equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
    "ne": np.not_equal,
}

_FLOAT_PREDICATES = (
    *("false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord"),
    *("ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true"),
)
_INTEGER_PREDICATES = ["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"]


def _compare_floats(op: Operation, args: Sequence[Array]) -> Array:
    name = _FLOAT_PREDICATES[cast(arith.CmpfOp, op).predicate.value.data]
    a, b = args
    unordered = np.isnan(a) | np.isnan(b)
    match name:
        case "false" | "true":
            return np.full(unordered.shape, name == "true")
        case "ord":
            return ~unordered
        case "uno":
            return unordered
        case _:
            holds = _ORDERED[name[1:]](a, b)
            return holds & ~unordered if name[0] == "o" else holds | unordered


def _compare_integers(op: Operation, args: Sequence[Array]) -> Array:
    name = _INTEGER_PREDICATES[cast(arith.CmpiOp, op).predicate.value.data]
    a, b = args
    if name[0] == "u":
        a, b = _unsigned(a), _unsigned(b)
    return _ORDERED[name if name in ("eq", "ne") else name[1:]](a, b)


def _select(op: Operation, args: Sequence[Array]) -> Array:
    return np.where(args[0], args[1], args[2])


def _integer_power(op: Operation, args: Sequence[Array]) -> Array:
    return np.power(args[0].astype(np.float64), args[1]).astype(args[0].dtype)


def _float_power(op: Operation, args: Sequence[Array]) -> Array:
    a, b = (arg.astype(np.float64) for arg in args)
    return np.power(a, b).astype(args[0].dtype)


def _fused_multiply_add(op: Operation, args: Sequence[Array]) -> Array:
    a, b, c = (arg.astype(np.float64) for arg in args)
    return (a * b + c).astype(args[0].dtype)


def _erf(values: Array) -> Array:
    from math import erf  # noqa: PLC0415

    return np.vectorize(erf, otypes=[np.float64])(values) if values.size else values


SCALAR_FUNCTIONS: dict[str, ScalarFunction] = {
    arith.AddfOp.name: _binary(np.add),
    arith.SubfOp.name: _binary(np.subtract),
    arith.MulfOp.name: _binary(np.multiply),
    arith.DivfOp.name: _binary(np.divide),
    arith.NegfOp.name: _unary(np.negative),
    arith.MaximumfOp.name: _binary(np.maximum),
    arith.MinimumfOp.name: _binary(np.minimum),
    arith.MaxnumfOp.name: _binary(_maximum_number),
    arith.MinnumfOp.name: _binary(_minimum_number),
    arith.AddiOp.name: _binary(np.add),
    arith.SubiOp.name: _binary(np.subtract),
    arith.MuliOp.name: _binary(np.multiply),
    arith.DivSIOp.name: _binary(_divide_toward_zero),
    arith.RemSIOp.name: _binary(_remainder),
    arith.DivUIOp.name: _binary(lambda a, b: _unsigned(a) // np.maximum(_unsigned(b), 1)),
    arith.RemUIOp.name: _binary(lambda a, b: _unsigned(a) % np.maximum(_unsigned(b), 1)),
    arith.FloorDivSIOp.name: _binary(np.floor_divide),
    arith.CeilDivSIOp.name: _binary(lambda a, b: -np.floor_divide(-a, b)),
    arith.AndIOp.name: _binary(np.bitwise_and),
    arith.OrIOp.name: _binary(np.bitwise_or),
    arith.XOrIOp.name: _binary(np.bitwise_xor),
    arith.ShLIOp.name: _binary(np.left_shift),
    arith.ShRSIOp.name: _binary(np.right_shift),
    arith.ShRUIOp.name: _binary(lambda a, b: _unsigned(a) >> _unsigned(b)),
    arith.MaxSIOp.name: _binary(np.maximum),
    arith.MinSIOp.name: _binary(np.minimum),
    arith.MaxUIOp.name: _binary(lambda a, b: np.maximum(_unsigned(a), _unsigned(b))),
    arith.MinUIOp.name: _binary(lambda a, b: np.minimum(_unsigned(a), _unsigned(b))),
    arith.CmpfOp.name: _compare_floats,
    arith.CmpiOp.name: _compare_integers,
    arith.SelectOp.name: _select,
    arith.ExtFOp.name: _cast,
    arith.TruncFOp.name: _cast,
    arith.SIToFPOp.name: _cast,
    arith.FPToSIOp.name: _cast,
    arith.UIToFPOp.name: _zero_extend,
    arith.ExtSIOp.name: _sign_extend,
    arith.ExtUIOp.name: _zero_extend,
    arith.TruncIOp.name: _truncate,
    arith.IndexCastOp.name: _truncate,
    arith.BitcastOp.name: _bitcast,
    math.AbsFOp.name: _unary(np.abs),
    math.AbsIOp.name: _unary(np.abs),
    math.CeilOp.name: _unary(np.ceil),
    math.FloorOp.name: _unary(np.floor),
    math.RoundEvenOp.name: _unary(np.rint),
    math.TruncOp.name: _unary(np.trunc),
    math.CopySignOp.name: _binary(np.copysign),
    math.CosOp.name: _via_f64(np.cos),
    math.SinOp.name: _via_f64(np.sin),
    math.TanOp.name: _via_f64(np.tan),
    math.TanhOp.name: _via_f64(np.tanh),
    math.ExpOp.name: _via_f64(np.exp),
    math.Exp2Op.name: _via_f64(np.exp2),
    math.ExpM1Op.name: _via_f64(np.expm1),
    math.LogOp.name: _via_f64(np.log),
    math.Log1pOp.name: _via_f64(np.log1p),
    math.Log2Op.name: _via_f64(np.log2),
    math.Log10Op.name: _via_f64(np.log10),
    math.SqrtOp.name: _via_f64(np.sqrt),
    math.RsqrtOp.name: _via_f64(lambda a: 1 / np.sqrt(a)),
    math.ErfOp.name: _via_f64(_erf),
    math.FPowIOp.name: _integer_power,
    math.PowFOp.name: _float_power,
    math.FmaOp.name: _fused_multiply_add,
}
"""Op name to function; the functions broadcast."""
