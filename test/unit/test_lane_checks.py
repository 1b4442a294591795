"""Device files whose elementwise and reduction kernels name the wrong commands."""

from pathlib import Path

import pytest

from pim_opt.devices import DeviceError, load_device


@pytest.mark.parametrize(
    ("kernels", "message"),
    [
        (
            "elementwise: {files: {grf_a: {add: MUL_OP1}}}",
            r"4:33: error: MUL_OP1 means 'grf_a\[d\] = grf_a\[s\] \* column'; expected 'grf_a",
        ),
        ("elementwise: {files: {grf_a: {load: LD}}}", "unknown command 'LD'"),
        ("elementwise: {files: {grf_b: {store: WB_RES}}}", "WB_RES means 'column = grf_a"),
        ("elementwise: {files: {grf_c: {load: RD, store: WR}}}", "unknown register 'grf_c'"),
        ("elementwise: {files: {grf_a: {relu: ACC_RESET}}}", "ACC_RESET means"),
        ("elementwise: {scalars: {register: srf, load: LD_OP1}}", "expected 'srf = column'"),
        ("elementwise: {scalars: {register: sfr}}", "unknown register 'sfr'; did you mean 'srf'"),
        ("elementwise: {scalars: null}", "ADD_OP2 takes a scalar, but no scalars are given"),
        ("reduction: {files: {grf_a: {add: DUMMY}}}", "DUMMY means 'nothing'"),
    ],
)
def test_commands_must_mean_what_kernels_take(tmp_path: Path, kernels: str, message: str) -> None:
    path = tmp_path / "device.yaml"
    path.write_text(f"base: hbm-pim-ref\nname: other\nkernels:\n  {kernels}\n")
    with pytest.raises(DeviceError, match=message):
        load_device(str(path))


def test_a_class_that_is_taken_back_is_absent(tmp_path: Path) -> None:
    path = tmp_path / "device.yaml"
    path.write_text("base: hbm-pim\nname: other\nkernels: {elementwise: null}\n")
    device = load_device(str(path))
    assert device.kernels.elementwise is None
    assert device.kernels.reduction is not None
