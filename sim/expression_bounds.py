"""How far an elementwise kernel's results may be from exact ones: running error analysis.

Source of the bounds: N. Higham, Accuracy and Stability of Numerical Algorithms, chapter 3: each
operation in precision u adds u times its result to what its operands are off already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pim_opt.dialects.elementwise import Apply, Constant, Elementwise, Expression, Input
from pim_opt.sim.element_types import rounded, unit_roundoff

Array = NDArray[Any]
Doubles = NDArray[np.float64]

SMALLEST_STEP = 2.0**-24
"""Distance between the smallest f16 numbers: what rounding to a subnormal can lose (IEEE 754)."""


@dataclass(frozen=True)
class _Value:
    """Exact values, how far computed ones may be off, and whether integers of what magnitude."""

    exact: Doubles
    error: Doubles
    largest: float
    """The largest magnitude of any intermediate result, were nothing cancelled."""
    integers: bool


def expression_bound(
    kernel: Elementwise, inputs: Sequence[Array], element: str, input_error: float = 0.0
) -> tuple[Doubles, Doubles]:
    """The exact result of a kernel on `inputs`, and how far one computed in `element` may be off.

    Where all numbers are integers that the element type holds, no step rounds: the bound is 0.

    Args:
        kernel: what is computed.
        inputs: of the shapes of its accesses.
        element: the type that every operation rounds to.
        input_error: how far inputs may be off, relative to their size.
    """
    unit = unit_roundoff(element)
    points = [np.asarray(p, np.float64) for p in kernel.spread(inputs)]
    value = _value(kernel.body, points, unit, element, input_error)
    exact, error = kernel.gathered(value.exact), kernel.gathered(value.error)
    if value.integers and value.largest <= 0.5 / unit and not input_error:
        return exact, np.zeros_like(exact)
    return exact, error * (1 + 2 * unit)


def _value(
    expression: Expression, points: Sequence[Doubles], unit: float, element: str, off: float
) -> _Value:
    match expression:
        case Input(number):
            return _leaf(points[number], off * np.abs(points[number]))
        case Constant(value):
            exact = np.asarray(value, np.float64)
            held = rounded(exact.astype(np.float32), element).astype(np.float64)
            return _leaf(exact, np.abs(exact - held))
        case Apply(op, left, right):
            a = _value(left, points, unit, element, off)
            b = _value(right, points, unit, element, off)
            return _applied(op, a, b, unit)


def _leaf(exact: Doubles, error: Doubles) -> _Value:
    whole = bool((exact == np.round(exact)).all())
    return _Value(exact, error, float(np.abs(exact).max(initial=0.0)), whole)


def _applied(op: str, a: _Value, b: _Value, unit: float) -> _Value:
    integers = a.integers and b.integers
    if op == "maximum":
        exact, largest = np.maximum(a.exact, b.exact), max(a.largest, b.largest)
        return _Value(exact, np.maximum(a.error, b.error), largest, integers)
    if op == "mul":
        exact, largest = a.exact * b.exact, max(a.largest, b.largest, a.largest * b.largest)
        error = np.abs(a.exact) * b.error + np.abs(b.exact) * a.error + a.error * b.error
    else:
        exact = a.exact + b.exact if op == "add" else a.exact - b.exact
        largest, error = a.largest + b.largest, a.error + b.error
    error = error + unit * (np.abs(exact) + error) + SMALLEST_STEP
    return _Value(exact, error, largest, integers)
