"""Contractions in units whose banks take turns and whose operands pass through rows."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels import gemv_kernel, kernel_of

from pim_opt.cost.bound import contraction_bound
from pim_opt.cost.contraction import USUAL, estimate
from pim_opt.cost.mapping import Mapping
from pim_opt.devices import load_device
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import ScheduleError, one_nest, parse_schedule
from pim_opt.tune.contraction_space import ContractionSpace
from pim_opt.tune.contraction_tuner import tune_contraction
from pim_opt.tune.objectives import OBJECTIVES, Objective, scored
from pim_opt.tune.rule_of_thumb import rule_of_thumb
from pim_opt.tune.unit_space import UnitSpread, unit_schedules
from pim_opt.tune.unit_tuner import UnitFloors

LANES = 16
DEVICES = ["hbm-pim", "hbm-pim-ref"]


def bound_to(text: str, *, n: int = 64, k: int = 64, device: str = "hbm-pim") -> Mapping:
    kernel = gemv_kernel(heads=2, k=k, n=n, device=device).contraction
    return Mapping(kernel, one_nest(parse_schedule(text)), load_device(device), LANES)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "h: channel 2; n: ba 2, time 2, lane 16; k: time 64; order n k",
            "'ba': members of ba share 'srf', so they take turns; expected 'ba*time'",
        ),
        (
            "h: channel 2; n: unit*time 2, time 2, lane 16; k: time 64; order n n k",
            "are ba",
        ),
        (
            "h: channel 2; n: ba*time 2, time 2, lane 16; k: ba*time 2, time 32; order n n k k",
            'the factors over ba*time multiply to 4, but device "hbm-pim" has 2',
        ),
        (
            "h: channel 2; n: time 4, lane 16; k: time 4, lane 16; order n k",
            "2 lane factors",
        ),
        (
            "h: channel 2; n: time 64; k: time 4, lane 16; order n k",
            'device "hbm-pim" has no units whose lanes run along a reduction dimension',
        ),
        (
            "h: channel 2; n: time 4, lane 16; k: time 4, time 16; order k y n k",
            "results are stored inside of a loop over a reduction",
        ),
        (
            "h: channel 2; n: time 4, lane 16; k: channel 4, time 32; order n k",
            "the last channel has none of the 64 points of 'k'",
        ),
        (
            "h: channel 2; n: time 4, lane 16; k: time 64; order n k; x: multicast",
            "loads by direct",
        ),
        (
            "h: channel 2; n: time 4, lane 16; k: time 64; order n k; rows: all",
            "does not open its row in all banks",
        ),
    ],
)
def test_what_units_cannot_do_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ScheduleError, match=re.escape(reason)):
        bound_to(text)


def test_members_that_run_together_take_no_turns() -> None:
    kernel = gemv_kernel(heads=1, k=64, n=64, device="attacc").contraction
    schedule = one_nest(parse_schedule("n: ba*time 4, time 16; k: time 4, lane 16; order n n k"))
    with pytest.raises(ScheduleError, match="whose members take turns, are none"):
        Mapping(kernel, schedule, load_device("attacc"), LANES)


def test_registers_bound_a_chunk_and_a_round() -> None:
    mapping = bound_to("h: channel 2; n: time 16, lane 16; k: time 4, time 16; order n k k", n=256)
    assert (mapping.load_room, mapping.move_room) == (16, 8)
    assert (mapping.load_depth, mapping.move_depth) == (2, 1)
    assert (mapping.loaded_columns, mapping.moved_columns) == (1, 1)


def test_banks_in_turn_hold_what_is_theirs() -> None:
    mapping = bound_to("h: channel 2; n: time 2, ba*time 2, lane 16; k: time 64; order n k n")
    at = mapping.matrix_placement(3).coordinates()
    outputs = at["ba",].reshape(-1)
    assert outputs.tolist() == ([0] * 16 + [1] * 16) * 2
    assert mapping.matrix_rows == 4  # 128 columns in each of the two banks


def test_the_hand_mapping_is_the_published_one() -> None:
    kernel = gemv_kernel(heads=32, k=128, n=512, device="hbm-pim").contraction
    schedule = rule_of_thumb(kernel, load_device("hbm-pim"), LANES)
    assert str(schedule) == (
        "h: channel 16, time 2; n: pc*ra*bg 16, time 1, time 2, lane 16;"
        " k: unit 2, time 4, time 8, ba*time 2; order h n k n k k; x: direct; y: host"
    )


@pytest.mark.parametrize(("name", "multiply"), [("hbm-pim", 1024), ("hbm-pim-ref", 16384)])
def test_the_bound_counts_a_column_of_every_bank(name: str, multiply: int) -> None:
    # 8,192 columns of the matrix in a channel: 32 units take one every 4 cycles, or all banks
    # together one every 2.
    kernel = gemv_kernel(heads=32, k=128, n=512, device=name).contraction
    bound = contraction_bound(kernel, load_device(name), LANES)
    assert bound is not None
    assert bound.multiply == multiply


def priced(kernel: KernelOp, objective: Objective) -> list[float]:
    """The scores of all schedules of the space that the device can follow."""
    device, contraction = load_device(kernel.device.data), kernel.contraction
    scores: list[float] = []
    for schedule in unit_schedules(ContractionSpace(contraction, device, LANES)):
        try:
            found = estimate(Mapping(contraction, schedule, device, LANES), USUAL)
        except ScheduleError:
            continue
        scores.append(scored(objective, found))
    return scores


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_the_search_leaves_out_is_no_better(name: str, objective: Objective) -> None:
    kernel, device = gemv_kernel(heads=1, k=20, n=48, device=name), load_device(name)
    found = tune_contraction(kernel.contraction, device, LANES, keep=2, objective=objective)
    assert found.pruned > 0
    assert found.candidates[0].score == pytest.approx(min(priced(kernel, objective)), rel=1e-12)


@settings(max_examples=8, deadline=None)
@given(
    name=st.sampled_from(DEVICES),
    h=st.integers(1, 8),
    m=st.integers(1, 4),
    n=st.integers(2, 300),
    k=st.integers(1, 300),
    seed=st.integers(0),
)
def test_bounds_of_spreads_are_bounds(name: str, h: int, m: int, n: int, k: int, seed: int) -> None:
    kernel = kernel_of("gqa", (1, h * m, h, k, n), device=name).contraction
    device, rng = load_device(name), np.random.default_rng(seed)
    space = ContractionSpace(kernel, device, LANES)
    bound = contraction_bound(kernel, device, LANES)
    assert bound is not None
    for dim, mode in space.lane_dims():
        table = space.spreads(dim)
        floors = UnitFloors(table, mode, USUAL)
        cycles, energies = floors.cycles(), floors.energy_pj()
        for row in rng.integers(len(table), size=2).tolist():
            for schedule in UnitSpread(space, mode, table.spread(row)).schedules():
                try:
                    found = estimate(Mapping(kernel, schedule, device, LANES), USUAL)
                except ScheduleError:
                    continue
                assert cycles[row] <= found.cycles
                assert energies[row] <= found.energy_pj * (1 + 1e-9)
                assert bound.cycles <= found.cycles
