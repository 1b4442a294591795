"""How fast the cycle simulator is: both controller policies, compiled against plain Python."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import Measurement, seconds_of

from pim_opt.devices import Device, load_device
from pim_opt.sim.timing import simulate_trace

BANK_BYTES = 16 << 20
PLAIN_SHARE = 100
"""Plain Python gets one request in as many, and its time counts as many times."""


def pim_stream(device: Device) -> Iterator[str]:
    """A GEMV as the controller of one group sees it, without end: operands, rows, moves."""
    row_bytes = device.columns * device.column_bytes
    row = 0
    while True:
        yield from (f"PIM_WR_GB {bank * BANK_BYTES:#x}" for bank in range(0, device.cores, 4))
        for _ in range(8):
            start = row % device.rows * row_bytes
            yield from (
                f"PIM_MAC_AB {start + column * device.column_bytes:#x}"
                for column in range(device.columns)
            )
            row += 1
        yield from (f"PIM_MV_SB {bank * BANK_BYTES:#x}" for bank in range(0, device.cores, 4))


def compile_seconds(device: str) -> float:
    """Seconds that a process without kept machine code takes more than one with it."""
    script = (
        "from pim_opt.devices import load_device; from pim_opt.sim.timing import simulate_trace;"
        f"simulate_trace(['LD 0x0'], load_device('{device}'))"
    )
    times: list[float] = []
    with TemporaryDirectory() as folder:
        for _ in range(2):
            started = time.perf_counter()
            environment = os.environ | {"NUMBA_CACHE_DIR": folder}
            subprocess.run([sys.executable, "-c", script], check=True, env=environment)
            times.append(time.perf_counter() - started)
    return times[0] - times[1]


def command_rate(name: str, requests: int = 1_000_000) -> Measurement:
    """Requests a second of a long PIM stream on a device, reading its text included."""
    device = load_device(name)
    few = list(islice(pim_stream(device), requests // PLAIN_SHARE))
    with TemporaryDirectory() as folder:
        path = Path(folder, "stream.trace")
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in islice(pim_stream(device), requests))
        return Measurement(
            f"time a stream, {device.controller.policy}",
            seconds_of(lambda: simulate_trace(path, device), 3),
            "plain Python",
            seconds_of(lambda: simulate_trace(few, device, jit=False), 1) * PLAIN_SHARE,
            requests,
            "requests",
            compile_seconds(name),
        )


def measurements() -> list[Measurement]:
    """A figure for each policy."""
    return [command_rate("attacc"), command_rate("attacc-ref")]
