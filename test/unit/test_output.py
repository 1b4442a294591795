"""A tool whose output nobody reads on ends quietly, as under SIGPIPE."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "gemv_f16.mlir"


@pytest.mark.parametrize(
    "arguments",
    [["pim_opt.pimc", "devices"], ["pim_opt.main", str(EXAMPLE), "-p", "linalg-normalize"]],
    ids=["pimc", "pim-opt"],
)
def test_a_reader_that_left(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", *arguments]
    try:
        ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")
