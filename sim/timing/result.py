"""What a simulation gives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.requests import LOG_OPERAND


@dataclass(frozen=True)
class Result:
    """The timing of a command stream."""

    device: str
    cycles: int
    """From the first cycle to the completion of the last command."""
    time_ns: float
    requests: dict[str, int]
    """Requests of the stream by their names in the trace format; barriers count one per group."""
    commands: dict[str, int]
    """Commands issued by name; row commands and refreshes included."""
    row_hits: int
    """Requests to DRAM columns for which no row command had to be issued."""
    row_misses: int
    bus_utilisation: float
    """Share of the cycles in which a group issues a column command, mean of all groups."""
    mac_utilisation: float
    """Share of the cycles in which a group's multipliers work, mean of all groups."""
    breakdown: dict[str, int]
    """Cycles of the group that ends last by what they were spent on; the sum is `cycles`."""
    log: NDArray[Any] | None = field(default=None, repr=False)
    """Commands in the order of each group, if wanted: cycle i8, command i4 (its number in the order
    of the device's commands), group i4, bank i4 (flat number of the core in its group; the first
    of several), row i8 and column i4 (-1 for commands without), operands i4 (-1 if not known)."""

    def as_json(self) -> dict[str, object]:
        """The result without its log, ready for json.dumps."""
        return {
            "device": self.device,
            "cycles": self.cycles,
            "time_ns": self.time_ns,
            "requests": self.requests,
            "commands": self.commands,
            "row_hits": self.row_hits,
            "row_misses": self.row_misses,
            "bus_utilisation": round(self.bus_utilisation, 4),
            "mac_utilisation": round(self.mac_utilisation, 4),
            "breakdown": self.breakdown,
        }


def log_type(operands: int) -> np.dtype[Any]:
    """The structure of a log's lines."""
    return np.dtype([
        ("cycle", "i8"),
        ("command", "i4"),
        ("group", "i4"),
        ("bank", "i4"),
        ("row", "i8"),
        ("column", "i4"),
        ("operands", "i4", (operands,)),
    ])  # fmt: skip


def structured(lines: Ints) -> NDArray[Any]:
    """Lines of an engine's log as an array of `log_type`."""
    type_ = log_type(lines.shape[1] - LOG_OPERAND)
    result = np.empty(len(lines), type_)
    for number, name in enumerate(type_.names or ()):
        result[name] = lines[:, LOG_OPERAND:] if name == "operands" else lines[:, number]
    return result


def one_after_the_other(results: Sequence[Result]) -> Result:
    """The result of streams on one device, each of which starts when the one before has ended."""
    if len(results) == 1:
        return results[0]
    cycles = sum(result.cycles for result in results)

    def total(name: str) -> dict[str, int]:
        parts: list[dict[str, int]] = [getattr(result, name) for result in results]
        return {key: sum(part.get(key, 0) for part in parts) for part in parts for key in part}

    def mean(name: str) -> float:
        return sum(float(getattr(result, name)) * result.cycles for result in results) / cycles

    return Result(
        results[0].device,
        cycles,
        round(sum(result.time_ns for result in results), 3),
        total("requests"),
        total("commands"),
        sum(result.row_hits for result in results),
        sum(result.row_misses for result in results),
        mean("bus_utilisation"),
        mean("mac_utilisation"),
        total("breakdown"),
        _joined_logs(results),
    )


def _joined_logs(results: Sequence[Result]) -> NDArray[Any] | None:
    logs: list[NDArray[Any]] = []
    start = 0
    for result in results:
        if result.log is None:
            return None
        later = result.log.copy()
        later["cycle"] += start
        logs.append(later)
        start += result.cycles
    return np.concatenate(logs)
