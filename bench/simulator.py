"""How fast the cycle simulator is: both controller policies, compiled against plain Python."""

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
    """A GEMV as the controller of one channel sees it, without end: operands, rows, moves."""
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
        )


def measurements() -> list[Measurement]:
    """A figure for each policy."""
    return [command_rate("attacc"), command_rate("attacc-ref")]
