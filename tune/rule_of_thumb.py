"""The schedule of a device's hand mapping: every role over the levels that it names.

No search and no cost: the mapping that the device's authors write by hand, with buffers filled as
far as they go. The device file says which levels carry which role.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from pim_opt.cost.mapping import Mapping as KernelMapping
from pim_opt.cost.rooms import inner_levels_of, lane_modes, result_room, vector_room
from pim_opt.devices import Device
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.iteration import ROLES, AnyRole, Contraction, Dim, Role
from pim_opt.dialects.schedule import LANE, TIME, Factor, Schedule, ScheduleError, Split


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def balanced(size: int, limit: int) -> int:
    """The least number of equal parts, at most `limit`, that covers `size` in as few rounds."""
    return _ceil(size, _ceil(size, limit))


@dataclass
class _Planner:
    """Spreads dimensions over levels one after the other, and keeps what is left of each."""

    kernel: Contraction
    device: Device
    hand_mapping: Mapping[str, tuple[str, ...]]
    column_elements: int
    lane_dim: int
    inner_levels: tuple[str, ...]
    """Levels inside of a core, whose members take turns."""
    left: dict[str, int] = field(default_factory=dict[str, int])
    """Members still free, by target text."""

    def hardware(self, dim: Dim, points: int, whole: str | None) -> list[Factor]:
        """Factors of a dimension over the levels of its role; target `whole` is filled up."""
        factors: list[Factor] = []
        for text in self.hand_mapping.get(dim.role, ()):
            levels = [self.device.level(name) for name in text.split("*")]
            free = self.left.setdefault(text, prod(level.count for level in levels))
            size = free if text == whole else balanced(points, free)
            if size > 1 or text == whole:
                self.left[text] = free // size
                shorts = tuple(level.short for level in levels)
                turns = (TIME,) if set(shorts) & set(self.inner_levels) else ()
                factors.append(Factor((*shorts, *turns), size))
                points = _ceil(points, size)
        return factors

    def split(self, dim: Dim, inner_limit: int | None, whole: str | None) -> Split:
        """Hardware factors, then time: whole, or outer and inner up to a limit that is given.

        Turns come last, so that every bank of a core is done with a column of the matrix's row
        before any goes on.
        """
        lanes = self.column_elements if self._is_lane(dim) else 1
        points = _ceil(dim.size, lanes)
        factors = self.hardware(dim, points, whole)
        rounds = _ceil(points, prod(factor.size for factor in factors))
        turns = [factor for factor in factors if factor.turns]
        factors = [factor for factor in factors if not factor.turns]
        if inner_limit is not None:
            limit = max(inner_limit // prod(factor.size for factor in turns), 1)
            inner = balanced(rounds, limit)
            factors.append(Factor((TIME,), _ceil(rounds, inner)))
            rounds = inner
        factors += [Factor((TIME,), rounds), *turns]
        if lanes > 1:
            factors.append(Factor((LANE,), lanes))
        return Split(dim.name, tuple(factors))

    def _is_lane(self, dim: Dim) -> bool:
        return dim == self.kernel.dims[self.lane_dim]


def _lane_mode(kernel: Contraction, device: Device, lanes: int) -> tuple[int, ContractionMode]:
    """The dimension along the lanes and the commands: an adder tree, if there is one."""
    for role, mode in lane_modes(device, lanes).items():
        dims = kernel.with_role(role)
        if dims:
            return dims[-1], mode
    raise ScheduleError(f'device "{device.name}" has no hand mapping for this contraction')


def rule_of_thumb(kernel: Contraction, device: Device, column_elements: int) -> Schedule:
    """The hand mapping of `device` for `kernel`.

    Per core, outputs go in blocks that fill the accumulators and the reduction in chunks that fill
    the operand buffer: loops are batch, rows, output blocks, chunks, outputs, columns; or chunks
    before output blocks, as the device says.

    Args:
        column_elements: elements of the matrix in one DRAM column.

    Raises:
        ScheduleError: the device has no hand mapping for contractions.
    """
    modes = device.kernels.contraction
    if modes is None:
        raise ScheduleError(f'device "{device.name}" has no hand mapping for contractions')
    lane_dim, mode = _lane_mode(kernel, device, column_elements)
    inner_levels = inner_levels_of(device, mode)
    planner = _Planner(kernel, device, modes.hand_mapping, column_elements, lane_dim, inner_levels)
    reduction_target = "*".join(modes.hand_mapping[Role.REDUCTION][:1])
    sums = bool(reduction_target) and reduction_target in mode.move
    reduces_lanes = kernel.dims[lane_dim].role is Role.REDUCTION
    limits: dict[AnyRole, int] = {
        Role.OUTPUT: result_room(device, mode, column_elements),
        Role.REDUCTION: vector_room(device, mode, column_elements, reduces_lanes=reduces_lanes),
    }
    last: dict[AnyRole, int | None] = {
        role: max(kernel.with_role(role), default=None) for role in Role
    }
    splits: list[Split] = []
    for number in sorted(
        range(len(kernel.dims)), key=lambda i: [*ROLES].index(kernel.dims[i].role)
    ):
        dim = kernel.dims[number]
        innermost = number == last[dim.role]
        limit = limits.get(dim.role)
        fills = sums and dim.role is Role.REDUCTION and innermost
        splits.append(
            planner.split(
                dim,
                limit if innermost or limit is None else 1,
                reduction_target if fills else None,
            )
        )
    splits.sort(key=lambda split: kernel.dim_number(split.dim) or 0)
    schedule = Schedule(
        tuple(splits),
        _order(kernel, splits, chunks_outside=modes.chunks_outside),
        sum_level=device.level(reduction_target).short if sums else None,
    )
    return _with_multicast(schedule, kernel, device, column_elements)


def _order(
    kernel: Contraction, splits: Sequence[Split], *, chunks_outside: bool
) -> tuple[str, ...]:
    """Batches and rows, then the outer loops of outputs and reductions, then their inner loops, and
    turns.

    With chunks outside, the outer loops of reductions go around those of outputs.
    """
    names = {role: [kernel.dims[i].name for i in kernel.with_role(role)] for role in Role}
    rounds = names[Role.OUTPUT] + names[Role.REDUCTION]
    outer = names[Role.REDUCTION] + names[Role.OUTPUT] if chunks_outside else rounds
    turns = [split.dim for split in splits for factor in split.factors if factor.turns]
    return tuple(names[Role.BATCH] + names[Role.ROW] + outer + rounds + turns)


def _with_multicast(
    schedule: Schedule, kernel: Contraction, device: Device, column_elements: int
) -> Schedule:
    """`schedule` with the vector multicast, where the device and the distribution allow it."""
    multicast = Schedule(
        schedule.splits, schedule.order, "multicast", schedule.double_buffer, schedule.sum_level
    )
    try:
        KernelMapping(kernel, multicast, device, column_elements)
    except ScheduleError:
        return schedule
    return multicast
