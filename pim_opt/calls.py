"""Calls of compiled functions: their arguments, and what the kernels of a call take."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

from pim_opt.devices import Device, load_device
from pim_opt.diagnostics import failure
from pim_opt.dialects.diagnostics import place_of
from pim_opt.dialects.pim import KernelOp, ProgramOp
from pim_opt.passes.attention import estimate_at_length
from pim_opt.passes.kernel_access import kernels
from pim_opt.sim.issue_order import broken_order
from pim_opt.sim.length import length_arguments
from pim_opt.sim.timing import Result, TimingError, one_after_the_other, simulate_program

Array = NDArray[Any]
Lengths = Mapping[str, int | None]
"""Per kernel the length of a call; None of one that takes none."""


def with_length(
    function: func.FuncOp, arguments: Sequence[Array], length: int | None, *, complete: bool
) -> list[Array]:
    """The arguments of a call.

    Args:
        function: what is called.
        arguments: its arguments.
        length: that takes the place of the only argument that is one, if given.
        complete: whether `arguments` have one in that place.

    Raises:
        Failure: there is no such argument, or it cannot have that value.
    """
    found, name = length_arguments(function), function.sym_name.data
    if length is None:
        return [*arguments]
    if len(found) != 1:
        raise failure(
            f"length {length}, but '{name}' has {len(found)} arguments that are lengths",
            place_of(function),
            None if found else "compile it with a variable length",
        )
    ((number, most),) = found.items()
    if not 1 <= length <= most:
        raise failure(f"length {length}; '{name}' takes 1 to {most} positions", place_of(function))
    rest = number + 1 if complete else number
    return [*arguments[:number], np.asarray(length), *arguments[rest:]]


def predicted_cycles(module: ModuleOp, lengths: Lengths) -> dict[str, float]:
    """Cycles by the cost model of the kernels that take a length."""
    found: dict[str, float] = {}
    for kernel in kernels(module):
        length = lengths[kernel.label.data]
        if length is not None:
            assert kernel.schedule is not None, "a compiled kernel has one"
            estimate = estimate_at_length(kernel, kernel.schedule.data, length)
            found[kernel.label.data] = estimate.cycles
    return found


def timing_of(module: ModuleOp, device_name: str, lengths: Lengths) -> dict[str, Result]:
    """Per kernel of a compiled module what its program takes.

    Raises:
        Failure: a program never ends, or the device issues it against a dependence.
    """
    device = load_device(device_name)
    found: dict[str, Result] = {}
    for kernel in kernels(module):
        programs = [op for op in kernel.body.walk() if isinstance(op, ProgramOp)]
        length = lengths[kernel.label.data]
        results = [_timed(kernel, program, device, length) for program in programs]
        found[kernel.label.data] = one_after_the_other(results)
    return found


def reorders(device: Device) -> bool:
    """Whether the device's controller issues commands in another order than that of programs."""
    return device.controller.policy == "fr-fcfs"


def _timed(kernel: KernelOp, program: ProgramOp, device: Device, length: int | None) -> Result:
    try:
        result = simulate_program(program, device, length=length, log=reorders(device))
    except TimingError as error:
        raise failure(f"kernel '{kernel.label.data}': {error}", place_of(kernel)) from error
    broken = None if result.log is None else broken_order(program, result.log, device, length)
    if broken is not None:
        raise failure(
            f"kernel '{kernel.label.data}': device \"{device.name}\" reorders commands against a"
            f" dependence: {broken}",
            place_of(kernel),
            "choose another schedule, or leave the choice to -O3, which takes none of these",
        )
    return replace(result, log=None)
