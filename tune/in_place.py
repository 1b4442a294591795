"""Schedules that use a streamed matrix where the host has put it, so that nothing rearranges it.

The host's layout fixes what runs where: its digits, from the lanes over the levels to the columns
of a bank, are dealt out to the matrix's axes, the last axis first. What is left to choose are the
places of loads and moves, and how the vector travels and results are summed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from pim_opt.cost.mapping import Mapping
from pim_opt.devices import Device
from pim_opt.dialects.iteration import Contraction, Role
from pim_opt.dialects.schedule import LANE, ROWS, TIME, Factor, Schedule, ScheduleError, Split

Factors = dict[int, tuple[Factor, ...]]
"""Per dimension its factors, outermost first."""


@dataclass
class _HostDigits:
    """The digits of the host's layout that no axis has taken yet."""

    left: list[tuple[str, int]]
    """Names and numbers of values, finest first."""

    def take(self, size: int) -> tuple[Factor, ...] | None:
        """The factors of the next axis, outermost first; None if the digits do not end with it."""
        factors: list[Factor] = []
        while size > 1:
            if not self.left:
                factors.append(Factor((TIME,), size))
                break
            name, count = self.left[0]
            taken = count if size % count == 0 else size
            if count % taken:
                return None
            factors.append(Factor((name,), taken))
            size //= taken
            self.left[:1] = [(name, count // taken)] if count > taken else []
        return tuple(factors[::-1])


def host_factors(kernel: Contraction, device: Device, lanes: int) -> Factors | None:
    """How the host's layout of the matrix spreads its dimensions; None if any is padded.

    Args:
        kernel: whose matrix lies in host layout.
        device: in whose DRAM.
        lanes: elements in one DRAM column.
    """
    levels = [device.level(name) for name in device.host_layout[:-2]]
    digits = _HostDigits([(LANE, lanes), *((level.short, level.count) for level in levels)])
    found: Factors = {dim: () for dim in range(len(kernel.dims))}
    for dim in kernel.matrix.dims[::-1]:
        factors = digits.take(kernel.dims[dim].size)
        if factors is None:
            return None
        found[dim] = factors
    return found


def in_place_schedules(kernel: Contraction, device: Device, lanes: int) -> Iterator[Schedule]:
    """Every legal schedule of the space that leaves the matrix where the host's layout puts it.

    Args:
        kernel: whose matrix is streamed.
        device: in whose DRAM it lies.
        lanes: elements in one DRAM column.
    """
    base = host_factors(kernel, device, lanes)
    for schedule in () if base is None else _nests(kernel, device, base):
        for choice in _strategies(schedule, device):
            try:
                mapping = Mapping(kernel, choice, device, lanes)
            except ScheduleError:
                continue
            if mapping.in_place:
                yield choice


def _nests(kernel: Contraction, device: Device, base: Factors) -> Iterator[Schedule]:
    """Loop nests that step through the matrix as it lies, the vectors outermost or innermost."""
    room = max(register.entries for register in device.registers.values())
    rows = kernel.with_role(Role.ROW)
    dims = [dim for dim in kernel.matrix.dims if any(f.is_time for f in base[dim])]
    tilings = product(*(_tilings(base[dim], room) for dim in dims))
    for tiling in tilings:
        factors = {**base, **dict(zip(dims, tiling, strict=True))}
        factors |= {dim: (Factor((TIME,), kernel.dims[dim].size),) for dim in rows}
        splits = tuple(Split(dim.name, factors[i]) for i, dim in enumerate(kernel.dims))
        order = [kernel.dims[dim].name for dim in dims for factor in factors[dim] if factor.is_time]
        again = [kernel.dims[dim].name for dim in rows]
        for nest in dict.fromkeys(((*again, *order), (*order, *again))):
            yield Schedule(splits, nest)


def _tilings(factors: tuple[Factor, ...], room: int) -> Iterator[tuple[Factor, ...]]:
    """The factors as they are, and with the rounds in tiles, as large as divide them and fit."""
    yield factors
    rounds = factors[0].size
    tiles = [size for size in range(2, min(rounds, room + 1)) if rounds % size == 0]
    for tile in tiles[-MOST_TILES:]:
        yield (Factor((TIME,), rounds // tile), Factor((TIME,), tile), *factors[1:])


MOST_TILES = 2
"""Sizes of tiles of a loop that are tried, the largest."""


def _strategies(schedule: Schedule, device: Device) -> Iterator[Schedule]:
    """Every way to load, sum and open rows, legal or not."""
    modes = device.kernels.contraction
    if modes is None:
        return
    known = [mode for mode in (modes.tree, modes.broadcast) if mode is not None]
    travels = dict.fromkeys(travel for mode in known for travel in mode.load)
    sums = dict.fromkeys(level or None for mode in known for level in mode.move)
    depths = (None, *range(len(schedule.order) + 1))
    for travel, level, double, at, rows in product(travels, sums, (False, True), depths, ROWS):
        yield replace(
            schedule,
            travel=travel,
            sum_level=None if level is None else device.level(level).short,
            double_buffer=double,
            load_at=at,
            rows=rows,
        )
