"""Commands that issue against a dependence are found; those that may pass each other are not."""

from typing import Any

import numpy as np
import pytest
from kernels import gemv_kernel, kernel_of
from numpy.typing import NDArray

from pim_opt.devices import load_device
from pim_opt.dialects.lane_schedule import parse_lane_schedule
from pim_opt.dialects.pim import ProgramOp
from pim_opt.dialects.schedule import parse_nest, parse_schedule
from pim_opt.passes.kernel_program import lowered
from pim_opt.sim.issue_order import BrokenOrder, broken_order
from pim_opt.sim.timing import simulate_program

Log = NDArray[Any]

DEVICE = load_device("attacc-ref")
NAMES = tuple(DEVICE.commands)
SCHEDULE = (
    "n: channel 4, time 20; k: ba 4, time 2, time 4, lane 16; order n k x k; x: direct; y: sum(ba)"
)


@pytest.fixture(scope="module")
def program_and_log() -> tuple[ProgramOp, Log]:
    """Each core loads a chunk of four columns and multiplies it, forty times over."""
    _, program = lowered(gemv_kernel(k=512, n=80), parse_nest(SCHEDULE))
    log = simulate_program(program, DEVICE, log=True).log
    assert log is not None
    return program, log


def places(log: Log, command: str, group: int = 0) -> NDArray[np.int64]:
    """Where a command of a group stands in the log."""
    wanted = (log["command"] == NAMES.index(command)) & (log["group"] == group)
    return np.flatnonzero(wanted)


def swapped(log: Log, one: int, other: int) -> Log:
    """The log with two commands in each other's place."""
    result = log.copy()
    for name in result.dtype.names or ():
        if name != "cycle":
            result[name][[one, other]] = result[name][[other, one]]
    return result


def test_a_controller_that_keeps_order_is_believed(program_and_log: tuple[ProgramOp, Log]) -> None:
    assert broken_order(*program_and_log, DEVICE) is None


def test_a_load_after_a_multiplication_that_needs_it(
    program_and_log: tuple[ProgramOp, Log],
) -> None:
    program, log = program_and_log
    load, multiply = places(log, "WRGB")[0], places(log, "MACAB")[0]
    broken = broken_order(program, swapped(log, load, multiply), DEVICE)
    assert broken is not None
    assert (broken.resource, broken.group) == ("operand", 0)


def test_a_load_before_a_multiplication_that_needs_what_was_there(
    program_and_log: tuple[ProgramOp, Log],
) -> None:
    program, log = program_and_log
    last = places(log, "MACAB")[3]
    loads = places(log, "WRGB")
    same = log["operands"][loads, 0] == log["operands"][last, 0]
    reload = loads[(loads > last) & same][0]
    broken = broken_order(program, swapped(log, last, reload), DEVICE)
    assert broken is not None
    assert broken.resource == "operand"


def test_a_move_before_the_last_multiplication(program_and_log: tuple[ProgramOp, Log]) -> None:
    program, log = program_and_log
    moves = places(log, "MVSBK")
    before = places(log, "MACAB")
    before = before[before < moves[0]]
    broken = broken_order(program, swapped(log, before[-1], moves[0]), DEVICE)
    assert broken is not None
    assert broken.resource == "acc"


def test_loads_of_other_entries_may_pass_each_other(
    program_and_log: tuple[ProgramOp, Log],
) -> None:
    program, log = program_and_log
    first, second = places(log, "WRGB")[:2]
    assert log["operands"][first].tolist() != log["operands"][second].tolist() or (
        log["bank"][first] != log["bank"][second]
    )
    assert broken_order(program, swapped(log, first, second), DEVICE) is None


def test_what_the_host_sends_follows_what_it_waits_for(
    program_and_log: tuple[ProgramOp, Log],
) -> None:
    program, log = program_and_log
    early = log.copy()
    load = places(log, "WRGB")[0]
    early["cycle"][load] = log["cycle"][places(log, "RD")[0]]
    broken = broken_order(program, early, DEVICE)
    assert broken is not None
    assert broken.resource == "data"


def test_moves_of_few_scores_are_not_passed() -> None:
    score = (
        "h0: channel 1, time 2; h1: channel 3; g: time 3; n: pc*ra*ba 16, time 1, time 16;"
        " d: bg 4, time 1, lane 16; order h0 x g n y n d; x: direct, double; y: sum(bg)"
    )
    context = (
        "h0: channel 1, time 2; h1: channel 3; g: time 3;"
        " n: ra*bg 8, ba 4, time 1, time 1, time 16; e: pc 2, time 2, lane 16;"
        " order h0 g n x e y n n; x: direct, double; y: sum(ba)"
    )
    kernel = kernel_of("attention", (2, 9, 3, 48, 2))
    _, program = lowered(kernel, parse_schedule(f"{score} | {context}"))
    log = simulate_program(program, DEVICE, log=True).log
    assert log is not None
    assert broken_order(program, log, DEVICE) is None


def test_another_programs_log_is_refused(program_and_log: tuple[ProgramOp, Log]) -> None:
    program, log = program_and_log
    with pytest.raises(ValueError, match="other commands than the program"):
        broken_order(program, np.delete(log, places(log, "MACAB")[:1]), DEVICE)


def test_a_broken_order_says_what_was_expected() -> None:
    text = str(BrokenOrder("MACAB", 2, 0, "operand", 5, 4))
    assert text.startswith("MACAB (group 2, bank 0) depends on operand: 4 commands")
    assert "5 stand before it" in text


@pytest.mark.parametrize(
    ("kind", "shape", "schedule", "earlier", "later"),
    [
        ("va", (4, 4096), "columns: 1; registers: grf_a", "LD_OP1", "ADD_OP1"),
        ("va", (4, 4096), "columns: 1; registers: grf_b", "ADD_OP3", "WB_ACC"),
        ("red", (1, 16384), "columns: 1; registers: grf_b", "LD_OP3", "ADD_OP3"),
    ],
)
def test_a_register_that_the_banks_of_a_unit_share(
    kind: str, shape: tuple[int, ...], schedule: str, earlier: str, later: str
) -> None:
    device = load_device("hbm-pim-ref")
    names = tuple(device.commands)
    _, program = lowered(kernel_of(kind, shape, device=device.name), parse_lane_schedule(schedule))
    log = simulate_program(program, device, log=True).log
    assert log is not None
    assert broken_order(program, log, device) is None
    first, second = (
        np.flatnonzero((log["command"] == names.index(name)) & (log["group"] == 0))[0]
        for name in (earlier, later)
    )
    broken = broken_order(program, swapped(log, first, second), device)
    assert broken is not None
    assert broken.resource.startswith("grf")
