"""DRAM rows handed out to the tensors of kernels."""

from xdsl.ir import SSAValue

from pim_opt.devices import Device
from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.layout import PlacementAttr
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.placement import LOCAL, Placement, interleaved
from pim_opt.passes.kernel_access import shape_of


def host_layout(device: Device, elements: int, column_elements: int, row: int) -> Placement:
    """Where a streamed tensor lies in DRAM: the host's interleave, from the start of `row`."""
    levels = [device.level(name) for name in device.host_layout[:-2]]
    return interleaved(elements, column_elements, [(lv.short, lv.count) for lv in levels], row)


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

    def interleave(self, value: SSAValue, lanes: int) -> PlacementAttr:
        """Rows for a tensor in host layout."""
        elements = 1
        for size in shape_of(value):
            elements *= size
        placement = host_layout(self._device, elements, lanes, self._next)
        self.take(-(-placement.extent(LOCAL) // (self._device.columns * lanes)))
        return PlacementAttr(placement)
