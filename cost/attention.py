"""The cost model of attention: cycles and work from its schedule bound to a device.

The two nests take turns, head by head, and in each turn loads what the next one needs. A turn takes
what its multiplications, rows, moves and loads of further chunks take by themselves; what loads for
the next turn lengthens it where its multiplications leave too little time. The next turn begins in
another row, which opens while results move if the controller lets it.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod
from typing import TypeVar

import numpy as np

from pim_opt.cost.attention_mapping import AttentionMapping
from pim_opt.cost.attention_mask import MaskMapping
from pim_opt.cost.bound import Bound, mode_bound
from pim_opt.cost.bulk import cycles_of
from pim_opt.cost.contraction import (
    ROW_IS_OPEN,
    USUAL,
    in_matrix_of,
    leaves_row_open,
    loads_of,
    loops_of,
    moves_of,
    sizes_by_group,
    sizes_of,
    traffic_of,
    writes_of,
)
from pim_opt.cost.energy import energy_pj
from pim_opt.cost.estimate import CycleParts, Estimate
from pim_opt.cost.floor import command_interval
from pim_opt.cost.host_accesses import HostAccesses
from pim_opt.cost.host_work import host_work
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.nest import (
    FirstRow,
    Ints,
    NestCycles,
    Traffic,
    back_to_back,
    count,
    first_multiplication,
    load_pause,
    loading_step,
    nest_cycles,
    refresh_cycles,
    stall,
    valid_iterations,
)
from pim_opt.cost.origins import Origins
from pim_opt.cost.rates import latency
from pim_opt.cost.streams import Pace, Paces, passes_cycles
from pim_opt.cost.timings import NestTimings, nest_timings, refreshing_of
from pim_opt.cost.transfers import TransferLoops
from pim_opt.devices import Device
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.iteration import Access

Rows = TypeVar("Rows", int, Ints)


@dataclass(frozen=True)
class _Outside:
    """What the host sees of attention: the query and the result, and where keys come from."""

    kernel: Attention

    @property
    def vector(self) -> Access:
        return self.kernel.query

    @property
    def matrix(self) -> Access:
        return self.kernel.key

    @property
    def result(self) -> Access:
        return self.kernel.result

    def shape(self, access: Access) -> tuple[int, ...]:
        return self.kernel.shape(access)


class _Turn:
    """What one nest does for a head, in the group that has most to do.

    Args:
        stage: the nest.
        depth: its loops over heads.
        moved: how many moves it makes for a head, if not one for every column of every place.
        mask: what is added to each entry of its results, if anything is.
    """

    def __init__(
        self, stage: Mapping, depth: int, moved: int | None, mask: MaskMapping | None
    ) -> None:
        sizes = sizes_of(stage.kernel)
        self.mask = mask
        self.stage, self.in_matrix = stage, in_matrix_of(stage.kernel)
        self.loads, self.moves = loads_of(stage), moves_of(stage)
        traffic = traffic_of(self.loads, self.moves, None)
        self.timings: NestTimings = nest_timings(stage.device, stage.mode)
        self.loops: Ints = loops_of(stage)[depth:]
        self.depths = stage.load_depth - depth, stage.move_depth - depth
        columns = stage.device.columns
        self.counts = count(self.loops, sizes, self.in_matrix, *self.depths, columns)
        self.heads = int(valid_iterations(loops_of(stage)[:depth], sizes, depth))
        self.traffic: Traffic = traffic if moved is None else self._with_moves(traffic, moved)

    def _with_moves(self, traffic: Traffic, moved: int) -> Traffic:
        """The traffic where so many moves are spread over the rounds of a head."""
        share = moved / (self.counts.rounds * self.moves.commands)
        first, places, period = traffic.move.first, traffic.move.places, traffic.move.period
        pace = Pace(places * share, max((first + 1) * share - 1, 0.0), period * share)
        return traffic._replace(move=pace)

    @property
    def in_bounds(self) -> float:
        """The share of its multiplications that are not of padding."""
        steps = prod(self.loops[self.depths[0] :, 1].tolist())
        return self.counts.multiplications / (self.counts.chunks * steps)

    @cached_property
    def nest(self) -> NestCycles:
        """The nest by itself, its row open and its first operands loaded."""
        double = self.counts.chunks > 1
        return nest_cycles(
            self.loops,
            self.in_matrix,
            self.counts,
            *self.depths,
            double,
            self.traffic,
            ROW_IS_OPEN,
            self.timings,
        )

    @property
    def last_move(self) -> float:
        """Cycles from the last multiplication to the last move."""
        return self.timings.drain + passes_cycles(self.traffic.move, self.traffic.move_columns)

    def parts(self) -> CycleParts:
        """From its first multiplication to its last, what loads for the next turn left out."""
        nest, t = self.nest, self.timings
        parts = CycleParts(
            load=nest.load - load_pause(self.traffic, t),
            multiply=nest.multiply,
            rows=nest.rows,
            move=nest.move - self.last_move,
        )
        return parts if self.mask is None else parts + self._masking()

    @property
    def mask_switch(self) -> float:
        """Cycles from a multiplication by the mask, in a row just opened, to one by keys."""
        t = self.timings
        return max(t.close, t.active - t.open) + t.reopen

    def _masking(self) -> CycleParts:
        """What a column of the mask before the multiplications of each entry adds to them.

        It lies in another row: that closes, and opens again while the next results move.
        """
        t, rounds, switch = self.timings, self.counts.rounds, self.mask_switch
        returns = self.gap(0.0).rows * (rounds - 1)
        return CycleParts(
            multiply=rounds * t.multiply, rows=rounds * (switch - t.multiply) + returns
        )

    def longer(self, ahead: "_Turn", delay: int) -> float:
        """Cycles by which loads for the next turn lengthen its last chunk.

        Args:
            ahead: the turn whose operands load.
            delay: multiplications of the chunk that have none behind them.
        """
        steps = prod(self.loops[self.depths[0] :, 1].tolist()) - delay
        in_bounds, pace, commands = self.in_bounds, ahead.traffic.load, ahead.loads.commands
        share = ceil(commands / steps)
        step = loading_step(share, in_bounds, pace, self.timings)
        behind = max(commands - self._absorbed * pace.places / pace.period, 0.0)
        return ceil(behind / share) * (step - in_bounds * self.timings.multiply)

    @property
    def _absorbed(self) -> float:
        """Cycles of its last chunk in which loads overtake multiplications that wait for a row."""
        if self.mask is None or self.timings.ordered:
            return 0.0
        return self.counts.rounds / self.counts.chunks * self.mask_switch

    def gap(self, softmax: float) -> CycleParts:
        """From its last multiplication to the first of the next turn, in another row.

        Args:
            softmax: cycles for which a softmax behind the last move keeps what follows waiting.
        """
        t = self.timings
        pause = self.last_move + max(t.resume, softmax)
        free = t.ordered or bool(back_to_back(self.traffic.move))
        commands = self.traffic.move_columns * self.traffic.move.places
        whole = stall(pause, commands, free, True, t)
        plain = stall(pause, commands, free, False, t)
        return CycleParts(move=plain, rows=whole - plain, multiply=t.multiply)


class _Turns:
    """All turns of a group."""

    def __init__(self, mapping: AttentionMapping, score: _Turn, context: _Turn) -> None:
        self.mapping, self.score, self.context = mapping, score, context

    @property
    def blocking(self) -> float:
        """Cycles for which a softmax that stands before a turn keeps it waiting."""
        mapping, kernels = self.mapping, self.mapping.kernels
        if mapping.interleaves_softmax:
            return 0.0
        wait = latency(mapping.device, mapping.move_command, kernels.softmax)
        passes = mapping.rows_of_head * (mapping.softmax_passes + 1) - 1
        return float(wait + passes * command_interval(mapping.device, kernels.softmax))

    def first(self, accesses: HostAccesses) -> CycleParts:
        """To the first multiplication of all."""
        turn, mask = self.score, self.mapping.mask
        row = accesses.first_row(turn.stage.mode)
        if mask is not None:
            return self._first_of_mask(mask, row)
        return CycleParts(
            load=load_pause(turn.traffic, turn.timings),
            rows=first_multiplication(turn.traffic, row, turn.timings),
        )

    def _first_of_mask(self, mask: MaskMapping, row: FirstRow) -> CycleParts:
        """To the first column of a mask, which needs the ones and not the query behind them."""
        turn, t = self.score, self.score.timings
        ones = passes_cycles(Paces(self.mapping.device).pace(mask.ones_loads), 1.0)
        query = passes_cycles(turn.traffic.load, turn.traffic.load_columns) + 1
        if _leaves_row_open(mask):
            return CycleParts(load=ones + query, rows=t.close + t.reopen - turn.mask_switch)
        return CycleParts(load=ones + query, rows=max(row.begin + row.takes - ones - query, 0.0))

    def nests(self) -> CycleParts:
        """From the first multiplication to the last move."""
        score, context, heads = self.score, self.context, self.score.heads
        end = CycleParts(move=context.last_move)
        if heads == 1:
            return score.parts() + self._alone() + context.parts() + end
        ready = self.mapping.softmax_steps.ready if self.mapping.interleaves_softmax else 0
        during_scores = CycleParts(load=score.longer(context, ready))
        during_context = CycleParts(load=context.longer(score, 0))
        last = CycleParts(load=context.longer(context, ready))
        begin = score.parts() + CycleParts(load=score.longer(score, 0)) + score.gap(self.blocking)
        middle = score.parts() + during_scores + score.gap(self.blocking)
        return (
            begin
            + _times(middle + context.parts() + context.gap(0.0), heads - 1)
            + _times(during_context, heads - 2)
            + last
            + context.parts()
            + end
        )

    def _alone(self) -> CycleParts:
        """From the scores of the only head to the first multiplication by its weights."""
        score, context, t = self.score, self.context, self.score.timings
        device, kernels = self.mapping.device, self.mapping.kernels
        passes = kernels.softmax_passes
        apart = 0 if passes is None else command_interval(device, passes.command)
        wait = (
            latency(device, self.mapping.move_command, kernels.softmax)
            + apart * self.mapping.softmax_passes
            + latency(device, kernels.softmax, self.mapping.load_command)
        )
        load = load_pause(context.traffic, context.timings)
        pause = score.last_move + wait + load
        commands = score.moves.commands + context.loads.commands
        whole = stall(pause, commands, t.ordered, True, t)
        return CycleParts(
            move=score.last_move + wait, load=whole + t.multiply - score.last_move - wait
        )


def _times(parts: CycleParts, number: int) -> CycleParts:
    return CycleParts(**{name: cycles * number for name, cycles in parts.as_dict().items()})


def cycle_parts(mapping: AttentionMapping, origins: Origins = USUAL) -> CycleParts:
    """Cycles of one call by cause.

    Args:
        mapping: attention's schedule bound to a device.
        origins: where the query starts, and keys and values.
    """
    return Pricer(origins).cycle_parts(mapping)


class Pricer:
    """Prices many pairs of nests, and works out once what all pairs with a nest share."""

    def __init__(self, origins: Origins) -> None:
        self.origins = origins
        self._turns: dict[int, _Turn] = {}
        self._accesses: dict[Attention, HostAccesses] = {}
        self._writes: dict[tuple[Attention, str, str], tuple[float, float]] = {}

    def cycle_parts(self, mapping: AttentionMapping) -> CycleParts:
        """Cycles of one call by cause; the nests of `mapping` must live as long as the pricer."""
        turns = _Turns(mapping, *(self._turn(mapping, stage) for stage in mapping.stages))
        parts = self._host(mapping, turns) + turns.nests()
        refreshing = refreshing_of(mapping.device, mapping.context.mode)
        rest = (turns.score.nest.rest + turns.context.nest.rest) / 2
        return parts + CycleParts(refresh=refresh_cycles(parts.cycles, rest, refreshing))

    def _turn(self, mapping: AttentionMapping, stage: Mapping) -> _Turn:
        key = id(stage)
        if key not in self._turns:
            scores = stage is mapping.score
            moved, mask = (mapping.moved_scores, mapping.mask) if scores else (None, None)
            self._turns[key] = _Turn(stage, mapping.heads_depth, moved, mask)
        return self._turns[key]

    def _accesses_of(self, mapping: AttentionMapping) -> HostAccesses:
        kernel = mapping.whole
        if kernel not in self._accesses:
            self._accesses[kernel] = _accesses(mapping, self.origins)
        return self._accesses[kernel]

    def _results(self, mapping: AttentionMapping, move: str) -> tuple[float, float]:
        """Cycles of the host's writes of the result, and how old the last row must be for them."""
        rows, mode = mapping.context.schedule.rows, mapping.context.mode
        key = mapping.whole, move, rows
        if key not in self._writes:
            accesses = self._accesses_of(mapping)
            written = accesses.write_cycles(mode, move, rows=rows)
            self._writes[key] = written, accesses.row_hold(mode, move, rows=rows)
        return self._writes[key]

    def _host(self, mapping: AttentionMapping, turns: _Turns) -> CycleParts:
        """The host's accesses before and after the nests, and the way to the first of them."""
        accesses = self._accesses_of(mapping)
        written, hold = self._results(mapping, turns.context.moves.command)
        hold -= turns.context.nest.row_age
        for stage in mapping.stages if accesses.moves_matrix else ():
            writes = writes_of(stage)
            written += cycles_of(accesses.matrix_writes(writes), writes.commands)
            written += accesses.write_settles
        if mapping.mask is not None:
            writes = mapping.mask.writes
            written += cycles_of(accesses.matrix_writes(writes), writes.commands)
            written += accesses.write_settles
        host = CycleParts(host_read=accesses.read_cycles, host_write=written + max(hold, 0.0))
        return host + turns.first(accesses)


def _accesses(mapping: AttentionMapping, origins: Origins) -> HostAccesses:
    kernel, lanes = mapping.whole, mapping.column_elements
    masks = () if kernel.mask is None else (kernel.mask,)
    return HostAccesses(
        _Outside(kernel), mapping.device, lanes, origins, more=(kernel.value,), streamed=masks
    )


def _leaves_row_open(mask: MaskMapping) -> bool:
    """Whether the host's writes leave the first row of a mask open in all banks."""
    return leaves_row_open(mask.writes, mask.writes.columns)


def estimate(mapping: AttentionMapping, origins: Origins = USUAL) -> Estimate:
    """Time and work of one call; the arguments are those of `cycle_parts`."""
    device, kernels = mapping.device, mapping.kernels
    accesses = _accesses(mapping, origins)
    commands, activations = host_work(accesses, mapping.context.mode, mapping.context.schedule.rows)
    work = Counter(commands)
    heads = sum(number * _heads(mapping, sizes) for sizes, number in _groups(mapping.score))
    rows = heads * mapping.rows_of_head
    for stage in mapping.stages:
        work.update(_commands(stage, accesses, moves_all=stage is mapping.context))
    # Scores move block by block, and blocks of nothing but padding stay where they are.
    work[mapping.move_command] += heads * mapping.moved_scores
    work[kernels.softmax] += rows
    if kernels.softmax_passes is not None:
        work[kernels.softmax_passes.command] += rows * mapping.softmax_passes
    opener, _ = device.row_commands(device.commands[mapping.score.mode.multiply].spans)
    opened = sum(n * _rows_opened(mapping, sizes) for sizes, n in _groups(mapping.score))
    activations[opener] = activations.get(opener, 0) + opened
    written = [writes_of(stage) for stage in mapping.stages] if accesses.moves_matrix else []
    if mapping.mask is not None:
        written.append(mapping.mask.writes)
        work.update(_mask_commands(mapping, mapping.mask))
    single, _ = device.row_commands(())
    activations[single] = activations.get(single, 0) + sum(_rows_written(w) for w in written)
    moved = sum(
        number * device.column_bytes
        for name, number in work.items()
        if device.commands[name].kind in ("host_read", "host_write", "load", "move")
    )
    results = prod(mapping.kernel.shape(mapping.kernel.result))
    return Estimate(
        cycle_parts(mapping, origins),
        {name: number for name, number in work.items() if number},
        activations,
        moved,
        results * (mapping.context.host_partials - 1),
        energy_pj(device, work, activations),
    )


def _rows_written(writes: TransferLoops) -> int:
    """Rows that the host opens, bank by bank, to bring a matrix to its place."""
    places = writes.commands // writes.columns * writes.groups
    return places * -(-writes.columns // writes.device.columns)


def _mask_commands(mapping: AttentionMapping, mask: MaskMapping) -> Counter[str]:
    """Commands that bring a mask to its place and add it, on all groups."""
    stage, ones = mapping.score, mask.ones_loads
    loops, groups = loops_of(stage), _groups(stage)
    entries = sum(
        number * int(valid_iterations(loops, np.array(sizes, np.int64), stage.move_depth))
        for sizes, number in groups
    )
    found = Counter({mask.mode.multiply: entries})
    found[mask.writes.command] += mask.writes.commands * mask.writes.groups
    found[ones.command] += ones.commands * stage.used(stage.group_target)
    return found


def _groups(stage: Mapping) -> list[tuple[tuple[int, ...], int]]:
    """Sizes that groups have, and how many groups have them."""
    return list(sizes_by_group(stage).items())


def _heads(mapping: AttentionMapping, sizes: tuple[int, ...]) -> int:
    depth = mapping.heads_depth
    return int(valid_iterations(loops_of(mapping.score)[:depth], np.array(sizes, np.int64), depth))


def _commands(stage: Mapping, accesses: HostAccesses, *, moves_all: bool) -> Counter[str]:
    """Commands of one nest on all groups, and of bringing its matrix to its place.

    Args:
        stage: the nest.
        accesses: of the host.
        moves_all: whether to count moves: all of them, those of padding too.
    """
    loops, found = loops_of(stage), Counter[str]()
    loads, moves = loads_of(stage), moves_of(stage)
    counted = [
        (stage.load_depth, loads.command, loads.commands),
        (len(loops), stage.mode.multiply, 1),
    ]
    if moves_all:
        counted.append((stage.move_depth, moves.command, moves.commands))
    for sizes, groups in _groups(stage):
        for depth, command, number in counted:
            times = int(valid_iterations(loops, np.array(sizes, np.int64), depth))
            found[command] += groups * times * number
    if accesses.moves_matrix:
        writes = writes_of(stage)
        found[writes.command] += writes.commands * writes.groups
    return found


def _rows_opened(mapping: AttentionMapping, sizes: tuple[int, ...]) -> int:
    """Rows that a group of these sizes opens, turn by turn."""
    heads, mask = _heads(mapping, sizes), mapping.mask
    turns = [_columns(mapping, stage) for stage in mapping.stages]
    order = [(0, 0)]
    for head in range(1, heads):
        order += [(0, head), (1, head - 1)]
    opened, last = 0, -1
    if mask is not None and _leaves_row_open(mask):
        last = _row_of(_MASK, 0)
    for stage, head in [*order, (1, heads - 1)]:
        used, block = turns[stage]
        rows = _row_of(stage, (used + head * block) // mapping.device.columns)
        if stage == 0 and mask is not None:
            rows = _with_mask(rows, mapping, mask, head)
        opened += int(np.count_nonzero(np.diff(rows))) + int(rows[0] != last)
        last = int(rows[-1])
    return opened


_MASK = 2
"""The number of the mask among what lies in rows of its own, after keys and values."""


def _row_of(number: int, rows: Rows) -> Rows:
    """Rows of keys, values or the mask, told apart."""
    return rows * 3 + number


def _with_mask(rows: Ints, mapping: AttentionMapping, mask: MaskMapping, head: int) -> Ints:
    """The rows of a head's multiplications by keys, with those of the mask between them."""
    _, counters = _points(mapping, mapping.score)
    depth, moves = mapping.heads_depth, mapping.score.move_depth
    heads = [loop.size for loop in mapping.head_loops]
    index = [*np.unravel_index(head, heads), *counters[: moves - depth]]
    entry, column = np.zeros_like(rows), np.zeros_like(rows)
    for number in range(moves):
        entry = entry * mapping.score.loops[number].size + index[number]
        if number in mask.loops:
            column += index[number] * (mask.loops[number].stride // mask.lanes)
    begins = np.flatnonzero(np.diff(entry, prepend=-1))
    places = _row_of(_MASK, column[begins] // mapping.device.columns)
    return np.insert(rows, begins, places)


def _points(mapping: AttentionMapping, stage: Mapping) -> tuple[Ints, Ints]:
    """The loops of a nest for a head, and their counters in every iteration that has work."""
    loops, sizes = loops_of(stage)[mapping.heads_depth :], sizes_of(stage.kernel)
    shape: list[int] = loops[:, 1].tolist()
    counters: Ints = np.indices(shape).reshape(len(shape), -1)
    inside = np.ones(counters.shape[1], np.bool_)
    for dim in set(loops[:, 0].tolist()):
        mine = loops[:, 0] == dim
        inside &= (counters[mine] * loops[mine, 2:3]).sum(axis=0) < sizes[dim]
    return loops, counters[:, inside]


def _columns(mapping: AttentionMapping, stage: Mapping) -> tuple[Ints, int]:
    """Columns of the matrix that a nest goes through for a head, in order, and how many it has."""
    loops, counters = _points(mapping, stage)
    in_matrix = in_matrix_of(stage.kernel)
    place, weight = np.zeros(counters.shape[1], np.int64), 1
    for number in range(len(loops) - 1, -1, -1):
        if in_matrix[loops[number, 0]]:
            place += counters[number] * weight
            weight *= int(loops[number, 1])
    return place, weight


def attention_bound(kernel: Attention, device: Device, lanes: int) -> Bound | None:
    """Cycles that every schedule takes; None on a device that has no commands for attention.

    Args:
        lanes: elements in one DRAM column.
    """
    if device.kernels.attention is None:
        return None
    rounds, columns = _rounds(kernel, device, lanes)
    return mode_bound(rounds, columns, device, device.kernels.attention.score)


def attention_floor_cycles(kernel: Attention, device: Device, lanes: int) -> int:
    """Cycles in which keys and values can be multiplied at best, on all cores at once."""
    if device.kernels.attention is None:
        return 0
    interval = command_interval(device, device.kernels.attention.score.multiply)
    return _rounds(kernel, device, lanes)[0] * interval


def _rounds(kernel: Attention, device: Device, lanes: int) -> tuple[int, int]:
    """Multiplications of every core at least, and columns of keys and values that it has."""
    cores = device.groups * device.cores * lanes
    products = sum(prod(dim.size for dim in stage.dims) for stage in kernel.stages)
    elements = prod(kernel.shape(kernel.key)) + prod(kernel.shape(kernel.value))
    return -(-products // cores), -(-elements // cores)
