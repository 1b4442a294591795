"""Sweeps give the same whoever computes them, and lose nothing that is done."""

from collections.abc import Generator
from pathlib import Path

import pytest
from sweep_functions import (
    Draw,
    Mortal,
    even_only,
    interrupted_at_five,
    mortal,
    squared,
)

from pim_opt.tune.sweep import LOST, SweepOptions, sweep
from pim_opt.tune.sweep_progress import Watch, watching

ITEMS = [Draw(number) for number in range(23)]


@pytest.fixture(scope="module")
def cluster() -> Generator[str]:
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    # A dead worker's batch is given to another once, not three times.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as local,
    ):
        yield local.scheduler_address


def results_of(path: Path, options: SweepOptions) -> tuple[list[object], bytes]:
    found = sweep(squared, ITEMS, options)
    assert found.complete
    return [(o.item, o.value, o.error) for o in found.outcomes], path.read_bytes()


@pytest.mark.parametrize("batch", [1, 4])
def test_two_workers_give_what_one_gives(tmp_path: Path, batch: int) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    expected = results_of(one, SweepOptions(results=one))
    assert results_of(two, SweepOptions(workers=2, batch=batch, results=two)) == expected
    assert expected[0][3] == (Draw(3), {"square": 9 / 7}, None)


def test_a_cluster_gives_what_one_worker_gives(tmp_path: Path, cluster: str) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    expected = results_of(one, SweepOptions(results=one))
    assert results_of(two, SweepOptions(cluster=cluster, batch=4, results=two)) == expected


def test_a_cluster_that_is_not_there() -> None:
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    assert distributed
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(OSError, match="Timed out"),
    ):
        sweep(squared, ITEMS, SweepOptions(cluster="tcp://127.0.0.1:9"))


def test_errors_stay_with_their_items() -> None:
    found = sweep(even_only, ITEMS[:4], SweepOptions(workers=2, batch=2))
    assert [(o.value, o.error) for o in found.outcomes] == [
        (0, None),
        (None, "ValueError: 1 is odd"),
        (2, None),
        (None, "ValueError: 3 is odd"),
    ]


def check_mortals(items: list[Mortal], options: SweepOptions) -> None:
    """Every item has its result, but for those that end every worker."""
    found = sweep(mortal, items, options)
    assert found.complete
    assert [(o.value, o.error) for o in found.outcomes] == [
        (None, LOST) if item.ends_worker and item.once is None else (item.number, None)
        for item in items
    ]


def test_a_killed_worker_costs_its_batch_only(tmp_path: Path) -> None:
    items = [Mortal(number) for number in range(20)]
    items[4] = Mortal(4, ends_worker=True, once=str(tmp_path / "once"))
    items[13] = Mortal(13, ends_worker=True)
    check_mortals(items, SweepOptions(workers=2, batch=3))


def test_a_killed_worker_of_a_cluster(tmp_path: Path, cluster: str) -> None:
    items = [Mortal(number) for number in range(9)]
    items[4] = Mortal(4, ends_worker=True, once=str(tmp_path / "once"))
    check_mortals(items, SweepOptions(cluster=cluster, batch=3))


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    stopped = sweep(interrupted_at_five, ITEMS, SweepOptions(results=path))
    assert not stopped.complete
    assert [o.value for o in stopped.outcomes] == [0, 1, 2, 3, 4]
    assert len(path.read_text().splitlines()) == 5
    # Cut off in the middle of a line, as a killed process leaves it.
    with path.open("a") as file:
        file.write('{"item": "Draw(number')
    # What is in the file is not computed again: `squared` would give something else.
    whole = sweep(squared, ITEMS, SweepOptions(workers=2, results=path))
    assert whole.complete
    assert [o.value for o in whole.outcomes[:6]] == [0, 1, 2, 3, 4, {"square": 25 / 7}]
    assert len(path.read_text().splitlines()) == len(ITEMS)


def test_results_of_other_sweeps_stay_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    sweep(squared, ITEMS[:3], SweepOptions(results=path))
    first = path.read_text()
    sweep(squared, ITEMS[3:6], SweepOptions(results=path))
    assert path.read_text().startswith(first)
    assert len(path.read_text().splitlines()) == 6


def test_what_is_no_results_file(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"item": "a", "value": 1}\n{"date": 1}\n')
    with pytest.raises(ValueError, match=r"results\.jsonl:2: not a result of a sweep"):
        sweep(squared, ITEMS, SweepOptions(results=path))


def test_items_must_differ() -> None:
    with pytest.raises(ValueError, match="two items of the sweep are alike"):
        sweep(squared, [Draw(1), Draw(1)])


class Terminal:
    """A stderr that says that it is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with watching(Watch("numbers", score=float), 10) as show:
        show(2, [5.0, 3.0])
        show(1, [4.0])
    assert "numbers" in terminal.text
    assert "3/10" in terminal.text
    assert "best 3" in terminal.text


def test_no_progress_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(Watch("numbers"), 10) as show:
        show(1, [1.0])
    assert capsys.readouterr() == ("", "")
