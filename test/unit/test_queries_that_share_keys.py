"""Queries that share keys: over groups that hold copies of the keys, and ways that are refused."""

from itertools import islice

import pytest
from kernels import kernel_of

from pim_opt.cost.attention_mapping import AttentionMapping, attention_mapping
from pim_opt.dialects.schedule import ScheduleError, parse_schedule
from pim_opt.passes.attention.binding import attention_of
from pim_opt.passes.kernel_access import device_of, lanes_of
from pim_opt.tune.attention_space import AttentionSpace

SHAPE = (1, 12, 2, 16, 40)
"""Two heads of keys and values, six queries to each."""


def spread(queries: str, of_context: str | None = None) -> AttentionMapping:
    """Attention whose queries are split as is said, of the context in another way if given."""
    kernel = kernel_of("attention", SHAPE, device="attacc")
    text = (
        "h: channel 2, time 1; {}; n: time 1, pc*ra*bg 16, time 16; d: ba 4, time 1, lane 16;"
        " order h g x n y n d; x: multicast, double; y: sum(ba)"
        " | h: channel 2, time 1; {}; n: time 1, time 1, pc*ra 4, bg 4, time 16;"
        " e: ba 4, time 1, lane 16; order h g e y n x n n; x: multicast, double; y: sum(bg)"
    )
    schedule = parse_schedule(text.format(queries, of_context or queries))
    return attention_mapping(attention_of(kernel), schedule, device_of(kernel), lanes_of(kernel))


def test_rows_of_scores_are_those_of_one_group() -> None:
    together, apart = spread("g: time 6"), spread("g: channel 3, time 2")
    assert (together.rows_of_head, apart.rows_of_head) == (6, 2)
    assert together.entries_of_rows == 3 * apart.entries_of_rows
    assert apart.score.used(apart.score.group_target) == 6


@pytest.mark.parametrize(
    ("queries", "of_context", "message"),
    [
        ("g: channel 4, time 2", None, "as many to each"),
        ("g: time 7", None, "queries that share keys go over ch"),
        ("g: channel 3, time 2", "g: channel 2, time 3", "'g' is split in two ways"),
    ],
)
def test_ways_that_are_refused(queries: str, of_context: str | None, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        spread(queries, of_context)


def test_spreads_that_keep_most_groups_busy_come_first() -> None:
    kernel = kernel_of("attention", SHAPE, device="attacc")
    space = AttentionSpace(attention_of(kernel), device_of(kernel), lanes_of(kernel))
    first, second = islice(space.spreads(), 2)
    assert [[str(factor) for factor in split.factors] for split in first.shared] == [
        ["channel 6", "time 1"]
    ]
    assert (first.turns, second.turns) == (1, 2)
    assert space.floor_cycles(second) == 2 * space.floor_cycles(first)
