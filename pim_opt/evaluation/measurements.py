"""Measured times of kernels on a GPU, from a file: CSV with the columns kind, shape, us."""

import csv
from dataclasses import dataclass
from pathlib import Path

HEADER = ["kind", "shape", "us"]


@dataclass(frozen=True)
class Measurements:
    """Times in microseconds by kind and shape."""

    us: dict[tuple[str, tuple[int, ...]], float]

    def seconds(self, kind: str, shape: tuple[int, ...]) -> float | None:
        """The time of a kernel; None if it was not measured."""
        found = self.us.get((kind, shape))
        return None if found is None else found * 1e-6


def read_measurements(path: Path) -> Measurements:
    """The times of a file; a shape is written 1x32x128x512.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line says something else, with its place.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    if not rows or rows[0] != HEADER:
        raise ValueError(f"{path}:1: error: expected the header {','.join(HEADER)}")
    found: dict[tuple[str, tuple[int, ...]], float] = {}
    for number, row in enumerate(rows[1:], 2):
        try:
            kind, shape, us = row
            key = (kind, tuple(map(int, shape.split("x"))))
            found[key] = float(us)
        except ValueError as error:
            line = ",".join(row)
            raise ValueError(
                f"{path}:{number}: error: found '{line}'; expected a kind, a shape as"
                " 1x32x128x512 and microseconds"
            ) from error
        if not found[key] > 0:
            raise ValueError(f"{path}:{number}: error: us is {us}; expected more than 0")
    return Measurements(found)
