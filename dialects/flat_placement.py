"""Placements in a form of their own for each way that elements can lie, so that they compare equal.

A placement may say the same in many ways: along levels taken together or one by one, of a tensor's
axes or of its flat elements. Here its digits step through the flat tensor and along single levels,
and no two of them could be one. Pure mathematics, no IR and no device.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from pim_opt.dialects.placement import LOCAL, Piece, Placement


@dataclass(frozen=True)
class FlatDigit:
    """`size` values, each `weight` elements further in the tensor and `stride` along `level`."""

    weight: int
    size: int
    level: str
    stride: int


def same_places(
    first: Placement, second: Placement, shape: Sequence[int], level_sizes: Mapping[str, int]
) -> bool:
    """Whether every element of a tensor lies in the same place, and only there, under both.

    A placement with padding is the same as none: what lies there is not the tensor's.
    """
    digits = flat_digits(first, shape, level_sizes)
    where = (first.space, first.row)
    return (
        digits is not None
        and where == (second.space, second.row)
        and digits == flat_digits(second, shape, level_sizes)
    )


def flat_digits(
    placement: Placement, shape: Sequence[int], level_sizes: Mapping[str, int]
) -> tuple[FlatDigit, ...] | None:
    """The digits of a tensor's flat element number, finest first, as few as there can be.

    Args:
        placement: of the tensor.
        shape: of the tensor.
        level_sizes: members of every level that the placement may name.

    Returns:
        The digits; or None where there are copies or padding, or where a digit takes part of the
        members of levels that are taken together and does not divide them.
    """
    elements = prod(shape)
    if any(piece.size > 1 for piece in placement.copies):
        return None
    if not placement.flat and placement.padded_shape() != tuple(shape):
        return None
    found: list[FlatDigit] = []
    for weight, piece in _weighted(placement, shape):
        split = _along_levels(weight, piece, level_sizes)
        if split is None:
            return None
        found += split
    found.sort(key=lambda digit: digit.weight)
    cut = [_within(digit, elements) for digit in found if digit.weight < elements]
    whole = [digit for digit in cut if digit is not None]
    return None if len(whole) < len(cut) else tuple(_merged(whole))


def _weighted(placement: Placement, shape: Sequence[int]) -> Iterator[tuple[int, Piece]]:
    """The pieces of all axes and their weights in the flat tensor."""
    sizes = [1] if placement.flat else list(shape)
    for number, axis in enumerate(placement.axes):
        weight = prod(sizes[number + 1 :])
        for piece in reversed(axis):
            yield weight, piece
            weight *= piece.size


def _along_levels(
    weight: int, piece: Piece, level_sizes: Mapping[str, int]
) -> list[FlatDigit] | None:
    """The digits along single levels of a piece along several, whose last runs fastest."""
    if piece.target == LOCAL:
        return [FlatDigit(weight, piece.size, "local", piece.stride)]
    digits: list[FlatDigit] = []
    size, stride = piece.size, piece.stride
    for level in reversed(piece.target):
        count = level_sizes[level]
        if size == 1:
            break
        if stride >= count:
            if stride % count:
                return None
            stride //= count
            continue
        taken = min(size, count // stride)
        if size % taken or (taken < size and count % stride):
            return None
        digits.append(FlatDigit(weight, taken, level, stride))
        weight, size, stride = weight * taken, size // taken, 1
    return digits if size == 1 else None


def _within(digit: FlatDigit, elements: int) -> FlatDigit | None:
    """A digit less what lies beyond so many elements; None if it would not end with them."""
    if digit.weight * digit.size <= elements:
        return digit
    if elements % digit.weight:
        return None
    return FlatDigit(digit.weight, elements // digit.weight, digit.level, digit.stride)


def _merged(digits: Sequence[FlatDigit]) -> list[FlatDigit]:
    """Neighbours that go on in the same direction as one; those of one value left out."""
    result: list[FlatDigit] = []
    for digit in digits:
        if digit.size == 1:
            continue
        last = result[-1] if result else None
        if (
            last is not None
            and digit.level == last.level
            and digit.weight == last.weight * last.size
            and digit.stride == last.stride * last.size
        ):
            result[-1] = FlatDigit(last.weight, last.size * digit.size, last.level, last.stride)
        else:
            result.append(digit)
    return result
