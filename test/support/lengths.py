"""Attention whose length is an argument: its calls, and what they are to give."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from attention import function_of
from numpy.typing import NDArray
from random_attention import RandomAttention
from xdsl.dialects.builtin import ModuleOp

from pim_opt.dialects.pim import KernelOp, ProgramOp
from pim_opt.kinds import kernel_text
from pim_opt.parsing import make_context, parse_module
from pim_opt.passes.kernel_access import device_of, kernels, shape_of
from pim_opt.passes.linalg_normalize import LinalgNormalizePass
from pim_opt.passes.pim_length_argument import PimLengthArgumentPass
from pim_opt.passes.pim_outline import PimOutlinePass
from pim_opt.sim.issue_order import broken_order
from pim_opt.sim.semantics import deviation, run_function, tolerances
from pim_opt.sim.timing import simulate_program

Array = NDArray[Any]

STALE = 3e4
"""What is in a cache beyond its length: finite numbers up to this one."""


def kernel_with_length(kind: str, shape: Sequence[int], device: str) -> KernelOp:
    """The only kernel of a kind and shape, which takes a length."""
    context = make_context()
    module = parse_module(kernel_text(kind, shape), kind, context)
    for pass_ in (LinalgNormalizePass(), PimLengthArgumentPass(), PimOutlinePass(device)):
        pass_.apply(context, module)
    (kernel,) = kernels(module)
    return kernel


def call_arguments(case: RandomAttention, length: int, seed: int) -> list[Array]:
    """Random arguments of a case, with stale numbers beyond the length.

    Where a guard has something to say, many masks are minus infinity.
    """
    rng = np.random.default_rng(seed)
    module = parse_module(case.mlir(), "<text>", make_context())
    types = function_of(module).function_type.inputs
    arguments: list[Array] = []
    for number, (type_, axes) in enumerate(zip(types, case.axes(), strict=True)):
        array = rng.standard_normal(shape_of(type_))
        if number == len(("q", "k", "v")) and case.guarded:
            array[rng.random(array.shape) < 0.5] = -np.inf
        if "n" in axes:
            beyond = tuple(slice(length if axis == "n" else 0, None) for axis in axes)
            array[beyond] = rng.uniform(-STALE, STALE, array[beyond].shape)
        arguments.append(array.astype(np.float16 if case.element == "f16" else np.float32))
    return arguments


def expected(case: RandomAttention, arguments: Sequence[Array], length: int) -> list[Array]:
    """What the source gives for the first `length` positions: it is written for as many."""
    batch, heads, shared, _, key, value = case.sizes
    shorter = replace(case, sizes=(batch, heads, shared, length, key, value))
    module = parse_module(shorter.mlir(), "<text>", make_context())
    cut = [
        array[tuple(slice(length if axis == "n" else None) for axis in axes)]
        for array, axes in zip(arguments, case.axes(), strict=True)
    ]
    return run_function(function_of(module), cut)


def check_call(case: RandomAttention, module: ModuleOp, length: int, seed: int) -> None:
    """Compare a call of a compiled function with its source, written for so many positions."""
    arguments, function = call_arguments(case, length, seed), function_of(module)
    call = [*arguments, np.asarray(length)]
    results, rights = run_function(function, call), expected(case, arguments, length)
    for found, right, limit in zip(results, rights, tolerances(function, call), strict=True):
        assert deviation(found, right) <= limit, length


def check_issue_order(module: ModuleOp, length: int) -> None:
    """Check that the device's controller keeps what depends on each other in order."""
    (kernel,) = kernels(module)
    device = device_of(kernel)
    log = simulate_program(program_of(kernel), device, length=length, log=True).log
    assert log is not None
    assert broken_order(program_of(kernel), log, device, length) is None


def program_of(kernel: KernelOp) -> ProgramOp:
    """The only program of a kernel."""
    (program,) = [op for op in kernel.body.walk() if isinstance(op, ProgramOp)]
    return program
