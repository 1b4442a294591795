"""Placements: where each element of a tensor lies. Pure mathematics, no IR and no device.

Every axis of the tensor is a mixed-radix number; each of its digits steps along one target:
hardware levels taken together (`pc*ra*bg`), `local` addresses inside one bank or register file,
counted in elements, or `time` (the element is there during one iteration only). An element's
address is, per target, the sum of digit times stride. Digits of no axis are copies.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

LOCAL = ("local",)
TIME = ("time",)
BANK = "bank"

Target = tuple[str, ...]
Coordinates = dict[Target, NDArray[np.int64]]


class PlacementError(ValueError):
    """A placement under which two elements would share a place, or with an empty digit."""


@dataclass(frozen=True)
class Piece:
    """A digit of an axis: `size` values, each `stride` further along `target`."""

    target: Target
    size: int
    stride: int = 1


@dataclass(frozen=True)
class Placement:
    """Places of a tensor's elements in `space`: "bank" (DRAM rows) or the name of a register."""

    space: str
    axes: tuple[tuple[Piece, ...], ...]
    """Per tensor axis its digits, outermost first; a flat placement has one axis."""
    copies: tuple[Piece, ...] = ()
    row: int = 0
    """First DRAM row."""
    flat: bool = False
    """The tensor counts as one axis of consecutive elements, whatever its shape."""
    column: int = 0
    """First column of that row; local address 0 is its first element."""

    def __post_init__(self) -> None:
        for piece in self.all_pieces():
            if piece.size < 1:
                raise PlacementError(
                    f"a digit along {'*'.join(piece.target)} has size {piece.size}; expected at"
                    " least 1"
                )
        for target in self.targets:
            reach = 0
            for piece in sorted(self.pieces(target), key=lambda piece: (piece.stride, piece.size)):
                if piece.size > 1 and piece.stride <= reach:
                    raise PlacementError(
                        f"two elements share a place: a digit steps by {piece.stride} along"
                        f" {'*'.join(target)}, which the finer digits already cover up to {reach}"
                    )
                reach += (piece.size - 1) * piece.stride

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets that digits step along, sorted."""
        return tuple(sorted({piece.target for piece in self.all_pieces()}))

    def all_pieces(self) -> Iterator[Piece]:
        """Digits of all axes, then copies."""
        for axis in self.axes:
            yield from axis
        yield from self.copies

    def pieces(self, target: Target) -> tuple[Piece, ...]:
        """The digits that step along `target`."""
        return tuple(piece for piece in self.all_pieces() if piece.target == target)

    def extent(self, target: Target) -> int:
        """Number of places along `target`, from 0 to the furthest one."""
        return 1 + sum((piece.size - 1) * piece.stride for piece in self.pieces(target))

    def padded_shape(self) -> tuple[int, ...]:
        """Points that the digits of each axis cover, at least the tensor's shape."""
        return tuple(prod(piece.size for piece in axis) for axis in self.axes)

    def holds(self, shape: Sequence[int]) -> bool:
        """Whether a tensor of `shape` fits: its rank, and every axis covered."""
        sizes = (prod(shape),) if self.flat else tuple(shape)
        covered = self.padded_shape()
        return len(sizes) == len(covered) and all(
            size <= points for size, points in zip(sizes, covered, strict=True)
        )

    def coordinates(self) -> Coordinates:
        """Per target the address of every point of the padded tensor (first copy).

        Each array broadcasts to `padded_shape()`.
        """
        rank = len(self.axes)
        result: Coordinates = {target: np.zeros((1,) * rank, np.int64) for target in self.targets}
        for number, axis in enumerate(self.axes):
            index = np.arange(prod(piece.size for piece in axis))
            column = (-1,) + (1,) * (rank - 1 - number)
            for piece in reversed(axis):
                index, digit = np.divmod(index, piece.size)
                result[piece.target] = result[piece.target] + (digit * piece.stride).reshape(column)
        return result

    def copy_offsets(self) -> list[Mapping[Target, int]]:
        """Per copy the address to add to each target."""
        offsets: list[Mapping[Target, int]] = []
        sizes = tuple(piece.size for piece in self.copies)
        for digits in np.ndindex(*sizes):
            offset: dict[Target, int] = {}
            for digit, piece in zip(digits, self.copies, strict=True):
                offset[piece.target] = offset.get(piece.target, 0) + digit * piece.stride
            offsets.append(offset)
        return offsets


def split_level_index(
    target: Target, index: NDArray[np.int64], sizes: Mapping[str, int]
) -> dict[str, NDArray[np.int64]]:
    """Coordinates along the single levels of `target`, whose last level runs fastest.

    Args:
        target: names of levels.
        index: positions along them taken together.
        sizes: number of members per level.
    """
    result: dict[str, NDArray[np.int64]] = {}
    for level in reversed(target):
        index, result[level] = np.divmod(index, sizes[level])
    return result


def interleaved(
    elements: int,
    column_elements: int,
    fastest_first: Sequence[tuple[str, int]],
    row: int,
    column: int = 0,
) -> Placement:
    """The host's layout: consecutive columns go round the levels, then to the next local column.

    Args:
        elements: of the tensor, laid out flat from the start of `row`.
        column_elements: elements in one column.
        fastest_first: names and sizes of the levels that the host's addresses run over before a
            bank's next column.
        row: first DRAM row in every bank.
        column: first column of that row.
    """
    target = tuple(name for name, _ in reversed(fastest_first))
    spread = prod(size for _, size in fastest_first)
    depth = -(-elements // (column_elements * spread))
    axis = (
        Piece(LOCAL, depth, column_elements),
        Piece(target, spread),
        Piece(LOCAL, column_elements),
    )
    return Placement(BANK, (axis,), row=row, flat=True, column=column)
