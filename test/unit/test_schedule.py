"""Schedules as text: what is printed reads back the same, and what cannot be read says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim_opt.dialects.iteration import Access, Contraction, Role, name_dims
from pim_opt.dialects.schedule import (
    Factor,
    Schedule,
    ScheduleError,
    Split,
    StagedSchedule,
    check_covers,
    one_nest,
    parse_nest,
    parse_schedule,
)

KERNEL = Contraction(
    name_dims([(8, Role.BATCH), (64, Role.OUTPUT), (96, Role.REDUCTION)]),
    Access((0, 2)),
    Access((0, 1, 2)),
    Access((0, 1)),
)

names = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
factors = st.builds(
    Factor, st.lists(names, min_size=1, max_size=3).map(tuple), st.integers(1, 10**6)
)
dims = names.filter(lambda name: name not in ("x", "y", "order"))
splits = st.lists(
    st.builds(Split, dims, st.lists(factors, min_size=1, max_size=4).map(tuple)),
    max_size=4,
    unique_by=lambda split: split.dim,
).map(tuple)
schedules = st.builds(
    Schedule,
    splits,
    st.lists(dims, max_size=5).map(tuple),
    st.sampled_from(["direct", "multicast"]),
    st.booleans(),
    st.none() | names,
)


@given(schedules)
def test_print_then_parse(schedule: Schedule) -> None:
    assert parse_schedule(str(schedule)) == schedule


@given(schedules, st.randoms(use_true_random=False))
def test_order_of_parts_and_spaces_do_not_matter(schedule: Schedule, random: object) -> None:
    parts = str(schedule).split("; ")
    getattr(random, "shuffle")(parts)  # noqa: B009
    parsed = parse_nest(" ;  ".join(part.replace(", ", " ,  ") for part in parts) + ";")
    assert set(parsed.splits) == set(schedule.splits)
    assert str(parsed).split("; ")[-2:] == str(schedule).split("; ")[-2:]
    assert parsed.order == schedule.order


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n: ba", "'ba' is not a factor; expected 'LEVEL NUMBER' as in 'ba 4'"),
        ("n: ba 4 4", "'ba 4 4' is not a factor"),
        ("n: ba 0", "'0' in 'ba 0' is not a positive number"),
        ("n: ba -2", "'-2' in 'ba -2' is not a positive number"),
        ("n: ba x", "'x' in 'ba x' is not a positive number"),
        ("n ba 4", "'n ba 4' is not a part of a schedule; expected 'NAME: ...'"),
        ("x: broadcast", "'broadcast' after 'x:'; expected direct, multicast, single or double"),
        ("y: sum ba", "'sum ba' after 'y:'; expected sum(LEVEL) or host"),
        ("n: ba 4; n: ba 2", "'n' is given twice"),
        ("order n; order k", "'order' is given twice"),
        ("x: direct; x: direct", "'x' is given twice"),
        ("n: ba 4 | n: ba", "'ba' is not a factor"),
        ("n: ba 0 | n: ba 4", "'0' in 'ba 0' is not a positive number"),
        ("n: ba 4 | n: ba 4; n: ba 4", "'n' is given twice"),
    ],
)
def test_what_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse_schedule(text)
    assert str(error.value).startswith(message)


def test_nests_stand_apart() -> None:
    text = "n: ba 4; x: direct; y: host | n: time 2; order n; x: direct; y: sum(ba)"
    schedule = parse_schedule(text)
    assert str(schedule) == text
    assert isinstance(schedule, StagedSchedule)
    assert [len(nest.order) for nest in schedule.stages] == [0, 1]


def test_a_kernel_of_one_nest_takes_one() -> None:
    with pytest.raises(ScheduleError, match="2 loop nests, but the kernel has 1"):
        check_covers(parse_schedule(f"{GOOD} | {GOOD}"), KERNEL)
    with pytest.raises(ScheduleError, match="2 loop nests, but the kernel has 1"):
        one_nest(parse_schedule(f"{GOOD} | {GOOD}"))


GOOD = "h: channel 8; n: ba 4, time 16; k: time 6, lane 16; order n k"


def test_covering_schedule_is_accepted() -> None:
    check_covers(parse_schedule(GOOD), KERNEL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("h:", "m:"), "unknown dimension 'm'; the kernel has h, n, k"),
        (
            GOOD.replace("time 16", "time 15"),
            "'n' covers 60 of 64; its factors must multiply to at least 64",
        ),
        (GOOD.replace("h: channel 8; ", ""), "'h' covers 1 of 8"),
        (
            GOOD.replace("lane 16", "time 16").replace("n k", "n k k"),
            "0 lane factors; exactly one dimension runs along the lanes",
        ),
        (GOOD.replace("ba 4", "lane 4"), "2 lane factors"),
        (
            GOOD.replace("time 6, lane 16", "lane 16, time 6"),
            "the lane factor of 'k' is not its last",
        ),
        (GOOD.replace("n k", "n"), "order lists 'k' 0 times, but it has 1 time factors"),
        (GOOD.replace("n k", "n n k"), "order lists 'n' 2 times, but it has 1 time factors"),
        (GOOD.replace("n k", "n k z"), "order lists 'z', which is not a dimension"),
    ],
)
def test_what_does_not_fit_the_kernel(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as error:
        check_covers(parse_schedule(text), KERNEL)
    assert str(error.value).startswith(message)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_strides_are_those_of_mixed_radix_numbers(sizes: list[int]) -> None:
    split = Split("n", tuple(Factor(("time",), size) for size in sizes))
    for position in range(len(sizes)):
        below = split.stride(position + 1) * sizes[position + 1] if position + 1 < len(sizes) else 1
        assert split.stride(position) == below
    assert split.extent == split.stride(0) * sizes[0]
