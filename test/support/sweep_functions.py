"""Functions that tests sweep over: importable by name in the workers' processes."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Draw:
    """An item with a seed of its own."""

    number: int


def squared(item: Draw) -> dict[str, float]:
    """Something that is not exact in binary."""
    return {"square": item.number**2 / 7}


def even_only(item: Draw) -> int:
    if item.number % 2:
        raise ValueError(f"{item.number} is odd")
    return item.number


def interrupted_at_five(item: Draw) -> int:
    if item.number == 5:
        raise KeyboardInterrupt
    return item.number


@dataclass(frozen=True)
class Mortal:
    """An item that may end its worker."""

    number: int
    ends_worker: bool = False
    once: str | None = None
    """A file that remembers that it has."""


def mortal(item: Mortal) -> int:
    """The number, unless the item kills its worker, the first time or every time."""
    if item.ends_worker and not (item.once and Path(item.once).exists()):
        if item.once is not None:
            Path(item.once).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item.number
