"""What `make bench` measures can be measured, and is remembered; no test asserts a time."""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def once(action: Callable[[], object], runs: int = 1) -> float:
    """Stands in for timing an action."""
    del runs
    action()
    return 1.0


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A module of bench/ by name, which measures everything in one run."""
    monkeypatch.setattr(sys, "path", [str(BENCH), *sys.path])

    def load(name: str) -> ModuleType:
        module = import_module(name)
        if hasattr(module, "seconds_of"):
            monkeypatch.setattr(module, "seconds_of", once)
        return module

    return load


def test_the_search_prices_schedules(bench: Callable[[str], ModuleType]) -> None:
    assert bench("model").search_rate().work > 0


@pytest.mark.parametrize("device", ["attacc", "attacc-ref"])
def test_a_stream_is_timed_and_remembered(
    bench: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    device: str,
) -> None:
    simulator, harness = bench("simulator"), bench("harness")
    monkeypatch.setattr(simulator, "compile_seconds", {device: 7.0}.get)
    found = simulator.command_rate(device, 2000)
    harness.append_to_history([found], tmp_path / "history.jsonl")
    harness.append_to_history([found], tmp_path / "history.jsonl")
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    figures = [json.loads(line)["figures"][found.name] for line in lines]
    assert figures == [{"seconds": 1.0, "ratio": 0.01, "requests": 2000, "first": 7.0}] * 2
    assert "compile first" in harness.table([found])
