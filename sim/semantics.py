"""Translation validation: a module computes the same before and after a pass.

Functions run on random data whose sums no step rounds (small integers), so most differences are
wrong numbers and not rounding; where a kernel's inputs are not small integers any more, after a
division say, its results may differ by the rounding error bound of its arithmetic.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import DYNAMIC_INDEX, ModuleOp, TensorType
from xdsl.ir import Attribute, Operation

from pim_opt.dialects.diagnostics import DiagnosticError, emit_remark
from pim_opt.dialects.pim import KernelOp
from pim_opt.sim.evaluate import Evaluator
from pim_opt.sim.evaluate_scalars import dtype_of_type
from pim_opt.sim.length import length_arguments
from pim_opt.sim.levels import PimLevels
from pim_opt.sim.tolerance import kernel_bound, source_bound

Array = NDArray[Any]

PERTURBED_RUNS = 3
"""Runs with kernel results off by their bounds, which show how errors grow on the way out."""

MARGIN = 4.0
"""Largest deviation over the largest of so few random runs."""

HOST_ROUNDOFF = 1e-6
"""Relative error allowed to host arithmetic in f32 that passes may reorder."""


class SemanticsError(DiagnosticError):
    """A pass changed what a function computes."""

    def __init__(self, op: Operation, message: str) -> None:
        super().__init__(message, op)


def functions(module: ModuleOp) -> list[func.FuncOp]:
    """The functions of a module that have a body."""
    return [op for op in module.walk() if isinstance(op, func.FuncOp) and op.body.blocks]


def has_static_shapes(function: func.FuncOp) -> bool:
    """Whether all arguments are scalars or tensors of known shape."""
    return all(
        not isinstance(t, TensorType) or DYNAMIC_INDEX not in t.get_shape()
        for t in function.function_type.inputs
    )


def small_integers(function: func.FuncOp, rng: np.random.Generator) -> list[Array]:
    """Arguments of -1, 0 and 1, half of them 0."""
    return _arguments(
        function, rng, lambda shape, _: rng.integers(-1, 2, shape) * rng.integers(0, 2, shape)
    )


def normal_values(function: func.FuncOp, rng: np.random.Generator) -> list[Array]:
    """Arguments of normal distribution, scaled so that products summed over an axis stay near 1.

    Bytes are evenly distributed over all that they can be.
    """

    def draw(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        if dtype == np.int8:
            return rng.integers(-128, 128, shape)
        longest = max(shape, default=1)
        return rng.standard_normal(shape) / max(longest, 1) ** 0.25

    return _arguments(function, rng, draw)


def _arguments(
    function: func.FuncOp,
    rng: np.random.Generator,
    draw: Callable[[tuple[int, ...], np.dtype[Any]], Array],
) -> list[Array]:
    """Arguments that `draw` gives for shapes and types; lengths are numbers that there can be."""
    result: list[Array] = []
    lengths = length_arguments(function)
    for number, type_ in enumerate(function.function_type.inputs):
        if number in lengths:
            result.append(np.asarray(rng.integers(1, lengths[number] + 1)))
            continue
        tensor = isinstance(type_, TensorType)
        shape = type_.get_shape() if tensor else ()
        element = cast(TensorType[Attribute], type_).element_type if tensor else type_
        dtype = dtype_of_type(element)
        result.append(np.asarray(draw(shape, dtype)).astype(dtype))
    return result


def run_function(function: func.FuncOp, arguments: Sequence[Array]) -> list[Array]:
    """The function's results at whatever level its kernels are."""
    return Evaluator(PimLevels().handlers()).evaluate_function(function, arguments)


def tolerances(function: func.FuncOp, arguments: Sequence[Array]) -> list[float]:
    """How far each result may be off, given the bounds of the kernels in the function.

    The function runs with every kernel's result off by its bound, by random signs; what that does
    to the results is what rounding may do.
    """
    exact = True

    def perturbed(sign: np.random.Generator | None) -> list[Array]:
        def shifted_kernel(kernel: KernelOp, inputs: Sequence[Array]) -> Array:
            nonlocal exact
            value, bound = kernel_bound(kernel, inputs)
            bound = bound + source_bound(kernel, inputs)
            exact = exact and not bound.any()
            signs = 0.0 if sign is None else sign.choice([-1.0, 1.0], value.shape)
            return (value + signs * bound).astype(inputs[0].dtype)

        return Evaluator(PimLevels(shifted_kernel).handlers()).evaluate_function(
            function, arguments
        )

    base = perturbed(None)
    host = [HOST_ROUNDOFF * _largest(result) for result in base]
    if exact:
        return host
    spread = [0.0] * len(base)
    for seed in range(PERTURBED_RUNS):
        shifted = perturbed(np.random.default_rng(seed))
        spread = [
            max(s, _largest(np.asarray(b, np.float64) - np.asarray(a, np.float64)))
            for s, a, b in zip(spread, base, shifted, strict=True)
        ]
    return [h + MARGIN * s for h, s in zip(host, spread, strict=True)]


def _largest(values: Array) -> float:
    finite = np.abs(np.asarray(values, np.float64))
    finite = finite[np.isfinite(finite)]
    return float(finite.max(initial=0.0))


def deviation(found: Array, expected: Array) -> float:
    """Largest absolute difference; infinite where one is finite or a number and the other not."""
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if a.shape != b.shape:
        return float("inf")
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(a - b))
    return float(np.where(np.isnan(difference), np.inf, difference).max(initial=0.0))


class SemanticsChecker:
    """Runs every function before the first pass and after each, and compares."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._arguments: dict[str, list[Array]] = {}
        self._expected: dict[str, list[Array]] = {}
        self._tolerance: dict[str, list[float]] = {}

    def check(self, module: ModuleOp, stage: str) -> None:
        """Compare with the stage before; the first call only takes note.

        Raises:
            SemanticsError: at the function whose numbers changed.
            DiagnosticError: an op that cannot be evaluated.
        """
        for function in functions(module):
            if not has_static_shapes(function):
                emit_remark(function, "has a dynamic shape, so its semantics are not checked")
                continue
            self._check(function, stage)

    def _check(self, function: func.FuncOp, stage: str) -> None:
        name = function.sym_name.data
        if name not in self._arguments:
            self._take_note(function)
            return
        arguments = self._arguments[name]
        added = dict(list(length_arguments(function).items())[-1:])
        if len(function.body.block.args) == len(arguments) + 1 and added:
            # As many positions as there are: what the function did without the argument.
            arguments = [*arguments, *map(np.asarray, added.values())]
        results = run_function(function, arguments)
        if name not in self._tolerance and any(isinstance(op, KernelOp) for op in function.walk()):
            self._tolerance[name] = tolerances(function, arguments)
        allowed = self._tolerance.get(name)
        for number, (found, expected) in enumerate(zip(results, self._expected[name], strict=True)):
            limit = HOST_ROUNDOFF * _largest(expected) if allowed is None else allowed[number]
            off = deviation(found, expected)
            if off > limit:
                raise SemanticsError(
                    function,
                    f"{stage} changes result {number} of '{name}' by up to {off:.3g}, where"
                    f" rounding allows {limit:.3g}",
                )
        if arguments is not self._arguments[name]:
            self._take_note(function)

    def _take_note(self, function: func.FuncOp) -> None:
        """Draw arguments, and keep what the function makes of them."""
        name = function.sym_name.data
        self._tolerance.pop(name, None)
        self._arguments[name] = small_integers(function, np.random.default_rng(self._seed))
        self._expected[name] = run_function(function, self._arguments[name])
