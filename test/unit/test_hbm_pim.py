"""HBM-PIM's operations: what they compute, in one unit of two banks, and where they do."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.ir.affine import AffineMap

from pim_opt.cost.energy import energy_pj
from pim_opt.devices import load_device
from pim_opt.dialects.pim import IssueOp
from pim_opt.sim.expand import Run
from pim_opt.sim.machine import Machine, SimulationError

Array = NDArray[Any]

GROUP, ROW = 2, 7
EVEN, ODD = 0, 1


def machine(name: str, opens_rows: bool = True) -> tuple[Machine, Array]:
    """A device whose banks of one channel hold data in columns 0 and 1 of a row: bank, column."""
    device = load_device(name)
    result = Machine(device, "f16", opens_rows=opens_rows)
    data = np.random.default_rng(0).normal(size=(device.cores, 2, 16)).astype(np.float16)
    cores = np.arange(device.cores)
    result.memory.write_rows(np.full_like(cores, GROUP), cores, ROW, data.view(np.uint8))
    return result, data


def execute(machine: Machine, command: str, place: Sequence[int], operands: Sequence[int]) -> None:
    """Issue a command to `place`: core levels and column."""
    address = np.array([[*place[:-1], ROW, place[-1]]])
    op = IssueOp(command, [], AffineMap(0, 0, ()))
    machine.execute(Run(op, np.array([GROUP]), address, np.array([operands], int), None), None)


def column(machine: Machine, core: int, number: int) -> Array:
    data, written = machine.memory.read(*(np.array([i]) for i in (GROUP, core, ROW, number)))
    assert written.all()
    return data.view(np.float16)[0]


def test_an_operation_runs_in_all_units_at_once() -> None:
    pim, data = machine("hbm-pim")
    execute(pim, "LD_OP1", (0, 0, 0, 0, EVEN, 0), [3])
    execute(pim, "ADD_OP1", (0, 0, 0, 0, ODD, 1), [4, 3])
    execute(pim, "WB_RES", (0, 0, 0, 0, ODD, 5), [4])
    for unit in range(32):
        even, odd = data[2 * unit, 0], data[2 * unit + 1, 1]
        assert (column(pim, 2 * unit + 1, 5) == even + odd).all()


def test_an_operation_opens_its_row_in_all_banks() -> None:
    pim, _ = machine("hbm-pim")
    execute(pim, "LD_OP1", (0, 0, 0, 0, EVEN, 0), [0])
    execute(pim, "LD_OP1", (0, 0, 0, 0, ODD, 0), [0])
    assert (pim.issued["ACTAB"], pim.issued["PREA"]) == (1, 0)


def test_an_operation_needs_its_row_in_all_banks() -> None:
    pim, _ = machine("hbm-pim", opens_rows=False)
    execute(pim, "ACTAB", (0, 0, 0, 0, 0, 0), [])
    execute(pim, "PRE", (1, 0, 0, 0, ODD, 0), [])
    with pytest.raises(SimulationError, match="LD_OP1 needs row 7, which is not open"):
        execute(pim, "LD_OP1", (0, 0, 0, 0, EVEN, 0), [0])


@pytest.mark.parametrize("number", [1, 2, 3])
def test_sums_gather_in_grf_b(number: int) -> None:
    pim, data = machine("hbm-pim")
    place, core = (0, 0, 0, 0, EVEN), 62
    execute(pim, "ACC_RESET", (*place, 0), [5])
    execute(pim, f"LD_OP{number}", (*place, 0), [] if number == 2 else [2])
    for _ in range(2):
        execute(pim, f"MAC_OP{number}", (*place, 1), [5, 2])
    execute(pim, "WB_ACC", (*place, 9), [5])
    vector = data[core, 0].astype(np.float32)
    factor = vector[2] if number == 2 else vector
    product = factor * data[core, 1].astype(np.float32)
    expected = (product.astype(np.float16) + product).astype(np.float16)
    np.testing.assert_allclose(column(pim, core, 9), expected, rtol=2e-3)


def test_relu_clears_what_is_negative() -> None:
    pim, data = machine("hbm-pim")
    execute(pim, "RELU", (0, 0, 0, 0, ODD, 1), [0])
    execute(pim, "WB_RES", (0, 0, 0, 0, ODD, 1), [0])
    assert (column(pim, 63, 1) == np.maximum(data[63, 1], 0)).all()


def test_by_the_published_rules_an_operation_acts_on_one_bank_alone() -> None:
    pim, data = machine("hbm-pim-ref")
    execute(pim, "LD_OP1", (1, 0, 2, 1, EVEN, 0), [0])
    execute(pim, "MUL_OP1", (1, 0, 2, 1, ODD, 1), [0, 0])
    execute(pim, "WB_RES", (1, 0, 2, 1, ODD, 2), [0])
    core = 32 + 2 * 4 + 2
    assert (column(pim, core + 1, 2) == data[core, 0] * data[core + 1, 1]).all()
    _, written = pim.memory.read(np.array([GROUP]), np.arange(64), np.array([ROW]), np.array([2]))
    assert np.flatnonzero(written).tolist() == [core + 1]
    assert (pim.issued["ACTAB"], pim.issued["PREA"]) == (1, 0)


def test_loads_and_write_backs_of_units_stay_in_their_banks() -> None:
    device = load_device("hbm-pim")
    load, read = (energy_pj(device, {name: 1}, {}) for name in ("LD_OP1", "RD"))
    column = 8 * device.column_bytes * device.energy_pj_per_bit["column"]
    units = device.members(device.commands["LD_OP1"].spans)
    assert load == pytest.approx(units * column)
    assert read > 2 * column
    assert energy_pj(device, {"WB_RES": 1}, {}) == pytest.approx(load)
