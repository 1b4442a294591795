"""Kept machine code: never stale, in one place, and done without where there is none."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

from pim_opt.cost import jit, streams
from pim_opt.sim.timing.in_order import engine

HELPER = "LIMIT = {limit}\n"
KERNEL = """
from pim_opt.cost.jit import compiled
from pim_opt.helper import LIMIT

@compiled
def limit() -> int:
    return LIMIT
"""
RUN = """
import sys, pim_opt
pim_opt.__path__.append(sys.argv[1])
from pim_opt.kernel import limit
print(limit(), sum(limit.stats.cache_hits.values()))
"""


def limit_and_hits(folder: Path, cache: Path) -> str:
    """What a new process finds: the kernel's result, and how often kept code was loaded."""
    command = [sys.executable, "-c", RUN, str(folder)]
    env = {"PATH": "", "XDG_CACHE_HOME": str(cache)}
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def test_code_is_kept_until_an_imported_constant_changes(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (tmp_path / "helper.py").write_text(HELPER.format(limit=4))
    (tmp_path / "kernel.py").write_text(KERNEL)
    assert limit_and_hits(tmp_path, cache) == "4 0\n"
    assert limit_and_hits(tmp_path, cache) == "4 1\n"
    (tmp_path / "helper.py").write_text(HELPER.format(limit=55))
    assert limit_and_hits(tmp_path, cache) == "55 0\n"


def test_nothing_is_kept_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text(HELPER.format(limit=4))
    (tmp_path / "kernel.py").write_text(KERNEL)
    no_folder = tmp_path / "file"
    no_folder.touch()
    assert limit_and_hits(tmp_path, no_folder) == "4 0\n"
    assert not (tmp_path / "__pycache__" / "kernel.limit-5.nbi").exists()


def test_a_kernel_rests_on_what_its_parts_are_made_of() -> None:
    names = jit.sources(engine.__name__)
    assert {"pim_opt.sim.timing.constraints", "pim_opt.sim.timing.layout"} <= set(names)


def test_code_that_nobody_uses_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    module = tmp_path / "pim-opt" / jit.__name__
    for name, used in (("old", 0.0), ("recent", module.parent.parent.stat().st_mtime)):
        (module / name).mkdir(parents=True)
        os.utime(module / name, (used, used))
    jit.code_folder.cache_clear()
    folder = jit.code_folder(jit.__name__)
    assert folder is not None
    assert {path.name for path in module.iterdir()} == {folder.name, "recent"}


def test_one_process_at_a_time_saves_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jit.code_folder.cache_clear()
    folder = jit.code_folder(streams.__name__)
    assert folder is not None
    refused: list[str] = []

    def save(*_: object) -> None:
        with pytest.raises(Timeout) as error, FileLock(folder / "lock", timeout=0):
            pass
        refused.append(error.value.lock_file)

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.save", save)
    kernel: Any = streams.passes_cycles
    plain: Callable[[streams.Pace, float], float] = kernel.py_func
    assert jit.compiled(plain)(streams.Pace(4.0, 6.0, 8.0), 3.0) == 22.0
    assert refused == [str(folder / "lock")]
