"""Random attention functions are recognised, and what is said of them is what they compute."""

import numpy as np
import pytest
from attention import (
    function_of,
    mathematics,
    normalised,
    only_match,
    random_arguments,
    replace_by_body,
    run,
    values_at,
)
from hypothesis import event, given, settings
from hypothesis import strategies as st
from random_attention import RandomAttention, attentions

from pim_opt.dialects.attention import AttentionRole

TOLERANCE = {"f32": 1e-4, "f16": 0.05}
"""The worst of sums of 50 products in f32; scores of about 10 rounded to f16."""


@given(case=attentions(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_description_and_body_compute_what_the_source_does(
    case: RandomAttention, seed: int
) -> None:
    module = normalised(case.mlir())
    match = only_match(module)
    b, h, g, n, d, e = case.sizes
    assert [match.attention.extent(role) for role in AttentionRole] == [b * h, g, n, d, e]
    assert match.scale == pytest.approx(case.scale, rel=1e-3)
    assert match.guarded == case.guarded
    arguments = random_arguments(function_of(module), seed)
    query, key, value, *mask, result = values_at(module, match, arguments)
    expected = mathematics(match, query, key, value, mask[0] if mask else None)
    tolerance = TOLERANCE[case.element]
    np.testing.assert_allclose(result.astype(np.float64), expected, atol=tolerance)
    replace_by_body(match)
    module.verify()
    (replaced,) = run(module, arguments)
    np.testing.assert_allclose(replaced, result.reshape(replaced.shape), atol=tolerance)
    event(f"{case.form}, masked: {case.mask is not None}")
