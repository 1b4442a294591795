"""The tuner: its prices are the model's, its space is legal, its bounds are bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pim_opt.cost.contraction import cycle_parts
from pim_opt.cost.mapping import Mapping
from pim_opt.devices import load_device
from pim_opt.dialects.iteration import Access, Contraction, Role, name_dims
from pim_opt.tune.contraction_tuner import tune_contraction

LANES = 16


def batched_gemv(h: int, n: int, k: int) -> Contraction:
    dims = name_dims([(h, Role.BATCH), (n, Role.OUTPUT), (k, Role.REDUCTION)])
    return Contraction(dims, Access((0, 2)), Access((0, 1, 2)), Access((0, 1)))


@settings(max_examples=15, deadline=None)
@given(h=st.integers(1, 40), n=st.integers(1, 600), k=st.integers(1, 600))
def test_the_search_prices_as_the_model_does(h: int, n: int, k: int) -> None:
    device = load_device("attacc")
    result = tune_contraction(batched_gemv(h, n, k), device, LANES, keep=5)
    assert result.candidates
    for candidate in result.candidates:
        mapping = Mapping(batched_gemv(h, n, k), candidate.schedule, device, LANES)
        assert candidate.cycles == pytest.approx(cycle_parts(mapping).cycles)
        assert candidate.score == pytest.approx(candidate.cycles, abs=0.01)
