"""Programs expanded in blocks against programs run one command at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import MemRefType, f16
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineExpr

from pim_opt.dialects.pim import (
    BarrierOp,
    IssueOp,
    ProgramOp,
    RepeatOp,
    SpmdOp,
    StagingOp,
    WhenOp,
)
from pim_opt.passes.program_builder import ProgramBuilder
from pim_opt.sim import expand as module
from pim_opt.sim.expand import PADDING, Run, expand

LANES = 3
GROUPS = 3

Command = tuple[str, int, tuple[int, ...], tuple[int, ...], tuple[int, ...] | None]
"""Name, group, address, index operands, element numbers; a barrier is a command of no group."""


@dataclass
class Writer:
    """Writes a random program: what there is to draw from, and the builder that it goes to."""

    data: st.DataObject
    builder: ProgramBuilder
    staging: SSAValue
    counters: list[AffineExpr] = field(default_factory=list[AffineExpr])
    issues: int = 0

    def affine(self, *more: AffineExpr) -> AffineExpr:
        """A sum of counters, some divided, some taken modulo."""
        result: AffineExpr = AffineConstantExpr(self.data.draw(st.integers(-2, 3)))
        for counter in (*self.counters, *more):
            form = self.data.draw(st.sampled_from("0*/%"))
            if form == "*":
                result = result + counter * self.data.draw(st.integers(-2, 3))
            elif form != "0":
                by = self.data.draw(st.integers(1, 3))
                result = result + (counter // by if form == "/" else counter % by)
        return result

    def section(self) -> None:
        with self.builder.spmd(self.data.draw(st.integers(1, GROUPS))) as group:
            self.counters.append(group)
            self.ops(3)
            self.counters.pop()

    def ops(self, depth: int) -> None:
        for _ in range(self.data.draw(st.integers(1, 2))):
            kind = self.data.draw(st.sampled_from(["issue", "repeat", "when", "barrier"]))
            if kind == "barrier":
                self.builder.barrier()
            elif kind == "issue" or depth == 0:
                self.issue()
            elif kind == "repeat":
                with self.builder.repeat(self.data.draw(st.integers(1, 4))) as counter:
                    self.counters.append(counter)
                    self.ops(depth - 1)
                    self.counters.pop()
            else:
                with self.builder.when(
                    [self.affine() for _ in range(self.data.draw(st.integers(1, 2)))]
                ):
                    self.ops(depth - 1)

    def issue(self) -> None:
        moves = self.data.draw(st.booleans())
        lane = self.builder.lane
        self.issues += 1
        self.builder.issue(
            f"C{self.issues}",
            [self.affine(), self.affine(), self.affine()],
            [self.affine()] if self.data.draw(st.booleans()) else [],
            self.staging if moves else None,
            [self.affine(lane), self.affine(lane)] if moves else [],
            self.data.draw(st.integers(1, LANES)) if moves else None,
        )


def random_program(data: st.DataObject) -> ProgramOp:
    """One or two sections that go through a memory of 3 x 4 elements."""
    block = Block()
    builder = ProgramBuilder(block)
    staging = StagingOp(MemRefType(f16, (3, 4)))
    builder.add(staging)
    for _ in range(data.draw(st.integers(1, 2))):
        Writer(data, builder, staging.buffer).section()
        builder.barrier()
    return ProgramOp([], [], Region(block))


Counters = Mapping[SSAValue, int]


def naive(block: Block, counters: Counters, groups: SSAValue | None) -> Iterator[Command]:
    """The commands of a block, iteration by iteration and group by group."""
    for op in block.ops:
        match op:
            case SpmdOp():
                yield from naive(op.body.block, {**counters, op.counter: op.trip_count}, op.counter)
            case RepeatOp():
                for i in range(op.trip_count):
                    yield from naive(op.body.block, {**counters, op.counter: i}, groups)
            case WhenOp():
                yield from naive(op.body.block, counters, groups)
            case BarrierOp():
                if groups is None or any(here for here in reached(op, counters, groups)):
                    yield ("barrier", 0, (), (), None)
            case IssueOp():
                assert groups is not None
                for here in reached(op, counters, groups):
                    yield command(op, here)
            case _:
                pass


def reached(op: Operation, counters: Counters, groups: SSAValue) -> Iterator[Counters]:
    """The counters of every group that meets the conditions around `op`."""
    for group in range(counters[groups]):
        here = {**counters, groups: group}
        if all(holds(when, here) for when in conditions(op)):
            yield here


def conditions(op: Operation) -> Iterator[WhenOp]:
    parent = op.parent_op()
    while parent is not None:
        if isinstance(parent, WhenOp):
            yield parent
        parent = parent.parent_op()


def holds(when: WhenOp, counters: Counters) -> bool:
    values = [counters[counter] for counter in when.counters]
    return all(value >= 0 for value in when.condition.data.eval(values, []))


def command(op: IssueOp, counters: Counters) -> Command:
    values = [counters[counter] for counter in op.counters]
    operands = () if op.operand_map is None else op.operand_map.data.eval(values, [])
    return (
        op.command.data,
        values[0],
        tuple(op.address.data.eval(values, [])),
        tuple(operands),
        None if op.staging is None else tuple(element(op, values, lane) for lane in range(LANES)),
    )


def element(op: IssueOp, values: list[int], lane: int) -> int:
    """The number of a lane's element in the staging memory."""
    assert op.staging is not None
    assert op.element_map is not None
    assert op.lanes is not None
    shape = cast(MemRefType[Attribute], op.staging.type).get_shape()
    index = op.element_map.data.eval([*values, lane], [])
    if lane >= op.lanes.value.data or not all(
        0 <= i < size for i, size in zip(index, shape, strict=True)
    ):
        return PADDING
    return sum(i * prod(shape[axis + 1 :]) for axis, i in enumerate(index))


def flat(program: ProgramOp) -> Iterator[Command]:
    """The commands of the expanded program one by one."""
    for item in expand(program, lambda _: LANES):
        if isinstance(item, BarrierOp):
            yield ("barrier", 0, (), (), None)
        if isinstance(item, Run):
            for i in range(len(item)):
                elements = None if item.elements is None else tuple(item.elements[i].tolist())
                yield (
                    item.command,
                    int(item.groups[i]),
                    tuple(item.address[i].tolist()),
                    tuple(item.operands[i].tolist()),
                    elements,
                )


@pytest.mark.parametrize("limit", [1, 4, 6, 1 << 15])
def test_loops_that_do_not_fit_a_block_keep_their_order(limit: int) -> None:
    block = Block()
    builder = ProgramBuilder(block)
    with builder.spmd(1), builder.repeat(2) as outer, builder.repeat(3) as inner:
        builder.issue("C", [outer, inner, AffineConstantExpr(0)], [])
    program = ProgramOp([], [], Region(block))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RUN_LIMIT", limit)
        assert list(flat(program)) == list(naive(program.body.block, {}, None))


@settings(max_examples=settings().max_examples // 3)
@given(st.data(), st.sampled_from([1, 4, 1 << 15]))
def test_blocks_hold_what_single_commands_are(data: st.DataObject, limit: int) -> None:
    program = random_program(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RUN_LIMIT", limit)
        assert list(flat(program)) == list(naive(program.body.block, {}, None))
