"""Compilation by numba, and the one home of all machine code that is kept between runs.

By itself numba looks only at the file of the outermost function to see whether kept code is stale,
and writes beside the sources. Here the code of a module goes to a folder of the user's cache whose
name is a hash of everything that it was made from: the module, those of the project that it
imports, and the compiler. A change makes a new folder; old ones go when nobody has used them for
some weeks.
"""

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config
from numba.extending import register_jitable

F = TypeVar("F", bound=Callable[..., Any])

KEPT_SECONDS = 30 * 24 * 3600
"""How long the code of other versions stays: they may be installed, too, and in use."""

PROJECT = __name__.partition(".")[0]
_SETTING = "CACHE_DIR"
_IMPORT = re.compile(rf"^(?:from|import) ({PROJECT}[\w.]*)(?: import ([\w, ]+)$)?", re.MULTILINE)


def compiled(function: F) -> F:
    """The function as machine code, compiled at its first call."""
    return _compiled(function)


@cache
def compiled_kernel(kernel: F) -> F:
    """As `compiled`, for a function that allocates nothing, nor do those that it calls.

    numba then counts no references for it, which halves its time.
    """
    return _compiled(kernel, _nrt=False)


def part(function: F) -> F:
    """Mark a function that kernels call; by itself it stays plain Python."""
    mark: Callable[[F], F] = register_jitable(_nrt=False)
    return mark(function)


def inlined(function: F) -> F:
    """As `part`, for a function whose call costs more than its work: arrays go word by word."""
    mark: Callable[[F], F] = register_jitable(_nrt=False, forceinline=True)
    return mark(function)


def _compiled(function: F, **options: bool) -> F:
    njit = cast("Callable[..., Callable[[F], F]]", numba.njit)
    folder = code_folder(function.__module__)
    if folder is None:
        return njit(**options)(function)
    # numba asks for the folder once, here; elsewhere in the process it keeps its own.
    with _kept_in(folder):
        dispatcher: Any = njit(cache=True, **options)(function)
    _save_alone(dispatcher, folder)
    return dispatcher


def _save_alone(dispatcher: Any, folder: Path) -> None:
    """Let one process at a time save to a folder.

    Two that compile a function for different types would else give both codes one file's name, and
    later runs would take the one for the other. The lock is imported late: few runs save.
    """
    kept = dispatcher._cache
    save: Callable[..., None] = kept.save_overload

    def save_alone(signature: Any, code: Any) -> None:
        from filelock import FileLock  # noqa: PLC0415

        with FileLock(folder / "lock"):
            save(signature, code)

    kept.save_overload = save_alone


@contextmanager
def _kept_in(folder: Path) -> Generator[None]:
    outside = _numba_folder()
    setattr(config, _SETTING, str(folder))
    try:
        yield
    finally:
        setattr(config, _SETTING, outside)


@cache
def code_folder(module: str) -> Path | None:
    """Where the machine code of a loaded module of the project is kept; None if nowhere."""
    digest = sha256(f"{sys.version} {numba.__version__}".encode())
    for name, source in sorted(sources(module).items()):
        digest.update(name.encode() + source)
    try:
        folder = _cache_root() / module / digest.hexdigest()[:16]
        if not folder.exists():
            _remove_unused(folder.parent)
            folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)  # it is in use
    except (OSError, RuntimeError):  # no permission, no space, or a user without a home
        return None
    return folder if os.access(folder, os.W_OK) else None


def sources(module: str) -> dict[str, bytes]:
    """The sources of a loaded module and of those of the project that it imports, by name."""
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _source(name)
            waiting += _imported(found[name].decode())
    return found


def _source(module: str) -> bytes:
    path = sys.modules[module].__file__
    assert path is not None, "modules of the project have files"
    return Path(path).read_bytes()


def _imported(source: str) -> list[str]:
    """Modules of the project that a source imports on loading."""
    found: list[str] = []
    for origin, names in _IMPORT.findall(source):
        inner = [f"{origin}.{name}" for name in re.findall(r"\w+", names)]
        modules = [name for name in inner if name in sys.modules]
        found += modules or [origin]
    return found


def _cache_root() -> Path:
    if chosen := _numba_folder():
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pim-opt"


def _numba_folder() -> str:
    """What NUMBA_CACHE_DIR chooses for the whole process; empty if it is not set."""
    return getattr(config, _SETTING)


def _remove_unused(parent: Path) -> None:
    """Remove the folders in `parent` that no run has used for long."""
    if not parent.exists():
        return
    for folder in parent.iterdir():
        if folder.stat().st_mtime < time.time() - KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
