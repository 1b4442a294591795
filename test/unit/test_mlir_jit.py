"""Two oracles that share no code, our evaluator and MLIR's JIT, agree on every input."""

from pathlib import Path

import numpy as np
import pytest

from pim_opt.parsing import make_context, parse_module
from pim_opt.sim import mlir_jit
from pim_opt.sim.evaluate import Evaluator
from pim_opt.sim.semantics import functions, normal_values

pytest.importorskip("torch_mlir.ir", reason="MLIR's bindings are not installed")

INPUTS = Path(__file__).parents[1] / "inputs"

ROUNDING = {np.dtype(np.float16): 2e-3, np.dtype(np.float32): 2e-5}
"""Largest error against the largest magnitude: sums in another order, other math functions."""

ADD = """
func.func @add(%x : tensor<4xf32>) -> tensor<4xf32> {
  %y = arith.addf %x, %x : tensor<4xf32>
  func.return %y : tensor<4xf32>
}
"""

IN_TWO_PARTS = """
func.func @join(%x : tensor<2x3xf32>, %y : tensor<2x2xf32>) -> tensor<2x5xf32> {
  %z = tensor.concat dim(1) %x, %y : (tensor<2x3xf32>, tensor<2x2xf32>) -> tensor<2x5xf32>
  func.return %z : tensor<2x5xf32>
}
"""


@pytest.mark.parametrize("path", sorted(INPUTS.glob("*.mlir")), ids=lambda path: path.stem)
def test_oracles_agree(path: Path) -> None:
    text = path.read_text()
    (function,) = functions(parse_module(text, path.name, make_context()))
    arguments = normal_values(function, np.random.default_rng(0))
    if "cf.assert" in text:
        # That a variance plus epsilon has a root holds of no negative variance.
        arguments = [np.abs(argument) for argument in arguments]
    ours = Evaluator().evaluate_function(function, arguments)
    theirs = mlir_jit.run_jit(text, arguments)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        largest = float(np.abs(b.astype(np.float64)).max())
        limit = ROUNDING[b.dtype] * largest
        np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=0, atol=limit)


def test_strided_copies_have_their_runtime_function() -> None:
    x, y = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((2, 2), np.float32)
    (z,) = mlir_jit.run_jit(IN_TWO_PARTS, [x, y])
    np.testing.assert_array_equal(z, np.concatenate([x, y], axis=1))


def test_what_mlir_refuses_is_an_error() -> None:
    with pytest.raises(mlir_jit.JitError, match="exit code 1"):
        mlir_jit.run_jit(ADD.replace("addf", "nosuch"), [np.ones(4, np.float32)])
