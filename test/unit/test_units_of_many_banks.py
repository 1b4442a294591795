"""AttAcc's units at bank groups and pseudo channels: banks that share a buffer take turns."""

import pytest
from kernels import gemv_kernel

from pim_opt.cost.bound import contraction_bound
from pim_opt.devices import load_device
from pim_opt.passes.kernel_program import lowered
from pim_opt.passes.kernel_tuning import baseline, predicted
from pim_opt.sim.timing import simulate_program

LANES = 16


@pytest.mark.parametrize(
    ("name", "command", "banks"), [("attacc-bg", "MACU", 4), ("attacc-buffer", "MACU", 32)]
)
def test_the_hand_mapping_has_all_banks_take_turns(name: str, command: str, banks: int) -> None:
    kernel, device = gemv_kernel(k=1024, n=1024, device=name), load_device(name)
    hand = baseline(kernel)
    assert hand is not None
    assert f"*time {banks}" in str(hand)
    result = simulate_program(lowered(kernel, hand)[1], device)
    # A column of every bank is multiplied once, on fewer units one after the other.
    assert result.commands[command] == 1024 * 1024 // LANES // (device.cores // banks)
    assert result.cycles == pytest.approx(predicted(kernel, hand).estimate.cycles, rel=0.05)


@pytest.mark.parametrize(("few", "many"), [("attacc-buffer", "attacc-bg"), ("attacc-bg", "attacc")])
def test_fewer_units_take_longer(few: str, many: str) -> None:
    cycles: list[int] = []
    for name in (few, many):
        kernel = gemv_kernel(k=1024, n=1024, device=name)
        hand = baseline(kernel)
        assert hand is not None
        cycles.append(simulate_program(lowered(kernel, hand)[1], load_device(name)).cycles)
    assert cycles[0] > 1.5 * cycles[1]


def test_rows_that_open_meanwhile_bound_nothing() -> None:
    """Banks of a bank group open theirs in turn; those of HBM-PIM's units open theirs at once."""
    for name, bounds in {"attacc-bg": False, "attacc": True, "hbm-pim": True}.items():
        kernel = gemv_kernel(k=4096, n=4096, device=name)
        bound = contraction_bound(kernel.contraction, load_device(name), LANES)
        assert bound is not None
        assert (bound.rows > 0) is bounds
