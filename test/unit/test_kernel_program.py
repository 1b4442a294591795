"""The program of a kernel by itself is the pipeline's."""

import numpy as np
import pytest
from kernels import gemv_kernel
from xdsl.dialects.builtin import ModuleOp

import pim_opt
from pim_opt.devices import load_device
from pim_opt.dialects.pim import ProgramOp
from pim_opt.kinds import kernel_text
from pim_opt.passes.kernel_program import lowered
from pim_opt.sim.timing import simulate_program
from pim_opt.tune.random_schedules import random_schedule


def only_program(module: ModuleOp) -> ProgramOp:
    (program,) = (op for op in module.walk() if isinstance(op, ProgramOp))
    return program


@pytest.mark.parametrize("device", ["attacc", "attacc-ref"])
@pytest.mark.parametrize("shape", [(1, 1, 64, 48), (2, 3, 50, 7), (1, 5, 1, 33)])
def test_it_is_the_pipelines(device: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(device))
    batch, heads, k, n = shape
    kernel = gemv_kernel(batch=batch, heads=heads, k=k, n=n, device=device)
    model = load_device(device)
    lanes = model.column_elements("f16")
    for _ in range(3):
        schedule = random_schedule(kernel.contraction, model, lanes, rng)
        compiled = pim_opt.compile(
            kernel_text("gemv", shape), device=device, schedule=str(schedule)
        )
        _, program = lowered(kernel, schedule)
        whole = only_program(compiled.module)
        assert program.body.is_structurally_equivalent(whole.body)
        assert simulate_program(program, model) == simulate_program(whole, model)
