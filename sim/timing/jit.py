"""Compilation of the engines' kernels: the same functions run as plain Python or compiled.

Parts of a kernel are marked `@part`: they stay Python functions, and numba compiles them into the
kernel that calls them.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def part(function: F) -> F:
    """Mark a function that kernels call."""
    from numba.extending import register_jitable  # noqa: PLC0415

    return cast(F, register_jitable(_nrt=False)(function))


@cache
def compiled(kernel: F) -> F:
    """The kernel as machine code, compiled at its first call and kept on disk."""
    from numba import njit  # noqa: PLC0415

    return cast(F, njit(cache=True, _nrt=False)(kernel))
