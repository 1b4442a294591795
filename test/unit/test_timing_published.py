"""The fr-fcfs engine against recorded cycles of the published simulator, and against its rules."""

import csv
import random
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_controller import Request, run

from pim_opt.devices import Device, device_names, load_device
from pim_opt.sim.timing import TimingError, simulate_trace

GOLDEN = Path(__file__).parents[1] / "golden"
DEVICE_OF_BACKEND = {"attacc": "attacc-ref", "hbmpim": "hbm-pim-ref"}


@cache
def golden_streams() -> tuple[tuple[str, str, int], ...]:
    """Name, device and cycles of the recorded streams whose device there is."""
    with (GOLDEN / "index.csv").open(newline="") as file:
        rows = [
            (f"{row['backend']}/{row['name']}", DEVICE_OF_BACKEND[row["backend"]], row["cycles"])
            for row in csv.DictReader(file)
        ]
    return tuple((name, dev, int(cycles)) for name, dev, cycles in rows if dev in device_names())


@pytest.mark.parametrize(("name", "device", "cycles"), golden_streams(), ids=str)
def test_recorded_cycles(name: str, device: str, cycles: int) -> None:
    result = simulate_trace(GOLDEN / f"{name}.trace", load_device(device))
    assert result.cycles == cycles
    assert sum(result.breakdown.values()) == cycles


@pytest.mark.parametrize("name", ["mixpim16_1_700", "ldst_mix3_500", "macpb_same_200"])
def test_plain_python_gives_the_same(name: str) -> None:
    device = load_device("attacc-ref")
    path = GOLDEN / "attacc" / f"{name}.trace"
    compiled = simulate_trace(path, device, log=True)
    plain = simulate_trace(path, device, log=True, jit=False)
    assert compiled.as_json() == plain.as_json()
    assert compiled.log is not None
    assert plain.log is not None
    assert (compiled.log == plain.log).all()


def small_device() -> Device:
    """Two groups, and refresh often enough for short streams to cross it."""
    import msgspec  # noqa: PLC0415

    device = load_device("attacc-ref")
    channel, *inner = device.levels
    levels = (msgspec.structs.replace(channel, count=2), *inner)
    organisation = msgspec.structs.replace(device.organisation, levels=levels)
    values = device.timing.values | {"nREFI": 700, "nRFC": 90}
    timing = msgspec.structs.replace(device.timing, values=values)
    return msgspec.structs.replace(device, organisation=organisation, timing=timing)


SMALL = small_device()
HOST = ("RD", "WR")
PIM = ("MACAB", "WRGB", "MVSB", "MVGB", "SFM", "SETM", "SETH")
UNUSED = ("MACSB", "MACPB")


@st.composite
def phases(draw: st.DrawFn) -> list[tuple[str, int, int, int, int]]:
    """Command, group, bank, row, column: phases of one sort, with barriers or without between."""
    stream: list[tuple[str, int, int, int, int]] = []
    for _ in range(draw(st.integers(1, 3))):
        commands = draw(st.sampled_from([HOST, PIM, HOST + PIM, PIM + UNUSED, ("MACPB",)]))
        groups = draw(st.sampled_from([(0,), (0, 1)]))
        banks, rows = draw(st.sampled_from([(2, 1), (8, 2), (64, 3)]))
        step = st.tuples(
            st.sampled_from(commands),
            st.sampled_from(groups),
            st.integers(0, banks - 1),
            st.integers(0, rows - 1),
            st.integers(0, 1),
        )
        stream += draw(st.lists(step, min_size=1, max_size=60))
        if draw(st.booleans()):
            stream += [("BARRIER", group, 0, 0, 0) for group in groups]
    return stream


def as_line(command: str, group: int, bank: int, row: int, column: int) -> str:
    address = ((group * 64 + bank) * 16384 + row) * 1024 + column * 32
    return f"{SMALL.commands[command].trace} {address:#x}"


def as_request(command: str, group: int, bank: int, row: int, column: int) -> Request:
    place = (bank >> 5, bank >> 4 & 1, bank >> 2 & 3, bank & 3)
    return Request(command, group, place, row, ((group * 64 + bank) << 24) + row * 1024 + column)


@settings(max_examples=settings().max_examples // 10)
@given(phases())
def test_equals_the_rules_cycle_by_cycle(stream: list[tuple[str, int, int, int, int]]) -> None:
    expected = run(SMALL, [as_request(*step) for step in stream], limit=4000)
    lines = [as_line(*step) for step in stream]
    try:
        cycles = simulate_trace(lines, SMALL).cycles
    except TimingError:
        cycles = None
    if expected is None:
        assert cycles is None or cycles > 4000
    else:
        assert cycles == expected


def test_a_livelock_ends_and_names_who_waits() -> None:
    """All-bank activates close the rows of host requests that wait for their turn."""
    device = load_device("attacc-ref")
    names, rng = ("LD", "PIM_MAC_AB"), random.Random(1)
    lines = [f"{rng.choice(names)} {rng.randrange(1 << 20) << 10:#x}" for _ in range(60)]
    with pytest.raises(
        TimingError, match=r"livelock on device .*RD \(channel 0, bank \d+, row \d+"
    ):
        simulate_trace(lines, device)


@pytest.mark.parametrize(("pairs", "cycles"), [(3, 150), (4, None)])
def test_both_pseudo_channels_close_each_others_rows(pairs: int, cycles: int | None) -> None:
    """Two rows wanted in each of some pairs of banks, from either side of the pair.

    An activate of a pair keeps only the side that it was addressed to from closing again: the other
    side closes both banks before the row can be used, and is undone in the same way. With enough
    pairs that take turns on the bus this has no end.
    """
    stream = [("MACPB", 0, 32 * side + pair, side, 0) for side in (0, 1) for pair in range(pairs)]
    assert run(SMALL, [as_request(*step) for step in stream], limit=1500) == cycles
    lines = [as_line(*step) for step in stream]
    if cycles is not None:
        assert simulate_trace(lines, SMALL).cycles == cycles
        return
    with pytest.raises(TimingError, match=r"livelock on device .*MACPB \(channel 0, bank \d+"):
        simulate_trace(lines, SMALL)


def test_addresses_wrap_as_the_published_simulator_does() -> None:
    device = load_device("attacc-ref")
    assert simulate_trace([f"LD {1 << 34:#x}"], device) == simulate_trace(["LD 0x0"], device)
