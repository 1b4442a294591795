"""The tuner: its prices are the model's, its space is legal, its bounds are bounds."""

from math import inf
from typing import Literal
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pim_opt.cost.contraction import estimate
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.origins import Origins
from pim_opt.devices import load_device
from pim_opt.dialects.iteration import Access, Contraction, Role, name_dims
from pim_opt.dialects.schedule import one_nest
from pim_opt.tune import contraction_tuner
from pim_opt.tune.contraction_tuner import INDIFFERENCE, tune_contraction
from pim_opt.tune.objectives import OBJECTIVES, Objective, scored

LANES = 16


def batched_gemv(h: int, n: int, k: int) -> Contraction:
    dims = name_dims([(h, Role.BATCH), (n, Role.OUTPUT), (k, Role.REDUCTION)])
    return Contraction(dims, Access((0, 2)), Access((0, 1, 2)), Access((0, 1)))


def shared_matrix(h: int, m: int, n: int, k: int) -> Contraction:
    """Every batch has a matrix for m vectors."""
    roles = (Role.BATCH, Role.ROW, Role.OUTPUT, Role.REDUCTION)
    dims = name_dims(zip((h, m, n, k), roles, strict=True))
    return Contraction(dims, Access((0, 1, 3)), Access((0, 2, 3)), Access((0, 1, 2)))


@settings(max_examples=8, deadline=None)
@given(
    h=st.integers(1, 40),
    n=st.integers(1, 400),
    k=st.integers(1, 400),
    objective=st.sampled_from(OBJECTIVES),
    name=st.sampled_from(["attacc", "attacc-ref"]),
)
def test_the_search_prices_as_the_model_does(
    h: int, n: int, k: int, objective: Objective, name: str
) -> None:
    device = load_device(name)
    result = tune_contraction(batched_gemv(h, n, k), device, LANES, keep=5, objective=objective)
    assert result.candidates
    for candidate in result.candidates:
        mapping = Mapping(batched_gemv(h, n, k), one_nest(candidate.schedule), device, LANES)
        model = estimate(mapping)
        assert candidate.cycles == pytest.approx(model.cycles)
        wanted = scored(objective, model)
        assert candidate.score == pytest.approx(wanted, rel=1e-6, abs=0.01)


@settings(max_examples=4, deadline=None)
@given(
    h=st.integers(1, 3),
    m=st.integers(1, 6),
    n=st.integers(1, 60),
    k=st.integers(1, 200),
    objective=st.sampled_from(OBJECTIVES),
)
def test_shared_matrices_are_priced_as_the_model_does(
    h: int, m: int, n: int, k: int, objective: Objective
) -> None:
    kernel, device = shared_matrix(h, m, n, k), load_device("attacc")
    result = tune_contraction(kernel, device, LANES, keep=5, objective=objective)
    for candidate in result.candidates:
        model = estimate(Mapping(kernel, one_nest(candidate.schedule), device, LANES))
        assert candidate.cycles == pytest.approx(model.cycles)
        wanted = scored(objective, model)
        assert candidate.score == pytest.approx(wanted, rel=1e-6, abs=0.01)


@settings(max_examples=4, deadline=None)
@given(
    h=st.integers(1, 3),
    n=st.integers(1, 60),
    k=st.integers(1, 120),
    start=st.sampled_from(["dram", "host"]),
    objective=st.sampled_from(OBJECTIVES),
)
def test_streamed_matrices_are_priced_as_the_model_does(
    h: int, n: int, k: int, start: Literal["dram", "host"], objective: Objective
) -> None:
    kernel, device, origins = batched_gemv(h, n, k), load_device("attacc"), Origins("host", start)
    for candidate in tune_contraction(
        kernel, device, LANES, origins=origins, keep=5, objective=objective
    ).candidates:
        model = estimate(Mapping(kernel, one_nest(candidate.schedule), device, LANES), origins)
        assert candidate.cycles == pytest.approx(model.cycles)
        wanted = scored(objective, model)
        assert candidate.score == pytest.approx(wanted, rel=1e-6, abs=0.01)


@pytest.mark.parametrize("objective", OBJECTIVES)
@settings(max_examples=2, deadline=None)
@given(h=st.integers(1, 2), m=st.integers(1, 2), n=st.integers(1, 12), k=st.integers(1, 60))
def test_what_the_bounds_leave_out_is_no_better(
    objective: Objective, h: int, m: int, n: int, k: int
) -> None:
    kernel, device = shared_matrix(h, m, n, k), load_device("attacc")
    pruned = tune_contraction(kernel, device, LANES, keep=1, objective=objective)
    with patch.object(contraction_tuner, "INDIFFERENCE", -inf):
        everything = tune_contraction(kernel, device, LANES, keep=1, objective=objective)
    assert everything.pruned == 0
    assert everything.priced >= pruned.priced
    assert pruned.candidates[0].score <= everything.candidates[0].score + INDIFFERENCE
