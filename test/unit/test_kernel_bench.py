"""The published kernel evaluation on tiny subsets: figures, tables, files, resuming."""

import json
from pathlib import Path

import pytest

from pim_opt.devices import load_host
from pim_opt.evaluation.kernel_bench import (
    Gpu,
    KernelBench,
    KernelResult,
    points,
    run_points,
)
from pim_opt.evaluation.kernel_points import Point, PointOutcome, Row, evaluate
from pim_opt.evaluation.kernel_tables import markdown
from pim_opt.evaluation.measurements import Measurements, read_measurements
from pim_opt.pimc import main
from pim_opt.tune.sweep import SweepOptions

GPU = Gpu(load_host("a100-hbm3"))
VA = Point("hbm-pim-ref", "va", (1, 1024))


def result_of(point: Point, **cycles: int) -> KernelResult:
    """A kernel whose ways take so many cycles."""
    rows = {way: Row("s", number, float(number), {}) for way, number in cycles.items()}
    return KernelResult(point, PointOutcome(rows, 10.0, 0, None))


def bench_of(*results: KernelResult) -> KernelBench:
    return KernelBench(GPU, results, (), True)


def test_the_suites_are_the_published_shapes() -> None:
    found = list(points(["attacc-ref"]))
    assert len(found) == 8 + 8 + 9
    assert len(list(points(["hbm-pim-ref"]))) == 8 + 3 * 9
    assert Point("attacc-ref", "attention", (4, 64, 128, 4096)) in found


def test_joint_is_no_slower_than_either_part_alone() -> None:
    found = run_points([VA], GPU).results[0]
    joint = found.cycles("joint")
    assert joint is not None
    for way in ("hand", "compute", "rearrangement"):
        other = found.cycles(way)
        assert other is not None
        assert joint <= other
    assert found.cycles("rearrangement") != joint, "rows in common save multiplications' waiting"
    assert found.outcome.bound <= joint


def test_the_joint_schedule_runs_on_data() -> None:
    outcome = evaluate(Point("attacc-ref", "red", (1, 64), execute=True))
    assert outcome["executed"] is True


def test_means_over_the_published_formula() -> None:
    one, other = result_of(VA, joint=20), result_of(Point("hbm-pim-ref", "va", (1, 2048)), joint=40)
    means = bench_of(one, other).means("hbm-pim-ref", "joint", "paper")
    # 0.2444 us and 0.4888 us; a cycle is 0.769 ns.
    assert means is not None
    assert means.arithmetic == pytest.approx(0.24440 / (20 * 0.769e-3), rel=1e-3)
    assert means.best == pytest.approx(means.geometric)


def test_a_mean_needs_every_kernel() -> None:
    bench = bench_of(result_of(VA, joint=20))
    assert bench.means("hbm-pim-ref", "joint", "measured") is None
    gpu = Gpu(GPU.host, Measurements({("va", (1, 1024)): 2.0}))
    means = KernelBench(gpu, bench.results, (), True).means("hbm-pim-ref", "joint", "measured")
    assert means is not None
    assert means.best == pytest.approx(2.0 / (20 * 0.769e-3))


def test_slowdowns_are_over_the_joint_choice() -> None:
    bench = bench_of(result_of(VA, joint=20, compute=40))
    assert bench.slowdown("hbm-pim-ref", "compute") == pytest.approx((2, 2))
    assert bench.slowdown("hbm-pim-ref", "hand") is None


def test_a_gap_above_ten_percent_has_a_reason() -> None:
    text = markdown(bench_of(result_of(VA, joint=20)))
    assert "| hbm-pim-ref | va | 1x1024 | 469 | 237 | 20 | -92% | the published streams" in text
    near = markdown(bench_of(result_of(VA, joint=230)))
    assert "| hbm-pim-ref | va | 1x1024 | 469 | 237 | 230 | -3% |  |" in near


def test_results_do_not_depend_on_workers_and_resume(tmp_path: Path) -> None:
    wanted = [VA, Point("hbm-pim", "relu", (1, 1024))]
    file = tmp_path / "results.jsonl"
    one = run_points(wanted, GPU, SweepOptions(results=file))
    two = run_points(wanted, GPU, SweepOptions(workers=2))
    assert one == two
    kept = file.read_text()
    assert run_points(wanted, GPU, SweepOptions(results=file)) == one
    assert file.read_text() == kept


def test_a_file_of_measurements_names_the_line_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "gpu.csv"
    path.write_text("kind,shape,us\nva,1x1024,2.5\n")
    assert read_measurements(path).seconds("va", (1, 1024)) == pytest.approx(2.5e-6)
    for line in ("va,1x1024", "va,1xa,2", "va,1x1024,-1", "va,1x1024,nan"):
        path.write_text(f"kind,shape,us\n{line}\n")
        with pytest.raises(ValueError, match=f"{path}:2: error: "):
            read_measurements(path)
    path.write_text("kind,us\n")
    with pytest.raises(ValueError, match=":1: error: expected the header kind,shape,us"):
        read_measurements(path)


def test_the_command_writes_json_and_plots(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    file, plots = tmp_path / "out.json", tmp_path / "plots"
    command = ["bench", "paper", "--device", "hbm-pim-ref", "--kind", "va", "--workers", "1"]
    assert main([*command, "--json", str(file), "--plots", str(plots)]) == 0
    assert "| va | 1x1024 |" in capsys.readouterr().out
    kernels = json.loads(file.read_text())["kernels"]
    assert len(kernels) == 9
    assert kernels[0]["gpu_us"]["paper"] == pytest.approx(0.2444, rel=1e-3)
    names = {path.name for path in plots.iterdir()}
    assert names == {"speedups-hbm-pim-ref.png", "times-hbm-pim-ref.png"}
