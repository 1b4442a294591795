"""Bounds on rounding really bound it."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from contractions import RandomContraction
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, f16

import pim_opt
from pim_opt.parsing import make_context, parse_module
from pim_opt.passes.kernel_access import kernels
from pim_opt.passes.pim_outline import PimOutlinePass
from pim_opt.passes.pim_set_schedule import PimSetSchedulePass
from pim_opt.sim.element_types import unit_roundoff
from pim_opt.sim.semantics import run_function
from pim_opt.sim.tolerance import SMALLEST_STEP, exact_contraction, kernel_bound, source_bound

INPUTS = Path(__file__).parents[1] / "inputs"


def gemv(n: int, k: int) -> RandomContraction:
    return RandomContraction((n, k), ("output", "reduction"), (1,), (0, 1), (0,))


def outlined(text: str) -> ModuleOp:
    """A module whose contraction is a kernel with a schedule."""
    context = make_context()
    module = parse_module(text, "<text>", context)
    PimOutlinePass().apply(context, module)
    PimSetSchedulePass().apply(context, module)
    return module


@given(st.integers(1, 40), st.integers(1, 200), st.integers(0), st.integers(-10, 3))
@settings(max_examples=settings().max_examples // 8)
def test_results_of_the_device_are_within_their_bound(
    n: int, k: int, seed: int, scale: int
) -> None:
    rng = np.random.default_rng(seed)
    x, w = (
        (rng.standard_normal(shape) * 2.0**scale).astype(np.float16) for shape in ((k,), (n, k))
    )
    text = gemv(n, k).mlir()
    report = pim_opt.run(text, arguments=[x, w])
    (kernel,) = kernels(outlined(text))
    exact, bound = kernel_bound(kernel, [x, w])
    np.testing.assert_allclose(exact, w.astype(np.float64) @ x.astype(np.float64), rtol=1e-12)
    assert (np.abs(report.results[0].astype(np.float64) - exact) <= bound).all()


@given(st.integers(1, 20), st.integers(1, 300), st.integers(0))
@settings(max_examples=settings().max_examples // 8)
def test_results_of_the_source_are_within_theirs(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = (rng.standard_normal(shape).astype(np.float16) for shape in ((k,), (n, k)))
    text = gemv(n, k).mlir()
    source = parse_module(text, "<text>", make_context())
    (found,) = run_function(cast(func.FuncOp, source.body.block.first_op), [x, w])
    (kernel,) = kernels(outlined(text))
    exact, bound = kernel_bound(kernel, [x, w])
    total = bound + source_bound(kernel, [x, w])
    assert (np.abs(found.astype(np.float64) - exact) <= total).all()


def test_integers_that_fit_have_no_error() -> None:
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-2, 3, shape).astype(np.float16) for shape in ((50,), (8, 50)))
    (kernel,) = kernels(outlined(gemv(8, 50).mlir()))
    exact, bound = kernel_bound(kernel, [x, w])
    np.testing.assert_array_equal(exact, w.astype(np.int64) @ x.astype(np.int64))
    assert not bound.any()
    _, bound = kernel_bound(kernel, [x * 1000, w])
    assert bound.all()


@pytest.mark.parametrize(("element", "bits"), [("f16", 11), ("bf16", 8), ("f32", 24), ("f64", 53)])
def test_unit_roundoff(element: str, bits: int) -> None:
    assert unit_roundoff(element) == 2.0**-bits


def test_smallest_step_is_that_of_f16() -> None:
    assert np.finfo(np.float16).smallest_subnormal == SMALLEST_STEP


def test_exact_contraction_knows_axes_and_unit_axes() -> None:
    contraction = RandomContraction(
        (3, 4, 5), ("batch", "output", "reduction"), (2, None, 0), (1, 2, 0), (None, 0, 1)
    )
    (kernel,) = kernels(outlined(contraction.mlir()))
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((5, 1, 3)), rng.standard_normal((4, 5, 3))
    found = exact_contraction(kernel.contraction, x, w)
    np.testing.assert_allclose(found, np.einsum("kuh,nkh->uhn", x, w), rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "narrow_to", "narrowed"), [("gemv_f16", None, False), ("gemv_f32", "f16", True)]
)
def test_exports_that_sum_in_f32_are_held_to_it(
    name: str, narrow_to: str | None, narrowed: bool
) -> None:
    compiled = pim_opt.compile(INPUTS / f"{name}.mlir", narrow_to=narrow_to)
    (kernel,) = kernels(compiled.module)
    assert (kernel.narrowed is not None) is narrowed
    assert kernel.source_accumulator is None


def test_sources_that_sum_in_f16_are_allowed_its_rounding() -> None:
    (kernel,) = kernels(outlined(gemv(8, 50).mlir()))
    assert (kernel.narrowed, kernel.source_accumulator) == (None, f16)
