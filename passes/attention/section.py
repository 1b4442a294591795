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

from pim_opt.cost.attention_mapping import AttentionMapping
from pim_opt.cost.mapping import Mapping
from pim_opt.passes.column_transfers import Transfer
from pim_opt.passes.compute_section import ComputeSection, flat_index, split_index
from pim_opt.passes.program_builder import ZERO, ProgramBuilder, constant


@dataclass(frozen=True)
class BufferTransfer(Transfer):
    """Between the cores and a register file of their group; nothing passes through the host."""

    axis: int = 0
    """Axis of the tensor that runs along the entries of the register file."""
    entry: AffineExpr = ZERO
    """Entry of the first element of that axis."""
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
        index = self._element(ZERO, column, place.linear)[self.axis]
        core = [place.levels.get(level.short, ZERO) for level in self.device.core_levels]
        entry = self.entry + index // self.lanes
        loads = self.device.commands[self.command].kind == "load"
        operands = [self.slot_base + column, entry] if loads else [entry]
        bounds = [] if self.elements is None else [index * -1 + (self.elements - 1)]
        with builder.when(bounds):
            builder.issue(self.command, [*core, ZERO, ZERO], operands)


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
    """The commands of the softmax of one row of scores."""

    mapping: AttentionMapping
    row: AffineExpr
    """First entry of the row."""
    conditions: tuple[AffineExpr, ...] = ()
    """Under which there is such a row."""

    def given(self, condition: AffineExpr) -> "Softmax":
        """The same where `condition` is at least 0, too."""
        return replace(self, conditions=(*self.conditions, condition))

    def emit(self, builder: ProgramBuilder) -> None:
        """All of them at once."""
        with builder.when(self.conditions):
            if self.mapping.softmax_passes:
                with builder.repeat(self.mapping.softmax_passes):
                    self._pass(builder)
            self._last(builder)

    def emit_share(
        self, builder: ProgramBuilder, group: AffineExpr, step: AffineExpr, steps: int
    ) -> None:
        """Those that stand behind multiplication `step`."""
        at = self.mapping.softmax_steps
        if self.mapping.softmax_passes:
            since = step - at.begin
            turn = [] if at.apart == 1 else [since % at.apart * -1]
            with builder.when([*self.conditions, since, step * -1 + (at.last - 1), *turn]):
                self._pass(builder)
        with builder.when([*self.conditions, step - at.last, step * -1 + at.last]):
            self._last(builder)

    @property
    def _place(self) -> list[AffineExpr]:
        return [ZERO] * (len(self.mapping.device.core_levels) + 2)

    def _pass(self, builder: ProgramBuilder) -> None:
        passes = self.mapping.kernels.softmax_passes
        assert passes is not None, "else a softmax has no passes before the last"
        builder.issue(passes.command, self._place)

    def _last(self, builder: ProgramBuilder) -> None:
        operands = [constant(self.mapping.length), constant(self.mapping.row_entries)]
        builder.issue(self.mapping.kernels.softmax, self._place, [self.row, *operands])


Behind = Loads | Softmax
"""What stands behind multiplications."""


class AttentionSection:
    """The commands of mapped attention, for the groups that `group` numbers."""

    def __init__(
        self,
        mapping: AttentionMapping,
        score: ComputeSection,
        context: ComputeSection,
        builder: ProgramBuilder,
        group: AffineExpr,
    ) -> None:
        self._mapping, self._score, self._context = mapping, score, context
        self._builder, self._group = builder, group

    def emit(self) -> None:
        """The whole section."""
        heads, per_head = self._mapping.heads, 1 + self._mapping.chunks
        self._emit_now(self._query(ZERO, ZERO))
        first = constant(1)
        if heads == 1:
            self._scores(ZERO, ZERO, [])
            self._softmax(ZERO).emit(self._builder)
            self._emit_now(self._weights(ZERO, ZERO, first))
            self._products(ZERO, first, [])
            return
        self._scores(ZERO, ZERO, [self._query(first, first)])
        with self._builder.repeat(heads - 1) as before:
            number = before * per_head + 1
            # The first softmax has no context to stand in.
            first_softmax = self._softmax(before).given(before * -1)
            weights = self._weights(before, ZERO, number + 1)
            self._scores(before + 1, number, self._behind(first_softmax, [weights]))
            ahead = self._after(before, number + per_head)
            self._products(before, number + 1, ahead, self._softmax(before + 1))
        last = constant(1 + (heads - 1) * per_head)
        self._products(constant(heads - 1), last, [])

    def _behind(self, softmax: Softmax, others: Sequence[Behind]) -> list[Behind]:
        """What stands behind multiplications; a softmax goes before them if they are too few."""
        if self._mapping.interleaves_softmax:
            return [softmax, *others]
        softmax.emit(self._builder)
        return list(others)

    def _after(self, head: AffineExpr, number: AffineExpr) -> list[Loads]:
        """What is used behind the context of `head`: another query, or the last head's weights."""
        heads = self._mapping.heads
        last = self._weights(constant(heads - 1), ZERO, number).given(head - (heads - 2))
        if heads == 2:
            return [last]
        return [self._query(head + 2, number).given(head * -1 + (heads - 3)), last]

    def _emit_now(self, loads: Loads) -> None:
        loads.emit(self._builder, self._group)
        self._builder.barrier()

    # Loads

    def _half(self, number: AffineExpr) -> AffineExpr:
        """First slot of the half of the operand buffers that load `number` fills."""
        operand = self._mapping.device.registers[self._mapping.kernels.score.operand]
        return number % operand.halves * (operand.entries // operand.halves)

    def _query(self, head: AffineExpr, number: AffineExpr) -> Loads:
        """The query of a head, as load `number`."""
        counters = split_index(self._mapping.head_loops, head)
        transfer = self._score.loads(counters, self._half(number))
        bounds = self._score.bounds(self._group, counters)
        return Loads(transfer, self._score.vector_memory, tuple(bounds))

    def _weights(self, head: AffineExpr, chunk: AffineExpr, number: AffineExpr) -> Loads:
        """A chunk of the weights of a head, as load `number`."""
        mapping = self._mapping.context
        outer = mapping.loops[self._mapping.heads_depth : mapping.load_depth]
        counters = [*split_index(self._mapping.head_loops, head), *split_index(outer, chunk)]
        loads = self._context.loads(counters, self._half(number))
        transfer = self._buffered(loads, head, None)
        bounds = tuple(self._context.bounds(self._group, counters))
        steps = self._mapping.softmax_steps
        delay = steps.ready if self._mapping.interleaves_softmax else 0
        return Loads(transfer, None, bounds, delay)

    def _buffered(
        self, transfer: Transfer, head: AffineExpr, elements: int | None
    ) -> BufferTransfer:
        """`transfer` to or from the row of scores of `head`."""
        mapping = self._mapping
        return BufferTransfer(
            transfer.device,
            transfer.command,
            transfer.placement,
            transfer.shape,
            transfer.lanes,
            transfer.moments,
            transfer.slot_base,
            mapping.kernel.scores.axes.index(mapping.length_dim),
            self._row(head),
            elements,
        )

    def _row(self, head: AffineExpr) -> AffineExpr:
        """First entry of the row of scores of `head`."""
        return head % self._mapping.rows_in_flight * self._mapping.row_entries

    # The two nests

    def _scores(self, head: AffineExpr, number: AffineExpr, ahead: Sequence[Behind]) -> None:
        """Scores of a head, the query being load `number`."""
        mapping = self._mapping.score

        def after(counters: Sequence[AffineExpr]) -> None:
            self._share(mapping, counters, ahead)

        def move(counters: Sequence[AffineExpr]) -> None:
            moves = self._buffered(self._score.moves(counters), head, self._mapping.length)
            moves.emit(self._builder, self._group, None)

        half = self._half(number)
        self._nest(self._score, head, lambda _: half, after, move)

    def _softmax(self, head: AffineExpr) -> Softmax:
        """The softmax of the scores of a head."""
        counters = split_index(self._mapping.head_loops, head)
        bounds = self._score.bounds(self._group, counters)
        return Softmax(self._mapping, self._row(head), tuple(bounds))

    def _products(
        self,
        head: AffineExpr,
        number: AffineExpr,
        ahead: Sequence[Loads],
        softmax: Softmax | None = None,
    ) -> None:
        """The context of a head, its first weights being load `number`.

        Args:
            head: which head.
            number: of its first load.
            ahead: what loads while its last chunk of weights is in use.
            softmax: of another head, for its first chunk.
        """
        mapping, chunks = self._mapping.context, self._mapping.chunks
        outer = mapping.loops[self._mapping.heads_depth : mapping.load_depth]
        first = [] if softmax is None else self._behind(softmax, [])

        def chunk(counters: Sequence[AffineExpr]) -> AffineExpr:
            return flat_index(outer, counters[self._mapping.heads_depth :])

        def after(counters: Sequence[AffineExpr]) -> None:
            if chunks == 1:
                self._share(mapping, counters, [*first, *ahead])
                return
            used = chunk(counters)
            more = self._weights(head, used + 1, number + used + 1)
            self._share(
                mapping,
                counters,
                [
                    *(one.given(used * -1) for one in first),
                    more.given(used * -1 + (chunks - 2)),
                    *(loads.given(used - (chunks - 1)) for loads in ahead),
                ],
            )

        def move(counters: Sequence[AffineExpr]) -> None:
            moves = self._context.moves(counters)
            moves.emit(self._builder, self._group, self._context.result_memory)

        self._nest(
            self._context, head, lambda counters: self._half(number + chunk(counters)), after, move
        )

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
