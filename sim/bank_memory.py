"""The DRAM rows of all banks of a device, as bytes, allocated row by row as they are written."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pim_opt.devices import Device

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
_Scalar = TypeVar("_Scalar", bound=np.generic)

_NEVER_WRITTEN = 0
"""Page number of rows that nothing has been written to."""


class BankMemory:
    """Rows of bytes, addressed by group, core, row and column.

    Every column knows whether it was ever written: what DRAM holds before is not data.
    """

    def __init__(self, device: Device) -> None:
        self._columns = device.columns
        self._column_bytes = device.column_bytes
        shape = (device.groups, device.cores, device.rows)
        self._page = np.zeros(shape, np.int32)
        self._bytes = np.zeros((64, device.columns, device.column_bytes), np.uint8)
        self._written = np.zeros((64, device.columns), np.bool_)
        self._pages = 1

    def read(self, group: Ints, core: Ints, row: Ints, column: Ints) -> tuple[Bytes, Bools]:
        """Columns and whether each was written; index arrays broadcast, bytes are the last axis."""
        page = self._page[group, core, row]
        return self._bytes[page, column], self._written[page, column]

    def write(self, group: Ints, core: Ints, row: Ints, column: Ints, data: Bytes) -> None:
        """Write columns in order: of several to one place the last remains."""
        group, core, row, column = np.broadcast_arrays(group, core, row, column)
        self._allocate(group.reshape(-1), core.reshape(-1), row.reshape(-1))
        page = self._page[group, core, row]
        self._bytes[page, column] = data
        self._written[page, column] = True

    def write_rows(self, group: int, core: int, row: int, data: Bytes) -> None:
        """Write consecutive whole columns from the start of `row` on.

        Args:
            data: shape (columns, bytes of a column).
        """
        count = len(data)
        rows = -(-count // self._columns)
        numbers = np.arange(row, row + rows)
        self._allocate(np.full(rows, group), np.full(rows, core), numbers)
        page = self._page[group, core, numbers]
        places = np.arange(count)
        self._bytes[page[places // self._columns], places % self._columns] = data
        self._written[page[places // self._columns], places % self._columns] = True

    def read_rows(self, group: int, core: int, row: int, count: int) -> tuple[Bytes, Bools]:
        """`count` consecutive columns from the start of `row` on, and whether each was written."""
        places = np.arange(count)
        rows = row + places // self._columns
        return self.read(
            np.asarray(group), np.asarray(core), rows, places % self._columns
        )

    def _allocate(self, group: Ints, core: Ints, row: Ints) -> None:
        """Give every row named a page of its own."""
        missing = self._page[group, core, row] == _NEVER_WRITTEN
        if not missing.any():
            return
        places = np.unique(np.stack([group[missing], core[missing], row[missing]]), axis=1)
        count = places.shape[1]
        self._grow(self._pages + count)
        self._page[tuple(places)] = np.arange(self._pages, self._pages + count)
        self._pages += count

    def _grow(self, pages: int) -> None:
        capacity = len(self._written)
        if pages <= capacity:
            return
        extra = max(pages - capacity, capacity)
        self._bytes = _extended(self._bytes, extra)
        self._written = _extended(self._written, extra)


def _extended(array: NDArray[_Scalar], extra: int) -> NDArray[_Scalar]:
    """`array` with `extra` more zero entries on its first axis."""
    return np.concatenate([array, np.zeros((extra, *array.shape[1:]), array.dtype)])
