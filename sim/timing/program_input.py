"""Requests of a command program: blocks of arrays, computed for whole loop nests at once.

The order is that of `sim/expand.py`: every command for all groups, group by group, then the next.
Groups whose commands are the same can be left out but for one of each kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
)

from pim_opt.devices import Device
from pim_opt.dialects.pim import BarrierOp, IssueOp, ProgramOp, RepeatOp, SpmdOp, WhenOp
from pim_opt.sim.affine import apply_affine, evaluate_affine
from pim_opt.sim.byte_address import address_fields
from pim_opt.sim.length import argument_values
from pim_opt.sim.timing.arrays import Ints
from pim_opt.sim.timing.requests import (
    ADDRESS,
    BANK,
    COLUMN,
    COMMAND,
    GROUP,
    OPERAND,
    ROW,
    empty_requests,
)
from pim_opt.sim.timing.tables import Model

Bools = NDArray[np.bool_]

BLOCK_REQUESTS = 1 << 16
"""Requests computed at once, unless a single command of all groups is more."""


TRUTH_ITERATIONS = 1 << 12
"""Iterations up to which a condition is looked at one by one to compare groups."""


# Which groups do the same


class _Folded:
    """Affine expressions where some values are numbers: the group, and the program's length."""

    def __init__(self, known: Mapping[SSAValue, int]) -> None:
        self._known = known

    def fold(self, expr: AffineExpr, dims: Sequence[SSAValue]) -> object:
        """A number, or nested tuples that are equal for equal expressions."""
        match expr:
            case AffineConstantExpr(value):
                return value
            case AffineDimExpr(position):
                return self._known.get(dims[position], f"d{position}")
            case AffineBinaryOpExpr(kind, lhs, rhs):
                left, right = self.fold(lhs, dims), self.fold(rhs, dims)
                if isinstance(left, int) and isinstance(right, int):
                    return apply_affine(kind, left, right)
                return (kind.name, left, right)
            case _:
                raise ValueError(f"affine expression {expr} has symbols")

    def bounds(self, expr: AffineExpr, dims: Sequence[SSAValue]) -> tuple[int, int]:
        """Least and greatest value that the expression can be proved to stay between."""
        match expr:
            case AffineConstantExpr(value):
                return value, value
            case AffineDimExpr(position):
                number = self._known.get(dims[position])
                if number is not None:
                    return number, number
                return 0, _trip_count(dims[position]) - 1
            case AffineBinaryOpExpr(kind, lhs, rhs):
                low, high = self.bounds(lhs, dims), self.bounds(rhs, dims)
                if kind is AffineBinaryOpKind.Mod:
                    return 0, high[1] - 1
                ends = [apply_affine(kind, a, b) for a in low for b in high]
                return min(ends), max(ends)
            case _:
                raise ValueError(f"affine expression {expr} has symbols")

    def truth(self, op: WhenOp) -> bytes | None:
        """Where the condition holds, iteration by iteration of all loops that it looks at.

        None if these are many, or if it is the same for all groups whatever it is.
        """
        exprs, counters = op.condition.data.results, op.counters
        used = {position for expr in exprs for position in expr.used_dims()}
        loops = [p for p in sorted(used) if counters[p] not in self._known]
        shape = [_trip_count(counters[p]) for p in loops]
        if len(loops) == len(used) or prod(shape) > TRUTH_ITERATIONS:
            return None
        dims = [np.array(self._known.get(counter, 0)) for counter in counters]
        for position, values in zip(loops, np.indices(shape), strict=True):
            dims[position] = values
        holds = [evaluate_affine(expr, dims) >= 0 for expr in exprs]
        return np.logical_and.reduce(np.broadcast_arrays(*holds)).tobytes()


def _trip_count(counter: SSAValue) -> int:
    block = counter.owner
    assert isinstance(block, Block), "counters are region arguments"
    op = block.parent_op()
    assert isinstance(op, RepeatOp | SpmdOp), "of loops"
    return op.trip_count


def _condition(op: WhenOp, folded: _Folded) -> object:
    """False if some result is never, True if all are always at least 0, else what decides it."""
    exprs = op.condition.data.results
    bounds = [folded.bounds(expr, op.counters) for expr in exprs]
    if any(high < 0 for _, high in bounds):
        return False
    if all(low >= 0 for low, _ in bounds):
        return True
    return folded.truth(op) or tuple(folded.fold(expr, op.counters) for expr in exprs)


Dependent = dict[Operation, list[AffineExpr]]
"""Per command and condition of a section its expressions that depend on the group, if any does."""


def _dependent(section: SpmdOp) -> Dependent:
    found: Dependent = {}
    for op in section.body.walk():
        if not isinstance(op, IssueOp | WhenOp):
            continue
        group = [n for n, counter in enumerate(op.counters) if counter is section.counter]
        if isinstance(op, WhenOp):
            exprs = op.condition.data.results
        else:
            maps = [op.address.data, *([op.operand_map.data] if op.operand_map else [])]
            exprs = [expr for map_ in maps for expr in map_.results]
        if own := [expr for expr in exprs if not expr.used_dims().isdisjoint(group)]:
            found[op] = own
    return found


def _signature(block: Block, folded: _Folded, dependent: Dependent) -> list[object]:
    """What a group does in a section that others may not: equal for groups that do the same."""
    found: list[object] = []
    for op in block.ops:
        match op:
            case WhenOp():
                condition = _condition(op, folded) if op in dependent else True
                found.append(condition)
                if condition is not False:
                    found += _signature(op.body.block, folded, dependent)
            case RepeatOp():
                found += _signature(op.body.block, folded, dependent)
            case IssueOp():
                found += [folded.fold(expr, op.counters) for expr in dependent.get(op, ())]
            case _:
                pass
    return found


def alike_groups(program: ProgramOp, groups: int, length: int | None = None) -> list[list[int]]:
    """All groups of a device, those together that receive the same commands.

    Args:
        program: a verified program.
        groups: how many there are.
        length: of this call, if the program takes one.
    """
    arguments = argument_values(program, length)
    alike: dict[str, list[int]] = {}
    sections = {op: _dependent(op) for op in program.body.block.ops if isinstance(op, SpmdOp)}
    for group in range(groups):
        signature: list[object] = []
        for op, dependent in sections.items():
            takes_part = group < op.trip_count
            signature.append(takes_part)
            if takes_part:
                signature += _signature(
                    op.body.block, _Folded({**arguments, op.counter: group}), dependent
                )
        alike.setdefault(repr(signature), []).append(group)
    return list(alike.values())


def alike_neighbours(program: ProgramOp, groups: int, length: int | None = None) -> list[list[int]]:
    """As `alike_groups`, but together are only groups whose numbers follow each other.

    One frontend sends each command to its groups by ascending number and waits for the first that
    cannot take it. Neighbours that are alike receive the command one right after the other, so that
    they are always in the same state: all of them take it in one cycle, or the first refuses. Were
    another group between them, the frontend could stop there and part them.
    """
    found: list[list[int]] = []
    for alike in alike_groups(program, groups, length):
        for group in alike:
            if found and found[-1][-1] == group - 1 and group != alike[0]:
                found[-1].append(group)
            else:
                found.append([group])
    return sorted(found)


# Expansion


@dataclass(frozen=True)
class Scope:
    """A section of groups, and the iterations of its loops that are computed at once."""

    group: SSAValue
    takes_part: Bools
    """Shape (groups)."""
    counters: dict[SSAValue, Ints]
    """Shape (iterations)."""
    iterations: int

    def with_loop(self, counter: SSAValue, values: Ints) -> "Scope":
        """Each iteration becomes one for every value of a loop's counter."""
        counters = {c: np.repeat(v, len(values)) for c, v in self.counters.items()}
        counters[counter] = np.tile(values, self.iterations)
        return Scope(self.group, self.takes_part, counters, self.iterations * len(values))


def _size(op: Operation) -> int:
    """Commands of an op for one group, where all conditions hold."""
    match op:
        case RepeatOp():
            return op.trip_count * _block_size(op.body.block)
        case WhenOp():
            return _block_size(op.body.block)
        case IssueOp() | BarrierOp():
            return 1
        case _:
            return 0


def _block_size(block: Block) -> int:
    return sum(_size(op) for op in block.ops)


class ProgramReader:
    """Blocks of requests of a program.

    Args:
        model: of the program's device.
        groups: the groups to give requests of, by ascending number; requests carry their positions.
    """

    def __init__(self, model: Model, groups: Sequence[int]) -> None:
        self._model = model
        self._groups = np.array(groups, np.int64)
        self._number = {name: i for i, name in enumerate(model.names)}
        kinds = [c.kind for c in model.device.commands.values()]
        self._barrier = kinds.index("barrier")
        self._weights = _Weights(model.device)

    def read(self, program: ProgramOp, length: int | None = None) -> Iterator[Ints]:
        """The requests in issue order.

        Args:
            program: a verified program.
            length: of this call, if the program takes one.
        """
        values = argument_values(program, length)
        arguments = {argument: np.array([value]) for argument, value in values.items()}
        for op in program.body.block.ops:
            if isinstance(op, SpmdOp):
                takes_part = self._groups < op.trip_count
                scope = Scope(op.counter, takes_part, arguments, 1)
                yield from self._sequence(op.body.block, scope)
            elif isinstance(op, BarrierOp):
                everyone = np.ones(len(self._groups), np.bool_)
                fields, _ = self._barriers(everyone, 1)
                yield fields.reshape(-1, fields.shape[-1])

    def _sequence(self, block: Block, scope: Scope) -> Iterator[Ints]:
        for op in block.ops:
            size = _size(op)
            if size * len(self._groups) <= BLOCK_REQUESTS:
                if size:
                    yield self._flat(self._op(op, scope))
            elif isinstance(op, RepeatOp):
                yield from self._loop(op, scope)
            elif isinstance(op, WhenOp):
                yield from self._conditional(op, scope)
            else:
                yield self._flat(self._op(op, scope))

    def _loop(self, op: RepeatOp, scope: Scope) -> Iterator[Ints]:
        """A loop too large for one block: as many iterations at once as fit, or parts of each."""
        fit = BLOCK_REQUESTS // (_block_size(op.body.block) * len(self._groups))
        for first in range(0, op.trip_count, max(fit, 1)):
            values = np.arange(first, min(first + max(fit, 1), op.trip_count))
            inner = scope.with_loop(op.counter, values)
            if fit:
                yield self._flat(self._block(op.body.block, inner))
            else:
                yield from self._sequence(op.body.block, inner)

    def _conditional(self, op: WhenOp, scope: Scope) -> Iterator[Ints]:
        """A condition around a loop too large; only one iteration is in scope here."""
        holds = self._holds(op, scope)[0]
        if holds.any():
            inner = Scope(scope.group, scope.takes_part & holds, scope.counters, 1)
            yield from self._sequence(op.body.block, inner)

    def _flat(self, found: tuple[Ints, Bools]) -> Ints:
        fields, mask = found
        flat = fields.reshape(-1, fields.shape[-1])
        return flat if mask.all() else flat[mask.reshape(-1)]

    # Arrays of shape (iterations, commands, groups, words) and masks (iterations, commands, groups)

    def _block(self, block: Block, scope: Scope) -> tuple[Ints, Bools]:
        """Commands of a block, one sequence for each iteration in scope."""
        parts = [self._op(op, scope) for op in block.ops if _size(op)]
        if len(parts) == 1:
            return parts[0]
        fields, masks = zip(*parts, strict=True)
        return np.concatenate(fields, axis=1), np.concatenate(masks, axis=1)

    def _op(self, op: Operation, scope: Scope) -> tuple[Ints, Bools]:
        match op:
            case RepeatOp():
                inner = scope.with_loop(op.counter, np.arange(op.trip_count))
                fields, mask = self._block(op.body.block, inner)
                shape = (scope.iterations, -1, *mask.shape[2:])
                return fields.reshape(*shape, fields.shape[-1]), mask.reshape(shape)
            case WhenOp():
                fields, mask = self._block(op.body.block, scope)
                return fields, mask & self._holds(op, scope)[:, None]
            case IssueOp():
                return self._issue(op, scope)
            case _:
                return self._barriers(scope.takes_part, scope.iterations)

    def _dims(self, counters: Sequence[SSAValue], scope: Scope) -> list[Ints]:
        """Values of counters that broadcast to (iterations, groups)."""
        return [
            self._groups[None] if c is scope.group else scope.counters[c][:, None] for c in counters
        ]

    def _holds(self, op: WhenOp, scope: Scope) -> Bools:
        """Shape (iterations, groups)."""
        dims = self._dims(op.counters, scope)
        result = np.ones((scope.iterations, len(self._groups)), np.bool_)
        for expr in op.condition.data.results:
            result &= evaluate_affine(expr, dims) >= 0
        return result

    def _issue(self, op: IssueOp, scope: Scope) -> tuple[Ints, Bools]:
        dims = self._dims(op.counters, scope)
        fields = self._fields(scope.iterations, self._number[op.command.data])
        here = fields[:, 0]
        *cores, row, column = (evaluate_affine(e, dims) for e in op.address.data.results)
        for core, weight, stride in zip(
            cores, self._weights.bank, self._weights.address, strict=True
        ):
            here[..., BANK] += core * weight
            here[..., ADDRESS] += core * stride
        here[..., ROW] = row
        here[..., COLUMN] = column
        here[..., ADDRESS] += row * self._weights.row + column * self._weights.column
        operands = () if op.operand_map is None else op.operand_map.data.results
        for number, expr in enumerate(operands):
            here[..., OPERAND + number] = evaluate_affine(expr, dims)
        mask = np.broadcast_to(scope.takes_part, fields.shape[:-1])
        return fields, mask

    def _fields(self, iterations: int, command: int) -> Ints:
        """Requests of one command to the first bank of each group."""
        count = iterations * len(self._groups)
        shape = (iterations, 1, len(self._groups), -1)
        fields = empty_requests(self._model, count).reshape(shape)
        fields[..., COMMAND] = command
        fields[..., GROUP] = np.arange(len(self._groups))
        fields[..., BANK : ADDRESS + 1] = 0
        fields[..., ADDRESS] = self._groups * self._weights.group
        return fields

    def _barriers(self, takes_part: Bools, iterations: int) -> tuple[Ints, Bools]:
        fields = self._fields(iterations, self._barrier)
        return fields, np.broadcast_to(takes_part, fields.shape[:-1])


class _Weights:
    """What a step of each part of an address adds to the bank's number and the byte address."""

    def __init__(self, device: Device) -> None:
        counts = [level.count for level in device.core_levels]
        self.bank = [prod(counts[i + 1 :]) for i in range(len(counts))]
        fields = address_fields(device)
        self.group, self.row, self.column = fields.group.step, fields.row.step, fields.column.step
        self.address = [field.step for field in fields.core_levels]
