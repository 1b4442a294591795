"""Validation of the cost model: figures, reproduction, and the command."""

import json
from math import prod

import numpy as np
import pytest

from pim_opt import validation
from pim_opt.dialects.lane_schedule import parse_lane_schedule
from pim_opt.dialects.schedule import Schedule, parse_nest
from pim_opt.measuring import CONFIRMED, Kernel, compare, simulated, space_of, space_outcome
from pim_opt.pimc import main
from pim_opt.tune.schedule_space import schedules
from pim_opt.tune.sweep import SweepOptions
from pim_opt.validation import random_shape, validate
from pim_opt.validation_report import Comparison, SpaceOutcome, Validation

TINY = Kernel("attacc", "gemv", (1, 1, 3, 2))


@pytest.fixture(scope="module")
def small() -> Validation:
    return validate("attacc", "gemv", seed=5, samples=6, spaces=0)


def test_workers_do_not_change_the_figures(small: Validation) -> None:
    options = SweepOptions(workers=2)
    again = validate("attacc", "gemv", seed=5, samples=6, spaces=0, options=options)
    assert again.comparisons == small.comparisons
    other = validate("attacc", "gemv", seed=6, samples=6, spaces=0)
    assert other.comparisons != small.comparisons


def test_samples_can_be_made_again(small: Validation) -> None:
    for comparison in small.comparisons:
        kernel = Kernel("attacc", "gemv", comparison.shape)
        assert compare(kernel, parse_nest(comparison.schedule)) == comparison
        assert sum(comparison.parts.values()) == pytest.approx(comparison.predicted)
        assert sum(comparison.breakdown.values()) == comparison.cycles


def test_figures_of_a_validation() -> None:
    def comparison(predicted: float) -> Comparison:
        return Comparison((1, 1, 1, 1), "", predicted, 100, {}, {})

    def space(chosen: int, confirmed: int) -> SpaceOutcome:
        return SpaceOutcome((1, 1, 1, 1), 1000, chosen, confirmed, 100, "", "")

    found = Validation(
        "attacc",
        "gemv",
        0,
        (comparison(110), comparison(70)),
        (space(121, 100), space(100, 100), space(110, 110)),
        (),
        True,
        1.0,
    ).as_json()
    assert found["mape"] == pytest.approx(0.2)
    assert found["bias"] == pytest.approx(-0.1)
    assert found["regret_geomean"] == pytest.approx(0.1, abs=1e-6)
    assert found["regret_worst"] == pytest.approx(0.21)
    assert found["confirmed_regret_worst"] == pytest.approx(0.1)
    assert (found["samples"], found["spaces"], found["schedules"]) == (2, 3, 3000)


def test_a_space_by_brute_force() -> None:
    everything = list(schedules(space_of(TINY)))
    found = space_outcome(TINY, everything)
    cycles = {schedule: simulated(TINY, schedule).cycles for schedule in everything}
    assert found.schedules == len(everything)
    assert found.best == min(cycles.values())
    assert found.chosen == cycles[parse(found.chosen_schedule, everything)]
    assert found.best <= found.confirmed <= found.chosen


def parse(text: str, known: list[Schedule]) -> Schedule:
    return next(schedule for schedule in known if str(schedule) == text)


def test_a_part_of_a_space_has_the_models_best() -> None:
    drawn = list(schedules(space_of(TINY)))[:3]
    found = space_outcome(TINY, drawn)
    assert found.schedules == CONFIRMED
    assert found.chosen >= found.confirmed == found.best


@pytest.mark.parametrize("device", ["hbm-pim", "hbm-pim-ref"])
@pytest.mark.parametrize("kind", ["relu", "red"])
def test_kernels_that_compute_in_place_draw_their_own_schedules(device: str, kind: str) -> None:
    found = validate(device, kind, seed=1, samples=3, spaces=1)
    assert not found.failed
    assert len(found.comparisons) == 3
    # Their spaces are small: the largest of those that were drawn is simulated to the last.
    assert [space.schedules > 1 for space in found.spaces] == [True]


@pytest.mark.parametrize("shape", ["8,11", "2,131", "1,1624", "3,4000"])
@pytest.mark.parametrize("rows", ["own", "shared"])
def test_commands_of_another_bank_follow_sooner(shape: str, rows: str) -> None:
    sizes = tuple(map(int, shape.split(",")))
    schedule = parse_lane_schedule(f"columns: 1; registers: grf_a; rows: {rows}")
    found = compare(Kernel("hbm-pim-ref", "va", sizes), schedule)
    assert found.predicted == found.cycles


@pytest.mark.parametrize("shape", ["8,11", "6,6100", "3,14438", "1,67139"])
@pytest.mark.parametrize("rows", ["own", "shared"])
def test_reads_of_open_rows_go_before_those_that_wait(shape: str, rows: str) -> None:
    sizes = tuple(map(int, shape.split(",")))
    schedule = parse_lane_schedule(f"columns: 0; registers: grf_a; rows: {rows}")
    found = compare(Kernel("hbm-pim-ref", "red", sizes), schedule)
    assert found.predicted == pytest.approx(found.cycles, rel=0.01)


def test_random_shapes_are_bounded_and_various() -> None:
    rng = np.random.default_rng(1)
    shapes = [random_shape("gemv", rng, (100, 5000)) for _ in range(200)]
    assert all(100 <= prod(shape) <= 5000 for shape in shapes)
    assert {size % 2 for shape in shapes for size in shape} == {0, 1}
    assert max(shape[2] for shape in shapes) > 20 * min(shape[2] for shape in shapes)


def test_the_command_gives_json(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--samples", "4", "--spaces", "0", "--workers", "1", "--json"]
    assert main(["validate-cost", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["samples"] == 4
    assert {"mape", "p90", "max_error", "bias", "kendall_tau", "seconds"} <= set(found)


def test_the_command_gives_a_table_and_spaces(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "SPACE_WORK", (16, 64))
    arguments = ["--samples", "2", "--spaces", "1", "--schedules", "20", "--workers", "1"]
    assert main(["validate-cost", *arguments]) == 0
    text = capsys.readouterr().out
    assert "20 schedules simulated" in text
    assert "regret" in text
    # The samples can be pasted.
    line = next(line for line in text.split("\n") if line.startswith("error "))
    shape, schedule = line.split("--shape ")[1].split(" --schedule ")
    given = ["--shape", shape, "--schedule", schedule.strip("'")]
    assert main(["validate-cost", *given]) == 0
    assert line in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "gem"], "unknown kind 'gem'; known are attention, gemm"),
        (["--device", "nothing"], "unknown device 'nothing'"),
        (["--shape", "1,2"], "--shape and --schedule come together"),
        (["--shape", "1,x", "--schedule", "k: lane 16"], "shape '1,x'; expected numbers"),
        (
            ["--shape", "1,1,4,4", "--schedule", "n: time 4; k: lane 15; order n"],
            "has lane 15; a column of device",
        ),
        (["--shape", "1,1,4,4", "--schedule", "q"], "'q' is not a part of a schedule"),
    ],
)
def test_errors_of_the_command(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate-cost", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_failed_item_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "SAMPLE_COMMANDS", 0)
    assert main(["validate-cost", "--samples", "1", "--spaces", "0", "--workers", "1"]) == 1
    assert "none of 200 random schedules suits device" in capsys.readouterr().err
