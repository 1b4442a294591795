"""The axes along which partial sums are added: what ops that combine them have in common."""

from collections.abc import Sequence
from typing import cast

from xdsl.dialects.builtin import DenseArrayBase, IntegerType, i64
from xdsl.utils.exceptions import VerifyException


def over_axes(axes: Sequence[int]) -> DenseArrayBase[IntegerType] | None:
    """Axes as a property, which is left out for axis 0 alone."""
    return None if tuple(axes) == (0,) else DenseArrayBase.from_list(i64, list(axes))


def axes_over(over: DenseArrayBase[IntegerType] | None) -> tuple[int, ...]:
    """The axes that `over_axes` has made a property of."""
    return (0,) if over is None else tuple(cast(Sequence[int], over.get_values()))


def verify_combines(partials: Sequence[int], axes: Sequence[int], result: Sequence[int]) -> None:
    """See that partial sums of a shape give results of another.

    Raises:
        VerifyException: they do not.
    """
    left = [size for axis, size in enumerate(partials) if axis not in axes]
    if left == list(result) and all(0 <= axis < len(partials) for axis in axes):
        return
    what = "their first axis" if tuple(axes) == (0,) else f"axes {list(axes)}"
    raise VerifyException(f"partials {list(partials)} without {what} are not {list(result)}")
