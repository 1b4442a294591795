"""Rows that a nest opens, against a walk over its iterations, and its boundaries that end one."""

from itertools import pairwise, product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pim_opt.cost.nest import row_ends, rows_opened

COLUMNS = 8
Loops = list[tuple[int, int, int]]


@st.composite
def nests(draw: st.DrawFn) -> tuple[Loops, list[int], list[int]]:
    """Loops of up to three dimensions, their sizes, and which of them the matrix has."""
    dims = draw(st.lists(st.integers(0, 2), min_size=1, max_size=4))
    sizes = [draw(st.integers(1, 6)) for _ in dims]
    loops: Loops = []
    for i, (dim, size) in enumerate(zip(dims, sizes, strict=True)):
        inner = (s for d, s in zip(dims[i + 1 :], sizes[i + 1 :], strict=True) if d == dim)
        loops.append((dim, size, int(np.prod([*inner, 1]))))
    extents = [int(np.prod([s for d, s, _ in loops if d == dim] + [1])) for dim in range(3)]
    points = [draw(st.integers(1, extent)) for extent in extents]
    return loops, points, [draw(st.integers(0, 1)) for _ in range(3)]


def rows_of_iterations(loops: Loops, sizes: list[int], in_matrix: list[int]) -> list[int]:
    """The row of each iteration in bounds, in order."""
    rows: list[int] = []
    for index in product(*(range(size) for _, size, _ in loops)):
        first, place = [0, 0, 0], 0
        for i, (dim, size, stride) in zip(index, loops, strict=True):
            first[dim] += i * stride
            place = place * size + i if in_matrix[dim] else place
        if all(f < size for f, size in zip(first, sizes, strict=True)):
            rows.append(place // COLUMNS)
    return rows


@given(nest=nests())
def test_every_change_of_row_is_counted(nest: tuple[Loops, list[int], list[int]]) -> None:
    loops, sizes, in_matrix = nest
    rows = rows_of_iterations(loops, sizes, in_matrix)
    expected = 1 + sum(a != b for a, b in pairwise(rows))
    table, has = np.array(loops, np.int64), np.array(in_matrix, np.int64)
    assert rows_opened(table, np.array(sizes, np.int64), has, COLUMNS) == expected


@given(nest=nests())
def test_boundaries_that_end_a_row(nest: tuple[Loops, list[int], list[int]]) -> None:
    """Of every iteration, with nothing padded: as many as rows change, but for fractions of one."""
    loops, _, in_matrix = nest
    sizes = [int(np.prod([s for d, s, _ in loops if d == dim] + [1])) for dim in range(3)]
    rows = rows_of_iterations(loops, sizes, in_matrix)
    changes = sum(a != b for a, b in pairwise(rows))
    table, has = np.array(loops, np.int64), np.array(in_matrix, np.int64)
    found = row_ends(table, has, len(loops), len(rows) - 1, changes + 1, COLUMNS)
    assert found <= changes
    if all(in_matrix[dim] for dim, _, _ in loops):
        assert found == changes
