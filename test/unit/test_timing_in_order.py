"""The in-order engine: small streams worked out by hand, and what must not change the result."""

import resource
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pim_opt.api import compile
from pim_opt.devices import load_device
from pim_opt.dialects.pim import ProgramOp
from pim_opt.sim.timing import Result, TraceError, simulate_program, simulate_trace
from pim_opt.sim.trace import write_trace

ATTACC = load_device("attacc")
EXAMPLES = Path(__file__).parents[2] / "examples"

BANK, RANK, CHANNEL, ROW, COLUMN = 16 << 20, 256 << 20, 1 << 30, 1 << 10, 32


def issued(lines: list[str]) -> list[tuple[int, str, int, int]]:
    """Cycle, command, group and bank of every command, in order."""
    log = simulate_trace(lines, ATTACC, log=True).log
    assert log is not None
    names = list(ATTACC.commands)
    return [
        (int(line["cycle"]), names[line["command"]], int(line["group"]), int(line["bank"]))
        for line in log
    ]


def mac(row: int, column: int = 0) -> str:
    return f"PIM_MAC_AB {row * ROW + column * COLUMN:#x}"


def test_multiplications_wait_for_their_row_and_each_other() -> None:
    # Row at 1, tRCD 19, an interval of 6.
    expected = [(1, "ACTAB"), (20, "MACAB"), (26, "MACAB")]
    assert [step[:2] for step in issued([mac(0, 0), mac(0, 1)])] == expected


def test_a_row_switch_waits_for_the_last_multiplication() -> None:
    # tRAS would allow the precharge at 46; the ninth multiplication, at 68, and tRTP 8 at 76.
    steps = issued([*(mac(0, i) for i in range(9)), mac(1)])
    assert [step[:2] for step in steps[-4:]] == [
        (68, "MACAB"),
        (76, "PREA"),
        (95, "ACTAB"),
        (114, "MACAB"),
    ]


def test_rows_of_later_requests_open_meanwhile() -> None:
    # The second bank's activate takes the row bus 4 cycles later (tRRDL), its data come in order.
    assert issued(["LD 0x0", f"LD {BANK:#x}"]) == [
        (1, "ACT", 0, 0),
        (5, "ACT", 0, 1),
        (20, "RD", 0, 0),
        (24, "RD", 0, 1),
    ]


def test_no_row_closes_that_an_earlier_request_needs() -> None:
    # The third request wants another row of the first one's bank, which the second still reads.
    steps = issued(["LD 0x0", f"LD {COLUMN:#x}", f"LD {ROW:#x}"])
    assert [step[:2] for step in steps] == [
        (1, "ACT"),
        (20, "RD"),
        (24, "RD"),
        (46, "PRE"),  # tRAS 45; tRTP would allow 32
        (65, "ACT"),
        (84, "RD"),
    ]


def test_a_mixed_state_of_the_banks_is_precharged_before_all_open() -> None:
    # A bank's row stays open after the read: all are closed, bound by that bank's activate.
    steps = issued(["LD 0x0", mac(0)])
    assert [step[:2] for step in steps] == [
        (1, "ACT"),
        (20, "RD"),
        (46, "PREA"),
        (65, "ACTAB"),
        (84, "MACAB"),
    ]


def test_a_fifth_activate_waits_for_the_four_activate_window() -> None:
    lines = [f"LD {bank * 4 * BANK + (bank // 4) * BANK:#x}" for bank in range(4)]
    lines += [f"LD {BANK:#x}"]
    activates = [cycle for cycle, name, _, _ in issued(lines) if name == "ACT"]
    assert activates[4] == activates[0] + 39


def test_column_commands_keep_the_order_of_the_program() -> None:
    # The move needs no row, but may not pass the multiplication, nor come before its drain of 6.
    assert [step[:2] for step in issued([mac(0), "PIM_MV_SB 0x0"])] == [
        (1, "ACTAB"),
        (20, "MACAB"),
        (26, "MVSB"),
    ]


def test_a_barrier_waits_for_completion_of_the_groups_it_names() -> None:
    # The read at 20 completes at 41; channel 1 is held, channel 2, which no barrier names, is not.
    lines = ["LD 0x0", "PIM_BARRIER 0x0", f"PIM_BARRIER {CHANNEL:#x}"]
    lines += [f"PIM_WR_GB {channel * CHANNEL:#x}" for channel in range(3)]
    writes = {group: cycle for cycle, name, group, _ in issued(lines) if name == "WRGB"}
    assert writes == {0: 41, 1: 41, 2: 1}


def test_runs_of_barriers_apart_synchronise_apart() -> None:
    lines = ["LD 0x0", "PIM_BARRIER 0x0", "PIM_WR_GB 0x0", f"PIM_BARRIER {CHANNEL:#x}"]
    lines += [f"PIM_WR_GB {CHANNEL:#x}"]
    writes = {group: cycle for cycle, name, group, _ in issued(lines) if name == "WRGB"}
    assert writes == {0: 41, 1: 1}


def test_the_run_ends_when_the_last_write_has_recovered() -> None:
    assert simulate_trace(["ST 0x0"], ATTACC).cycles == 20 + 6 + 2 + 21


def test_refresh_holds_back_what_needs_rows_and_nothing_else() -> None:
    # Due at 5070: precharge bound by tRTP, tRP 19, then 456 cycles without a row.
    lines = [mac(0, i % 32) for i in range(860)]
    steps = issued(lines)
    last = max(cycle for cycle, name, _, _ in steps if name == "MACAB" and cycle < 5070)
    after = [step[:2] for step in steps if step[0] >= 5070][:4]
    precharge = max(5070, last + 8)
    assert after == [
        (precharge, "PREA"),
        (precharge + 19, "REFab"),
        (precharge + 19 + 456, "ACTAB"),
        (precharge + 19 + 456 + 19, "MACAB"),
    ]
    loads = issued([*(["PIM_WR_GB 0x0"] * 1300)])
    assert [step[0] for step in loads if step[1] == "WRGB"] == list(range(1, 5201, 4))


def test_unknown_entries_of_a_buffer_always_bind() -> None:
    # A trace does not say which entry: the multiplication waits for the write, nCWL + nBL.
    steps = issued([mac(0), "PIM_WR_GB 0x0", mac(0)])
    assert [step[:2] for step in steps[1:]] == [(20, "MACAB"), (21, "WRGB"), (29, "MACAB")]


def programs(name: str) -> Iterator[ProgramOp]:
    module = compile(EXAMPLES / name, narrow_to="f16").module
    return (op for op in module.walk() if isinstance(op, ProgramOp))


@pytest.mark.parametrize("name", ["decode_attention_batched.mlir", "mlp_relu.mlir"])
def test_one_group_stands_for_all_that_are_alike(name: str) -> None:
    for program in programs(name):
        shared = simulate_program(program, ATTACC)
        assert shared == simulate_program(program, ATTACC, share=False)
        assert sum(shared.breakdown.values()) == shared.cycles


PADDED = """
func.func @padded(%a: tensor<1x40x128xf16>, %b: tensor<1x128x1xf16>) -> tensor<1x40x1xf16> {
  %zero = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<1x40x1xf16>
  %i = linalg.fill ins(%zero : f16) outs(%e : tensor<1x40x1xf16>) -> tensor<1x40x1xf16>
  %y = linalg.batch_matmul ins(%a, %b : tensor<1x40x128xf16>, tensor<1x128x1xf16>)
      outs(%i : tensor<1x40x1xf16>) -> tensor<1x40x1xf16>
  func.return %y : tensor<1x40x1xf16>
}
"""


def test_groups_with_padding_are_simulated_apart() -> None:
    module = compile(PADDED).module
    for program in (op for op in module.walk() if isinstance(op, ProgramOp)):
        assert simulate_program(program, ATTACC) == simulate_program(program, ATTACC, share=False)


@pytest.mark.parametrize("device", ["attacc", "attacc-ref"])
def test_a_program_and_its_trace_take_the_same(device: str, tmp_path: Path) -> None:
    """Where index operands do not matter, that is."""
    target = load_device(device)
    constraints = tuple(
        msgspec.structs.replace(row, entry=None) for row in target.timing.constraints
    )
    timing = msgspec.structs.replace(target.timing, constraints=constraints)
    target = msgspec.structs.replace(target, timing=timing)
    schedule = "n: channel 16, pc*ra*bg 16, time 16; k: ba 4, time 64, lane 16; order n k;"
    module = compile(
        EXAMPLES / "gemv_f16.mlir", device=device, schedule=f"{schedule} x: direct"
    ).module
    (program,) = (op for op in module.walk() if isinstance(op, ProgramOp))
    path = tmp_path / "program.trace"
    with path.open("w") as file:
        write_trace(program, target, file)
    traced = simulate_trace(path, target)
    direct = simulate_program(program, target)
    assert (direct.cycles, direct.requests) == (traced.cycles, traced.requests)


@st.composite
def streams(draw: st.DrawFn) -> list[str]:
    names = ["LD", "ST", "PIM_MAC_AB", "PIM_WR_GB", "PIM_MV_SB", "PIM_MV_GB", "PIM_SFM"]
    names += ["PIM_BARRIER"]
    place = st.tuples(st.integers(0, 1), st.integers(0, 63), st.integers(0, 2))
    requests = draw(st.lists(st.tuples(st.sampled_from(names), place), max_size=120))
    return [
        f"{name} {group * CHANNEL + bank * BANK + row * ROW:#x}"
        for name, (group, bank, row) in requests
    ]


def same(a: Result, b: Result) -> bool:
    assert a.log is not None
    assert b.log is not None
    return a.as_json() == b.as_json() and bool((a.log == b.log).all())


@settings(max_examples=settings().max_examples // 15)
@given(streams())
def test_plain_python_gives_the_same(lines: list[str]) -> None:
    compiled = simulate_trace(lines, ATTACC, log=True)
    assert same(compiled, simulate_trace(lines, ATTACC, log=True, jit=False))
    assert sum(compiled.breakdown.values()) == compiled.cycles


@settings(max_examples=settings().max_examples // 15)
@given(streams())
def test_a_group_does_the_same_alone_and_among_others(lines: list[str]) -> None:
    free = [line for line in lines if not line.startswith("PIM_BARRIER")]
    alone = [line for line in free if int(line.split()[1], 16) < CHANNEL]
    assert [step for step in issued(free) if step[2] == 0] == issued(alone)


def test_memory_does_not_grow_with_the_stream() -> None:
    line = "".join(f"{mac(row, column)}\n" for row in range(32) for column in range(32))

    def lines(count: int) -> Iterator[str]:
        for _ in range(count):
            yield from line.splitlines()

    simulate_trace(lines(100), ATTACC)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    simulate_trace(lines(1000), ATTACC)  # a million requests: 64 MB, were they kept
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 30_000


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("LD 0x0\nLOAD 0x0\n", 2, 1, "unknown request 'LOAD'"),
        ("LD 0x0\n\nLD 0x0\n", 2, 1, "is no request"),
        ("LD\n", 1, 3, "is no request"),
        ("LD 0xg\n", 1, 6, "is no request"),
        ("LD 12 \n", 1, 6, "is no request"),
        ("LD  12\n", 1, 4, "is no request"),
        ("LD 0x400000000\n", 1, 4, "beyond the device's 0x400000000 bytes"),
    ],
)
def test_bad_lines_are_named(
    text: str, line: int, column: int, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.trace"
    path.write_text(text)
    with pytest.raises(TraceError, match=message) as caught:
        simulate_trace(path, ATTACC)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_lines_may_end_anywhere_and_numbers_be_decimal(tmp_path: Path) -> None:
    path = tmp_path / "odd.trace"
    path.write_bytes(b"LD 32\r\nST 0XFF\nLD 0x40")
    assert simulate_trace(path, ATTACC).requests == {"LD": 2, "ST": 1}
