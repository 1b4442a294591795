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

    def write_rows(self, group: Ints, core: Ints, row: int, data: Bytes, column: int = 0) -> None:
        """Write consecutive whole columns from `column` of `row` on, in many banks at once.

        Args:
            group, core: shape (banks,).
            row: the first row, the same in every bank.
            data: shape (banks, columns, bytes of a column).
            column: the first column.
        """
        place = column + np.arange(int(data.shape[1]))
        rows = np.arange(row, row + -(-(column + int(data.shape[1])) // self._columns))
        self._allocate(
            *(i.reshape(-1) for i in np.broadcast_arrays(group[:, None], core[:, None], rows))
        )
        page = self._page[group[:, None], core[:, None], row + place // self._columns]
        self._bytes[page, place % self._columns] = data
        self._written[page, place % self._columns] = True

    def read_rows(
        self, group: Ints, core: Ints, row: int, count: int, column: int = 0
    ) -> tuple[Bytes, Bools]:
        """`count` consecutive columns per bank from `column` of `row` on; which were written."""
        place = column + np.arange(count)
        rows = row + place // self._columns
        return self.read(group[:, None], core[:, None], rows, place % self._columns)

    def _allocate(self, group: Ints, core: Ints, row: Ints) -> None:
        """Give every row named a page of its own."""
        missing = self._page[group, core, row] == _NEVER_WRITTEN
        if not missing.any():
            return
        flat = np.ravel_multi_index((group[missing], core[missing], row[missing]), self._page.shape)
        places = np.unique(flat)
        self._grow(self._pages + len(places))
        self._page.reshape(-1)[places] = np.arange(self._pages, self._pages + len(places))
        self._pages += len(places)

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
