"""One group stands for others that receive the same commands, and nothing else changes."""

from dataclasses import replace

import pytest
from kernels import gemv_kernel

from pim_opt.devices import load_device
from pim_opt.dialects.pim import ProgramOp
from pim_opt.dialects.schedule import parse_schedule
from pim_opt.passes.kernel_program import lowered
from pim_opt.sim.timing import simulate_program
from pim_opt.sim.timing.program_input import alike_groups, alike_neighbours

DEVICES = ["attacc", "attacc-ref"]
CORE = "time 16; k: time 32, lane 16; order n k x; x: direct; y: host"
EVEN = (1, 256, f"n: channel 16, {CORE}")
"""Heads, n and a schedule whose shares are all the same."""
LAST = (1, 241, EVEN[2])
"""The last group has less than the others."""
APART = (4, 61, f"h: channel 4; n: channel 4, {CORE}")
"""Every fourth group has less than the others."""
CASES = [EVEN, LAST, APART]


def program(device: str, heads: int, n: int, schedule: str) -> ProgramOp:
    kernel = gemv_kernel(heads=heads, k=512, n=n, device=device)
    _, found = lowered(kernel, parse_schedule(schedule))
    return found


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", CASES)
def test_all_groups_take_what_some_take_for_them(device: str, case: tuple[int, int, str]) -> None:
    target, found = load_device(device), program(device, *case)
    shared = simulate_program(found, target, log=True)
    apart = simulate_program(found, target, log=True, share=False)
    assert replace(shared, log=None) == replace(apart, log=None)
    assert shared.log is not None
    assert apart.log is not None
    for group in range(target.groups):
        mine, theirs = (log[log["group"] == group] for log in (shared.log, apart.log))
        assert (mine == theirs).all()


def test_groups_with_equal_shares_are_alike() -> None:
    # Of all banks that the host's reads go round, it stops in every group at the same one.
    assert alike_groups(program("attacc-ref", *EVEN), 16) == [list(range(16))]


def test_one_frontend_parts_groups_with_others_between_them() -> None:
    last, apart = (program("attacc-ref", *case) for case in (LAST, APART))
    assert alike_neighbours(last, 16) == alike_groups(last, 16) == [[*range(15)], [15]]
    assert sorted(map(len, alike_groups(apart, 16))) == [4, 12]
    assert alike_neighbours(apart, 16) == [[0, 1, 2], [3], [4, 5, 6], [7], [8, 9, 10], [11],
                                           [12, 13, 14], [15]]  # fmt: skip
