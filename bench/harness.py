"""What a measurement is: a time, the time of a plain baseline in the same run, and their ratio.

Times depend on the machine and on what else it does; ratios are what to compare over history.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

HISTORY = Path(__file__).parent / "history.jsonl"


@dataclass(frozen=True)
class Measurement:
    """One figure of the table."""

    name: str
    seconds: float
    baseline: str
    """What the baseline does."""
    baseline_seconds: float
    work: int = 0
    """Units of work done in `seconds`; 0 where the time itself is the figure."""
    unit: str = ""
    """What `work` counts."""
    first_seconds: float = 0
    """What the very first call took more, to compile; 0 where nothing compiles."""
    details: Mapping[str, float] = field(default_factory=dict[str, float])
    """Figures that are no times, by name: errors of a model, say."""

    @property
    def ratio(self) -> float:
        """Times the baseline's time."""
        return self.seconds / self.baseline_seconds

    @property
    def times(self) -> str:
        """The ratio; of what is slower, how many times faster this is."""
        if self.ratio < 0.1:
            return f"1/{1 / self.ratio:,.0f} x"
        return f"{self.ratio:,.1f} x"

    @property
    def figure(self) -> str:
        """The rate, or the time."""
        if self.work:
            return f"{self.work / self.seconds / 1e6:,.2f} M {self.unit}/s"
        return f"{self.seconds * 1e3:,.0f} ms"


def seconds_of(action: Callable[[], object], runs: int = 5) -> float:
    """The median time of `runs` runs, after one that warms up."""
    action()
    times: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return median(times)


def table(measurements: Sequence[Measurement]) -> str:
    """The measurements as text, a line each."""
    rows = [("measured", "figure", "times", "baseline")]
    rows += [(m.name, m.figure, m.times, m.baseline) for m in measurements]
    rows += [
        (f"{m.name}: compile first", f"{m.first_seconds:,.1f} s", "", "once for each installation")
        for m in measurements
        if m.first_seconds
    ]
    rows += [
        (name, f"{value:.4f}", "", m.name)
        for m in measurements
        for name, value in m.details.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{name:<{widths[0]}}  {figure:>{widths[1]}}  {times:>{widths[2]}}  {baseline}"
        for name, figure, times, baseline in rows
    )


def append_to_history(measurements: Sequence[Measurement], path: Path = HISTORY) -> None:
    """One line of JSON: when, on what kind of machine, and what was measured."""
    line = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "figures": {
            m.name: {"seconds": round(m.seconds, 6), "ratio": float(f"{m.ratio:.4g}")}
            | ({m.unit: m.work} if m.work else {})
            | ({"first": round(m.first_seconds, 1)} if m.first_seconds else {})
            | dict(m.details)
            for m in measurements
        },
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
