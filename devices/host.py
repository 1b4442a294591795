"""What a host file says: a GPU's rates, as far as models of its kernels' times use them.

Rates are of decimal units: a TFLOP/s is 1e12 operations a second, a GB/s is 1e9 bytes a second.
"""

import math
from collections.abc import Iterator

import msgspec


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The time of a kernel as a line through measurements on another GPU."""

    base_us: float
    """Of a kernel that moves nothing, its launch included."""
    us_per_byte: float
    gb_s: float
    """Peak bandwidth of the GPU that was measured; the slope shrinks with a faster one."""


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The way between the GPU's memory and PIM memory."""

    gb_s: float
    """In one direction."""
    latency_us: float
    """Of a transfer, whatever its size."""


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A GPU."""

    name: str
    description: str
    processors: int
    """Streaming multiprocessors: how many thread blocks run at once, if each needs a whole one."""
    tflops: float
    """Peak of dense f16 products."""
    compute_efficiency: float
    """Share of the peak that kernels reach."""
    gb_s: float
    """Peak bandwidth of its memory."""
    memory_efficiency: float
    """Share of the peak that kernels reach."""
    memory_gib: float
    l1_kib: float
    """Of a processor."""
    l2_mib: float
    launch_us: float
    """From one kernel to the next where nothing overlaps."""
    norm: Measured
    activation: Measured
    link: Link

    @property
    def flops_per_second(self) -> float:
        """Operations a second that kernels reach."""
        return self.tflops * 1e12 * self.compute_efficiency

    @property
    def bytes_per_second(self) -> float:
        """Bytes a second that kernels reach."""
        return self.gb_s * 1e9 * self.memory_efficiency


_RATES = ("processors", "tflops", "gb_s", "memory_gib", "l1_kib", "l2_mib")
_SHARES = ("compute_efficiency", "memory_efficiency")


def host_problems(host: Host) -> Iterator[tuple[str, str]]:
    """What is wrong with a host: a path in its file, and a message."""
    for name in _SHARES:
        value = getattr(host, name)
        if not 0 < value <= 1:
            yield f"$.{name}", f"{name} is {value}; expected more than 0 and at most 1"
    for name in _RATES:
        yield from _positive(f"$.{name}", getattr(host, name))
    yield from _positive("$.launch_us", host.launch_us, or_zero=True)
    for path, line in (("$.norm", host.norm), ("$.activation", host.activation)):
        yield from _positive(f"{path}.base_us", line.base_us, or_zero=True)
        yield from _positive(f"{path}.us_per_byte", line.us_per_byte, or_zero=True)
        yield from _positive(f"{path}.gb_s", line.gb_s)
    yield from _positive("$.link.gb_s", host.link.gb_s)
    yield from _positive("$.link.latency_us", host.link.latency_us, or_zero=True)


def _positive(path: str, value: float, *, or_zero: bool = False) -> Iterator[tuple[str, str]]:
    """A problem unless the field at `path` is a number above 0, or 0 where that is allowed."""
    if math.isfinite(value) and (value > 0 or (or_zero and value == 0)):
        return
    least = "at least" if or_zero else "more than"
    yield path, f"{path.rpartition('.')[2]} is {value}; expected {least} 0"
