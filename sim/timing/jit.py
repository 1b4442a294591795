"""Compilation of the engines' kernels: the same functions run as plain Python or compiled.

Parts of a kernel are marked `@part`: they stay Python functions, and numba compiles them into the
kernel that calls them. Kernels allocate nothing, so numba counts no references for them: that
halves their time.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol, TypeVar, cast, overload

import numba
from numba.extending import register_jitable

F = TypeVar("F", bound=Callable[..., Any])


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


def part(function: F) -> F:
    """Mark a function that kernels call."""
    mark: Callable[[F], F] = register_jitable(_nrt=False)
    return mark(function)


@cache
def compiled(kernel: F) -> F:
    """The kernel as machine code, compiled at its first call and kept on disk."""
    compile_ = cast("Callable[..., Callable[[F], F]]", numba.njit)
    return compile_(cache=True, _nrt=False)(kernel)
