"""Output targets of `pim-opt -t`: what a module is written as."""

from typing import TYPE_CHECKING, TextIO

from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

if TYPE_CHECKING:
    from pim_opt.dialects.pim import KernelOp, ProgramOp


def print_mlir(
    module: ModuleOp, output: TextIO, *, generic: bool = False, length: int | None = None
) -> None:
    """The module as MLIR text, which is the same for all lengths."""
    Printer(output, print_generic_format=generic).print_op(module)
    output.write("\n")


def print_trace(
    module: ModuleOp, output: TextIO, *, generic: bool = False, length: int | None = None
) -> None:
    """The commands of every program in the module, in the reference trace format.

    Args:
        module: with programs.
        output: where to write.
        generic: as for the other targets; traces have one form.
        length: of the call, where programs take one.

    Raises:
        DiagnosticError: the device of a program has no such requests, or a program does not take
            that length.
    """
    from pim_opt.dialects.diagnostics import DiagnosticError  # noqa: PLC0415
    from pim_opt.passes.kernel_access import device_of  # noqa: PLC0415
    from pim_opt.sim.length import LengthError  # noqa: PLC0415
    from pim_opt.sim.trace import write_trace  # noqa: PLC0415

    for kernel, program in _programs(module):
        device = device_of(kernel)
        if device.instructions:
            message = f'device "{device.name}" takes instructions instead of requests'
            raise DiagnosticError(message, kernel, hint="-t aim-trace writes them")
        taken = None if kernel.length is None else length
        try:
            write_trace(program, device, output, taken)
        except LengthError as error:
            raise DiagnosticError(str(error), kernel) from error


def print_instructions(
    module: ModuleOp, output: TextIO, *, generic: bool = False, length: int | None = None
) -> None:
    """The programs in the module, one after the other, as a trace of instructions.

    Args:
        module: with programs.
        output: where to write.
        generic: as for the other targets; traces have one form.
        length: of the call, where programs take one.

    Raises:
        DiagnosticError: the device of a program takes none, there is none for a command of it, or
            a program does not take that length.
    """
    from pim_opt.dialects.diagnostics import DiagnosticError  # noqa: PLC0415
    from pim_opt.passes.kernel_access import device_of  # noqa: PLC0415
    from pim_opt.sim.length import LengthError  # noqa: PLC0415
    from pim_opt.sim.timing.instruction_output import write_instructions  # noqa: PLC0415
    from pim_opt.sim.timing.program_instructions import InstructionError  # noqa: PLC0415

    found = _programs(module)
    if not found:
        return
    device = device_of(found[0][0])
    for kernel, _ in found:
        other = device_of(kernel)
        if not other.instructions:
            message = f'device "{other.name}" takes requests instead of instructions'
            raise DiagnosticError(message, kernel, hint="-t pim-trace writes them")
        if other is not device:
            message = f'programs for "{device.name}" and "{other.name}" in one trace'
            raise DiagnosticError(message, kernel)
    try:
        write_instructions([program for _, program in found], device, output, length)
    except (InstructionError, LengthError) as error:
        raise DiagnosticError(str(error), found[0][0]) from error


def _programs(module: ModuleOp) -> "list[tuple[KernelOp, ProgramOp]]":
    """The programs of a module, in order, each with its kernel."""
    from pim_opt.dialects.pim import KernelOp, ProgramOp  # noqa: PLC0415

    found: list[tuple[KernelOp, ProgramOp]] = []
    for op in module.walk():
        if isinstance(op, ProgramOp):
            kernel = op.parent_op()
            assert isinstance(kernel, KernelOp), "the verifier has seen to it"
            found.append((kernel, op))
    return found
