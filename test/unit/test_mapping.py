"""Schedules bound to a device: placements against brute force, and every refusal."""

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pim_opt.cost.mapping import Mapping
from pim_opt.devices import Device, load_device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import Access, Contraction, Role, name_dims
from pim_opt.dialects.placement import LOCAL, TIME, Placement, Target
from pim_opt.dialects.schedule import ScheduleError, parse_nest
from pim_opt.tune.random_schedules import random_schedule

ATTACC = load_device("attacc")
LANES = 16


def contraction(h: int, n: int, k: int) -> Contraction:
    """y[h, n] = sum over k of x[h, k] * w[n, h, k]."""
    dims = name_dims([(h, Role.BATCH), (n, Role.OUTPUT), (k, Role.REDUCTION)])
    return Contraction(dims, Access((0, 2)), Access((1, 0, 2)), Access((0, 1)))


kernels = st.builds(contraction, st.integers(1, 3), st.integers(1, 40), st.integers(1, 40))


@dataclass(frozen=True)
class Spot:
    """Where one point of the iteration space is computed, worked out digit by digit."""

    mapping: Mapping
    point: tuple[int, ...]
    core: dict[Target, int]
    partial: int
    """Number of the point's partial sum among those of the cores."""
    counters: tuple[int, ...]
    lane: int

    def index(self, access: Access) -> tuple[int, ...]:
        """The element of an operand that the point uses."""
        return tuple(0 if dim is None else self.point[dim] for dim in access.axes)

    def local(self, dims: tuple[int, ...], depth: int) -> int:
        """The counters of the loops of `dims` from `depth` on, as one number."""
        result = 0
        for loop, counter in list(zip(self.mapping.loops, self.counters, strict=True))[depth:]:
            result = result * loop.size + counter if loop.dim in dims else result
        return result

    def moment(self, dims: tuple[int, ...], depth: int) -> int:
        """The iteration of the loops before `depth`, those of other dimensions at 0."""
        result = 0
        for loop, counter in list(zip(self.mapping.loops, self.counters, strict=True))[:depth]:
            result = result * loop.size + (counter if loop.dim in dims else 0)
        return result


def digits(index: int, sizes: list[int]) -> list[int]:
    """An index as mixed-radix digits, outermost first."""
    values: list[int] = []
    for size in reversed(sizes):
        index, value = divmod(index, size)
        values.insert(0, value)
    return values


def spot(mapping: Mapping, point: tuple[int, ...]) -> Spot:
    """Where a point is computed."""
    core: dict[Target, int] = {}
    times: dict[tuple[int, int], int] = {}
    lane = partial = 0
    for number, (dim, index) in enumerate(zip(mapping.kernel.dims, point, strict=True)):
        factors = mapping.schedule.split(dim.name).factors
        values = digits(index, [factor.size for factor in factors])
        for position, (factor, value) in enumerate(zip(factors, values, strict=True)):
            if factor.is_time:
                times[number, position] = value
            elif factor.is_lane:
                lane = value
            else:
                core[factor.levels] = core.get(factor.levels, 0) * factor.size + value
                if dim.role is Role.REDUCTION:
                    partial = partial * factor.size + value
    counters = tuple(times[loop.dim, loop.position] for loop in mapping.loops)
    return Spot(mapping, point, core, partial, counters, lane)


def lies_at(
    placement: Placement, index: tuple[int, ...], local: int, moment: int, spot: Spot
) -> bool:
    """Whether a copy of an element lies in the spot's core, at this local address and moment."""
    shape = placement.padded_shape()
    found = {
        target: int(np.broadcast_to(array, shape)[index])
        for target, array in placement.coordinates().items()
    }
    expected = spot.core | {LOCAL: local, TIME: moment}
    return any(
        all(found.get(t, 0) + offset.get(t, 0) == place for t, place in expected.items())
        for offset in placement.copy_offsets()
    )


def is_small(mapping: Mapping) -> bool:
    """Whether brute force gets through the mapping's placements at once."""
    return prod(mapping.padded_shape(mapping.kernel.matrix)) < 20_000


@given(kernels, st.integers(0))
def test_every_point_finds_its_operands_where_it_is_computed(
    kernel: Contraction, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    schedule = random_schedule(kernel, ATTACC, LANES, rng, is_small)
    mapping = Mapping(kernel, schedule, ATTACC, LANES)
    all_points = list(product(*(range(dim.size) for dim in kernel.dims)))
    for number in rng.permutation(len(all_points))[:30].tolist():
        at = spot(mapping, all_points[int(number)])
        matrix, vector, result = kernel.matrix, kernel.vector, kernel.result
        column = at.local(matrix.dims, 0)
        place = column * LANES + at.lane
        assert lies_at(mapping.matrix_placement(3), at.index(matrix), place, 0, at)

        slot = at.local(vector.dims, mapping.load_depth)
        place = slot * LANES + at.lane if mapping.reduces_lanes else slot
        moment = at.moment(vector.dims, mapping.load_depth)
        assert lies_at(mapping.vector_placement, at.index(vector), place, moment, at)

        entry = at.local(result.dims, mapping.move_depth)
        place = entry if mapping.reduces_lanes else entry * LANES + at.lane
        moment = at.moment(result.dims, mapping.move_depth)
        index = (at.partial, *at.index(result))
        assert lies_at(mapping.partial_placement, index, place, moment, at)


sizes = st.integers(1, 600) | st.integers(1, 12).map(lambda blocks: blocks * 64)


@given(st.builds(contraction, st.integers(1, 3), sizes, sizes), st.integers(0))
def test_buffers_are_filled_as_far_as_they_go(kernel: Contraction, seed: int) -> None:
    schedule = random_schedule(kernel, ATTACC, LANES, np.random.default_rng(seed))
    mapping = Mapping(kernel, schedule, ATTACC, LANES)

    def points(dims: tuple[int, ...], depth: int) -> int:
        return prod(loop.size for loop in mapping.loops[depth:] if loop.dim in dims)

    entries = 8 if schedule.double_buffer else 16
    loaded = entries if mapping.reduces_lanes else entries * LANES
    assert points(kernel.vector.dims, mapping.load_depth) <= loaded
    moved = 16 if mapping.reduces_lanes else 1
    assert points(kernel.result.dims, mapping.move_depth) <= moved
    if mapping.load_depth and schedule.load_at is None:
        assert points(kernel.vector.dims, mapping.load_depth - 1) > loaded
    if mapping.move_depth and schedule.move_at is None:
        assert points(kernel.result.dims, mapping.move_depth - 1) > moved


@given(kernels, st.integers(0))
def test_host_partials_are_the_sums_that_nothing_on_the_device_adds(
    kernel: Contraction, seed: int
) -> None:
    schedule = random_schedule(kernel, ATTACC, LANES, np.random.default_rng(seed))
    mapping = Mapping(kernel, schedule, ATTACC, LANES)
    spread = [f for f in schedule.split("k").factors if not f.is_local]
    unsummed = prod(f.size for f in spread if f.levels != (schedule.sum_level,))
    rounds = [loop.size for loop in mapping.loops[: mapping.move_depth] if loop.dim == 2]
    assert mapping.partials == prod(f.size for f in spread)
    assert mapping.host_partials == unsummed * prod(rounds)


GOOD = "h: channel 8; n: pc*ra 4, time 16; k: ba 4, time 2, lane 16; order n k; y: sum(ba)"


def edited(*edits: tuple[str, str]) -> str:
    """GOOD with some parts replaced."""
    text = GOOD
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return text


MULTICAST = ("y: sum(ba)", "x: multicast")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            edited(("ba 4", "bonk 4")),
            "unknown level 'bonk' in 'bonk 4'; device \"attacc\" has channel, pc, ra, bg, ba",
        ),
        (edited(("pc*ra", "pc*pc")), "'pc*pc' names a level twice"),
        (
            edited(("pc*ra 4", "channel*ra 4")),
            "'channel*ra' joins channel, whose members take separate commands, with others",
        ),
        (
            edited(("channel 8", "channel 17")),
            'the factors over channel multiply to 17, but device "attacc" has 16',
        ),
        (
            edited(("pc*ra 4", "pc*ra 4, ra 2")),
            "'pc*ra' and 'ra' share a level; use one of them",
        ),
        (
            edited(("time 2, lane 16", "time 4, lane 8")),
            "'k' has lane 8; a column of device \"attacc\" holds 16 elements",
        ),
        (
            edited(("time 2, lane 16", "time 32"), ("channel 8", "channel 8, lane 16")),
            "the lanes run along batch dimension 'h'; they must run along a reduction or an output",
        ),
        (
            edited(("sum(ba)", "sum(ra)")),
            "'y: sum(ra)': device \"attacc\" sums over bank, bank_group",
        ),
        (
            edited(("sum(ba)", "sum(nosuch)")),
            "'y: sum(nosuch)': device \"attacc\" sums over bank, bank_group",
        ),
        (
            edited(("ba 4, time 2", "ba 2, time 4")),
            "'y: sum(ba)' sums all 4 members of ba, so reduction dimensions alone must fill it",
        ),
        (
            edited(("ba 4, time 2", "bg 2, time 4"), MULTICAST),
            "'x: multicast' writes the same to all of bg, over which the vector is split",
        ),
        (
            edited(("pc*ra 4", "pc*ba 8"), ("ba 4, time 2", "time 8"), MULTICAST),
            "'x: multicast' reaches all of bg, pc, ra at once, but 'pc*ba' joins some of them",
        ),
        (
            edited(("time 16", "time 300000")),
            "the matrix takes 18750 rows of every bank in use, but a bank has 16384",
        ),
    ],
)
def test_what_the_device_cannot_do(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as error:
        Mapping(contraction(8, 64, 128), parse_nest(text), ATTACC, LANES)
    assert str(error.value).startswith(message)


def test_good_schedule_is_accepted() -> None:
    mapping = Mapping(contraction(8, 64, 128), parse_nest(GOOD), ATTACC, LANES)
    assert mapping.matrix_rows == 1
    assert (mapping.loaded_columns, mapping.moved_results) == (2, 16)


def with_tree(tree: ContractionMode | None) -> Device:
    """AttAcc with other commands for lanes along a reduction dimension."""
    modes = ATTACC.kernels.contraction
    assert modes is not None
    kernels = replace(ATTACC.kernels, contraction=replace(modes, tree=tree))
    return replace(ATTACC, kernels=kernels)


def test_units_that_lack_a_use_of_the_lanes() -> None:
    with pytest.raises(ScheduleError, match="no units whose lanes run along a reduction dimension"):
        Mapping(contraction(8, 64, 128), parse_nest(GOOD), with_tree(None), LANES)


def test_ways_to_load_that_the_device_lacks() -> None:
    modes = ATTACC.kernels.contraction
    assert modes is not None
    assert modes.tree is not None
    tree = replace(modes.tree, load={"direct": "WRGB"})
    schedule = parse_nest(GOOD + "; x: multicast")
    with pytest.raises(ScheduleError, match="'x: multicast': device \"attacc\" loads by direct"):
        Mapping(contraction(8, 64, 128), schedule, with_tree(tree), LANES)


def test_buffers_in_one_piece_cannot_be_double() -> None:
    operand = replace(ATTACC.registers["operand"], halves=1)
    device = replace(ATTACC, registers=ATTACC.registers | {"operand": operand})
    schedule = parse_nest(GOOD + "; x: direct, double")
    with pytest.raises(
        ScheduleError, match='the operand buffer of device "attacc" is in one piece'
    ):
        Mapping(contraction(8, 64, 128), schedule, device, LANES)
