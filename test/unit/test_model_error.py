"""Figures of a model's errors, against their definitions."""

from itertools import combinations
from math import isnan, nan, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim_opt.tune.model_error import geometric_mean, kendall_tau, model_error


def plain_tau(a: list[int], b: list[int]) -> float:
    """Tau-b, pair by pair."""
    agree = disagree = only_a = only_b = 0
    for i, j in combinations(range(len(a)), 2):
        product = (a[i] - a[j]) * (b[i] - b[j])
        agree += product > 0
        disagree += product < 0
        only_a += a[i] == a[j] and b[i] != b[j]
        only_b += b[i] == b[j] and a[i] != a[j]
    scale = sqrt((agree + disagree + only_a) * (agree + disagree + only_b))
    return (agree - disagree) / scale if scale else nan


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=40))
def test_kendall_tau_pair_by_pair(pairs: list[tuple[int, int]]) -> None:
    a, b = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    expected = plain_tau(a, b)
    found = kendall_tau(a, b)
    assert found == pytest.approx(expected, nan_ok=True)


def test_kendall_tau_of_constants() -> None:
    assert isnan(kendall_tau([1, 1, 1], [1, 2, 3]))


def test_model_error() -> None:
    error = model_error([110, 80, 100, 99], [100, 100, 100, 100])
    assert error.mape == pytest.approx(0.31 / 4)
    assert error.bias == pytest.approx(-0.11 / 4)
    assert error.max_error == pytest.approx(0.2)
    assert error.p90 == pytest.approx(0.2)
    assert isnan(error.kendall_tau)


def test_one_in_ten_may_exceed_the_ninth_tenth() -> None:
    true = [100.0] * 11
    assert model_error([100 + n for n in range(11)], true).p90 == pytest.approx(0.09)


def test_no_predictions() -> None:
    with pytest.raises(ValueError, match="0 predictions of 0 values"):
        model_error([], [])


def test_geometric_mean() -> None:
    assert geometric_mean([1, 2, 4]) == pytest.approx(2)
