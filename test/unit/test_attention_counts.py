"""One account of attention's work: the model counts what the program issues."""

import pytest
from attention_kernels import check_counts, started_from
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize("name", ["attacc", "attacc-ref"])
@given(
    heads=st.tuples(st.integers(1, 5), st.integers(1, 9), st.just(1) | st.integers(1, 4)),
    size=st.integers(1, 40),
    length=st.integers(1, 200),
    inputs=st.sampled_from(["resident", "dram", "host"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=25)
def test_the_program_issues_what_the_model_counts(
    name: str, heads: tuple[int, int, int], size: int, length: int, inputs: str, seed: int
) -> None:
    batch, kv_heads, ratio = heads
    shape = (batch, kv_heads * ratio, kv_heads, size, length)
    check_counts(started_from(shape, inputs, name), seed)
