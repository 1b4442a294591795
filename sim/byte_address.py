"""Byte addresses of the reference trace format: which bits say what.

Least significant first: byte in column, column, row, then the levels of the device from the
innermost out, each as wide as its count needs.
"""

from dataclasses import dataclass
from itertools import accumulate, pairwise

from pim_opt.devices import Device


@dataclass(frozen=True)
class Field:
    """Adjacent bits of an address."""

    start: int
    """Position of the lowest."""
    stop: int
    """Position after the highest."""

    @property
    def step(self) -> int:
        """Bytes from one value of the field to the next."""
        return 1 << self.start

    @property
    def mask(self) -> int:
        """Of its bits, when it starts at 0."""
        return (1 << (self.stop - self.start)) - 1


@dataclass(frozen=True)
class AddressFields:
    """The fields of a device's addresses."""

    group: Field
    core_levels: tuple[Field, ...]
    """In the device's order, outermost first."""
    row: Field
    column: Field


def address_fields(device: Device) -> AddressFields:
    """Where in an address the parts of a device stand."""
    levels = [level.count for level in reversed(device.core_levels)]
    counts = (device.column_bytes, device.columns, device.rows, *levels, device.groups)
    ends = accumulate(((count - 1).bit_length() for count in counts), initial=0)
    _, column, row, *cores, group = (Field(start, stop) for start, stop in pairwise(ends))
    return AddressFields(group, tuple(reversed(cores)), row, column)
