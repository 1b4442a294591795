"""Who computes a sweep: this process, joblib's processes, or the workers of a Dask cluster."""

import signal
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol


class Engine(Protocol):
    """Runs batches."""

    room: int
    """Batches to give it at once."""
    losses: tuple[type[BaseException], ...]
    """What a batch raises whose worker died."""

    def submit(self, task: Callable[[Any], Any], batch: Sequence[Any]) -> Any:
        """Start a batch; a future with `result()`."""
        ...

    def wait(self, futures: Sequence[Any]) -> Iterable[Any]:
        """Those of the futures that are done, at least one."""
        ...

    def abandon(self) -> None:
        """Stop what runs."""
        ...


class _Here:
    """This process, one batch after the other."""

    room = 1
    losses: tuple[type[BaseException], ...] = ()

    def submit(self, task: Callable[[Any], Any], batch: Sequence[Any]) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(task(batch))
        return future

    def wait(self, futures: Sequence[Future[Any]]) -> Iterable[Future[Any]]:
        return futures

    def abandon(self) -> None:
        """Nothing runs besides."""


def _ignore_interrupts() -> None:
    """A terminal sends Ctrl-C to workers as well; their sweep decides for them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Processes:
    """A pool of joblib's processes, with another in its place when a worker has died."""

    def __init__(self, workers: int) -> None:
        self._loky: Any = import_module("joblib.externals.loky")
        self._workers = workers
        self.room = 2 * workers
        self.losses: tuple[type[BaseException], ...] = (self._loky.BrokenProcessPool,)

    @property
    def _pool(self) -> Any:
        return self._loky.get_reusable_executor(
            max_workers=self._workers, initializer=_ignore_interrupts
        )

    def submit(self, task: Callable[[Any], Any], batch: Sequence[Any]) -> Any:
        try:
            return self._pool.submit(task, batch)
        except self.losses as error:  # A worker has died since the last result.
            future: Future[Any] = Future()
            future.set_exception(error)
            return future

    def wait(self, futures: Sequence[Any]) -> Iterable[Any]:
        return wait(futures, return_when=FIRST_COMPLETED).done

    def abandon(self) -> None:
        self._pool.shutdown(wait=True, kill_workers=True)


class _Cluster:
    """A Dask cluster, which gives a dead worker's batches to others itself, a few times."""

    def __init__(self, client: Any) -> None:
        self._distributed: Any = import_module("distributed")
        self._client = client
        self._started: list[Any] = []
        self.room = 2 * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        self.losses: tuple[type[BaseException], ...] = (self._distributed.KilledWorker,)

    def submit(self, task: Callable[[Any], Any], batch: Sequence[Any]) -> Any:
        return self._client.submit(task, batch, pure=False)

    def wait(self, futures: Sequence[Any]) -> Iterable[Any]:
        self._started = list(futures)
        return self._distributed.wait(self._started, return_when=FIRST_COMPLETED).done

    def abandon(self) -> None:
        self._client.cancel(self._started)


@contextmanager
def engine_of(workers: int, cluster: str | None) -> Generator[Engine]:
    """The engine that was asked for.

    Args:
        workers: processes on this machine; 1 computes in this one.
        cluster: address of a Dask scheduler to use instead.

    Raises:
        OSError: the cluster does not answer.
        ValueError: the cluster needs an extra that is not installed.
    """
    if cluster is None:
        yield _Here() if workers == 1 else _Processes(workers)
        return
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise ValueError("a cluster needs Dask: pip install 'pim-opt[cluster]'") from error
    with distributed.Client(cluster) as client:
        yield _Cluster(client)
