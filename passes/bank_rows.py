"""DRAM rows handed out to the tensors of kernels."""

from math import prod

from xdsl.ir import SSAValue

from pim_opt.cost.host_layout import host_layout
from pim_opt.devices import Device
from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.placement import LOCAL, Placement
from pim_opt.passes.kernel_access import lanes_in, shape_of


class BankRows:
    """Hands out DRAM rows, the same in every bank, from `first` on."""

    def __init__(self, device: Device, first: int, kernel: KernelOp) -> None:
        self._device, self._next, self._kernel = device, first, kernel

    def take(self, rows: int) -> int:
        start, self._next = self._next, self._next + rows
        if self._next > self._device.rows:
            raise DiagnosticError(
                f"kernel {self._kernel.label} needs rows up to {self._next} of every bank, but"
                f' device "{self._device.name}" has {self._device.rows}',
                self._kernel,
            )
        return start

    def interleave(self, value: SSAValue) -> Placement:
        """Rows for a tensor in host layout."""
        elements, lanes = prod(shape_of(value)), lanes_in(self._device, value)
        placement = host_layout(self._device, elements, lanes, self._next)
        self.take(-(-placement.extent(LOCAL) // (self._device.columns * lanes)))
        return placement
