"""The tuner: its prices are the model's, its space is legal, its bounds are bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_device import SMALL

from pim_opt.cost.contraction import estimate
from pim_opt.cost.mapping import Mapping
from pim_opt.devices import Device, load_device
from pim_opt.dialects.iteration import Access, Contraction, Role, name_dims
from pim_opt.tune.contraction_tuner import INDIFFERENCE, tune_contraction
from pim_opt.tune.objectives import OBJECTIVES, Objective, combined

LANES = 16


def batched_gemv(h: int, n: int, k: int) -> Contraction:
    dims = name_dims([(h, Role.BATCH), (n, Role.OUTPUT), (k, Role.REDUCTION)])
    return Contraction(dims, Access((0, 2)), Access((0, 1, 2)), Access((0, 1)))


@settings(max_examples=12, deadline=None)
@given(
    h=st.integers(1, 40),
    n=st.integers(1, 600),
    k=st.integers(1, 600),
    objective=st.sampled_from(OBJECTIVES),
)
def test_the_search_prices_as_the_model_does(h: int, n: int, k: int, objective: Objective) -> None:
    device = load_device("attacc")
    result = tune_contraction(batched_gemv(h, n, k), device, LANES, keep=5, objective=objective)
    assert result.candidates
    for candidate in result.candidates:
        mapping = Mapping(batched_gemv(h, n, k), candidate.schedule, device, LANES)
        model = estimate(mapping)
        assert candidate.cycles == pytest.approx(model.cycles)
        wanted = combined(objective, model.cycles, model.energy_pj)
        assert candidate.score == pytest.approx(wanted, rel=1e-6, abs=0.01)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """A device with few spreads, on which commands of all kinds take energy."""
    path = tmp_path_factory.mktemp("devices") / "small.yaml"
    path.write_text(f"{SMALL}energy_pj_per_bit: {{column: 0.7, activate: 0.4, global_io: 1.9}}\n")
    return load_device(str(path))


@pytest.mark.parametrize("objective", OBJECTIVES)
@settings(max_examples=8, deadline=None)
@given(h=st.integers(1, 3), n=st.integers(1, 12), k=st.integers(1, 24))
def test_what_the_bounds_leave_out_is_no_better(
    small: Device, objective: Objective, h: int, n: int, k: int
) -> None:
    kernel = batched_gemv(h, n, k)
    pruned = tune_contraction(kernel, small, 4, keep=1, objective=objective)
    everything = tune_contraction(kernel, small, 4, keep=20_000, objective=objective)
    assert everything.pruned == 0
    assert everything.priced >= pruned.priced
    best = everything.candidates[0].score
    assert pruned.candidates[0].score <= best + INDIFFERENCE
