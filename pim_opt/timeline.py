"""A log of issued commands as a Chrome trace: a process per channel, a track per bank group."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pim_opt.devices import Device

EVENT_LIMIT = 200_000
"""Commands shown at most, the first ones: some 25 MB of text."""


def chrome_trace(log: NDArray[Any], device: Device) -> dict[str, object]:
    """The log as data for json.dump; chrome://tracing and Perfetto show it.

    A cycle is shown as a microsecond: viewers round to nanoseconds, in which commands of one cycle
    would overlap others. Commands to more banks than those of one bank group have a track of their
    own.
    """
    shown = log[:EVENT_LIMIT]
    names = list(device.commands)
    whole = np.array([_is_wide(device, name) for name in names])
    per_track = device.core_levels[-1].count if len(device.core_levels) > 1 else device.cores
    tracks = np.where(whole[shown["command"]], 0, 1 + shown["bank"] // per_track)
    events: list[dict[str, object]] = [
        {
            "name": names[line["command"]],
            "ph": "X",
            "pid": int(line["group"]),
            "tid": int(track),
            "ts": int(line["cycle"]),
            "dur": 1,
            # Numbers below 0 say that the command has no such part.
            "args": {
                part: int(line[part]) for part in ("bank", "row", "column") if line[part] >= 0
            },
        }
        for line, track in zip(shown, tracks, strict=True)
    ]
    groups = sorted({int(group) for group in shown["group"]})
    labels = [_label("process_name", g, 0, f"{device.group} {g}") for g in groups]
    for group, track in sorted(
        {(int(g), int(t)) for g, t in zip(shown["group"], tracks, strict=True)}
    ):
        name = "many banks" if track == 0 else _track_name(device, track - 1)
        labels.append(_label("thread_name", group, track, name))
    return {
        "traceEvents": [*labels, *events],
        "otherData": {
            "device": device.name,
            "unit": "cycles",
            "clock_ps": device.clock_ps,
            "commands": len(log),
            "shown": len(shown),
        },
    }


def _is_wide(device: Device, command: str) -> bool:
    innermost = device.core_levels[-1:]
    return any(device.level(lv) not in innermost for lv in device.commands[command].spans)


def _track_name(device: Device, track: int) -> str:
    """Coordinates of a bank group, as `pc 0 ra 1 bg 3`."""
    parts: list[str] = []
    for level in reversed(device.core_levels[:-1]):
        parts.append(f"{level.short} {track % level.count}")
        track //= level.count
    return " ".join(reversed(parts)) or "banks"


def _label(kind: str, group: int, track: int, name: str) -> dict[str, object]:
    return {"name": kind, "ph": "M", "pid": group, "tid": track, "args": {"name": name}}
