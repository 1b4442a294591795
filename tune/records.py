"""What earlier tunings found, as JSON lines in a file that is only ever appended to.

A record belongs to a kernel, the contents of a device and a version of the tools, all in its key.
Several processes may append at the same time: a record is one write of one line.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import msgspec

from pim_opt.devices import Device
from pim_opt.dialects.computation import Computation, text_of

Warn = Callable[[int, str], None]
"""Told the number of a line, from 1, and what is wrong with it."""


@dataclass(frozen=True)
class Record:
    """The outcome of one tuning whose candidates were simulated."""

    key: str
    kernel: str
    """What was tuned, for people."""
    device: str
    objective: str
    top_k: int
    """Candidates that were simulated at most."""
    schedule: str
    predicted_cycles: float
    simulated_cycles: int
    baseline_cycles: int | None
    """Simulated, of the device's hand mapping; None where it has none."""
    candidates: int
    """Schedules whose score the search computed."""
    pruned: int
    """Spreads and variants that it left out by their bounds."""
    seconds: float

    def line(self) -> str:
        """The record as it stands in a file, without the end of the line."""
        return msgspec.json.encode(self).decode()


def record_key(kernel: Computation, device: Device, context: Mapping[str, object]) -> str:
    """The key of a kernel on a device.

    Args:
        kernel: what is computed.
        device: all of whose contents count.
        context: what else a schedule's time depends on: types, where operands start.
    """
    contents = {
        "kernel": text_of(kernel),
        "dims": msgspec.to_builtins(kernel.dims),
        "accesses": msgspec.to_builtins((*kernel.inputs, kernel.result)),
        "device": msgspec.to_builtins(device),
        "context": dict(context),
        "version": version("pim-opt"),
    }
    text = json.dumps(contents, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def read_records(path: Path, warn: Warn) -> Iterator[Record]:
    """The records of a file, in order; damaged lines are left out, each with a warning.

    Raises:
        OSError: the file cannot be read.
    """
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            yield msgspec.json.decode(line, type=Record)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            warn(number, f"damaged record is left out: {error}")


def append_record(path: Path, record: Record) -> None:
    """Add a record at the end of a file, which is made if there is none.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        # What broke off in the middle of a line must not take this record with it.
        end = os.fstat(file).st_size
        broken = end > 0 and os.pread(file, 1, end - 1) != b"\n"
        os.write(file, ("\n" * broken + record.line() + "\n").encode())
    finally:
        os.close(file)


@dataclass(frozen=True)
class RecordFile:
    """A file of records that tunings read from and add to."""

    path: Path
    warn: Warn

    @cached_property
    def _records(self) -> tuple[Record, ...]:
        if not self.path.exists():
            return ()
        return tuple(read_records(self.path, self.warn))

    def find(self, key: str, objective: str, top_k: int) -> Record | None:
        """The newest record of a tuning that looked as far as wanted or farther.

        Raises:
            OSError: the file cannot be read.
        """
        for record in reversed(self._records):
            if (record.key, record.objective) == (key, objective) and record.top_k >= top_k:
                return record
        return None


def merged(records: Iterator[Record]) -> list[Record]:
    """Records without those that say the same, in order; the newest of a tuning comes last."""
    return list(dict.fromkeys(records))
