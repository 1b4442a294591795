"""Elementwise kernels: one expression, evaluated at every point of an iteration space.

    y[i, j] = maximum(x0[i, j] * 2.0 + x1[j], 0.0)

Pure mathematics, no IR. An input that lacks a dimension is broadcast along it.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pim_opt.dialects.iteration import Access, Dim

Array = NDArray[Any]
_Scalar = TypeVar("_Scalar", bound=np.generic)


class ExpressionError(ValueError):
    """An expression that cannot be read."""


@dataclass(frozen=True)
class Input:
    """The element of input `number` at the point."""

    number: int


@dataclass(frozen=True)
class Constant:
    """A finite number, the same at every point."""

    value: float

    def __post_init__(self) -> None:
        if not isfinite(self.value):
            raise ExpressionError(f"constant {self.value}; expected a finite number")


@dataclass(frozen=True)
class Apply:
    """`left op right`; op is one of OPERATIONS."""

    op: str
    left: "Expression"
    right: "Expression"


Expression = Input | Constant | Apply

OPERATIONS: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "maximum": np.maximum,
}
"""Operations of expressions and what they mean."""

_SYMBOLS = {"add": "+", "sub": "-", "mul": "*"}
_PARSED: dict[type[ast.operator], str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}


def nodes(expression: Expression) -> Iterator[Expression]:
    """The expression and all its parts, parts first."""
    if isinstance(expression, Apply):
        yield from nodes(expression.left)
        yield from nodes(expression.right)
    yield expression


def expression_text(expression: Expression) -> str:
    """The expression as `parse_expression` reads it."""
    match expression:
        case Input(number):
            return f"x{number}"
        case Constant(value):
            return repr(value)
        case Apply("maximum", left, right):
            return f"maximum({expression_text(left)}, {expression_text(right)})"
        case Apply(op, left, right):
            return f"({expression_text(left)} {_SYMBOLS[op]} {expression_text(right)})"


def parse_expression(text: str) -> Expression:
    """Read an expression of inputs `x0`, `x1`, .., numbers, + - * and maximum(a, b).

    Raises:
        ExpressionError: with what cannot be read.
    """
    try:
        return _parsed(ast.parse(text, mode="eval").body)
    except SyntaxError as error:
        raise ExpressionError(f"'{text}': {error.msg}") from error


def _parsed(node: ast.expr) -> Expression:
    match node:
        case ast.Name(id=name) if name[:1] == "x" and name[1:].isdecimal():
            return Input(int(name[1:]))
        case ast.Constant(value=int() | float() as value):
            return Constant(float(value))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return Constant(-float(value))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _PARSED:
            return Apply(_PARSED[type(op)], _parsed(left), _parsed(right))
        case ast.Call(func=ast.Name(id="maximum"), args=[left, right], keywords=[]):
            return Apply("maximum", _parsed(left), _parsed(right))
        case _:
            raise ExpressionError(
                f"'{ast.unparse(node)}'; expected x0, x1, .., numbers, + - * and maximum(a, b)"
            )


def evaluate(expression: Expression, inputs: Sequence[Array]) -> Array:
    """The expression on arrays that broadcast, in their own arithmetic."""
    match expression:
        case Input(number):
            return inputs[number]
        case Constant(value):
            return np.asarray(value, inputs[0].dtype)
        case Apply(op, left, right):
            return OPERATIONS[op](evaluate(left, inputs), evaluate(right, inputs))


@dataclass(frozen=True)
class Elementwise:
    """result[..] = body(inputs[0][..], inputs[1][..], ..) over `dims`.

    The result has every dimension; inputs have some, each at most once.
    """

    dims: tuple[Dim, ...]
    inputs: tuple[Access, ...]
    result: Access
    body: Expression

    def __post_init__(self) -> None:
        names = [dim.name for dim in self.dims]
        if len(set(names)) != len(names):
            raise ValueError(f"dimension names {names} are not distinct")
        for dim in self.dims:
            if dim.size < 1:
                raise ValueError(f"dimension '{dim.name}' has size {dim.size}, expected at least 1")
        every = set(range(len(self.dims)))
        for access in (*self.inputs, self.result):
            if len(set(access.dims)) != len(access.dims) or not set(access.dims) <= every:
                raise ValueError(
                    f"access {access.axes} must use each of {len(self.dims)} dimensions at most"
                    " once"
                )
        if set(self.result.dims) != every:
            raise ValueError(f"result has dimensions {sorted(self.result.dims)}, expected all")
        used = {node.number for node in nodes(self.body) if isinstance(node, Input)}
        if used != set(range(len(self.inputs))):
            raise ValueError(
                f"the body uses inputs {sorted(used)}, expected all of {len(self.inputs)}"
            )

    @property
    def kind(self) -> str:
        return "elementwise"

    @property
    def detail(self) -> str:
        return expression_text(self.body)

    @property
    def stages(self) -> "tuple[Elementwise]":
        return (self,)

    @property
    def elements(self) -> int:
        """Number of points, and of elements of the result."""
        return prod(dim.size for dim in self.dims)

    def shape(self, access: Access) -> tuple[int, ...]:
        """The tensor shape that `access` indexes."""
        return tuple(1 if dim is None else self.dims[dim].size for dim in access.axes)

    def is_aligned(self, number: int) -> bool:
        """Whether input `number`, laid out flat, has each element where the result has its own."""

        def long(access: Access) -> tuple[int, ...]:
            return tuple(dim for dim in access.dims if self.dims[dim].size > 1)

        return long(self.inputs[number]) == long(self.result)

    def evaluate(self, arrays: Sequence[Array]) -> Array:
        """The result of the inputs `arrays`, of the shapes of their accesses."""
        return self.gathered(evaluate(self.body, self.spread(arrays)))

    def spread(self, arrays: Sequence[Array]) -> list[Array]:
        """The inputs with an axis for every dimension, of size 1 where they lack it."""
        pairs = zip(arrays, self.inputs, strict=True)
        return [self._spread(array, access) for array, access in pairs]

    def gathered(self, value: NDArray[_Scalar]) -> NDArray[_Scalar]:
        """What broadcasts to an axis for every dimension, in the shape of the result."""
        whole = np.broadcast_to(value, tuple(dim.size for dim in self.dims))
        return whole.transpose(self.result.dims).reshape(self.shape(self.result))

    def _spread(self, array: Array, access: Access) -> Array:
        kept = array.reshape([self.dims[dim].size for dim in access.dims])
        ordered = kept.transpose(np.argsort(access.dims).tolist())
        sizes = [dim.size if i in access.dims else 1 for i, dim in enumerate(self.dims)]
        return ordered.reshape(sizes)
