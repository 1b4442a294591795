"""`make bench`: how fast the compiler, the tools, the simulators and the cost model are."""

import subprocess
import sys
from pathlib import Path

import model
import numpy as np
import simulator
from harness import Measurement, append_to_history, seconds_of, table
from numpy.typing import NDArray

import pim_opt
from pim_opt.devices import load_device
from pim_opt.dialects.pim import ProgramOp
from pim_opt.parsing import make_context, parse_module
from pim_opt.sim.expand import Run, expand
from pim_opt.sim.functional import run_program

DEVICE = "attacc"
GEMV = Path(__file__).parents[1] / "examples" / "gemv_f16.mlir"
N = K = 4096
"""Shape of the GEMV."""


def tool_start(tool: str) -> Measurement:
    """`TOOL --help` in a process of its own."""
    scripts = Path(sys.executable).parent

    def run(*command: str) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    return Measurement(
        f"{tool} --help",
        seconds_of(lambda: run(str(scripts / tool), "--help"), 9),
        "python -c pass",
        seconds_of(lambda: run(sys.executable, "-c", "pass"), 9),
    )


def compile_gemv() -> Measurement:
    """One GEMV from text to a command program, in a process that has compiled before."""
    text = GEMV.read_text(encoding="utf-8")
    return Measurement(
        "compile a GEMV",
        seconds_of(lambda: pim_opt.compile(text, device=DEVICE)),
        "parse its text",
        seconds_of(lambda: parse_module(text, "gemv", make_context())),
    )


def simulate(program: ProgramOp, x: NDArray[np.float16], w: NDArray[np.float16]) -> Measurement:
    """The GEMV in the functional simulator, every multiplication of it."""
    device = load_device(DEVICE)
    return Measurement(
        "execute a GEMV",
        seconds_of(lambda: run_program(program, device, [x, w]), 3),
        "np.einsum in f32",
        seconds_of(
            lambda: np.einsum("mk,nk->mn", x.astype(np.float32), w.astype(np.float32)),
            3,
        ),
        N * K,
        "MAC",
    )


def expand_program(program: ProgramOp) -> Measurement:
    """The GEMV's program expanded into commands with their addresses."""
    device = load_device(DEVICE)
    levels = len(device.core_levels) + 2

    def commands() -> int:
        return sum(
            len(item) for item in expand(program, device.column_elements) if isinstance(item, Run)
        )

    count = commands()
    return Measurement(
        "expand a program",
        seconds_of(commands),
        "np.unravel_index of as many addresses",
        seconds_of(lambda: np.unravel_index(np.arange(count), (count, *[1] * levels))),
        count,
        "commands",
    )


def main() -> None:
    """Measure, show, and remember."""
    compiled = pim_opt.compile(GEMV, device=DEVICE)
    (program,) = (op for op in compiled.module.walk() if isinstance(op, ProgramOp))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, K)).astype(np.float16)
    w = rng.standard_normal((N, K)).astype(np.float16)
    measurements = [
        tool_start("pim-opt"),
        tool_start("pimc"),
        compile_gemv(),
        expand_program(program),
        simulate(program, x, w),
        *simulator.measurements(),
        *model.measurements(),
    ]
    print(table(measurements))
    append_to_history(measurements)


if __name__ == "__main__":
    main()
