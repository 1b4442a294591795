"""Loops as mixed-radix numbers: split by reshapes, bound to one another, joined again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim_opt.dialects.loop_digits import Digits, LoopSpace, joined

DYNAMIC = -(2**63)


def sizes(space: LoopSpace, digits: Digits) -> list[int]:
    return [space.size(loop) for loop in space.resolved(digits)]


def test_a_loop_that_a_reshape_splits_is_two_everywhere() -> None:
    space = LoopSpace()
    loop = space.loop(12)
    first, unit, second = divided(space, loop, [3, 1, 4])
    assert (sizes(space, first), unit, sizes(space, second)) == ([3], (), [4])
    assert space.resolved(loop) == first + second
    assert divided(space, loop, [3, 2, 2]) == (first, *divided(space, second, [2, 2]))


def divided(space: LoopSpace, digits: Digits, wanted: list[int]) -> tuple[Digits, ...]:
    groups = space.divided(digits, wanted)
    assert groups is not None
    return groups


@pytest.mark.parametrize("wanted", [[2, 6], [12, 2], [6], [5, 1], [0, 3]])
def test_sizes_that_do_not_divide(wanted: list[int]) -> None:
    space = LoopSpace()
    digits = space.loop(3) + space.loop(4)
    assert space.divided(digits, wanted) is None


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(0, 5))
def test_what_was_split_can_be_put_together(factors: list[int], cut: int) -> None:
    space = LoopSpace()
    groups = [space.loop(factor) for factor in factors]
    whole = tuple(loop for group in groups for loop in group)
    halves = [factors[:cut], factors[cut:]]
    products = [1, 1]
    for i, half in enumerate(halves):
        for factor in half:
            products[i] *= factor
    assert space.divided(whole, products) == (
        tuple(loop for group in groups[:cut] for loop in group),
        tuple(loop for group in groups[cut:] for loop in group),
    )


def test_dynamic_loops() -> None:
    space = LoopSpace()
    loop = space.loop(DYNAMIC)
    first, second = divided(space, loop, [DYNAMIC, 8])
    assert (sizes(space, first), sizes(space, second)) == ([DYNAMIC], [8])
    assert space.divided(second, [DYNAMIC]) is None
    assert not space.bind(second, first)


def test_only_bindable_loops_become_others() -> None:
    space = LoopSpace()
    one, other = space.loop(6), space.loop(6)
    assert not space.bind(one, other)
    free = space.loop(6, bindable=True)
    assert space.bind(free, one)
    assert space.resolved(free) == one
    assert not space.bind(free, other)
    settled = space.loop(6, bindable=True)
    space.settle(settled)
    assert not space.bind(settled, one)


def test_binding_splits_what_is_longer() -> None:
    space = LoopSpace()
    parts = space.loop(2) + space.loop(3)
    free = space.loop(6, bindable=True)
    assert space.bind(parts, free)
    assert space.resolved(free) == parts
    assert not space.bind(space.loop(5, bindable=True), space.loop(4, bindable=True))
    assert not space.bind(space.loop(6, bindable=True), parts[:1])


def test_loops_that_always_stand_together_are_joined() -> None:
    a, b, c, d = range(4)
    assert joined([[(a, b), (c, d)], [(d,), (a, b)]]) == [(a, b), (c,), (d,)]
    assert joined([[(a, b)], [(b, a)]]) == [(a,), (b,)]
    assert joined([[(a, b)], [(a,)]]) == [(a,), (b,)]
