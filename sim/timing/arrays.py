"""Arrays of integers as kernels see them, which run compiled or as plain Python."""

from typing import Protocol, overload

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Words(Protocol):
    """An array of integers with one axis, as kernels see it."""

    def __getitem__(self, at: int, /) -> int: ...
    def __setitem__(self, at: int, value: int, /) -> None: ...
    def __len__(self) -> int: ...


class Lines(Protocol):
    """An array of integers with two axes, as kernels see it."""

    @overload
    def __getitem__(self, at: int, /) -> Words: ...
    @overload
    def __getitem__(self, at: tuple[int, int], /) -> int: ...
    def __setitem__(self, at: int | tuple[int, int], value: int, /) -> None: ...
    def __len__(self) -> int: ...


class Pages(Protocol):
    """An array of integers with three axes, as kernels see it."""

    def __getitem__(self, at: int, /) -> Lines: ...
