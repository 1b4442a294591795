"""One schedule of attention serves all lengths up to the one it was made for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels import kernel_of

from pim_opt.cost.attention import estimate
from pim_opt.cost.attention_mapping import AttentionMapping
from pim_opt.dialects.schedule import ScheduleError
from pim_opt.passes.attention.binding import attention_of, bound
from pim_opt.passes.kernel_access import device_of, lanes_of
from pim_opt.passes.kernel_program import lowered
from pim_opt.sim.timing import simulate_program
from pim_opt.tune.attention_rule import attention_rule
from pim_opt.tune.attention_tuner import mappings

KINDS = ["attention", "masked-attention"]


@settings(max_examples=10)
@given(
    kind=st.sampled_from(KINDS),
    device=st.sampled_from(["attacc", "attacc-ref"]),
    heads=st.integers(1, 20),
    size=st.integers(1, 40),
    most=st.integers(2, 300),
    data=st.data(),
)
def test_shorter_programs_are_what_the_model_says(
    kind: str, device: str, heads: int, size: int, most: int, data: st.DataObject
) -> None:
    length = data.draw(st.integers(2, most))
    whole = kernel_of(kind, (1, heads, heads, size, most), device=device)
    found = list(mappings(attention_of(whole), device_of(whole), lanes_of(whole)))
    mapping = found[data.draw(st.integers(0, len(found) - 1))]
    shorter = mapping.at_length(length)
    check_places(shorter, mapping)
    kernel = kernel_of(kind, (1, heads, heads, size, length), device=device)
    assert shorter == bound(kernel, mapping.schedule)
    _, program = lowered(kernel, mapping.schedule)
    issued = simulate_program(program, device_of(kernel)).commands
    expected = estimate(shorter).commands
    assert {name: issued.get(name, 0) for name in expected} == expected


def check_places(shorter: AttentionMapping, mapping: AttentionMapping) -> None:
    """Check that keys and values lie in the same places."""
    for one, other in zip(shorter.stages, mapping.stages, strict=True):
        assert one.matrix_placement(0) == other.matrix_placement(0)
    assert shorter.matrix_rows == mapping.matrix_rows


@pytest.mark.parametrize("kind", KINDS)
def test_time_grows_with_the_length(kind: str) -> None:
    kernel = kernel_of(kind, (1, 32, 32, 64, 1024), device="attacc")
    rule = attention_rule(attention_of(kernel), device_of(kernel), lanes_of(kernel))
    mapping = bound(kernel, rule)
    lengths = (16, 256, 512, 768, 1024)
    cycles = [estimate(mapping.at_length(length)).cycles for length in lengths]
    assert cycles == sorted(cycles)
    assert cycles[1] < 0.6 * cycles[-1], "blocks go round the cores"
    assert cycles[-1] == estimate(mapping).cycles


@pytest.mark.parametrize("length", [-1, 0, 1025])
def test_lengths_that_a_schedule_was_not_made_for(length: int) -> None:
    kernel = kernel_of("attention", (1, 2, 2, 8, 1024), device="attacc")
    rule = attention_rule(attention_of(kernel), device_of(kernel), lanes_of(kernel))
    with pytest.raises(ScheduleError, match=f"length {length}; 'n' has 1 to 1024 positions"):
        bound(kernel, rule).at_length(length)
