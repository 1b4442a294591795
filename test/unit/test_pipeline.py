"""From linalg to command programs: every level computes the same numbers."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pim_opt
from pim_opt.diagnostics import Failure
from pim_opt.main import main

INPUTS = Path(__file__).parents[1] / "inputs"


def gemv(n: int, k: int, heads: int | None = None) -> str:
    """A GEMV in f16, with a leading batch dimension if `heads` is given."""
    h, hd, kinds = ("", "", "") if heads is None else (f"{heads}x", "h, ", '"parallel", ')
    return f"""
func.func @gemv(%x : tensor<{h}{k}xf16>, %w : tensor<{h}{n}x{k}xf16>) -> tensor<{h}{n}xf16> {{
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<{h}{n}xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<{h}{n}xf16>) -> tensor<{h}{n}xf16>
  %y = linalg.generic {{
      indexing_maps = [affine_map<({hd}n, k) -> ({hd}k)>, affine_map<({hd}n, k) -> ({hd}n, k)>,
                       affine_map<({hd}n, k) -> ({hd}n)>],
      iterator_types = [{kinds}"parallel", "reduction"]}}
      ins(%x, %w : tensor<{h}{k}xf16>, tensor<{h}{n}x{k}xf16>) outs(%i : tensor<{h}{n}xf16>) {{
  ^bb0(%a: f16, %b: f16, %acc: f16):
    %m = arith.mulf %a, %b : f16
    %s = arith.addf %acc, %m : f16
    linalg.yield %s : f16
  }} -> tensor<{h}{n}xf16>
  func.return %y : tensor<{h}{n}xf16>
}}
"""


@pytest.mark.parametrize(
    ("name", "narrow_to", "kernels"),
    [
        ("gemv_f16", None, 1),
        ("gemv_f32", "f16", 1),
        ("gemv_f32", None, 0),
        ("decode_attention_masked_f16", None, 1),
        ("mlp_relu", "f16", 2),
    ],
)
def test_real_exports_run(name: str, narrow_to: str | None, kernels: int) -> None:
    report = pim_opt.run(INPUTS / f"{name}.mlir", narrow_to=narrow_to)
    assert report.ok
    assert len(report.kernels) == kernels
    assert all(kernel.commands["MACAB"] > 0 for kernel in report.kernels)


@settings(
    max_examples=settings().max_examples // 15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    n=st.integers(1, 700),
    k=st.integers(1, 700),
    heads=st.one_of(st.none(), st.integers(1, 20)),
)
def test_random_gemv_keeps_its_numbers_at_every_level(
    tmp_path: Path, n: int, k: int, heads: int | None
) -> None:
    path = tmp_path / "gemv.mlir"
    path.write_text(gemv(n, k, heads))
    output = str(tmp_path / "out.mlir")
    assert main([str(path), "-p", "pim-compile", "--verify-each=semantics", "-o", output]) == 0


def test_wrong_schedule_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gemv.mlir"
    path.write_text(gemv(64, 64))
    with pytest.raises(Failure, match="'n' covers 32 of 64"):
        pim_opt.compile(path, schedule="n: channel 16, time 2; k: time 4, lane 16; order n k")


def test_results_come_back_as_arrays() -> None:
    x = np.ones(32, np.float16)
    w = np.ones((48, 32), np.float16)
    report = pim_opt.run(gemv(48, 32), arguments=[x, w])
    assert report.results[0].tolist() == [32.0] * 48
