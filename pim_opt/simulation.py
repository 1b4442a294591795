"""Timing of files: traces of requests, command programs, and modules to compile first."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from pim_opt.api import Compiled, compile, read_module
from pim_opt.devices import Device, DeviceError, load_device
from pim_opt.diagnostics import failure
from pim_opt.dialects.diagnostics import Place, place_of
from pim_opt.dialects.pim import KernelOp, ProgramOp
from pim_opt.parsing import make_context
from pim_opt.sim.length import LengthError
from pim_opt.sim.timing import (
    Result,
    TimingError,
    TraceError,
    one_after_the_other,
    simulate_program,
    simulate_trace,
)

DEFAULT_DEVICE = "attacc"


def simulate(
    source: str | Path | ModuleOp | Compiled,
    *,
    device: str | None = None,
    length: int | None = None,
    log: bool = False,
    **options: Any,
) -> Result:
    """Time a command stream; the kernels of a module run one after the other.

    Args:
        source: the path of a trace or of an .mlir file, MLIR text, or a module. What holds no
            command programs is compiled first.
        device: name or file; by default the one that programs were made for, else attacc.
        length: of the calls of kernels that take one.
        log: whether to keep every command issued.
        options: as for `compile`.

    Raises:
        Failure: the source cannot be read, compiled or timed, with its place.
    """
    if isinstance(source, Path) and source.suffix != ".mlir":
        return _trace(source, _device(device or DEFAULT_DEVICE), log)
    module = _programs(source, device, options)
    found = [op for op in module.walk() if isinstance(op, KernelOp)]
    results = [r for kernel in found for r in _kernel(kernel, device, length, log)]
    if not results:
        raise failure("nothing to time: no kernel of the module can be offloaded")
    return one_after_the_other(results)


def _device(name: str) -> Device:
    try:
        return load_device(name)
    except DeviceError as error:
        raise failure(str(error)) from error


def _trace(path: Path, device: Device, log: bool) -> Result:
    try:
        return simulate_trace(path, device, log=log)
    except OSError as error:
        raise failure(f"cannot read '{path}': {error}") from error
    except TraceError as error:
        raise failure(str(error), Place(error.name, error.line, error.column)) from error
    except TimingError as error:
        raise failure(str(error), Place(str(path), 1, 1)) from error


def _programs(
    source: str | Path | ModuleOp | Compiled, device: str | None, options: dict[str, Any]
) -> ModuleOp:
    """A module with command programs: the source, or what it is compiled to."""
    if isinstance(source, Compiled):
        return source.module
    module, _ = read_module(source, make_context())
    if any(isinstance(op, ProgramOp) for op in module.walk()):
        return module
    return compile(source, device=device or DEFAULT_DEVICE, **options).module


def _kernel(
    kernel: KernelOp, device: str | None, length: int | None, log: bool
) -> Iterator[Result]:
    target = _device(device or kernel.device.data)
    taken = None if kernel.length is None else length
    for op in kernel.body.walk():
        if isinstance(op, ProgramOp):
            try:
                yield simulate_program(op, target, length=taken, log=log)
            except LengthError as error:
                raise failure(str(error), place_of(kernel)) from error
            except TimingError as error:
                raise failure(f"kernel '{kernel.label.data}': {error}") from error
