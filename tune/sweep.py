"""Sweeps: one function over many items, on processes of this machine or on a Dask cluster.

What a sweep gives does not depend on who computed it: outcomes come in the order of the items, and
an item brings its own seed. Each result is a JSON value and is kept as such, so that a file of
results is what the sweep itself would have returned.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pim_opt.tune.sweep_engines import Engine, engine_of
from pim_opt.tune.sweep_file import ResultsFile
from pim_opt.tune.sweep_progress import Watch, watching

Item = TypeVar("Item")

LOST = "its worker ended before it did"
"""The error of an item that takes its worker with it."""


@dataclass(frozen=True)
class Outcome(Generic[Item]):
    """What became of an item."""

    item: Item
    value: Any = None
    """The function's result as a JSON value; None after an error."""
    error: str | None = None


@dataclass(frozen=True)
class SweepResult(Generic[Item]):
    """Outcomes in the order of the items."""

    outcomes: tuple[Outcome[Item], ...]
    complete: bool
    """Whether every item has an outcome: a sweep that was interrupted keeps what it has."""


@dataclass(frozen=True)
class SweepOptions:
    """How to run a sweep; nothing here changes what it gives."""

    workers: int = 1
    """Processes; 1 computes in this one."""
    cluster: str | None = None
    """Address of a Dask scheduler whose workers compute instead."""
    batch: int = 1
    """Items that a worker takes at once."""
    results: Path | None = None
    """A JSON-lines file: what it has is not computed again, what is computed is added."""
    watch: Watch = field(default_factory=Watch)


@dataclass(frozen=True)
class BatchTask(Generic[Item]):
    """The function over one batch after the other: what travels to workers."""

    function: Callable[[Item], object]

    def __call__(self, batch: Sequence[Item]) -> list[tuple[Any, str | None]]:
        return [self._one(item) for item in batch]

    def _one(self, item: Item) -> tuple[Any, str | None]:
        try:
            return json.loads(json.dumps(self.function(item))), None
        except Exception as error:  # An item's failure, whichever, is that item's outcome.
            return None, f"{type(error).__name__}: {error}"


def sweep(
    function: Callable[[Item], object],
    items: Sequence[Item],
    options: SweepOptions = SweepOptions(),
) -> SweepResult[Item]:
    """Apply a function to every item.

    Args:
        function: importable by name in another process; gives what json can write.
        items: picklable, each with a repr of its own, by which results are found again.
        options: how to run.

    Returns:
        All outcomes; or those there were when Ctrl-C came.

    Raises:
        ValueError: two items are alike; or the results file is none.
        OSError: the results file cannot be written, or the cluster does not answer.
    """
    keys = [repr(item) for item in items]
    if len(set(keys)) < len(keys):
        raise ValueError("two items of the sweep are alike")
    file = ResultsFile(options.results)
    known = file.read()
    with ExitStack() as stack:
        show = stack.enter_context(watching(options.watch, len(items)))
        run = _Run(items, keys, known, file, show)
        todo = [i for i, key in enumerate(keys) if key not in known]
        show(len(items) - len(todo), (known[key] for key in keys if key in known))
        complete = True
        if todo:
            engine = stack.enter_context(engine_of(options.workers, options.cluster))
            complete = run.to_the_end(engine, BatchTask(function), todo, options.batch)
    if complete:
        file.put_in_order(keys, run.found)
    return SweepResult(tuple(run.outcomes()), complete)


class _Run(Generic[Item]):
    """A sweep under way; batches are tuples of item numbers.

    A worker that dies takes the batches of its siblings along where processes share a pool. All of
    these are suspects: they run again, each alone; one that dies alone is split, or, if it is one
    item, given up.
    """

    def __init__(
        self,
        items: Sequence[Item],
        keys: Sequence[str],
        known: dict[str, Any],
        file: ResultsFile,
        show: Callable[[int, Iterator[Any]], None],
    ) -> None:
        self.items = items
        self.keys = keys
        self.found = dict(known)
        """Values by key."""
        self.errors: dict[str, str] = {}
        self._file = file
        self._show = show
        self._waiting: deque[tuple[int, ...]] = deque()
        self._suspects: deque[tuple[int, ...]] = deque()
        self._running: dict[Any, tuple[int, ...]] = {}

    def outcomes(self) -> Iterator[Outcome[Item]]:
        """What is known, in the order of the items."""
        for item, key in zip(self.items, self.keys, strict=True):
            if key in self.found:
                yield Outcome(item, self.found[key])
            elif key in self.errors:
                yield Outcome(item, None, self.errors[key])

    def to_the_end(
        self, engine: Engine, task: BatchTask[Item], todo: Sequence[int], size: int
    ) -> bool:
        """Run all of `todo`; False if Ctrl-C came first."""
        self._waiting.extend(tuple(todo[i : i + size]) for i in range(0, len(todo), size))
        try:
            while self._waiting or self._suspects or self._running:
                alone = self._submit(engine, task)
                for future in engine.wait(list(self._running)):
                    self._collect(engine, future, alone)
        except KeyboardInterrupt:
            engine.abandon()
            return False
        return True

    def _submit(self, engine: Engine, task: BatchTask[Item]) -> bool:
        """Keep the engine busy; whether it runs a suspect, alone."""
        if self._suspects and not self._running:
            self._start(engine, task, self._suspects.popleft())
            return True
        while not self._suspects and self._waiting and len(self._running) < engine.room:
            self._start(engine, task, self._waiting.popleft())
        return False

    def _start(self, engine: Engine, task: BatchTask[Item], batch: tuple[int, ...]) -> None:
        self._running[engine.submit(task, [self.items[i] for i in batch])] = batch

    def _collect(self, engine: Engine, future: Any, alone: bool) -> None:
        batch = self._running.pop(future)
        try:
            results = future.result()
        except engine.losses:
            if not alone:
                self._suspects.append(batch)
            elif len(batch) > 1:
                self._suspects.extend((number,) for number in batch)
            else:
                self._record(batch, [(None, LOST)])
            return
        self._record(batch, results)

    def _record(self, batch: tuple[int, ...], results: list[tuple[Any, str | None]]) -> None:
        fresh: dict[str, Any] = {}
        for number, (value, error) in zip(batch, results, strict=True):
            if error is None:
                fresh[self.keys[number]] = value
            else:
                self.errors[self.keys[number]] = error
        self.found |= fresh
        self._file.add(fresh)
        self._show(len(batch), iter(fresh.values()))
