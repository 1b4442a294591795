"""What commands do on a small machine, one meaning at a time, and what it refuses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from small_device import SMALL
from xdsl.ir.affine import AffineMap

from pim_opt.devices import Device, load_device
from pim_opt.dialects.pim import IssueOp
from pim_opt.sim.expand import PADDING, Run
from pim_opt.sim.machine import Machine, SimulationError

MORE = """\
base: small.yaml
name: more
registers:
  shared: {per: channel, entries: 2, lanes: 4, element: column}
commands:
  MACV: {kind: compute, spans: [bank], row: true, operands: [s, e],
         meaning: "acc += column * operand[s][e]"}
  LOADALL: {kind: load, spans: [bank], operands: [s], meaning: "operand[s] = data"}
  OUT: {kind: move, operands: [t], meaning: "shared[t] = acc; acc = 0; data = shared[t]"}
  BACK: {kind: load, spans: [bank], operands: [s, t], meaning: "operand[s] = shared[t]"}
  MAX: {kind: compute, row: true, operands: [s],
        meaning: "operand[s] = maximum(operand[s], column - 1)"}
  SFM: {kind: softmax, spans: [bank], operands: [t, n, l],
        meaning: "shared[t] = softmax(shared[t], n, l)"}
  INNER: {kind: softmax, operands: [s, n, l],
          meaning: "operand[s] = 1 + softmax(operand[s], n, l)"}
"""


@pytest.fixture
def device(tmp_path: Path) -> Device:
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "more.yaml").write_text(MORE)
    return load_device(str(tmp_path / "more.yaml"))


@pytest.fixture
def machine(device: Device) -> Machine:
    return Machine(device, "f16")


def commands(
    name: str,
    at: Sequence[tuple[int, int, int, int]],
    operands: Sequence[Sequence[int]] = (),
    elements: Sequence[Sequence[int]] | None = None,
) -> Run:
    """A run: per command (channel, bank, row, column), index operands and element numbers."""
    places = np.array(at)
    return Run(
        IssueOp(name, [], AffineMap(0, 0, ())),
        places[:, 0],
        places[:, 1:],
        np.array(operands).reshape(len(at), -1) if operands else np.zeros((len(at), 0), np.int64),
        None if elements is None else np.array(elements),
    )


def write(machine: Machine, at: tuple[int, int, int, int], values: Sequence[float]) -> None:
    machine.execute(commands("WR", [at], elements=[[0, 1, 2, 3]]), np.array(values, np.float16))


def read(machine: Machine, at: tuple[int, int, int, int]) -> list[float]:
    memory = np.zeros(4, np.float16)
    machine.execute(commands("RD", [at], elements=[[0, 1, 2, 3]]), memory)
    return [float(value) for value in memory]


def load(machine: Machine, channel: int, slot: int, values: Sequence[float]) -> None:
    run = commands("LOADALL", [(channel, 0, 0, 0)], [[slot]], [[0, 1, 2, 3]])
    machine.execute(run, np.array(values, np.float16))


def move(machine: Machine, channel: int) -> list[float]:
    memory = np.full(4, -1, np.float16)
    machine.execute(commands("MOVE", [(channel, 0, 0, 0)], elements=[[0, 1, 2, 3]]), memory)
    return [float(value) for value in memory]


# Meanings


def test_what_the_host_writes_it_reads(machine: Machine) -> None:
    write(machine, (1, 0, 3, 2), [1, 2, 3, 4])
    write(machine, (1, 1, 3, 2), [5, 6, 7, 8])
    assert read(machine, (1, 0, 3, 2)) == [1, 2, 3, 4]
    assert read(machine, (1, 1, 3, 2)) == [5, 6, 7, 8]


def test_of_two_writes_to_one_place_the_last_remains(machine: Machine) -> None:
    elements = [[0, 1, 2, 3], [4, 5, 6, 7]]
    run = commands("WR", [(0, 0, 0, 0)] * 2, elements=elements)
    machine.execute(run, np.arange(8, dtype=np.float16))
    assert read(machine, (0, 0, 0, 0)) == [4, 5, 6, 7]


def test_padding_reads_as_zero_and_is_never_written(machine: Machine) -> None:
    run = commands("WR", [(0, 0, 0, 0)], elements=[[1, PADDING, 0, PADDING]])
    machine.execute(run, np.array([7, 8], np.float16))
    assert read(machine, (0, 0, 0, 0)) == [8, 0, 7, 0]
    memory = np.array([-1, -2], np.float16)
    run = commands("RD", [(0, 0, 0, 0)], elements=[[PADDING, PADDING, 1, PADDING]])
    machine.execute(run, memory)
    assert memory.tolist() == [-1, 7]


def test_tree_multiplication_sums_lanes_in_every_bank(machine: Machine) -> None:
    for bank in range(2):
        write(machine, (0, bank, 0, 1), [1, 2, 3, 4 + bank])
    load(machine, 0, 2, [1, 2, 4, 8])
    at = [(0, 0, 0, 1)] * 3
    machine.execute(commands("MAC", at, [[2, 0], [2, 0], [2, 3]]), None)
    assert move(machine, 0) == [2 * 49 + 2 * 57, 0, 0, 49 + 57]
    assert move(machine, 0) == [0, 0, 0, 0]


def test_broadcast_multiplication_keeps_an_output_in_each_lane(machine: Machine) -> None:
    for bank in range(2):
        write(machine, (1, bank, 0, 0), [1, 2, 3, 4])
    load(machine, 1, 0, [10, 20, 0.5, 40])
    machine.execute(commands("MACV", [(1, 0, 0, 0)] * 2, [[0, 1], [0, 2]]), None)
    assert move(machine, 1) == [41, 82, 123, 164]


def test_moved_accumulators_start_again_within_one_run(machine: Machine) -> None:
    write(machine, (0, 0, 0, 0), [1, 1, 1, 1])
    write(machine, (0, 1, 0, 0), [2, 2, 2, 2])
    load(machine, 0, 0, [1, 1, 1, 1])
    machine.execute(commands("MAC", [(0, 0, 0, 0)], [[0, 1]]), None)
    memory = np.full(12, -1, np.float16)
    at = [(0, 0, 0, 0), (0, 0, 0, 0), (0, 1, 0, 0)]
    elements = np.arange(12).reshape(3, 4).tolist()
    machine.execute(commands("OUT", at, [[0], [0], [1]], elements), memory)
    assert memory.reshape(3, 4).tolist() == [[0, 4, 0, 0], [0, 0, 0, 0], [0, 8, 0, 0]]


def test_registers_of_a_channel_reach_all_its_banks(machine: Machine) -> None:
    write(machine, (0, 0, 0, 0), [1, 1, 1, 1])
    write(machine, (0, 1, 0, 0), [1, 1, 1, 1])
    load(machine, 0, 0, [1, 2, 3, 4])
    machine.execute(commands("MAC", [(0, 0, 0, 0)], [[0, 0]]), None)
    machine.execute(commands("OUT", [(0, 0, 0, 0)], [[1]]), None)
    machine.execute(commands("BACK", [(0, 0, 0, 0)], [[3, 1]]), None)
    machine.execute(commands("MAC", [(0, 0, 0, 0)], [[3, 2]]), None)
    assert move(machine, 0) == [10, 0, 20, 0]


def test_maximum_and_difference(machine: Machine) -> None:
    write(machine, (0, 0, 0, 0), [1, 5, 3, 9])
    write(machine, (0, 1, 0, 0), [0, 0, 0, 0])
    load(machine, 0, 0, [2, 2, 2, 2])
    machine.execute(commands("MAX", [(0, 0, 0, 0)], [[0]]), None)
    write(machine, (0, 0, 0, 1), [1, 2, 4, 8])
    write(machine, (0, 1, 0, 1), [0, 0, 0, 0])
    machine.execute(commands("MAC", [(0, 0, 0, 1)], [[0, 0]]), None)
    assert move(machine, 0) == [2 + 8 + 8 + 64, 0, 0, 0]


def test_registers_round_to_their_own_type(machine: Machine) -> None:
    for bank in range(2):
        write(machine, (0, bank, 0, 0), [1, 1, 0, 0])
    load(machine, 0, 0, [2048, 1, 0, 0])
    machine.execute(commands("MAC", [(0, 0, 0, 0)], [[0, 0]]), None)
    # 2049 has no f16; the accumulator is f32, and only twice 2049 is rounded to f16.
    assert machine.registers["acc"].values[0, :, 0, 0].tolist() == [2049, 2049]
    assert move(machine, 0)[0] == 4098 - 2


# Accounts


def test_rows_are_opened_and_closed_as_needed(machine: Machine) -> None:
    for row in (0, 0, 1, 1, 0):
        write(machine, (0, 0, row, 0), [1, 2, 3, 4])
    assert (machine.issued["ACT"], machine.issued["PRE"]) == (3, 2)
    write(machine, (0, 1, 0, 0), [1, 2, 3, 4])
    load(machine, 0, 0, [1, 1, 1, 1])
    machine.execute(commands("MAC", [(0, 0, 0, 0)], [[0, 0]]), None)
    assert machine.issued["ACTAB"] == 0
    machine.execute(commands("MAC", [(0, 0, 1, 0)], [[0, 0]]), None)
    assert (machine.issued["ACTAB"], machine.issued["PREAB"]) == (1, 1)
    assert machine.issued["WR"] == 6
    assert machine.column_bytes_moved == {"WR": 48, "LOADALL": 8}


# Refusals


def test_rows_must_be_open_where_the_program_opens_them(device: Device) -> None:
    machine = Machine(device, "f16", opens_rows=False)
    with pytest.raises(SimulationError, match="WR needs row 2, which is not open"):
        write(machine, (0, 1, 2, 0), [1, 2, 3, 4])
    machine.execute(commands("ACT", [(0, 1, 2, 0)]), None)
    write(machine, (0, 1, 2, 0), [1, 2, 3, 4])
    with pytest.raises(SimulationError, match="RD needs row 2, which is not open"):
        read(machine, (1, 1, 2, 0))
    machine.execute(commands("PRE", [(0, 1, 0, 0)]), None)
    with pytest.raises(SimulationError, match="RD needs row 2, which is not open"):
        read(machine, (0, 1, 2, 0))


def test_all_banks_row_commands_open_and_close_all_banks(device: Device) -> None:
    machine = Machine(device, "f16", opens_rows=False)
    machine.execute(commands("ACTAB", [(0, 0, 1, 0)]), None)
    for bank in range(2):
        write(machine, (0, bank, 1, 0), [1, 2, 3, 4])
    machine.execute(commands("PREAB", [(0, 0, 0, 0)]), None)
    with pytest.raises(SimulationError, match="needs row 1, which is not open"):
        read(machine, (0, 1, 1, 0))


@pytest.mark.parametrize(
    ("name", "at", "operands", "message"),
    [
        ("NOSUCH", (0, 0, 0, 0), [], 'device "more" has no command NOSUCH'),
        ("RD", (0, 2, 0, 0), [], "RD addresses bank 2; there are 2"),
        ("RD", (0, 0, 8, 0), [], "RD addresses row 8; there are 8"),
        ("RD", (0, 0, 0, 4), [], "RD addresses column 4; there are 4"),
        ("RD", (0, 0, -1, 0), [], "RD addresses row -1; there are 8"),
        ("LOAD", (0, 0, 0, 0), [4], "LOAD addresses entry of operand 4; there are 4"),
        ("MAC", (0, 0, 0, 0), [4, 0], "MAC addresses entry of operand 4; there are 4"),
        ("MAC", (0, 0, 0, 0), [0, 4], "MAC addresses entry of acc 4; there are 4"),
        ("MACV", (0, 0, 0, 0), [0, 4], "MACV addresses lane of operand 4; there are 4"),
        ("MAC", (0, 0, 0, 0), [0], "MAC has 1 index operands, expected s, a"),
        ("LOAD", (0, 0, 0, 0), [], "LOAD has 0 index operands, expected s"),
        ("SFM", (0, 0, 0, 0), [1, 3, 2], "SFM addresses entry of shared 2; there are 2"),
        ("SFM", (0, 0, 0, 0), [0, 9, 2], "SFM takes 9 of 8 elements"),
        ("SFM", (0, 0, 0, 0), [0, 0, 2], "SFM takes 0 of 8 elements"),
        ("SFM", (0, 0, 0, 0), [0, 3, 1], "SFM takes scores that no command has written"),
        ("INNER", (0, 0, 0, 0), [0, 3, 1], "INNER uses softmax inside an expression"),
    ],
)
def test_what_the_hardware_lacks(
    machine: Machine, name: str, at: tuple[int, int, int, int], operands: list[int], message: str
) -> None:
    elements = [[0, 1, 2, 3]] if name in ("RD", "LOAD") else None
    with pytest.raises(SimulationError) as error:
        machine.execute(
            commands(name, [at], [operands] if operands else (), elements), np.zeros(4, np.float16)
        )
    assert str(error.value) == message


def test_softmax_of_a_row_of_scores(machine: Machine) -> None:
    shared = machine.registers["shared"]
    shared.values[1, 0] = [[1, 2, 3, 4], [5, 60, 7, 8]]
    shared.valid[1, 0] = True
    machine.execute(commands("SFM", [(1, 0, 0, 0)], [[0, 5, 2]]), None)
    exponentials = np.exp(np.arange(1, 6))
    weights = exponentials / exponentials.sum()
    np.testing.assert_allclose(shared.values[1, 0].reshape(-1)[:5], weights, atol=1e-3)
    assert shared.values[1, 0].reshape(-1)[5:].tolist() == [0, 0, 0]
    assert not shared.values[0].any()


def test_softmax_rounds_and_defines_what_lies_beyond(machine: Machine) -> None:
    shared = machine.registers["shared"]
    shared.values[0, 0, 0] = 100
    shared.valid[0, 0, 0] = True
    machine.execute(commands("SFM", [(0, 0, 0, 0)], [[0, 3, 2]]), None)
    assert shared.values[0, 0, 0].tolist() == [float(np.float16(1 / 3))] * 3 + [0]
    assert shared.valid[0, 0].all()


def test_columns_never_written_are_no_data_for_the_host(machine: Machine) -> None:
    with pytest.raises(SimulationError, match="RD hands the host what no command has written"):
        read(machine, (0, 0, 0, 0))


@pytest.mark.parametrize("missing", ["column", "operand"])
def test_sums_of_what_was_never_written_are_no_data(machine: Machine, missing: str) -> None:
    for bank in range(2 if missing == "operand" else 1):
        write(machine, (0, bank, 0, 0), [1, 2, 3, 4])
    if missing == "column":
        load(machine, 0, 0, [1, 2, 3, 4])
    machine.execute(commands("MAC", [(0, 0, 0, 0)], [[0, 0]]), None)
    with pytest.raises(SimulationError, match="MOVE hands the host what no command has written"):
        move(machine, 0)


def test_what_is_undefined_may_stay_in_padding(machine: Machine) -> None:
    memory = np.zeros(4, np.float16)
    machine.execute(commands("RD", [(0, 0, 0, 0)], elements=[[PADDING] * 4]), memory)
    assert memory.tolist() == [0, 0, 0, 0]
