"""The dispatch engine against recorded cycles of the public AiM simulator, and its rules."""

import csv
import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import msgspec
import pytest
from dispatching_simulator import run

from pim_opt.devices import Device, load_device
from pim_opt.devices.model import Constraint, Instruction
from pim_opt.sim.timing import Result, TimingError, TraceError, simulate_trace
from pim_opt.sim.timing_checker import earliest_cycles, violations

GOLDEN = Path(__file__).parents[1] / "golden-aim"
DEVICE = load_device("gddr6-aim-ref")


@cache
def golden_streams() -> tuple[tuple[str, int, int], ...]:
    """Name, cycles and requests of the recorded streams."""
    with (GOLDEN / "index.csv").open(newline="") as file:
        return tuple(
            (row["name"], int(row["cycles"]), int(row["requests"])) for row in csv.DictReader(file)
        )


def timed(lines: Sequence[str], device: Device = DEVICE) -> Result:
    """The result of lines and a final EOC."""
    return simulate_trace([*lines, "AiM EOC"], device, log=True)


def cycles(*lines: str) -> int:
    return timed(lines).cycles


def issued(result: Result) -> list[tuple[str, int]]:
    """Commands and their cycles."""
    assert result.log is not None
    names = list(DEVICE.commands)
    return [(names[line["command"]], int(line["cycle"])) for line in result.log]


@pytest.mark.parametrize(("name", "expected", "requests"), golden_streams(), ids=str)
def test_recorded_cycles(name: str, expected: int, requests: int) -> None:
    result = simulate_trace(GOLDEN / f"{name}.trace", DEVICE)
    assert result.cycles == expected
    assert sum(result.requests.values()) == requests
    assert sum(result.breakdown.values()) == expected
    assert min(result.breakdown.values()) >= 0


# Random streams


def operand(choose: random.Random, field: str, masks: Sequence[int]) -> int:
    """A number for a field: few banks and rows, so that requests meet."""
    match field:
        case "opsize":
            return choose.choice([0, 1, 2, 5, 40])
        case "mask":
            return choose.choice(masks)
        case "mask_of_one":
            return 1 << choose.randrange(4)
        case "channel":
            return choose.choice([31, 30, 29, 28, 0])
        case "bank":
            return choose.choice([0, 1, 5, 15])
        case _:
            return choose.randrange(3)


def random_stream(seed: int, length: int) -> Iterator[str]:
    """Phases of one sort of instruction each, or of all, on some channels."""
    choose = random.Random(seed)
    instructions = {n: i for n, i in DEVICE.instructions.items() if not i.ends}
    host = [n for n in instructions if n.endswith(("MEM", "_SBK"))]
    masks = choose.choice([[1, 2, 3], [1, 5, 15, 0xF0000001], [0xFFFFFFFF, 0xFF]])
    while length > 0:
        size = min(choose.randint(1, 40), length)
        length -= size
        some = choose.choice([host, list(instructions), choose.sample(list(instructions), 3)])
        for name in choose.choices(some, k=size):
            fields = instructions[name].fields
            yield " ".join([name, *(str(operand(choose, f, masks)) for f in fields)])


@pytest.mark.parametrize("seed", range(4))
def test_plain_python_gives_the_same(seed: int) -> None:
    lines = [*random_stream(seed, 60), "AiM EOC"]
    compiled = simulate_trace(lines, DEVICE, log=True)
    plain = simulate_trace(lines, DEVICE, log=True, jit=False)
    assert compiled.as_json() == plain.as_json()
    assert compiled.log is not None
    assert plain.log is not None
    assert (compiled.log == plain.log).all()


@pytest.mark.parametrize("seed", range(20, 36))
def test_equals_the_rules_cycle_by_cycle(seed: int) -> None:
    lines = [*random_stream(seed, 40), "AiM EOC"]
    assert simulate_trace(lines, DEVICE).cycles == run(DEVICE, lines)


@pytest.mark.parametrize("seed", range(10))
def test_breaks_no_rule(seed: int) -> None:
    log = timed(list(random_stream(seed, 400))).log
    assert log is not None
    assert [str(violation) for violation in violations(log, DEVICE)] == []


OUTLASTED = {
    ("RD", "WRGB"): "a change of mode comes between, and is what waits",
    ("WR", "RDMAC16"): "likewise",
    ("WRA16", "RD"): "its banks have to be opened again",
    ("ACT16", "ACT"): "what was opened has to be closed first, and that takes nRAS and nRP",
    ("ACT16", "PRE"): "the column that all banks were opened for, and its recovery, end later",
    ("PREA", "ACT"): "who closes all banks opens all of them, and waits for that",
    ("PRE", "PREA"): "who closes a bank opens it next",
}
"""Rows, by first preceding and following command, for which nothing needs to wait, and why."""


def test_waits_exactly_as_long_as_the_table_says() -> None:
    """Each row is once what a command waited for, and not a cycle longer."""
    rows = DEVICE.timing.constraints
    missed = {
        n for n, row in enumerate(rows) if (row.preceding[0], row.following[0]) not in OUTLASTED
    }
    for name, _, _ in golden_streams():
        log = simulate_trace(GOLDEN / f"{name}.trace", DEVICE, log=True).log
        assert log is not None
        for issue, cycle, binding in earliest_cycles(log, DEVICE):
            if issue.cycle == cycle:
                missed -= {rows.index(row) for row in binding}
        if not missed:
            break
    assert [rows[number] for number in sorted(missed)] == []


# Rules, one by one; the numbers follow from the timing values


def test_the_dispatcher_takes_an_instruction_a_cycle() -> None:
    assert cycles() == 2
    assert cycles("R GPR 0") == 3
    assert cycles("AiM EWADD 64 0 1") == 3
    assert cycles(*["W CFR 0 1"] * 10) == 12
    assert cycles("AiM SYNC") == 4


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("AiM MAC_ABK {n} 1 0", 1 + 56 + 2),
        ("AiM MAC_SBK {n} 1 3 0", 1 + 56 + 2),
        ("AiM EWMUL {n} 1 0", 1 + 25 + 2),
        ("AiM COPY_BKGB {n} 1 3 0", 1 + 66 + 2),
        ("AiM COPY_GBBK {n} 1 3 0", 1 + 48 + 2),
        ("AiM WR_GB {n} 0 1", 1 + 32 + 4),
    ],
)
def test_columns_of_an_instruction_are_two_apart(line: str, expected: int) -> None:
    assert cycles(line.format(n=0)) == 3
    for n in (1, 2, 33, 34, 100):
        assert cycles(line.format(n=n)) == expected + 2 * (n - 1)


def test_instructions_without_columns() -> None:
    assert cycles("AiM AF 1") == 1 + 86 + 2
    assert cycles("AiM WR_ABK 0 1 0") == 1 + 28 + 41
    assert cycles("AiM RD_MAC 0 1") == cycles("AiM WR_BIAS 0 1") == 37
    assert cycles(*["AiM RD_MAC 0 1"] * 5) == 37 + 4 * 3


def test_a_full_row_and_the_next() -> None:
    rows = [f"AiM MAC_ABK 64 0xffffffff {row}" for row in range(5)]
    assert cycles(*rows) - cycles(*rows[:4]) == 126 + 12 + 32 + 56


def test_hits_and_misses_count_columns() -> None:
    result = timed(["AiM MAC_ABK 64 3 0", "AiM MAC_ABK 2 1 1", "AiM WR_BIAS 0 1"])
    assert (result.row_hits, result.row_misses) == (63 + 63 + 1, 3)


def test_the_activation_function_has_rows_of_its_own() -> None:
    one = cycles("AiM AF 1", "AiM AF 1")
    assert one == 1 + 86 + 1 + 2
    other = cycles("AiM AF 1", "W CFR 2 1", "AiM AF 1")
    assert other == one - 1 + 12 + 32 + 86
    assert cycles("AiM AF 1", "W CFR 1 1", "AiM AF 1") == one
    log = timed(["W CFR 2 3", "AiM AF 1"]).log
    assert log is not None
    assert log["row"].tolist() == [2**29 + 3] * 2


def test_the_highest_bit_of_a_mask_is_channel_0() -> None:
    log = timed(["AiM WR_GB 1 0 0x80000001", "AiM MAC_ABK 1 2 0", "R MEM 30 0 0"]).log
    assert log is not None
    first = log[log["command"] == list(DEVICE.commands).index("WRGB")]
    assert sorted(first["group"].tolist()) == [0, 31]
    macs = log[log["command"] == list(DEVICE.commands).index("MAC16")]
    assert macs["group"].tolist() == [30]


def test_a_change_of_mode_takes_the_place_of_what_it_precedes() -> None:
    """Nothing overlaps with it: the row of MAC_ABK is closed after it."""
    result = timed(["AiM MAC_ABK 1 1 0", "AiM WR_BIAS 0 1", "AiM MAC_ABK 1 1 1"])
    assert issued(result) == [
        ("ACT16", 1),
        ("MAC16", 57),
        ("TMOD", 58),
        ("WRMAC16", 90),
        ("TMOD", 91),
        ("PREA", 123),
        ("ACT16", 155),
        ("MAC16", 211),
    ]  # fmt: skip
    assert result.breakdown["row"] == 57 + 88


def test_a_change_of_mode_waits_for_what_it_precedes() -> None:
    result = timed(["R MEM 31 0 0", *["R GPR 0"] * 40, "AiM WR_BIAS 0 1"])
    assert issued(result) == [("ACT", 1), ("RD", 37), ("TMOD", 37 + 55), ("WRMAC16", 92 + 32)]


def test_reads_that_find_a_write_waiting_take_no_access() -> None:
    rest = ["R GPR 0"] * 300
    alone = timed(["W MEM 31 0 0", "R MEM 31 7 7", *rest])
    assert alone.commands == {"WR": 1, "RD": 1, "ACT": 2}
    queued = timed(["W MEM 31 0 0", "W MEM 31 0 1", "R MEM 31 7 7", *rest])
    assert queued.commands == {"WR": 2, "ACT": 2, "PRE": 1}


def test_nothing_waits_for_accesses_whose_row_is_open() -> None:
    result = timed(["R MEM 0 3 7"])
    assert (result.cycles, result.commands) == (3, {"ACT": 1})
    assert timed(["R MEM 0 3 7", *["R GPR 0"] * 60]).commands == {"ACT": 1, "RD": 1}


def test_a_full_channel_stops_all() -> None:
    skewed = timed(["AiM MAC_ABK 64 1 0", "AiM MAC_ABK 1 0x80000000 0"])
    assert skewed.log is not None
    first = skewed.log[skewed.log["group"] == 0]["cycle"].min()
    assert first > 57 + 2 * (64 - 33 - 1)


def test_text_of_a_trace() -> None:
    lines = [
        "# a comment", "", "AiM ISR_MAC_ABK 0x2  1 0", "R MEM 31 0 0 99", "AiM EOC", "never read",
    ]  # fmt: skip
    result = simulate_trace(lines, DEVICE)
    assert result.requests == {"AiM MAC_ABK": 1, "R MEM": 1, "AiM EOC": 1}
    assert result.commands["MAC16"] == 2


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("AiM MAC_AB 1 1 0", 1, "unknown instruction 'AiM MAC_AB'; did you mean 'AiM MAC_ABK'?"),
        ("AiM WR_AFLUT 0 1", 1, "unknown instruction 'AiM WR_AFLUT'"),
        ("R", 1, "unknown instruction 'R'"),
        ("#text", 1, "unknown instruction '#text'"),
        ("AiM MAC_ABK 1 1", 16, "2 numbers after 'AiM MAC_ABK'; expected 3: opsize mask row"),
        ("AiM SYNC 1", 10, "1 numbers after 'AiM SYNC'; expected none"),
        ("AiM MAC_SBK 1 1 16 0", 17, 'bank 16; device "gddr6-aim-ref" takes 0 to 15'),
        ("R MEM 32 0 0", 7, 'channel 32; device "gddr6-aim-ref" takes 0 to 31'),
        ("AiM AF 0x100000000", 8, "mask 0x100000000; device \"gddr6-aim-ref\" takes 0 to 0xff"),
        ("AiM WR_ABK 0 3 0", 14, "mask 3; expected exactly one bit"),
        ("W CFR 3 0", 7, 'register 3; device "gddr6-aim-ref" takes 0 to 2'),
        ("AiM AF -1", 8, "mask '-1'; expected a number such as 12 or 0xc"),
        ("R GPR 1_0", 7, "gpr '1_0'; expected a number"),
        (f"R MEM 0 0 {1 << 62}", 11, "row 4611686018427387904; device"),
    ],
)  # fmt: skip
def test_a_bad_line_is_told_by_its_place(line: str, column: int, message: str) -> None:
    with pytest.raises(TraceError) as caught:
        simulate_trace(["AiM SYNC", "", line, "AiM EOC"], DEVICE, name="bad.trace")
    assert (caught.value.name, caught.value.line, caught.value.column) == ("bad.trace", 3, column)
    assert str(caught.value).startswith(message)


def test_a_trace_must_end() -> None:
    with pytest.raises(TraceError, match="the trace ends without 'AiM EOC'") as caught:
        simulate_trace(["AiM SYNC"], DEVICE)
    assert caught.value.line == 2


def test_an_access_that_keeps_its_own_bank_from_closing_is_reported() -> None:
    """An access whose row is open holds back what closes its bank, and be it for itself."""
    slow = Constraint("channel", ("PREA",), ("ACT",), 4000)
    early = Constraint("channel", ("ACT",), ("WR",), 4000)
    timing = DEVICE.timing
    timing = msgspec.structs.replace(timing, constraints=(*timing.constraints, slow, early))
    device = msgspec.structs.replace(DEVICE, timing=timing)
    lines = ["W MEM 31 0 0", "AiM MAC_ABK 1 1 5"]
    with pytest.raises(TimingError, match=r"livelock on device .*WR \(channel 31, bank 0, row 0"):
        timed(lines, device)


def test_instructions_are_data() -> None:
    """Another name, other fields, another width of the device: nothing in the code knows them."""
    channel, *inner = DEVICE.levels
    levels = (msgspec.structs.replace(channel, count=3), *inner)
    organisation = msgspec.structs.replace(DEVICE.organisation, levels=levels)
    instructions = DEVICE.instructions | {
        "PIM GO": Instruction(("row", "mask"), "MAC16"),
        "PIM END": Instruction((), "EOC", blocking=True, ends=True),
    }
    device = msgspec.structs.replace(DEVICE, organisation=organisation, instructions=instructions)
    result = simulate_trace(["PIM GO 3 4", "PIM GO 3 1", "PIM END"], device, log=True)
    assert result.log is not None
    assert result.cycles == 60
    assert sorted(set(result.log["group"].tolist())) == [0, 2]
