"""Devices with other values of some fields: their files, and what they are worth."""

from pathlib import Path

import msgspec
import pytest
from small_device import SMALL

from pim_opt.devices import DeviceError, check_device, device_names, files, load_device, loader
from pim_opt.devices.abilities import abilities, gaps
from pim_opt.devices.files import Library
from pim_opt.devices.variants import field_value, variant_text
from pim_opt.diagnostics import Failure
from pim_opt.exploring import Explored, KernelShape, explore

GEMV = KernelShape("gemv", (1, 2, 64, 64))


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return str(path)


@pytest.mark.parametrize("name", ["attacc", "attacc-ref", "hbm-pim", "gddr6-aim-ref"])
def test_a_variant_with_nothing_changed_is_the_device(name: str, tmp_path: Path) -> None:
    device = load_device(name)
    path = tmp_path / "same.yaml"
    path.write_text(variant_text(device, name, {}))
    assert msgspec.to_builtins(load_device(str(path))) == msgspec.to_builtins(device)


def test_fields_by_path(small: str, tmp_path: Path) -> None:
    device = load_device(small)
    fields = {"registers.acc.entries": 2, "organisation.levels.bank.count": 4, "elements.0": "bf16"}
    assert [field_value(device, path) for path in fields] == [4, 2, "f16"]
    path = tmp_path / "changed.yaml"
    path.write_text(variant_text(device, "changed", fields))
    changed = load_device(str(path))
    assert changed.name == "changed"
    assert [field_value(changed, path) for path in fields] == list(fields.values())


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("register.acc", r"the device: unknown field 'register'; did you mean 'registers'\?"),
        ("registers.acc.size", r"registers\.acc: unknown field 'size'"),
        ("organisation.levels.rank.count", r"organisation\.levels: unknown field 'rank'"),
        ("clock_ps.hz", r"clock_ps: unknown field 'hz'"),
    ],
)
def test_fields_that_a_device_lacks(small: str, path: str, message: str) -> None:
    device = load_device(small)
    with pytest.raises(DeviceError, match=message):
        field_value(device, path)
    with pytest.raises(DeviceError, match=message):
        variant_text(device, "changed", {path: 1})


def test_what_a_device_runs(small: str) -> None:
    found = {a.kernel_class: a for a in abilities(load_device(small))}
    assert found["contraction"].runs == "tree (lanes hold summands)"
    assert found["contraction"].missing == "kernels.contraction.broadcast"
    assert not found["attention"].runs
    assert [a.missing for a in abilities(load_device("hbm-pim"))][2:] == ["", ""]


def test_what_a_device_leaves_open(small: str) -> None:
    found = "\n".join(gaps(load_device(small)))
    assert "commands.MAC: no constraint says how long it waits" in found
    assert "timing.completion.MOVE: none" in found
    assert not list(gaps(load_device("attacc")))


def test_every_problem_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(SMALL.replace("operand[s] = data", "operand[z] = data").replace("nA}", "nC}"))
    _, errors = check_device(str(path))
    assert len(errors) > 1
    assert all(error.place is not None for error in errors)


def installed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As if a package with an entry point had its devices in `folder`."""

    class Entry:
        value = "their_devices"

    def points(group: str) -> list[Entry]:
        assert group == "pim_opt.devices"
        return [Entry()]

    monkeypatch.setattr(files, "entry_points", points)
    monkeypatch.setattr(files, "files", {"their_devices": folder}.__getitem__)
    monkeypatch.setattr(loader, "LIBRARY", Library(loader.LIBRARY.folder, "device"))


def test_devices_of_other_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "theirs.yaml").write_text(SMALL)
    installed(monkeypatch, tmp_path)
    assert "theirs" in device_names()
    assert load_device("theirs").description == "two channels of two banks"
    (tmp_path / "attacc.yaml").write_text(SMALL)
    installed(monkeypatch, tmp_path)
    with pytest.raises(DeviceError, match="two files are called device 'attacc'"):
        load_device("nobodys")


def found_by(device: str, field: str, values: tuple[object, ...], folder: Path) -> list[Explored]:
    return list(explore(device, {field: values}, [GEMV], folder=folder, top_k=1))


def test_more_time_to_open_a_row(tmp_path: Path) -> None:
    own, slow = found_by("attacc", "timing.values.nRCD", (60, 19), tmp_path)
    assert (own.unchanged, own.values) == (True, {"timing.values.nRCD": 19})
    assert own.time_us is not None
    assert slow.time_us is not None
    assert slow.time_us > own.time_us
    (kept,) = tmp_path.iterdir()
    assert load_device(str(kept)).timing.values["nRCD"] == 60


def test_a_slower_clock_takes_longer(tmp_path: Path) -> None:
    own, slow = found_by("attacc", "clock_ps", (1538,), tmp_path)
    assert own.cycles == slow.cycles
    assert own.time_us is not None
    assert slow.time_us == pytest.approx(2 * own.time_us)


def test_values_that_make_no_device(tmp_path: Path) -> None:
    _, none = found_by("attacc", "registers.operand.halves", (3,), tmp_path)
    assert none.cycles is None
    assert "16 entries do not divide into 3 halves" in none.problem


def test_a_kernel_of_which_the_device_runs_parts(tmp_path: Path) -> None:
    attention = KernelShape("attention", (1, 2, 2, 32, 32))
    with pytest.raises(Failure, match='"hbm-pim" runs parts of attention by themselves'):
        list(explore("hbm-pim", {"clock_ps": (1000,)}, [attention], folder=tmp_path, top_k=1))
