"""The rows of all banks against a dictionary of columns."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_device import SMALL

from pim_opt.devices import Device, load_device
from pim_opt.sim.bank_memory import BankMemory, Ints

Place = tuple[int, int, int, int]

places = st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 7), st.integers(0, 3))
writes = st.lists(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=6))


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    path: Path = tmp_path_factory.mktemp("devices") / "small.yaml"
    path.write_text(SMALL)
    return load_device(str(path))


def axes_of(places: list[Place]) -> tuple[Ints, Ints, Ints, Ints]:
    """Groups, cores, rows and columns, an array each."""
    group, core, row, column = np.array(places).T
    return group, core, row, column


@given(writes)
def test_memory_is_a_dictionary_of_columns(
    device: Device, batches: list[list[tuple[Place, int]]]
) -> None:
    memory, expected = BankMemory(device), dict[Place, int]()
    for batch in batches:
        data = np.array([[value] * 8 for _, value in batch], np.uint8)
        memory.write(*axes_of([place for place, _ in batch]), data)
        expected.update(batch)
    everywhere = list(product(range(2), range(2), range(8), range(4)))
    data, written = memory.read(*axes_of(everywhere))
    for number, place in enumerate(everywhere):
        assert written[number] == (place in expected)
        assert data[number].tolist() == [expected.get(place, 0)] * 8


@given(st.integers(0, 7), st.integers(0, 3), st.integers(1, 12), st.integers(0, 255))
def test_consecutive_columns_run_over_rows(
    device: Device, row: int, start: int, count: int, first: int
) -> None:
    count = min(count, (8 - row) * 4 - start)
    memory = BankMemory(device)
    groups, cores = np.array([0, 1]), np.array([1, 0])
    data = (first + np.arange(2 * count * 8)).astype(np.uint8).reshape(2, count, 8)
    memory.write_rows(groups, cores, row, data, start)
    found, written = memory.read_rows(groups, cores, row, count, start)
    np.testing.assert_array_equal(found, data)
    assert written.all()
    for column in range(count):
        place = start + column
        one, _ = memory.read(groups, cores, np.array(row + place // 4), np.array(place % 4))
        np.testing.assert_array_equal(one, data[:, column])


def test_rows_beyond_the_first_allocation_keep_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(SMALL.replace("rows: 8", "rows: 500"))
    memory = BankMemory(load_device(str(path)))
    rows = np.arange(400)
    zeros = np.zeros(400, np.int64)
    data = np.repeat(rows.astype(np.uint8)[:, None], 8, axis=1)
    memory.write(zeros, zeros, rows, zeros, data)
    found, written = memory.read(zeros, zeros, rows, zeros)
    np.testing.assert_array_equal(found, data)
    assert written.all()
    assert not memory.read(zeros + 1, zeros, rows, zeros)[1].any()
