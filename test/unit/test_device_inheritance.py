"""Device files that build on others: what they add, change and take back."""

from pathlib import Path

import pytest

from pim_opt.devices import Device, DeviceError, load_device


def device_of(folder: Path, text: str) -> Device:
    path = folder / "device.yaml"
    path.write_text("base: attacc\nname: other\n" + text)
    return load_device(str(path))


def test_a_list_replaces_or_adds(tmp_path: Path) -> None:
    base = load_device("attacc")
    replaced = device_of(tmp_path, "sources: [mine]\n")
    assert replaced.sources == ("mine",)
    load_device.cache_clear()
    added = device_of(tmp_path, "sources+: [mine]\n")
    assert added.sources == (*base.sources, "mine")


def test_null_takes_an_entry_back(tmp_path: Path) -> None:
    device = device_of(tmp_path, "commands: {SETM: null}\nkernels: {contraction: null}\n")
    assert set(load_device("attacc").commands) - set(device.commands) == {"SETM"}
    assert device.kernels.contraction is None
    assert device.kernels.host.read == "RD"


def test_an_error_in_what_is_added_stands_at_its_line(tmp_path: Path) -> None:
    text = (
        "timing:\n"
        "  constraints+:\n"
        "    - {level: bank, preceding: [RD], following: [RD], latency: 1}\n"
        "    - {level: bank, preceding: [RD], following: [XY], latency: 1}\n"
    )
    with pytest.raises(DeviceError, match=r"device\.yaml:6:\d+: error: unknown command 'XY'"):
        device_of(tmp_path, text)


def test_adding_to_no_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"device\.yaml:3:1: error: unknown field 'levels\+'"):
        device_of(tmp_path, "levels+: [a]\n")
