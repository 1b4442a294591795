"""Output targets of `pim-opt -t`: what a module is written as."""

from typing import TextIO

from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer


def print_mlir(module: ModuleOp, output: TextIO, *, generic: bool = False) -> None:
    """The module as MLIR text."""
    Printer(output, print_generic_format=generic).print_op(module)
    output.write("\n")


def print_trace(module: ModuleOp, output: TextIO, *, generic: bool = False) -> None:
    """The commands of every program in the module, in the reference trace format."""
    from pim_opt.dialects.pim import KernelOp, ProgramOp  # noqa: PLC0415
    from pim_opt.passes.kernel_access import device_of, element_of  # noqa: PLC0415
    from pim_opt.sim.trace import write_trace  # noqa: PLC0415

    for program in (op for op in module.walk() if isinstance(op, ProgramOp)):
        kernel = program.parent_op()
        assert isinstance(kernel, KernelOp)
        device = device_of(kernel)
        lanes = device.column_elements(str(element_of(kernel.inputs[0])))
        write_trace(program, device, lanes, output)
