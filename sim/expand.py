"""Expansion of a command program into runs of commands, in the order in which they issue.

A run holds commands of one `pim.issue` op as arrays, so that a program of millions of commands
passes through in blocks of bounded size and the cost per command is that of array arithmetic.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import cast

import numpy as np
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import AffineMap

from pim_opt.dialects.pim import IssueOp, ProgramOp, RepeatOp, SpmdOp, WhenOp
from pim_opt.sim.affine import Ints, evaluate_affine
from pim_opt.sim.length import argument_values

RUN_LIMIT = 1 << 15
"""Commands in one run at most, unless a single section of all groups has more."""

LanesOf = Callable[[str], int]
"""Per element type how many a column of data holds."""

PADDING = -1
"""Element number of a lane that carries no element."""


def one_lane(element: str) -> int:
    """For those who look at commands and not at elements."""
    return 1


@dataclass(frozen=True)
class Run:
    """Commands of one op, in order; every array has one row per command."""

    op: IssueOp
    groups: Ints
    """Shape (n,)."""
    address: Ints
    """Shape (n, core levels + 2): the core levels in the device's order, row, column."""
    operands: Ints
    """Shape (n, index operands of the command)."""
    elements: Ints | None
    """Shape (n, lanes): flat element numbers in the staging memory, or PADDING."""

    @property
    def command(self) -> str:
        return self.op.command.data

    def __len__(self) -> int:
        return len(self.groups)


@dataclass(frozen=True)
class _Scope:
    """Counters in force: those of vectorised loops have an axis each, the group's is the last."""

    counters: dict[SSAValue, Ints]
    conditions: tuple[WhenOp, ...] = ()
    group: SSAValue | None = None
    points: int = 1
    """Iterations that the arrays of counters stand for."""

    def with_counter(self, counter: SSAValue, values: Ints) -> "_Scope":
        return replace(self, counters={**self.counters, counter: values})

    def with_axis(self, counter: SSAValue, values: Ints) -> "_Scope":
        """Some iterations of a loop at once, on a new axis just before the group's."""
        counters = {
            other: before if other is self.group or before.ndim < 2 else before[..., None, :]
            for other, before in self.counters.items()
        }
        counters[counter] = values[:, None]
        return replace(self, counters=counters, points=self.points * len(values))


def _columns(map_: AffineMap, dims: Sequence[Ints], count: int) -> Ints:
    """Shape (count, results): the map's results as columns."""
    result = np.empty((count, len(map_.results)), np.int64)
    for i, expr in enumerate(map_.results):
        result[:, i] = evaluate_affine(expr, dims)
    return result


def _elements(op: IssueOp, dims: Sequence[Ints], count: int, lanes_of: LanesOf) -> Ints | None:
    if op.staging is None or op.element_map is None or op.lanes is None:
        return None
    memory = cast(MemRefType[Attribute], op.staging.type)
    shape, lanes = memory.get_shape(), lanes_of(str(memory.element_type))
    lane = np.arange(lanes)
    points = [dim[:, None] for dim in dims] + [lane[None, :]]
    flat = np.zeros((count, lanes), np.int64)
    inside = np.broadcast_to(lane < op.lanes.value.data, (count, lanes)).copy()
    for expr, size in zip(op.element_map.data.results, shape, strict=True):
        index = evaluate_affine(expr, points)
        inside &= (index >= 0) & (index < size)
        flat = flat * size + index
    return np.where(inside, flat, PADDING)


def _single_issues(block: Block) -> int | None:
    """How often `block` issues, if it is nothing but loops around a single `pim.issue`."""
    ops = tuple(block.ops)
    match ops:
        case [IssueOp()]:
            return 1
        case [WhenOp() as op]:
            return _single_issues(op.body.block)
        case [RepeatOp() as op]:
            inside = _single_issues(op.body.block)
            return None if inside is None else op.trip_count * inside
        case _:
            return None


def _flat_counters(scope: _Scope) -> dict[SSAValue, Ints]:
    """Per counter its value at every iteration in order, where all conditions hold."""
    shape = np.broadcast_shapes(*(values.shape for values in scope.counters.values()))
    flat = {
        counter: np.broadcast_to(values, shape).reshape(-1)
        for counter, values in scope.counters.items()
    }
    keep = np.ones(prod(shape), np.bool_)
    for condition in scope.conditions:
        dims = [flat[counter] for counter in condition.counters]
        for expr in condition.condition.data.results:
            keep &= evaluate_affine(expr, dims) >= 0
    if keep.all():
        return flat
    return {counter: values[keep] for counter, values in flat.items()}


def _issue(op: IssueOp, scope: _Scope, lanes_of: LanesOf) -> Iterator[Run]:
    assert scope.group is not None, "pim.issue has a pim.spmd around it"
    flat = _flat_counters(scope)
    groups = flat[scope.group]
    count = len(groups)
    if count == 0:
        return
    dims = [flat[counter] for counter in op.counters]
    operand_map = AffineMap(len(dims), 0, ()) if op.operand_map is None else op.operand_map.data
    yield Run(
        op,
        groups,
        _columns(op.address.data, dims, count),
        _columns(operand_map, dims, count),
        _elements(op, dims, count, lanes_of),
    )


def _repeat(op: RepeatOp, scope: _Scope, lanes_of: LanesOf) -> Iterator[Run | Operation]:
    count = op.trip_count
    inside = _single_issues(op.body.block)
    if inside is not None and scope.points * inside <= RUN_LIMIT:
        # As many iterations at once that the loops inside become axes, too: else they would run
        # around this one.
        step = RUN_LIMIT // (scope.points * inside)
        for first in range(0, count, step):
            values = np.arange(first, min(first + step, count))
            yield from _expand(op.body.block.ops, scope.with_axis(op.counter, values), lanes_of)
        return
    for i in range(count):
        inner = scope.with_counter(op.counter, np.asarray(i))
        yield from _expand(op.body.block.ops, inner, lanes_of)


def _expand(
    ops: Iterable[Operation], scope: _Scope, lanes_of: LanesOf
) -> Iterator[Run | Operation]:
    for op in ops:
        match op:
            case SpmdOp():
                count = op.trip_count
                inner = replace(
                    scope.with_counter(op.counter, np.arange(count)),
                    group=op.counter,
                    points=count,
                )
                yield from _expand(op.body.block.ops, inner, lanes_of)
            case RepeatOp():
                yield from _repeat(op, scope, lanes_of)
            case WhenOp():
                inner = replace(scope, conditions=(*scope.conditions, op))
                yield from _expand(op.body.block.ops, inner, lanes_of)
            case IssueOp():
                yield from _issue(op, scope, lanes_of)
            case _ if scope.conditions and not _holds_anywhere(scope):
                pass
            case _:
                yield op


def _holds_anywhere(scope: _Scope) -> bool:
    """Whether any group meets the conditions around an op that is no command."""
    return any(len(values) for values in _flat_counters(scope).values())


def expand(
    program: ProgramOp, lanes_of: LanesOf, length: int | None = None
) -> Iterator[Run | Operation]:
    """The program's commands in issue order; ops that are no commands come as they stand.

    Args:
        program: a verified program.
        lanes_of: gives the elements in a column of data, by their type.
        length: of this call, if the program takes one.

    Raises:
        LengthError: the program does not take that length.
    """
    values = argument_values(program, length)
    scope = _Scope({argument: np.asarray(value) for argument, value in values.items()})
    yield from _expand(program.body.block.ops, scope, lanes_of)


def expand_nest(op: Operation) -> Iterator[Run]:
    """The commands of a loop nest inside a section, for group 0 and the first of outer iterations.

    Args:
        op: a pim.repeat, pim.when or pim.issue; of a program that takes a length, it is run for 1.
    """
    scope = _Scope({})
    parent = op.parent_op()
    while isinstance(parent, RepeatOp | WhenOp | SpmdOp):
        if isinstance(parent, RepeatOp | SpmdOp):
            scope = scope.with_counter(parent.counter, np.zeros(1, np.int64))
        if isinstance(parent, SpmdOp):
            scope = replace(scope, group=parent.counter)
        parent = parent.parent_op()
    if isinstance(parent, ProgramOp) and (length := parent.length_argument) is not None:
        scope = scope.with_counter(length, np.ones(1, np.int64))
    for item in _expand([op], scope, one_lane):
        if isinstance(item, Run):
            yield item
