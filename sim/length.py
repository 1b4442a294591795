"""The length that a kernel of attention may take: how many of its positions take part in a call."""

from typing import cast

from xdsl.dialects.builtin import IntegerAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from pim_opt.dialects.pim import KernelOp, ProgramOp
from pim_opt.dialects.pim.attrs import AT_MOST


class LengthError(ValueError):
    """A length that a kernel does not take, or none where it takes one."""


def check_length(kernel: KernelOp, length: int | None) -> None:
    """Check that a kernel can be run with a length, or without one if it is None.

    Raises:
        LengthError: it cannot.
    """
    label, most = kernel.label.data, kernel.positions
    if kernel.length is None:
        if length is not None:
            raise LengthError(f"kernel '{label}' takes no length; given is {length}")
    elif length is None:
        raise LengthError(f"kernel '{label}' takes a length of 1 to {most}; none is given")
    elif not 1 <= length <= most:
        raise LengthError(f"length {length}; kernel '{label}' takes 1 to {most} positions")


def argument_values(program: ProgramOp, length: int | None) -> dict[SSAValue, int]:
    """The numbers that a program's region takes, by argument.

    Raises:
        LengthError: as `check_length`, of the kernel around the program.
    """
    kernel = program.parent_op()
    if isinstance(kernel, KernelOp):
        check_length(kernel, length)
    argument = program.length_argument
    return {} if argument is None or length is None else {argument: length}


def length_arguments(function: FuncOp) -> dict[int, int]:
    """The arguments of a function that are lengths: number, and positions at most."""
    found: dict[int, int] = {}
    for number, attributes in enumerate(function.arg_attrs or ()):
        if AT_MOST in attributes.data:
            found[number] = cast(IntegerAttr, attributes.data[AT_MOST]).value.data
    return found
