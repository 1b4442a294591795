"""The section of a program that computes attention: two loop nests that take turns, head by head.

    scores of head 0                         while the query of head 1 loads
    scores of head t, its softmax            while weights of head t - 1 load
    context of head t - 1                    while more of its weights, then query t + 1, load
    context of the last head

What loads goes to the half of the operand buffers that the multiplications do not read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr

from pim_opt.cost.attention_mapping import AttentionMapping, RowStep
from pim_opt.cost.mapping import Mapping
from pim_opt.passes.attention.mask_section import MaskSection
from pim_opt.passes.column_transfers import Transfer
from pim_opt.passes.compute_section import ComputeSection, flat_index, split_index
from pim_opt.passes.program_builder import ZERO, ProgramBuilder, constant, total


@dataclass(frozen=True)
class BufferTransfer(Transfer):
    """Between the cores and a register file of their group; nothing passes through the host."""

    steps: tuple[RowStep, ...] = ()
    """Per axis of the tensor how it runs through the entries."""
    axis: int = 0
    """The axis of consecutive elements."""
    entry: AffineExpr = ZERO
    """Entry of the first element."""
    elements: int | None = None
    """How many elements of the axis there are, where columns beyond them stay where they are."""

    def _issue(
        self,
        builder: ProgramBuilder,
        group: AffineExpr,
        staging: SSAValue | None,
        counters: Sequence[AffineExpr],
    ) -> None:
        column = counters[0]
        place = self._place(group, counters[1:])
        indices = self._element(ZERO, column, place.linear)
        index = indices[self.axis]
        core = [place.levels.get(level.short, ZERO) for level in self.device.core_levels]
        element = total(self._elements(indices))
        entry = self.entry + element // self.lanes
        loads = self.device.commands[self.command].kind == "load"
        operands = [self.slot_base + column, entry] if loads else [entry]
        bounds = [] if self.elements is None else [index * -1 + (self.elements - 1)]
        with builder.when(bounds):
            builder.issue(self.command, [*core, ZERO, ZERO], operands)

    def _elements(self, indices: Sequence[AffineExpr]) -> list[AffineExpr]:
        """Per axis that leads anywhere how many elements along the entries its index does."""
        found: list[AffineExpr] = []
        for index, step, size in zip(indices, self.steps, self.shape, strict=True):
            if step.stride:
                here = index if step.period >= size else index % step.period
                found.append(here * step.stride)
        return found


@dataclass(frozen=True)
class Loads:
    """What loads while multiplications run."""

    transfer: Transfer
    memory: SSAValue | None
    conditions: tuple[AffineExpr, ...] = ()
    """Under which there is anything to load."""
    delay: int = 0
    """Multiplications behind which what loads is not there yet."""

    def given(self, condition: AffineExpr) -> "Loads":
        """The same where `condition` is at least 0, too."""
        return replace(self, conditions=(*self.conditions, condition))

    def emit(self, builder: ProgramBuilder, group: AffineExpr) -> None:
        """All of it at once."""
        with builder.when(self.conditions):
            self.transfer.emit(builder, group, self.memory)

    def emit_share(
        self, builder: ProgramBuilder, group: AffineExpr, step: AffineExpr, steps: int
    ) -> None:
        """The share of it that stands behind multiplication `step` of `steps`."""
        commands, skipped = self.transfer.nest.commands, self.delay
        share = -(-commands // (steps - skipped))
        with builder.repeat(share) as number:
            index = (step - skipped) * share + number
            early = [step - skipped] if skipped else []
            late = [] if share * (steps - skipped) == commands else [index * -1 + (commands - 1)]
            with builder.when([*self.conditions, *early, *late]):
                self.transfer.emit_at(builder, group, self.memory, index)


@dataclass(frozen=True)
class Softmax:
    """The commands of the softmax of the scores of a head, row by row."""

    mapping: AttentionMapping
    row: AffineExpr
    """First entry of the first row."""
    length: AffineExpr
    """Positions."""
    conditions: tuple[AffineExpr, ...] = ()
    """Under which there is such a head."""

    def given(self, condition: AffineExpr) -> "Softmax":
        """The same where `condition` is at least 0, too."""
        return replace(self, conditions=(*self.conditions, condition))

    def emit(self, builder: ProgramBuilder) -> None:
        """All of them at once."""
        rows, passes = self.mapping.rows_of_head, self.mapping.softmax_passes
        with builder.when(self.conditions), builder.repeat(rows) as row:
            if passes:
                with builder.repeat(passes) as number:
                    late = [] if self.mapping.most is None else [self._passes - 1 - number]
                    with builder.when(late):
                        self._pass(builder)
            self._last(builder, row)

    def emit_share(
        self, builder: ProgramBuilder, group: AffineExpr, step: AffineExpr, steps: int
    ) -> None:
        """Those of the only row that stand behind multiplication `step`."""
        at = self.mapping.softmax_steps
        last = constant(at.last)
        if self.mapping.softmax_passes:
            since = step - at.begin
            last = self._passes * at.apart + at.begin
            turn = [] if at.apart == 1 else [since % at.apart * -1]
            with builder.when([*self.conditions, since, last - 1 - step, *turn]):
                self._pass(builder)
        with builder.when([*self.conditions, step - last, last - step]):
            self._last(builder, ZERO)

    @property
    def _passes(self) -> AffineExpr:
        """Commands before the last one."""
        passes = self.mapping.kernels.softmax_passes
        return ZERO if passes is None else self.length.ceil_div(passes.elements) - 1

    @property
    def _place(self) -> list[AffineExpr]:
        return [ZERO] * (len(self.mapping.device.core_levels) + 2)

    def _pass(self, builder: ProgramBuilder) -> None:
        passes = self.mapping.kernels.softmax_passes
        assert passes is not None, "else a softmax has no passes before the last"
        builder.issue(passes.command, self._place)

    def _last(self, builder: ProgramBuilder, number: AffineExpr) -> None:
        entries = self.mapping.row_entries
        row = self.row + number * entries
        operands = [row, self.length, constant(entries)]
        builder.issue(self.mapping.kernels.softmax, self._place, operands)


Behind = Loads | Softmax
"""What stands behind multiplications."""


class AttentionSection:
    """The commands of mapped attention, for the groups that `group` numbers."""

    def __init__(
        self,
        mapping: AttentionMapping,
        score: ComputeSection,
        context: ComputeSection,
        mask: MaskSection | None,
        builder: ProgramBuilder,
        group: AffineExpr,
    ) -> None:
        self._mapping, self._score, self._context = mapping, score, context
        self._mask = mask
        self._builder, self._group = builder, group
        self._length = builder.length or constant(mapping.length)

    def emit(self) -> None:
        """The whole section."""
        mapping = self._mapping
        heads, scores = mapping.heads, mapping.chunks(mapping.score)
        per_head, second = scores + mapping.chunks(mapping.context), constant(scores)
        if self._mask is not None:
            self._mask.load_ones(self._builder, self._group)
        self._emit_now(self._query(ZERO, ZERO, ZERO))
        if heads == 1:
            self._scores(ZERO, ZERO, [])
            self._softmax(ZERO).emit(self._builder)
            self._emit_now(self._weights(ZERO, ZERO, second))
            self._products(ZERO, second, [])
            return
        self._scores(ZERO, ZERO, [self._query(constant(1), ZERO, second)])
        with self._builder.repeat(heads - 1) as before:
            number = before * per_head + scores
            # The first softmax has no context to stand in.
            first = self._behind(self._softmax(before).given(before * -1))
            weights = self._weights(before, ZERO, number + scores)
            self._scores(before + 1, number, [weights], first)
            ahead = self._after(before, number + per_head)
            self._products(before, number + scores, ahead, self._behind(self._softmax(before + 1)))
        last = constant(scores + (heads - 1) * per_head)
        self._products(constant(heads - 1), last, [])

    def _behind(self, softmax: Softmax) -> list[Softmax]:
        """What stands behind multiplications; a softmax goes before them if they are too few."""
        if self._mapping.interleaves_softmax:
            return [softmax]
        softmax.emit(self._builder)
        return []

    def _after(self, head: AffineExpr, number: AffineExpr) -> list[Loads]:
        """What is used behind the context of `head`: another query, or the last head's weights."""
        heads = self._mapping.heads
        last = self._weights(constant(heads - 1), ZERO, number).given(head - (heads - 2))
        if heads == 2:
            return [last]
        return [self._query(head + 2, ZERO, number).given(head * -1 + (heads - 3)), last]

    def _emit_now(self, loads: Loads) -> None:
        loads.emit(self._builder, self._group)
        self._builder.barrier()

    # Loads

    def _half(self, number: AffineExpr) -> AffineExpr:
        """First slot of the half of the operand buffers that load `number` fills."""
        operand = self._mapping.device.registers[self._mapping.kernels.score.operand]
        return number % operand.halves * (operand.entries // operand.halves)

    def _counters(
        self, section: ComputeSection, head: AffineExpr, chunk: AffineExpr
    ) -> list[AffineExpr]:
        """The loops around a chunk of operands."""
        outer = section.mapping.loops[self._mapping.heads_depth : section.mapping.load_depth]
        return [*split_index(self._mapping.head_loops, head), *split_index(outer, chunk)]

    def _query(self, head: AffineExpr, chunk: AffineExpr, number: AffineExpr) -> Loads:
        """A chunk of the query of a head, as load `number`."""
        counters = self._counters(self._score, head, chunk)
        transfer = self._score.loads(counters, self._half(number))
        bounds = self._score.bounds(self._group, counters)
        return Loads(transfer, self._score.vector_memory, tuple(bounds))

    def _weights(self, head: AffineExpr, chunk: AffineExpr, number: AffineExpr) -> Loads:
        """A chunk of the weights of a head, as load `number`."""
        counters = self._counters(self._context, head, chunk)
        loads = self._context.loads(counters, self._half(number))
        transfer = self._buffered(loads, head, None)
        bounds = tuple(self._context.bounds(self._group, counters))
        steps = self._mapping.softmax_steps
        delay = steps.ready if self._mapping.interleaves_softmax else 0
        return Loads(transfer, None, bounds, delay)

    def _buffered(
        self, transfer: Transfer, head: AffineExpr, elements: int | None
    ) -> BufferTransfer:
        """`transfer` to or from the rows of scores of `head`."""
        mapping = self._mapping
        return BufferTransfer(
            transfer.device,
            transfer.command,
            transfer.placement,
            transfer.shape,
            transfer.lanes,
            transfer.moments,
            transfer.slot_base,
            mapping.row_steps,
            mapping.kernel.scores.axes.index(mapping.length_dim),
            self._row(head),
            elements,
        )

    def _row(self, head: AffineExpr) -> AffineExpr:
        """First entry of the rows of scores of `head`."""
        mapping = self._mapping
        return head % mapping.heads_in_flight * (mapping.rows_of_head * mapping.row_entries)

    # The two nests

    def _scores(
        self,
        head: AffineExpr,
        number: AffineExpr,
        ahead: Sequence[Loads],
        first: Sequence[Behind] = (),
    ) -> None:
        """Scores of a head; the arguments are those of `_turn`."""

        def move(counters: Sequence[AffineExpr]) -> None:
            # Entries beyond the length of a call move, too: that clears the sums of their cores.
            elements = self._mapping.length if self._mapping.pads_length else None
            moves = self._buffered(self._score.moves(counters), head, elements)
            moves.emit(self._builder, self._group, None)

        self._turn(self._score, head, number, (ahead, first), self._query, move)

    def _products(
        self,
        head: AffineExpr,
        number: AffineExpr,
        ahead: Sequence[Loads],
        first: Sequence[Behind] = (),
    ) -> None:
        """The context of a head; the arguments are those of `_turn`."""

        def move(counters: Sequence[AffineExpr]) -> None:
            # By way of an entry behind the rows of scores and weights.
            scratch = constant(self._mapping.entries_of_rows)
            moves = replace(self._context.moves(counters), slot_base=scratch)
            moves.emit(self._builder, self._group, self._context.result_memory)

        self._turn(self._context, head, number, (ahead, first), self._weights, move)

    def _softmax(self, head: AffineExpr) -> Softmax:
        """The softmax of the scores of a head."""
        counters = split_index(self._mapping.head_loops, head)
        bounds = self._score.bounds(self._group, counters)
        return Softmax(self._mapping, self._row(head), self._length, tuple(bounds))

    def _turn(
        self,
        section: ComputeSection,
        head: AffineExpr,
        number: AffineExpr,
        behind: tuple[Sequence[Loads], Sequence[Behind]],
        load: Callable[[AffineExpr, AffineExpr, AffineExpr], Loads],
        move: Callable[[Sequence[AffineExpr]], None],
    ) -> None:
        """What a nest does for a head, its first operands being in place.

        Args:
            section: whose multiplications these are.
            head: which head.
            number: of its first load, among all loads.
            behind: what loads while its last chunk of operands is in use; and what else stands
                behind the multiplications of its first.
            load: the loads of a chunk of a head, as load of some number.
            move: emits the moves of results.
        """
        mapping, depth = section.mapping, self._mapping.heads_depth
        chunks = self._mapping.chunks(mapping)
        ahead, first = behind

        def chunk(counters: Sequence[AffineExpr]) -> AffineExpr:
            return flat_index(mapping.loops[depth : mapping.load_depth], counters[depth:])

        def after(counters: Sequence[AffineExpr]) -> None:
            if chunks == 1:
                self._share(mapping, counters, [*first, *ahead])
                return
            used = chunk(counters)
            more = load(head, used + 1, number + used + 1).given(used * -1 + (chunks - 2))
            begins = [one.given(used * -1) for one in first]
            ends = [loads.given(used - (chunks - 1)) for loads in ahead]
            self._share(mapping, counters, [*begins, more, *ends])

        def half(counters: Sequence[AffineExpr]) -> AffineExpr:
            return self._half(number + chunk(counters))

        self._nest(section, head, half, after, move)

    def _share(
        self, mapping: Mapping, counters: Sequence[AffineExpr], behind: Sequence[Behind]
    ) -> None:
        """Behind a multiplication what stands there."""
        inner = mapping.loops[mapping.load_depth :]
        step = flat_index(inner, counters[mapping.load_depth :])
        for one in behind:
            one.emit_share(self._builder, self._group, step, prod(loop.size for loop in inner))

    def _nest(
        self,
        section: ComputeSection,
        head: AffineExpr,
        half: Callable[[Sequence[AffineExpr]], AffineExpr],
        after: Callable[[Sequence[AffineExpr]], None],
        move: Callable[[Sequence[AffineExpr]], None],
    ) -> None:
        """The loops of a product inside of those over heads.

        Args:
            section: whose multiplications these are.
            head: which head.
            half: first slot of the operands in use.
            after: emits what stands behind each multiplication.
            move: emits the moves of results.
        """
        mapping, builder, group = section.mapping, self._builder, self._group

        def inside(counters: list[AffineExpr]) -> None:
            depth = len(counters)
            if depth == mapping.move_depth and section is self._score:
                self._add_mask(counters)
            if depth == len(mapping.loops):
                with builder.when(section.bounds(group, counters)):
                    section.multiply(builder, counters, half(counters))
                after(counters)
            else:
                with builder.repeat(mapping.loops[depth].size) as counter:
                    inside([*counters, counter])
            if depth == mapping.load_depth:
                section.end_of_chunk(builder, counters)
            if depth == mapping.move_depth:
                builder.barrier()
                with builder.when(section.bounds(group, counters)):
                    move(counters)
                builder.barrier()

        inside(split_index(self._mapping.head_loops, head))

    def _add_mask(self, counters: Sequence[AffineExpr]) -> None:
        """Begin the sums of an entry of scores with their mask, if there is one."""
        if self._mask is None:
            return
        with self._builder.when(self._score.bounds(self._group, counters)):
            self._mask.add(self._builder, counters)
        self._builder.barrier()
