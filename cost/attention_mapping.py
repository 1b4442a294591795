"""Attention's schedule bound to a device: two loop nests, and the buffer between them.

A head's scores go to a register file of the group, become weights there, and go on to the cores.
The nests run in turn: while one computes for a head, the operands of the next one load. All heads
of a group go through them one after the other, the scores of a head before the context of the head
before it. Raises ScheduleError wherever the schedule asks for what the device cannot do.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from pim_opt.cost.attention_mask import MaskMapping
from pim_opt.cost.floor import command_interval
from pim_opt.cost.mapping import Loop, Mapping
from pim_opt.cost.rates import latency
from pim_opt.devices import Device
from pim_opt.devices.model import AttentionKernels, Register
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.iteration import AttentionRole, Role
from pim_opt.dialects.placement import LOCAL, TIME, Piece, Placement
from pim_opt.dialects.schedule import (
    AnySchedule,
    Factor,
    Schedule,
    ScheduleError,
    StagedSchedule,
    check_covers,
)

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SoftmaxSteps:
    """Numbers of multiplications behind which the commands of a softmax stand."""

    begin: int
    """The first pass: when the last score has come."""
    apart: int
    """Between two passes."""
    last: int
    """The last one, which makes the weights."""
    ready: int
    """From when on weights can be loaded."""


@dataclass(frozen=True)
class RowStep:
    """How an axis of scores runs through the rows of their buffer."""

    stride: int
    """Elements from one index to the next; 0 if all have the same place."""
    period: int
    """Indices after which places come again, in the next group of the device."""


def attention_kernels(device: Device) -> AttentionKernels:
    """The device's commands for attention.

    Raises:
        ScheduleError: it has none.
    """
    if device.kernels.attention is None:
        raise ScheduleError(f'device "{device.name}" has no attention commands')
    return device.kernels.attention


def score_mapping(kernel: Attention, schedule: Schedule, device: Device, lanes: int) -> Mapping:
    """The product of query and key, bound to a device."""
    return Mapping(kernel.score, schedule, device, lanes, attention_kernels(device).score)


def context_mapping(kernel: Attention, schedule: Schedule, device: Device, lanes: int) -> Mapping:
    """The product of weights and value, bound to a device."""
    return Mapping(kernel.context, schedule, device, lanes, attention_kernels(device).context)


def attention_mapping(
    kernel: Attention, schedule: AnySchedule, device: Device, lanes: int
) -> "AttentionMapping":
    """Attention bound to a device under a schedule.

    Args:
        lanes: elements in one DRAM column.
    """
    check_covers(schedule, kernel)
    if not isinstance(schedule, StagedSchedule):
        raise ScheduleError(f"'{schedule}' is the schedule of one loop nest; attention has two")
    score, context = schedule.stages
    return AttentionMapping(
        kernel,
        score_mapping(kernel, score, device, lanes),
        context_mapping(kernel, context, device, lanes),
    )


@dataclass(frozen=True)
class AttentionMapping:
    """Attention, the two nests that compute it, and all that follows from them."""

    kernel: Attention
    score: Mapping
    """The product of query and key."""
    context: Mapping
    """The product of weights and value, on the same device."""
    most: int | None = None
    """Positions at most, where one program serves all lengths up to them; else it has one."""

    def __post_init__(self) -> None:
        self._check_modes()
        self._check_queries()
        self._check_heads()
        self._check_loads()
        self._check_blocks()
        self._check_sums()
        self._check_cores()
        self._check_buffer()
        self._check_ones()

    def at_length(self, length: int) -> "AttentionMapping":
        """The same schedule with fewer positions: keys and values stay where they lie.

        Placements follow from the schedule alone, so that what fills a cache grows into its place;
        loops over positions end at the length.

        Raises:
            ScheduleError: no position, or more than the schedule was made for.
        """
        dim = self.kernel.dims[self.length_dim]
        if not 1 <= length <= dim.size:
            raise ScheduleError(f"length {length}; '{dim.name}' has 1 to {dim.size} positions")
        kernel = self._with_positions(length)
        shorter = attention_mapping(kernel, self.schedule, self.device, self.column_elements)
        return replace(shorter, most=self.most)

    @property
    def whole(self) -> Attention:
        """The kernel with all positions that a call may have: what the host moves."""
        return self.kernel if self.most is None else self._with_positions(self.most)

    def _with_positions(self, length: int) -> Attention:
        dims = list(self.kernel.dims)
        dims[self.length_dim] = replace(dims[self.length_dim], size=length)
        return replace(self.kernel, dims=tuple(dims))

    def of_any_length(self) -> "AttentionMapping":
        """The same with a program that serves all lengths up to the number of positions."""
        return replace(self, most=self.length)

    @property
    def device(self) -> Device:
        return self.score.device

    @property
    def column_elements(self) -> int:
        """Elements of the kernel's type in one DRAM column: the lanes."""
        return self.score.column_elements

    @property
    def schedule(self) -> StagedSchedule:
        return StagedSchedule((self.score.schedule, self.context.schedule))

    @property
    def kernels(self) -> AttentionKernels:
        """The device's commands for attention."""
        return attention_kernels(self.device)

    @property
    def stages(self) -> tuple[Mapping, Mapping]:
        return self.score, self.context

    @cached_property
    def mask(self) -> MaskMapping | None:
        """How the mask is added to the scores, if there is one."""
        if self.kernel.mask is None:
            return None
        return MaskMapping(self.kernel, self.score, self.context.mode)

    # Heads, which go one after the other

    @property
    def heads_depth(self) -> int:
        """Loops over heads: the outermost ones of both nests."""
        return len(self.head_loops)

    @cached_property
    def head_loops(self) -> tuple[Loop, ...]:
        """The time loops over heads, outermost first."""
        heads = self.score.kernel.result.dims
        batch = {i for i in heads if self._is_head(self.score, i)}
        return tuple(loop for loop in self.score.loops if loop.dim in batch)

    @property
    def heads(self) -> int:
        """Heads that a group goes through."""
        return prod(loop.size for loop in self.head_loops)

    def _has_rows(self, stage: Mapping, number: int) -> bool:
        """Whether a dimension of a nest counts heads, or queries of one."""
        role = stage.kernel.dims[number].role
        return role is Role.ROW or self._is_head(stage, number)

    def _is_head(self, stage: Mapping, number: int) -> bool:
        name = stage.kernel.dims[number].name
        return any(d.name == name and d.role is AttentionRole.HEAD for d in self.kernel.dims)

    # The buffer between the nests

    @property
    def buffer(self) -> Register:
        """The register file that scores and weights lie in."""
        return self.device.registers[self.kernels.buffer]

    @cached_property
    def length_dim(self) -> int:
        """The dimension of positions."""
        lengths = self.kernel.with_role(AttentionRole.LENGTH)
        if len(lengths) != 1:
            raise ScheduleError(f"{len(lengths)} dimensions of positions; expected 1")
        return lengths[0]

    @property
    def length(self) -> int:
        """Positions."""
        return self.kernel.dims[self.length_dim].size

    @property
    def pads_length(self) -> bool:
        """Whether the schedule of the scores covers more than the positions that there are."""
        name = self.kernel.dims[self.length_dim].name
        return self.score.schedule.split(name).extent > (self.most or self.length)

    @property
    def row_entries(self) -> int:
        """Entries of the buffer that a row of scores takes, with the padding of both nests."""
        name = self.kernel.dims[self.length_dim].name
        extents = [nest.split(name).extent for nest in (self.score.schedule, self.context.schedule)]
        return -(-max(extents) // self.column_elements)

    @property
    def heads_in_flight(self) -> int:
        """Heads whose rows are in the buffer at once."""
        return min(self.heads, 2)

    @property
    def rows_of_head(self) -> int:
        """Rows of scores of a head in one group of the device: queries that share keys."""
        return prod(map(self._queries_here, self.kernel.with_role(AttentionRole.GROUP)))

    def _queries_here(self, dim: int) -> int:
        """Queries along a dimension of those that share keys, in one group of the device."""
        split = self.score.schedule.split(self.kernel.dims[dim].name)
        return prod(factor.size for factor in split.factors if factor.is_local)

    @property
    def moved_scores(self) -> int:
        """Columns of scores that move for a head.

        Those of nothing but padding stay. Where a call says how many positions there are, cores
        sum what lies beyond them, and their sums move as those of the others do.
        """
        if self.most is None:
            return self.rows_of_head * -(-self.length // self.column_elements)
        loops, cores = self._block_starts
        begun = loops[loops < self.length]
        return self.rows_of_head * int(np.count_nonzero(np.add.outer(begun, cores) < self.most))

    @cached_property
    def _block_starts(self) -> tuple[Ints, Ints]:
        """First positions of entries of scores: by the loops around moves, and from core to core.

        An entry's first position is the sum of one of either.
        """
        split = self.score.schedule.split(self.kernel.dims[self.length_dim].name)
        starts = np.zeros(1, np.int64), np.zeros(1, np.int64)
        for number, factor in enumerate(split.factors[:-1]):
            steps = np.arange(factor.size) * split.stride(number)
            loops, cores = starts
            if factor.is_local:
                starts = np.add.outer(loops, steps).reshape(-1), cores
            else:
                starts = loops, np.add.outer(cores, steps).reshape(-1)
        return starts

    @property
    def entries_of_rows(self) -> int:
        """Entries that rows of scores and weights take; results move by way of one behind them."""
        return self.heads_in_flight * self.rows_of_head * self.row_entries

    @cached_property
    def row_steps(self) -> tuple["RowStep", ...]:
        """Per axis of the scores how it runs through the buffer."""
        stride = self.row_entries * self.column_elements
        steps: list[RowStep] = []
        for dim in reversed(self.kernel.scores.dims):
            role = self.kernel.dims[dim].role
            if role is AttentionRole.GROUP:
                here = self._queries_here(dim)
                steps.append(RowStep(stride, here))
                stride *= here
            else:
                size = self.kernel.dims[dim].size
                steps.append(RowStep(1 if role is AttentionRole.LENGTH else 0, size))
        return tuple(reversed(steps))

    @cached_property
    def score_placement(self) -> Placement:
        """Scores and weights in the buffer, positions one after the other."""
        axes: list[tuple[Piece, ...]] = []
        access = self.kernel.scores
        moments = self.score.result_loops
        pieces = {(d.dim, d.position): d.piece for d in self.score.digits}
        for number, loop in enumerate(self.score.loops):
            if number in moments and moments[number].target == TIME:
                pieces[loop.dim, loop.position] = moments[number]
        for dim, number, step in zip(
            access.dims, self.score.kernel.result.dims, self.row_steps, strict=True
        ):
            factors = self.score.schedule.split(self.kernel.dims[dim].name).factors
            if dim == self.length_dim:
                axes.append((Piece(LOCAL, self.row_entries * self.column_elements),))
                continue
            if step.stride:
                local = next(i for i, factor in enumerate(factors) if factor.is_local)
                pieces[number, local] = Piece(LOCAL, step.period, step.stride)
            axes.append(tuple(pieces[number, i] for i in range(len(factors))))
        return Placement(self.kernels.buffer, tuple(axes))

    @property
    def softmax_passes(self) -> int:
        """Commands that a softmax takes before the last one."""
        return self._passes(self.length)

    @property
    def most_passes(self) -> int:
        """As `softmax_passes`, of the longest softmax that the program has."""
        return self._passes(self.most or self.length)

    def _passes(self, length: int) -> int:
        passes = self.kernels.softmax_passes
        return 0 if passes is None else -(-length // passes.elements) - 1

    @cached_property
    def softmax_steps(self) -> "SoftmaxSteps":
        """Behind which multiplications of the next nest the softmax of a row stands."""
        device, kernels = self.device, self.kernels
        interval = command_interval(device, self.score.mode.multiply)

        def steps(cycles: int) -> int:
            return -(-cycles // interval)

        passes = kernels.softmax_passes
        apart = 0 if passes is None else steps(command_interval(device, passes.command))
        begin = steps(latency(device, self.move_command, kernels.softmax))
        last = begin + apart * self.softmax_passes
        # Loads have one place in the program, whatever the length.
        latest = begin + apart * self.most_passes
        ready = latest + steps(latency(device, kernels.softmax, self.load_command))
        if not device.controller.keeps_order:
            # Loads may overtake a softmax that they find in the controller's queue.
            ready = max(ready, latest + device.controller.window)
        return SoftmaxSteps(begin, apart, last, ready)

    @property
    def interleaves_softmax(self) -> bool:
        """Whether there are enough multiplications for a softmax and loads to stand among them."""
        inner = (prod(loop.size for loop in m.loops[m.load_depth :]) for m in self.stages)
        enough = min(inner) > self.softmax_steps.ready
        return self.heads > 1 and self.rows_of_head == 1 and enough

    @property
    def move_command(self) -> str:
        """The command that moves scores."""
        level = self.score.schedule.sum_level
        return self.score.mode.move["" if level is None else self.device.level(level).name]

    @property
    def load_command(self) -> str:
        """The command that loads weights."""
        return self.context.mode.load[self.context.schedule.travel]

    @property
    def matrix_rows(self) -> tuple[int, int]:
        """DRAM rows per bank that keys and values take."""
        return self.score.matrix_rows, self.context.matrix_rows

    # Chunks of operands, each loaded while the one before it is in use

    def chunks(self, stage: Mapping) -> int:
        """Loads of a nest's operands for one head."""
        return prod(loop.size for loop in stage.loops[self.heads_depth : stage.load_depth])

    # Checks

    def _check_modes(self) -> None:
        if not self.score.reduces_lanes:
            raise ScheduleError("the lanes of the scores run along positions; expected a key")
        if self.context.reduces_lanes:
            raise ScheduleError("the lanes of the context run along positions; expected a value")

    def _check_heads(self) -> None:
        group = self.device.group_level.short
        heads = [self.kernel.dims[i].name for i in self.kernel.with_role(AttentionRole.HEAD)]
        score, context = self.score.schedule, self.context.schedule
        for name in heads:
            if score.split(name) != context.split(name):
                raise ScheduleError(f"'{name}' is split in two ways; a head stays in its group")
            for factor in score.split(name).factors:
                if not factor.is_local and not self._is_over(factor, group):
                    raise ScheduleError(f"'{name}' is spread over '{factor}', not {group}")
        depth = sum(1 for name in score.order if name in heads)
        for nest in (score, context):
            outer = nest.order[:depth]
            if any(name not in heads for name in outer) or outer != score.order[:depth]:
                raise ScheduleError(
                    f"the loops over {', '.join(heads)} are not the outermost ones of both nests"
                )
        for stage in self.stages:
            whole = [d for d in stage.digits if not self._has_rows(stage, d.dim)]
            if any(d.piece.target == stage.group_target for d in whole):
                raise ScheduleError(f"a query of a head is spread over several members of {group}")

    def _is_over(self, factor: Factor, level: str) -> bool:
        return {self.device.level(name).short for name in factor.levels} == {level}

    def _check_queries(self) -> None:
        """That as many of the queries that share keys are in each group, one after the other."""
        for dim in self.kernel.with_role(AttentionRole.GROUP):
            name, size = self.kernel.dims[dim].name, self.kernel.dims[dim].size
            splits = [stage.schedule.split(name) for stage in self.stages]
            if splits[0] != splits[1]:
                raise ScheduleError(f"'{name}' is split in two ways; a query stays in its group")
            *spread, local = splits[0].factors
            group = self.device.group_level.short
            whole = local.is_time and splits[0].extent == size
            if not whole or any(f.is_local or not self._is_over(f, group) for f in spread):
                raise ScheduleError(
                    f"'{splits[0]}': queries that share keys go over {group}, as many to each, and"
                    " then follow one another"
                )

    def _check_blocks(self) -> None:
        """That an entry of the buffer holds consecutive positions."""
        name, lanes = self.kernel.dims[self.length_dim].name, self.column_elements
        for stage, pieces in ((self.score, "result"), (self.context, "vector")):
            split = stage.schedule.split(name)
            inner = len(split.factors) - 1
            places = stage.result_loops if pieces == "result" else stage.vector_loops
            found = [
                piece
                for number, piece in places.items()
                if (stage.loops[number].dim, stage.loops[number].position)
                == (stage.kernel.dim_number(name), inner)
            ]
            if found != [Piece(LOCAL, lanes)]:
                raise ScheduleError(
                    f"the last factor of '{name}' is not 'time {lanes}' as its innermost loop with"
                    f" the {pieces} inside: an entry of {self.kernels.buffer} is {lanes} positions"
                )

    def _check_sums(self) -> None:
        if self.score.host_partials != 1:
            raise ScheduleError(
                f"scores move out as {self.score.host_partials} partial sums, and nothing adds them"
                f" before the softmax"
            )
        if self.score.moved_placement.extent(LOCAL) > self.column_elements:
            raise ScheduleError(
                f"a move of scores fills more than an entry of {self.kernels.buffer}"
            )

    def _check_loads(self) -> None:
        for stage in self.stages:
            if min(stage.load_depth, stage.move_depth) < self.heads_depth:
                raise ScheduleError(
                    "operands or results of several heads move at once: 'x' and 'y' stand behind"
                    " the loops over heads"
                )
        if not all(stage.schedule.double_buffer for stage in self.stages):
            raise ScheduleError("the nests run in turn, so that both are 'double'")

    def _check_cores(self) -> None:
        """That every core holds keys and values, if only padding.

        Multiplications act on all cores, and what one sums of no data no move would clear before
        the other product.
        """
        for stage, what in ((self.score, "keys"), (self.context, "values")):
            used = prod(stage.used(target) for target in stage.core_targets)
            if used != self.device.cores:
                raise ScheduleError(
                    f"{what} lie in {used} of {self.device.cores} cores; they must lie in all,"
                    " so that moves clear the sums of all"
                )

    def _check_buffer(self) -> None:
        needed = self.entries_of_rows + 1
        if needed > self.buffer.entries:
            raise ScheduleError(
                f"{self.heads_in_flight * self.rows_of_head} rows of {self.row_entries} entries are"
                f" in {self.kernels.buffer} at once, and results move by way of another: {needed}"
                f" in all, but it has {self.buffer.entries}"
            )

    def _check_ones(self) -> None:
        """That no chunk of operands takes the entry of the ones by which a mask is added."""
        if self.mask is None:
            return
        operand = self.device.registers[self.mask.mode.operand]
        room = operand.entries // operand.halves - 1
        for stage in self.stages:
            if stage.loaded_columns > room:
                raise ScheduleError(
                    f"a load fills {stage.loaded_columns} entries of half the operand buffer; with"
                    f" the ones by which a mask is added it has room for {room}"
                )
