"""Placements against brute force: every digit of every element, one by one."""

from collections.abc import Iterator
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pim_opt.dialects.placement import (
    BANK,
    LOCAL,
    TIME,
    Piece,
    Placement,
    PlacementError,
    Target,
    interleaved,
    split_level_index,
)
from pim_opt.sim.placed_tensor import store

TARGETS: list[Target] = [LOCAL, ("ch",), ("bg", "ba")]

pieces = st.builds(Piece, st.sampled_from(TARGETS), st.integers(1, 4), st.integers(1, 12))
axes = st.lists(st.lists(pieces, max_size=3).map(tuple), max_size=3).map(tuple)

Address = tuple[tuple[Target, int], ...]


def places(axes: tuple[tuple[Piece, ...], ...], copies: tuple[Piece, ...]) -> Iterator[Address]:
    """The address of every copy of every point, in order of the points."""
    digits = [piece for axis in axes for piece in axis] + list(copies)
    for values in product(*(range(piece.size) for piece in digits)):
        address = dict.fromkeys([piece.target for piece in digits], 0)
        for piece, value in zip(digits, values, strict=True):
            address[piece.target] += value * piece.stride
        yield tuple(sorted(address.items()))


def made(axes: tuple[tuple[Piece, ...], ...], copies: tuple[Piece, ...]) -> Placement | None:
    """The placement, or None if it is refused."""
    try:
        return Placement(BANK, axes, copies)
    except PlacementError:
        return None


@given(axes, st.lists(pieces, max_size=2).map(tuple))
def test_what_is_accepted_is_injective(
    axes: tuple[tuple[Piece, ...], ...], copies: tuple[Piece, ...]
) -> None:
    if made(axes, copies) is not None:
        everywhere = list(places(axes, copies))
        assert len(set(everywhere)) == len(everywhere)


@given(st.permutations([("ch", 2), ("ch", 3), ("bg", 4), ("bg", 2)]), st.integers(0, 4))
def test_mixed_radix_placements_are_accepted(digits: list[tuple[str, int]], copied: int) -> None:
    reach = dict.fromkeys(["ch", "bg"], 1)
    found: list[Piece] = []
    for target, size in digits:
        found.append(Piece((target,), size, reach[target]))
        reach[target] *= size
    placement = made((tuple(found[copied:]),), tuple(found[:copied]))
    assert placement is not None
    assert [placement.extent((name,)) for name in ("ch", "bg")] == [6, 8]


def test_two_elements_in_one_place_are_refused() -> None:
    with pytest.raises(PlacementError, match=r"steps by 2 along ch, .* cover up to 3"):
        Placement(BANK, ((Piece(("ch",), 2, 2),), (Piece(("ch",), 4),)))


@given(axes, st.lists(pieces, max_size=2).map(tuple))
def test_coordinates_and_copies(
    axes: tuple[tuple[Piece, ...], ...], copies: tuple[Piece, ...]
) -> None:
    placement = made(axes, copies)
    assume(placement is not None)
    assert placement is not None
    coordinates = placement.coordinates()
    shape = placement.padded_shape()
    assert shape == tuple(prod(piece.size for piece in axis) for axis in axes)
    arrays = {target: np.broadcast_to(array, shape) for target, array in coordinates.items()}
    found = [
        tuple(
            sorted(
                (target, int(arrays[target][point]) + offset.get(target, 0)) for target in arrays
            )
        )
        for point in np.ndindex(*shape)
        for offset in placement.copy_offsets()
    ]
    assert found == list(places(axes, copies))
    for target in placement.targets:
        assert placement.extent(target) == 1 + max(dict(place)[target] for place in found)


@given(axes, st.lists(pieces, max_size=2).map(tuple), st.data())
def test_stored_tensors_lie_where_the_placement_says(
    axes: tuple[tuple[Piece, ...], ...], copies: tuple[Piece, ...], data: st.DataObject
) -> None:
    placement = made(axes, copies)
    assume(placement is not None)
    assert placement is not None
    shape = tuple(data.draw(st.integers(1, size)) for size in placement.padded_shape())
    array = np.arange(1, prod(shape) + 1).reshape(shape)
    placed = store(array, placement)
    np.testing.assert_array_equal(placed.read(), array)
    found = iter(places(axes, copies))
    for point in np.ndindex(*placement.padded_shape()):
        inside = all(i < size for i, size in zip(point, shape, strict=True))
        for _ in placement.copy_offsets():
            address = dict(next(found))
            value = placed.storage[tuple(address[target] for target in placed.targets)]
            assert value == (array[point] if inside else 0)


@pytest.mark.parametrize(
    ("shape", "flat", "fits"),
    [
        ((5, 8), False, True),
        ((6, 8), False, True),
        ((7, 8), False, False),
        ((5,), False, False),
        ((2, 4), True, False),
        ((2, 3), True, True),
        ((6,), True, True),
        ((), True, True),
    ],
)
def test_holds(shape: tuple[int, ...], flat: bool, fits: bool) -> None:
    first = (Piece(("ch",), 2), Piece(TIME, 3))
    second = (Piece(LOCAL, 8),)
    placement = Placement(BANK, (first,) if flat else (first, second), flat=flat)
    assert placement.holds(shape) is fits


@given(st.integers(1, 200), st.sampled_from([1, 2, 4]), st.integers(1, 3), st.integers(1, 5))
def test_interleaved_deals_columns_round_the_levels(
    elements: int, column: int, inner: int, outer: int
) -> None:
    placement = interleaved(elements, column, [("ba", inner), ("ch", outer)], row=7)
    assert placement.row == 7
    assert placement.holds((elements,))
    coordinates = {target: array.reshape(-1) for target, array in placement.coordinates().items()}
    for element in range(elements):
        number, lane = divmod(element, column)
        local, place = divmod(number, inner * outer)
        assert coordinates[LOCAL][element] == local * column + lane
        levels = split_level_index(
            ("ch", "ba"), coordinates["ch", "ba"][element], {"ba": inner, "ch": outer}
        )
        assert (levels["ba"], levels["ch"]) == (place % inner, place // inner)
