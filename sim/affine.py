"""Values of affine expressions, on numbers and on arrays."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
)

Ints = NDArray[np.int64]

_Value = TypeVar("_Value", int, Ints)


def apply_affine(kind: AffineBinaryOpKind, left: _Value, right: _Value) -> _Value:
    """What an operation of affine expressions gives; arrays broadcast."""
    match kind:
        case AffineBinaryOpKind.Add:
            return left + right
        case AffineBinaryOpKind.Mul:
            return left * right
        case AffineBinaryOpKind.FloorDiv:
            return left // right
        case AffineBinaryOpKind.Mod:
            return left % right
        case AffineBinaryOpKind.CeilDiv:
            return -(-left // right)


def evaluate_affine(expr: AffineExpr, dims: Sequence[Ints]) -> Ints:
    """The value of an affine expression on arrays of dimension values, which broadcast.

    Raises:
        ValueError: the expression has symbols.
    """
    match expr:
        case AffineDimExpr(position):
            return dims[position]
        case AffineConstantExpr(value):
            return np.asarray(value, np.int64)
        case AffineBinaryOpExpr(kind, lhs, rhs):
            return apply_affine(kind, evaluate_affine(lhs, dims), evaluate_affine(rhs, dims))
        case _:
            raise ValueError(f"affine expression {expr} has symbols")
