"""Contractions on GDDR6-AiM: a buffer that all banks of a channel share, sums gathered from all."""

import io
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernels import gemv_kernel, kernel_of

from pim_opt.cost.mapping import Mapping
from pim_opt.devices import load_device
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.schedule import AnySchedule, ScheduleError, one_nest, parse_schedule
from pim_opt.passes.kernel_program import lowered
from pim_opt.passes.kernel_tuning import baseline
from pim_opt.sim.timing import simulate_program, simulate_trace
from pim_opt.sim.timing.instruction_output import write_instructions
from pim_opt.tune.random_schedules import random_schedule

REFERENCE = "gddr6-aim-ref"
LANES = 16


def trace_of(kernel: KernelOp, schedule: AnySchedule) -> list[str]:
    """The lines of a kernel's program as instructions."""
    _, program = lowered(kernel, schedule)
    text = io.StringIO()
    write_instructions([program], load_device(kernel.device.data), text, None)
    return text.getvalue().splitlines()


def cycles(kernel: KernelOp, schedule: AnySchedule) -> int:
    """Simulated cycles of a kernel's program."""
    return simulate_program(lowered(kernel, schedule)[1], load_device(kernel.device.data)).cycles


def opcodes(lines: list[str]) -> Counter[str]:
    """How often each instruction stands in a trace."""
    return Counter(" ".join(line.split()[:2]) for line in lines)


# Kernels whose cycles are published


def test_the_hand_mapping_takes_what_the_published_compilers_does() -> None:
    kernel = gemv_kernel(k=4096, n=4096, device=REFERENCE)
    hand = baseline(kernel)
    assert hand is not None
    assert cycles(kernel, hand) == 9664


@pytest.mark.parametrize(
    ("heads", "k", "schedule", "most"),
    [
        # Four times as many channels share the outputs, each with a quarter of the reduction.
        (1, 4096, "n: ch 8, bg*ba 16, time 32; k: ch 4, time 64, lane 16; order n k", 9470),
        (32, 128, "h: ch 32; n: bg*ba 16, time 256; k: time 8, lane 16; order n k", 24850),
    ],
)
def test_tuned_schedules_beat_hand_made_streams(
    heads: int, k: int, schedule: str, most: int
) -> None:
    kernel = gemv_kernel(heads=heads, k=k, n=4096, device=REFERENCE)
    assert cycles(kernel, parse_schedule(f"{schedule}; x: multicast; y: host")) <= most


# Programs as instructions


def test_runs_of_columns_are_one_instruction() -> None:
    kernel = gemv_kernel(k=2048, n=512, device=REFERENCE)
    lines = trace_of(
        kernel,
        parse_schedule(
            "n: ch 32, bg*ba 16; k: time 2, time 64, lane 16; order k k; x: multicast; y: host"
        ),
    )
    assert lines == [
        "AiM WR_BIAS 0 0xffffffff",
        "AiM WR_GB 64 0 0xffffffff",
        "AiM MAC_ABK 64 0xffffffff 0",
        "AiM WR_GB 64 0 0xffffffff",
        "AiM MAC_ABK 64 0xffffffff 1",
        "AiM RD_MAC 0 0xffffffff",
        "AiM EOC",
    ]


def test_a_new_row_begins_an_instruction() -> None:
    kernel = gemv_kernel(k=1280, n=512, device=REFERENCE)
    text = "n: ch 32, bg*ba 16; k: time 2, time 40, lane 16; order k k; x: multicast; y: host"
    macs = [line for line in trace_of(kernel, parse_schedule(text)) if "MAC_ABK" in line]
    assert [line.split()[2] for line in macs] == ["40", "24", "16"]
    assert [line.split()[4] for line in macs] == ["0", "0", "1"]


def test_channels_with_data_of_their_own_load_in_turns() -> None:
    """What fits a queue goes to all of them before any receives the rest."""
    kernel = gemv_kernel(k=2048, n=256, device=REFERENCE)
    text = "n: ch 16, bg*ba 16; k: ch 2, time 64, lane 16; order k; x: multicast; y: host"
    loads = [line for line in trace_of(kernel, parse_schedule(text)) if "WR_GB" in line]
    assert loads == [
        "AiM WR_GB 33 0 0xaaaaaaaa",
        "AiM WR_GB 33 0 0x55555555",
        "AiM WR_GB 31 0 0xaaaaaaaa",
        "AiM WR_GB 31 0 0x55555555",
    ]


@settings(max_examples=40)
@given(
    heads=st.integers(1, 40),
    k=st.integers(1, 3000),
    n=st.integers(2, 1200),
    seed=st.integers(0),
)
def test_a_trace_takes_as_long_as_its_program(heads: int, k: int, n: int, seed: int) -> None:
    kernel, device = gemv_kernel(heads=heads, k=k, n=n, device=REFERENCE), load_device(REFERENCE)
    schedule = short_schedule(kernel, seed)
    lines = trace_of(kernel, schedule)
    from_trace = simulate_trace([f"{line}\n" for line in lines], device)
    from_program = simulate_program(lowered(kernel, schedule)[1], device)
    assert from_trace == from_program
    assert opcodes(lines)["AiM EOC"] == 1


def short_schedule(kernel: KernelOp, seed: int) -> AnySchedule:
    """A random schedule of few commands; a case for which none is found is dropped."""

    def is_short(mapping: Mapping) -> bool:
        return int(np.prod([loop.size for loop in mapping.loops])) <= 400

    device, rng = load_device(kernel.device.data), np.random.default_rng(seed)
    try:
        return random_schedule(kernel.contraction, device, LANES, rng, is_short)
    except ScheduleError:
        assume(False)
        raise


def test_every_instruction_has_its_row() -> None:
    """Columns and buffer entries are not in the text; rows and sizes are."""
    kernel = kernel_of("gemv", (1, 1, 4096, 4096), device=REFERENCE)
    hand = baseline(kernel)
    assert hand is not None
    lines = trace_of(kernel, hand)
    counts = opcodes(lines)
    assert counts == {
        "AiM WR_GB": 4,
        "AiM WR_BIAS": 32,
        "AiM MAC_ABK": 32,
        "AiM RD_MAC": 32,
        "AiM EOC": 1,
    }
    rows = [int(line.split()[4]) for line in lines if "MAC_ABK" in line]
    assert rows == list(range(32))


# What the hardware cannot do


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (
            "n: ch 32, bg 4, time 8; k: ba 4, time 16, lane 16; order n k; x: multicast",
            "writes the same to all of ba, over which the vector is split",
        ),
        (
            "n: ch 32, bg*ba 16, time 2; k: time 64, lane 16; order n k; x: direct",
            'device "gddr6-aim-ref" loads by multicast',
        ),
        (
            "n: ch 32, ba*time 4, bg 4, time 2; k: time 64, lane 16; order n n k; x: multicast",
            'inside of a core of device "gddr6-aim-ref", whose members take turns, are none',
        ),
    ],
)
def test_what_a_shared_buffer_cannot_hold(schedule: str, message: str) -> None:
    kernel = gemv_kernel(k=1024, n=1024, device=REFERENCE)
    with pytest.raises(ScheduleError, match=re.escape(message)):
        Mapping(
            kernel.contraction,
            one_nest(parse_schedule(f"{schedule}; y: host")),
            load_device(REFERENCE),
            LANES,
        )


# More accumulators


def test_accumulators_save_changes_of_mode() -> None:
    """Sums of eight outputs move in one change of mode instead of eight."""
    text = "h: ch 32; n: bg*ba 16, time 4, time 8; k: time 8, lane 16; order n n k; x: multicast"
    one, eight = (
        cycles(gemv_kernel(heads=32, k=128, n=512, device=name), parse_schedule(f"{text}; y: host"))
        for name in ("gddr6-aim", "gddr6-aim-acc8")
    )
    there_and_back = 2 * load_device("gddr6-aim").timing.values["nMODCH"]
    assert one - eight > (32 - 4) * there_and_back * 3 // 4
