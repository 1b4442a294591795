"""Placements that say the same in other words compare equal, and no others do."""

from collections.abc import Mapping
from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pim_opt.dialects.flat_placement import flat_digits, same_places
from pim_opt.dialects.placement import (
    BANK,
    LOCAL,
    Piece,
    Placement,
    interleaved,
    split_level_index,
)

LEVELS = {"ch": 4, "bg": 2, "ba": 3}
LANES = 4
HOST = [("ch", 4), ("bg", 2), ("ba", 3)]
"""Fastest first."""


def places(placement: Placement, shape: tuple[int, ...]) -> dict[str, NDArray[np.int64]]:
    """Per level and for local addresses the coordinate of every element, in order."""
    found: dict[str, NDArray[np.int64]] = {}
    for target, index in placement.coordinates().items():
        whole = np.broadcast_to(index, placement.padded_shape())
        if placement.flat:
            elements = whole[: prod(shape)]
        else:
            elements = whole[tuple(slice(size) for size in shape)].reshape(-1)
        parts: Mapping[str, NDArray[np.int64]] = (
            {"local": elements} if target == LOCAL else split_level_index(target, elements, LEVELS)
        )
        found |= parts
    return {level: index for level, index in found.items() if index.any()}


@given(columns=st.integers(1, 200), cut=st.integers(0, 3))
def test_the_hosts_layout_in_other_words(columns: int, cut: int) -> None:
    elements = columns * LANES - cut
    host = interleaved(elements, LANES, HOST, row=1)
    digits = flat_digits(host, (elements,), LEVELS)
    if digits is None:
        return
    pieces = tuple(
        Piece(LOCAL if d.level == "local" else (d.level,), d.size, d.stride) for d in digits[::-1]
    )
    other = Placement(BANK, (pieces,), row=1)
    assert other.padded_shape() == (elements,)
    assert same_places(host, other, (elements,), LEVELS)
    assert places(host, (elements,)).keys() == places(other, (elements,)).keys()
    for level, index in places(host, (elements,)).items():
        assert np.array_equal(index, places(other, (elements,))[level])
    elsewhere = Placement(BANK, (pieces,), row=2)
    assert not same_places(host, elsewhere, (elements,), LEVELS)


@given(columns=st.integers(1, 200), first=st.integers(0, 4), second=st.integers(0, 4))
def test_digits_in_another_order(columns: int, first: int, second: int) -> None:
    """Equal by their digits if and only if equal element by element."""
    elements = columns * LANES
    host = interleaved(elements, LANES, HOST, row=0)
    digits = flat_digits(host, (elements,), LEVELS)
    if digits is None:
        return
    pieces = [Piece(LOCAL if d.level == "local" else (d.level,), d.size, d.stride) for d in digits]
    one, other = first % len(pieces), second % len(pieces)
    pieces[one], pieces[other] = pieces[other], pieces[one]
    swapped = Placement(BANK, (tuple(pieces[::-1]),))
    a, b = places(host, (elements,)), places(swapped, (elements,))
    alike = a.keys() == b.keys() and all(np.array_equal(a[level], b[level]) for level in a)
    assert same_places(host, swapped, (elements,), LEVELS) == alike


def test_levels_taken_together_or_alone() -> None:
    split = Placement(BANK, ((Piece(("bg",), 2), Piece(("ch",), 4), Piece(LOCAL, 4)),))
    joined = Placement(BANK, ((Piece(("bg", "ch"), 8), Piece(LOCAL, 4)),))
    assert same_places(split, joined, (32,), LEVELS)
    assert not same_places(split, joined, (31,), LEVELS)
