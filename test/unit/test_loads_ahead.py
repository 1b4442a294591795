"""What loading ahead gains under the model, against what it gains under the simulator."""

import pytest

from pim_opt.dialects.schedule import parse_nest
from pim_opt.validation import Kernel, compare


@pytest.mark.parametrize(
    ("shape", "spread", "moved"),
    [
        # All of the second chunk passes the first multiplication, which waits for its row.
        ((2, 5, 1920, 1), "h0: channel 2; h1: ra*bg 5; k: channel 8, pc 2, ba 4, time 2", "ba"),
        # So does some of the third one pass the second multiplication.
        ((7, 1, 305, 2), "h: channel 7; n: channel 2; k: pc 2, bg 4, time 3", "bg"),
    ],
)
def test_loads_pass_what_waits_where_the_controller_reorders(
    shape: tuple[int, ...], spread: str, moved: str
) -> None:
    kernel = Kernel("attacc-ref", "gemv", shape)
    ahead, after = (
        compare(kernel, parse_nest(f"{spread}, lane 16; order k x; {x}; y: sum({moved})"))
        for x in ("x: direct, double", "x: direct")
    )
    assert after.cycles - ahead.cycles == after.predicted - ahead.predicted > 0
