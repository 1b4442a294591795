"""Tuning a kernel: never worse than the hand mapping, by any objective, and remembered."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels import gemv_kernel

from pim_opt.devices import load_device
from pim_opt.dialects.diagnostics import DiagnosticError, Remark, remarks_to
from pim_opt.dialects.schedule import parse_schedule
from pim_opt.passes import kernel_tuning
from pim_opt.passes.kernel_program import lowered
from pim_opt.passes.kernel_tuning import Tuned, baseline, predicted, simulated, tune_kernel
from pim_opt.passes.recorded_tuning import key_of, recalled, record_of, remember
from pim_opt.sim.issue_order import BrokenOrder
from pim_opt.sim.timing import simulate_program
from pim_opt.tune.objectives import OBJECTIVES, Objective
from pim_opt.tune.records import Record, append_record, merged, read_records

RECORD = Record("k", "gemv", "d", "latency", 4, "n: ..", 10.0, 11, None, 5, 6, 0.5)


@settings(max_examples=4, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 100), st.integers(1, 100), st.sampled_from(OBJECTIVES),
    st.sampled_from(["attacc", "attacc-ref"]),
)  # fmt: skip
def test_confirmed_schedules_are_never_worse_than_the_hand_mapping(
    heads: int, k: int, n: int, objective: Objective, device: str
) -> None:
    kernel = gemv_kernel(heads=heads, k=k, n=n, device=device)
    tuned = tune_kernel(kernel, objective, 3)
    assert tuned.baseline is not None
    assert tuned.baseline.rejected is None
    assert tuned.best.score(objective) <= tuned.baseline.score(objective)
    assert tuned.best.result is not None


def test_the_hand_mapping_wins_where_the_search_found_nothing_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = parse_schedule("n: time 64; k: time 4, lane 16; order n k; x: direct; y: host")
    kernel = gemv_kernel()
    real = kernel_tuning.search(kernel, "latency", 1)
    (candidate,) = real.candidates
    found = replace(real, candidates=(replace(candidate, schedule=slow),))
    monkeypatch.setattr(kernel_tuning, "search", Mock(return_value=found))
    assert tune_kernel(kernel, "latency", 1).best.schedule == baseline(kernel)


def test_what_the_controller_would_break_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = gemv_kernel()
    hand = baseline(kernel)
    broken = BrokenOrder("MACAB", 0, 0, "operand", 1, 0)
    verdicts = Mock(side_effect=[broken, broken, None])
    monkeypatch.setattr(kernel_tuning, "broken_order", verdicts)
    tuned = tune_kernel(kernel, "latency", 2)
    assert [choice.schedule for choice in tuned.choices] == [hand]
    assert [choice.rejected for choice in tuned.rejected] == [str(broken)] * 2


def test_only_what_would_win_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = BrokenOrder("MACAB", 0, 0, "operand", 1, 0)
    verdicts = Mock(side_effect=[broken, None])
    monkeypatch.setattr(kernel_tuning, "broken_order", verdicts)
    tuned = tune_kernel(gemv_kernel(), "latency", 2)
    assert (len(tuned.choices), len(tuned.rejected)) == (2, 1)
    assert tuned.rejected[0].cycles <= tuned.best.cycles <= tuned.choices[1].cycles


def test_nothing_that_can_run_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = BrokenOrder("MACAB", 0, 0, "operand", 1, 0)
    monkeypatch.setattr(kernel_tuning, "broken_order", Mock(return_value=broken))
    with pytest.raises(DiagnosticError, match='"attacc-ref" can run none of the best schedules'):
        tune_kernel(gemv_kernel(), "latency", 2)


def test_lowering_a_copy_leaves_the_kernel() -> None:
    kernel = gemv_kernel()
    before = str(kernel)
    hand = baseline(kernel)
    assert hand is not None
    lowered(kernel, hand)
    assert str(kernel) == before


@pytest.mark.parametrize("objective", ["energy", "edp"])
def test_each_objective_is_best_at_what_it_makes_small(objective: Objective) -> None:
    kernel = gemv_kernel(k=96, n=100)
    by_objective = tune_kernel(kernel, objective, 1, confirm=False).best
    by_latency = tune_kernel(kernel, "latency", 1, confirm=False).best
    assert by_objective.score(objective) <= by_latency.score(objective) * (1 + 1e-9)
    assert by_latency.cycles <= by_objective.cycles + 1


# Records


def tuned_and_recorded(path: Path) -> tuple[Any, Tuned]:
    kernel = gemv_kernel()
    tuned = tune_kernel(kernel, "latency", 2)
    remember(path, record_of(kernel, tuned, "latency", 2, key_of(kernel)))
    return kernel, tuned


def test_a_record_is_taken_again(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "records.jsonl"
    kernel, tuned = tuned_and_recorded(path)
    known = recalled(kernel, path, "latency", 2)
    assert known is not None
    assert known[1].schedule == tuned.best.schedule
    assert recalled(kernel, path, "latency", 3) is None, "it had looked at fewer candidates"
    assert recalled(kernel, path, "energy", 2) is None
    other = gemv_kernel(n=65)
    assert recalled(other, path, "latency", 2) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"simulated_cycles": 1}, "cycles, not 1"),
        ({"schedule": "n: channel 16; k: lane 16"}, "does not fit"),
        ({"schedule": "nonsense"}, "does not fit"),
    ],
)
def test_a_record_that_is_not_true_is_left_aside(
    tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    path = tmp_path / "records.jsonl"
    kernel, tuned = tuned_and_recorded(path)
    remember(path, replace(record_of(kernel, tuned, "latency", 2, key_of(kernel)), **changed))
    remarks: list[Remark] = []
    with remarks_to(remarks.append):
        assert recalled(kernel, path, "latency", 2) is None
    assert why in remarks[0].message


def test_damaged_lines_are_named_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append_record(path, RECORD)
    with path.open("ab") as file:
        file.write(b'{"key": 3}\n\xff\n{"key": "half')
    append_record(path, replace(RECORD, key="after"))
    warned: list[int] = []
    found = list(read_records(path, lambda line, _: warned.append(line)))
    assert [record.key for record in found] == ["k", "after"]
    assert warned == [2, 3, 4]


APPEND = """
import sys
from dataclasses import replace
from pathlib import Path
from pim_opt.tune.records import Record, append_record
record = Record("k", "gemv", "d", "latency", 4, "n" * 500, 10.0, 11, None, 5, 6, 0.5)
for number in range(200):
    append_record(Path(sys.argv[1]), replace(record, key=f"{sys.argv[2]}{number}"))
"""


def test_processes_may_append_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    workers = [subprocess.Popen([sys.executable, "-c", APPEND, str(path), name]) for name in "ab"]
    assert [worker.wait() for worker in workers] == [0, 0]
    warned: list[int] = []
    found = list(read_records(path, lambda line, _: warned.append(line)))
    assert not warned
    assert {record.key for record in found} == {f"{n}{i}" for n in "ab" for i in range(200)}


def test_merged_records_stand_once() -> None:
    other = replace(RECORD, key="other")
    assert merged(iter([RECORD, other, RECORD])) == [RECORD, other]


def test_the_key_depends_on_the_devices_contents(tmp_path: Path) -> None:
    same, slower = tmp_path / "same.yaml", tmp_path / "slower.yaml"
    same.write_text("base: attacc-ref\nname: attacc-ref\n")
    slower.write_text("base: attacc-ref\nname: attacc-ref\ntiming: {values: {nRP: 21}}\n")
    assert key_of(gemv_kernel(device=str(slower))) != key_of(gemv_kernel(device=str(same)))
    assert key_of(gemv_kernel(k=65)) != key_of(gemv_kernel(k=64))


def test_simulated_is_what_the_simulator_says() -> None:
    kernel = gemv_kernel()
    hand = baseline(kernel)
    assert hand is not None
    _, program = lowered(kernel, hand)
    choice = simulated(kernel, predicted(kernel, hand))
    assert choice.cycles == simulate_program(program, load_device("attacc-ref")).cycles
