"""GPUs: their files, the published formula against published times, the roofline."""

from pathlib import Path

import pytest

from pim_opt.cost.host_baseline import (
    paper_seconds,
    roofline_seconds,
    used_share,
    work_of,
)
from pim_opt.devices import DeviceError, host_names, load_host

PUBLISHED_US = [
    ("gemv", (1, 32, 128, 512), 10.529),
    ("gemv", (1, 32, 128, 4096), 84.091),
    ("gemv", (4, 64, 128, 4096), 504.546),
    ("attention", (1, 32, 128, 512), 21.221),
    ("attention", (1, 32, 128, 4096), 169.485),
    ("attention", (4, 64, 128, 4096), 1016.913),
    ("red", (1, 1024), 0.1630),
    ("red", (4, 2048), 0.3259),
    ("red", (2, 4096), 0.6518),
    ("va", (1, 1024), 0.2444),
    ("relu", (4, 4096), 0.9776),
]


@pytest.mark.parametrize(("kind", "shape", "us"), PUBLISHED_US)
def test_the_published_formula_gives_the_published_times(
    kind: str, shape: tuple[int, ...], us: float
) -> None:
    found = paper_seconds(load_host("a100-hbm3"), kind, shape) * 1e6
    assert found == pytest.approx(us, rel=4e-4)


def test_a_wave_that_is_not_full_wastes_processors() -> None:
    host = load_host("a100-hbm3")
    assert used_share(host, 108) == 1
    assert used_share(host, 109) == 109 / 216
    assert used_share(host, 27) == 0.25


@pytest.mark.parametrize("kind", ["gemv", "attention", "red", "va", "relu"])
def test_no_roofline_is_above_the_published_formula(kind: str) -> None:
    host = load_host("a100-hbm3")
    shape = (1, 32, 128, 512) if kind in ("gemv", "attention") else (2, 2048)
    assert roofline_seconds(host, kind, shape) < paper_seconds(host, kind, shape)


def test_the_roofline_moves_what_must_move() -> None:
    # Keys and values once, query and result; a sum has one operand.
    assert work_of("attention", (1, 1, 128, 512), 1).elements == 2 * 512 * 128 + 2 * 128
    assert work_of("red", (3, 100), 5).elements == 5 * 3 * 101


def test_a_host_inherits_from_its_base() -> None:
    one, other = load_host("h100"), load_host("h200")
    assert other.tflops == one.tflops
    assert other.gb_s > one.gb_s
    assert {"a100-hbm3", "h100", "h200"} <= set(host_names())


BROKEN = [
    ("memory_efficiency: 1.2", "memory_efficiency is 1.2; expected more than 0 and at most 1"),
    ("gb_s: 0", "gb_s is 0.0; expected more than 0"),
    ("launch_us: -1", "launch_us is -1.0; expected at least 0"),
    ("norm: {gb_s: .inf}", "gb_s is inf; expected more than 0"),
    ("gbs: 3000", "unknown field 'gbs'"),
    ("tflops: fast", "expected `float`, got `str`"),
]


@pytest.mark.parametrize(("line", "message"), BROKEN)
def test_what_is_wrong_is_named_at_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "gpu.yaml"
    path.write_text(f"base: h100\nname: gpu\n{line}\n")
    with pytest.raises(DeviceError) as error:
        load_host(str(path))
    assert str(error.value).startswith(f"{path}:3:")
    assert str(error.value).endswith(message)


def test_an_unknown_host_names_those_that_are_known() -> None:
    with pytest.raises(DeviceError, match="unknown host 'h10'; did you mean 'h100'"):
        load_host("h10")
