"""The progress of a sweep, shown on a terminal and nowhere else."""

import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Watch:
    """What to show of a sweep while it runs."""

    label: str = "sweep"
    score: Callable[[Any], float] | None = None
    """Of a value; the lowest so far is shown as the best."""


Show = Callable[[int, Iterable[Any]], None]
"""Takes how many more items are done, and the values among what they gave."""


@contextmanager
def watching(watch: Watch, items: int) -> Generator[Show]:
    """A bar on stderr, with items a second and the best so far, if that is a terminal."""
    if not sys.stderr.isatty():
        yield _show_nothing
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[best]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(watch.label, total=items, rate="", best="")
        best = _Best(watch.score)

        def show(done: int, values: Iterable[Any]) -> None:
            best.see(values)
            progress.update(task, advance=done, best=best.text)
            speed = progress.tasks[0].speed
            progress.update(task, rate="" if speed is None else f"{speed:,.1f} items/s")

        yield show


class _Best:
    """The lowest score so far."""

    def __init__(self, score: Callable[[Any], float] | None) -> None:
        self._score = score
        self._lowest: float | None = None

    def see(self, values: Iterable[Any]) -> None:
        if self._score is not None:
            scores = [self._score(value) for value in values]
            known = [] if self._lowest is None else [self._lowest]
            self._lowest = min(known + scores, default=None)

    @property
    def text(self) -> str:
        return "" if self._lowest is None else f"best {self._lowest:,.4g}"


def _show_nothing(done: int, values: Iterable[Any]) -> None:
    """Nobody watches."""
