"""`pimc run` on a device that reorders: a program is refused if its issue order breaks it."""

from pathlib import Path

import pytest

from pim_opt import pimc
from pim_opt.kinds import kernel_text
from pim_opt.passes.program_builder import ProgramBuilder


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "gemv.mlir"
    path.write_text(kernel_text("gemv", (1, 1, 64, 96)))
    return str(path)


@pytest.fixture
def _no_barriers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lowering leaves the order to the device."""

    def nothing(_builder: ProgramBuilder) -> None:
        pass

    monkeypatch.setattr(ProgramBuilder, "barrier", nothing)


def test_with_barriers_every_dependence_is_kept(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pimc.main(["run", file, "--device", "attacc-ref", "-O1"]) == 0
    assert "issue order keeps all dependences" in capsys.readouterr().out


@pytest.mark.usefixtures("_no_barriers")
@pytest.mark.parametrize("level", ["-O1", "-O2"])
def test_without_barriers_the_kernel_is_named(
    file: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pimc.main(["run", file, "--device", "attacc-ref", level]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    message = "kernel 'gemv0': device \"attacc-ref\" reorders commands against a dependence: "
    line = next(n for n, text in enumerate(Path(file).read_text().split("\n"), 1) if "%sum" in text)
    assert err.startswith(f"{file}:{line}:3: error: {message}")
    assert "stand before it in the program" in err
    assert "hint: choose another schedule, or leave the choice to -O3" in err


@pytest.mark.usefixtures("_no_barriers")
def test_without_barriers_tuning_finds_nothing_that_runs(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pimc.main(["run", file, "--device", "attacc-ref", "-O3", "--no-records"]) == 1
    err = capsys.readouterr().err
    assert 'error: device "attacc-ref" can run none of the best schedules of kernel "gemv0"' in err
    assert "depends on" in err
