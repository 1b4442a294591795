"""What the finders of kernels have in common: what is asked of them, and what they offer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, func, tensor
from xdsl.ir import BlockArgument, Operation, SSAValue

from pim_opt.devices import Device
from pim_opt.passes.kernel_access import device_named
from pim_opt.passes.kernel_types import KernelTypes


@dataclass(frozen=True)
class Request:
    """What kernels are looked for."""

    device_name: str
    """Name of the device, or its file."""
    narrow_to: str | None
    """Element type that f32 may be rounded to."""
    inputs: str
    """Where streamed operands are when a kernel starts, "dram" or "host", on a device that keeps
    them in DRAM."""

    @property
    def origin(self) -> str:
        """Where streamed operands are when a kernel starts: "dram" or "host"."""
        return "host" if self.device.kernels.host.streams == "host" else self.inputs

    @property
    def device(self) -> Device:
        return device_named(self.device_name)


@dataclass(frozen=True)
class Offer:
    """A kernel that can take the place of some ops."""

    name: str
    """What kernels like it are called."""
    result: SSAValue
    """Of the ops: what the kernel's outcome replaces."""
    ops: Sequence[Operation]
    """In order; all go."""
    types: KernelTypes
    build: Callable[[str], SSAValue]
    """Builds the kernel with this label, and gives its outcome, at the implicit insertion point."""


@dataclass(frozen=True)
class Refusal:
    """Why ops that might have become a kernel stay as they are."""

    what: str
    """What they are, and what becomes of them."""
    reason: str


def is_argument(value: SSAValue) -> bool:
    """Whether a value is an argument of the function or a constant, reshaped at most."""
    if isinstance(value, BlockArgument):
        return isinstance(value.block.parent_op(), func.FuncOp)
    match value.owner:
        case arith.ConstantOp():
            return True
        case tensor.CollapseShapeOp() | tensor.ExpandShapeOp() | tensor.CastOp():
            return is_argument(value.owner.operands[0])
        case _:
            return False
