"""How far a model is from what it models, and how well it ranks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np


@dataclass(frozen=True)
class ModelError:
    """Relative errors of predictions, as fractions of what is true."""

    mape: float
    """Mean of the errors' magnitudes."""
    p90: float
    """Magnitude that nine errors out of ten do not exceed."""
    max_error: float
    bias: float
    """Mean of the errors: positive where predictions are too high."""
    kendall_tau: float
    """Rank correlation (tau-b): 1 where predictions order as the truth does; nan of constants."""


def model_error(predicted: Sequence[float], true: Sequence[float]) -> ModelError:
    """The errors of predictions.

    Raises:
        ValueError: there are none, or one is missing.
    """
    if not true or len(predicted) != len(true):
        raise ValueError(f"{len(predicted)} predictions of {len(true)} values")
    errors = np.array(predicted, np.float64) / np.array(true, np.float64) - 1
    sizes = np.abs(errors)
    return ModelError(
        float(sizes.mean()),
        float(np.quantile(sizes, 0.9, method="higher")),
        float(sizes.max()),
        float(errors.mean()),
        kendall_tau(predicted, true),
    )


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive numbers."""
    return exp(sum(map(log, values)) / len(values))


def kendall_tau(a: Sequence[float], b: Sequence[float]) -> float:
    """Kendall's tau-b of paired values, nan where all of a side are equal.

    Knight's method: sorted by a, then b, the pairs that disagree are the exchanges that a merge
    sort by b makes. W. R. Knight, "A Computer Method for Calculating Kendall's Tau with Ungrouped
    Data", JASA 61 (1966).
    """
    order = sorted(range(len(a)), key=lambda i: (a[i], b[i]))
    in_b, exchanges = _sorted_with_exchanges([b[i] for i in order])
    pairs = len(a) * (len(a) - 1) // 2
    tied_a = _tied_pairs([a[i] for i in order])
    tied_b = _tied_pairs(in_b)
    tied_both = _tied_pairs([(a[i], b[i]) for i in order])
    scale = sqrt((pairs - tied_a) * (pairs - tied_b))
    if scale == 0:
        return float("nan")
    return (pairs - tied_a - tied_b + tied_both - 2 * exchanges) / scale


def _tied_pairs(ordered: Sequence[object]) -> int:
    """Pairs of equal elements of a sorted sequence."""
    pairs = run = 0
    for number in range(1, len(ordered)):
        run = run + 1 if ordered[number] == ordered[number - 1] else 0
        pairs += run
    return pairs


def _sorted_with_exchanges(values: list[float]) -> tuple[list[float], int]:
    """The values sorted, and how many pairs stood in the wrong order."""
    if len(values) < 2:
        return values, 0
    left, before = _sorted_with_exchanges(values[: len(values) // 2])
    right, after = _sorted_with_exchanges(values[len(values) // 2 :])
    merged: list[float] = []
    exchanges, i = before + after, 0
    for value in right:
        while i < len(left) and left[i] <= value:
            merged.append(left[i])
            i += 1
        merged.append(value)
        exchanges += len(left) - i
    return merged + left[i:], exchanges
