"""A PIM device as a machine that computes: banks, register files, and what each command does.

Commands come in runs of one kind. What a command does is its meaning in the device file, evaluated
on all commands of a run, all cores they act on and all lanes at once, in f32, and rounded where it
is stored. A machine refuses what hardware cannot do: a column of a row that is not open, an entry
that a register file lacks, data that nothing has written moved out as a result.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pim_opt.devices import Device
from pim_opt.devices.meaning import Assign, Binary, Call, Expression, Meaning, Number, Ref
from pim_opt.devices.model import Command, Register
from pim_opt.sim.bank_memory import BankMemory
from pim_opt.sim.element_types import dtype_of, rounded
from pim_opt.sim.expand import PADDING, Run

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CLOSED = -1


class SimulationError(Exception):
    """A command stream asks for what the hardware cannot do."""


@dataclass(frozen=True)
class Value:
    """Lane values of a run: shape (commands, cores, lanes); `valid` is (commands, cores)."""

    lanes: Floats
    valid: Bools
    valid_lanes: Bools | None = None
    """Shape (commands, lanes), where lanes are of different cores; else all are as `valid`."""


class RegisterFile:
    """The entries of one kind of register in the whole device, as f32, and which are set."""

    def __init__(self, register: Register, device: Device) -> None:
        self.register = register
        below = device.levels[device.levels.index(device.level(register.per)) + 1 :]
        self.cores_per_unit = min(prod(level.count for level in below), device.cores)
        units = device.cores // self.cores_per_unit
        self.values = np.zeros((device.groups, units, register.entries, register.lanes), np.float32)
        reset = register.reset == "zero"
        self.valid = np.full((device.groups, units, register.entries), reset)


def softmax(scores: Floats, axis: int = -1) -> Floats:
    """Softmax along `axis`, the maximum subtracted first: shape and type as given."""
    with np.errstate(all="ignore"):
        exponentials = np.exp(scores - scores.max(axis=axis, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=axis, keepdims=True), scores.dtype)


@dataclass(frozen=True)
class _Action:
    """A run under way: the arrays that the evaluation of its meaning needs."""

    command: Command
    element: str
    """Of what registers hold."""
    column_element: str
    """Of the addressed columns."""
    groups: Ints
    """Shape (n, 1)."""
    cores: Ints
    """Shape (n, cores that the command acts on)."""
    span: tuple[int, ...]
    """Sizes of the levels that the command spans, in the device's order."""
    row: Ints
    column: Ints
    operands: dict[str, Ints]
    elements: Ints | None
    staging: NDArray[Any] | None


class Machine:
    """State of a device that computes on `element` data, and the execution of runs on it.

    Args:
        device: organisation, registers and commands.
        element: element type of what units compute on, "f16" or another of the device's.
        weights: element type of the columns that computing commands read, if it is narrower.
        opens_rows: whether the controller opens the rows that commands need, as it does for
            request streams; otherwise a command to a row that is not open is refused.
    """

    def __init__(
        self, device: Device, element: str, weights: str | None = None, *, opens_rows: bool = True
    ) -> None:
        self.device = device
        self.element = element
        self.weights = weights or element
        self.memory = BankMemory(device)
        self.registers = {name: RegisterFile(r, device) for name, r in device.registers.items()}
        self.issued: Counter[str] = Counter()
        """Commands issued so far, by name; row commands included."""
        self.column_bytes_moved: Counter[str] = Counter()
        """Bytes that data-carrying commands have moved, by command name."""
        self._opens_rows = opens_rows
        self._open_row = np.full((device.groups, device.cores), CLOSED, np.int64)

    def execute(self, run: Run, staging: NDArray[Any] | None) -> None:
        """Execute a run in order.

        Args:
            run: the commands.
            staging: the host memory that the run's elements number, flat.

        Raises:
            SimulationError: naming the command and what it lacks.
        """
        command = self.device.commands.get(run.command)
        if command is None:
            raise SimulationError(f'device "{self.device.name}" has no command {run.command}')
        self.issued[run.command] += len(run)
        if run.elements is not None:
            self.column_bytes_moved[run.command] += len(run) * self.device.column_bytes
        action = self._action(command, run, staging)
        if command.row:
            self._access_rows(run, action)
        if command.opens or command.closes:
            self._set_rows(command, action)
        if command.meaning is None:
            return
        meaning = self.device.meaning(run.command)
        for part in _waves(action) if _has_hazard(meaning) else [action]:
            for assign in meaning.assigns:
                self._assign(run.command, assign, part)

    # Addresses

    def _cores(self, run: Run, spans: tuple[str, ...]) -> tuple[Ints, tuple[int, ...]]:
        """The cores that `spans` joins from each address on, (n, cores), and the levels' sizes."""
        spanned = {self.device.level(name).short for name in spans}
        base = np.zeros(len(run), np.int64)
        offsets = np.zeros(1, np.int64)
        sizes: list[int] = []
        weight = self.device.cores
        for number, level in enumerate(self.device.core_levels):
            weight //= level.count
            if level.short in spanned:
                offsets = np.add.outer(offsets, np.arange(level.count) * weight).reshape(-1)
                sizes.append(level.count)
                continue
            coordinate = run.address[:, number]
            self._check_range(run.command, level.name, coordinate, level.count)
            base += coordinate * weight
        return base[:, None] + offsets[None, :], tuple(sizes)

    def _action(self, command: Command, run: Run, staging: NDArray[Any] | None) -> _Action:
        cores, span = self._cores(run, command.spans)
        row, column = run.address[:, -2], run.address[:, -1]
        if command.row:
            self._check_range(run.command, "row", row, self.device.rows)
            self._check_range(run.command, "column", column, self.device.columns)
        if run.operands.shape[1] != len(command.operands):
            raise SimulationError(
                f"{run.command} has {run.operands.shape[1]} index operands, expected"
                f" {', '.join(command.operands) or 'none'}"
            )
        return _Action(
            command,
            self.element,
            self._column_element(command, staging),
            run.groups[:, None],
            cores,
            span,
            row[:, None],
            column[:, None],
            {name: run.operands[:, i : i + 1] for i, name in enumerate(command.operands)},
            run.elements,
            staging,
        )

    def _column_element(self, command: Command, staging: NDArray[Any] | None) -> str:
        """The type of what lies in the columns that a command addresses."""
        if command.kind == "compute":
            return self.weights
        narrow = staging is not None and staging.dtype == dtype_of(self.weights)
        return self.weights if narrow else self.element

    @staticmethod
    def _check_range(command: str, what: str, values: Ints, size: int) -> None:
        outside = (values < 0) | (values >= size)
        if outside.any():
            value = values[outside][0]
            raise SimulationError(f"{command} addresses {what} {value}; there are {size}")

    # Rows

    def _access_rows(self, run: Run, action: _Action) -> None:
        """See that the rows a run needs are open, and account for opening them."""
        cores, _ = self._cores(run, self.device.row_spans(run.command))
        switches, first = self._row_switches(action, cores)
        if not self._opens_rows:
            if switches.any():
                raise SimulationError(
                    f"{run.command} needs row {action.row.reshape(-1)[switches][0]},"
                    " which is not open"
                )
            return
        opener, closer = self.device.rows_by(run.command)
        self.issued[opener] += int(switches.sum())
        self.issued[closer] += int((switches & ~first).sum())

    def _row_switches(self, action: _Action, cores: Ints) -> tuple[Bools, Bools]:
        """Per command whether any of `cores` has another row open, and whether all are closed."""
        count, spanned = cores.shape
        place = (action.groups * self.device.cores + cores).reshape(-1)
        row = np.broadcast_to(action.row, (count, spanned)).reshape(-1)
        order = np.argsort(place, kind="stable")
        place, sorted_row = place[order], row[order]
        starts = np.concatenate([[True], place[1:] != place[:-1]])
        state = self._open_row.reshape(-1)
        before = np.where(starts, state[place], np.concatenate([[CLOSED], sorted_row[:-1]]))
        ends = np.concatenate([starts[1:], [True]])
        state[place[ends]] = sorted_row[ends]
        differs = np.empty(len(row), np.bool_)
        closed = np.empty(len(row), np.bool_)
        differs[order] = before != sorted_row
        closed[order] = before == CLOSED
        return (
            np.asarray(differs.reshape(count, spanned).any(axis=1)),
            np.asarray(closed.reshape(count, spanned).all(axis=1)),
        )

    def _set_rows(self, command: Command, action: _Action) -> None:
        rows = action.row if command.opens else CLOSED
        self._open_row[action.groups, action.cores] = rows

    # Meanings

    def _assign(self, name: str, assign: Assign, action: _Action) -> None:
        if isinstance(assign.value, Call) and assign.value.name == "softmax":
            self._softmax(name, assign, assign.value, action)
            return
        value = self._evaluate(name, assign.value, action)
        target = assign.target
        if target.name == "column":
            self._write_column(value, action)
        elif target.name == "data":
            self._return_data(name, value, action)
        else:
            self._write_register(name, assign, value, action)

    def _evaluate(self, name: str, expression: Expression, action: _Action) -> Value:
        match expression:
            case Number(value):
                lanes = np.full((1, 1, 1), value, np.float32)
                return Value(lanes, np.ones((1, 1), np.bool_))
            case Ref("column", ()):
                return self._read_column(action)
            case Ref("data", ()):
                return self._host_data(action)
            case Ref():
                return self._read_register(name, expression, action)
            case Binary(op, left, right):
                a = self._evaluate(name, left, action)
                b = self._evaluate(name, right, action)
                with np.errstate(all="ignore"):
                    return Value(_BINARY[op](a.lanes, b.lanes), a.valid & b.valid)
            case Call("over", (Ref(level, ()), summand)):
                return self._sum_over(level, self._evaluate(name, summand, action), action)
            case Call("gather", (single,)):
                return self._gather(self._evaluate(name, single, action))
            case Call("lanes_sum", (summand,)):
                value = self._evaluate(name, summand, action)
                with np.errstate(all="ignore"):
                    return Value(value.lanes.sum(axis=-1, keepdims=True), value.valid)
            case Call("maximum", (left, right)):
                a = self._evaluate(name, left, action)
                b = self._evaluate(name, right, action)
                return Value(np.maximum(a.lanes, b.lanes), a.valid & b.valid)
            case Call(function, _):
                raise SimulationError(f"{name} uses {function} inside an expression")

    def _sum_over(self, level: str, value: Value, action: _Action) -> Value:
        levels = [lv for lv in self.device.core_levels if lv.name in action.command.spans]
        axis = 1 + [lv.name for lv in levels].index(level)
        count, _, lanes = value.lanes.shape
        grid = value.lanes.reshape(count, *action.span, lanes).sum(axis=axis)
        valid = value.valid.reshape(count, *action.span).all(axis=axis)
        return Value(grid.reshape(count, -1, lanes), valid.reshape(count, -1))

    def _gather(self, value: Value) -> Value:
        """The values of all cores as the first lanes of a column."""
        count, cores, _ = value.lanes.shape
        lanes = np.zeros((count, 1, self.device.column_elements(self.element)), np.float32)
        lanes[:, 0, :cores] = value.lanes[:, :, 0]
        valid_lanes = np.zeros((count, lanes.shape[2]), np.bool_)
        valid_lanes[:, :cores] = value.valid
        return Value(lanes, np.ones((count, 1), np.bool_), valid_lanes)

    def _read_column(self, action: _Action) -> Value:
        data, written = self.memory.read(action.groups, action.cores, action.row, action.column)
        lanes = data.view(dtype_of(action.column_element)).astype(np.float32)
        if action.command.kind == "compute":
            lanes *= np.float32(self.device.weights.get(action.column_element, 1.0))
        return Value(lanes, written)

    def _write_column(self, value: Value, action: _Action) -> None:
        shape = (*action.cores.shape, self.device.column_elements(action.column_element))
        lanes = np.broadcast_to(value.lanes, shape).astype(dtype_of(action.column_element))
        self.memory.write(
            action.groups, action.cores, action.row, action.column, lanes.view(np.uint8)
        )

    def _host_data(self, action: _Action) -> Value:
        assert action.elements is not None, "the verifier has seen to it"
        assert action.staging is not None, "the verifier has seen to it"
        present = action.elements != PADDING
        lanes = action.staging[np.where(present, action.elements, 0)].astype(np.float32)
        lanes[~present] = 0
        return Value(lanes[:, None, :], np.ones((len(lanes), 1), np.bool_))

    def _return_data(self, name: str, value: Value, action: _Action) -> None:
        if action.elements is None or action.staging is None:
            return
        present = action.elements != PADDING
        lanes, given = _widened(value.lanes[:, 0, :], action.elements.shape)
        valid = value.valid[:, :1] if value.valid_lanes is None else value.valid_lanes
        undefined = present & ~(valid & given)
        if undefined.any():
            raise SimulationError(f"{name} hands the host what no command has written")
        action.staging[action.elements[present]] = lanes[present].astype(action.staging.dtype)

    # Registers

    def _softmax(self, name: str, assign: Assign, call: Call, action: _Action) -> None:
        """Rows of scores to weights, in place; the maximum is subtracted first."""
        row, count, length = call.args
        if (
            not isinstance(row, Ref)
            or row != assign.target
            or not isinstance(count, Ref)
            or not isinstance(length, Ref)
        ):
            raise SimulationError(f"{name} takes a softmax of other entries than it sets")
        operands = [
            action.operands[operand][:, 0] for operand in (row.indices[0], count.name, length.name)
        ]
        units = self._unit(self.registers[row.name], action)[:, 0]
        for group, unit, first, elements, entries in zip(
            action.groups[:, 0], units, *operands, strict=True
        ):
            place = (int(group), int(unit), slice(int(first), int(first + entries)))
            self._check_range(name, f"entry of {row.name}", np.array([first, first + entries - 1]),
                              self.registers[row.name].register.entries)  # fmt: skip
            self._softmax_row(name, row.name, place, int(elements), action.element)

    def _softmax_row(
        self, name: str, register: str, place: tuple[int, int, slice], elements: int, element: str
    ) -> None:
        """The first `elements` of the entries at `place` to weights, the others to 0."""
        file = self.registers[register]
        scores, lanes = file.values[place].reshape(-1), file.register.lanes
        if not 1 <= elements <= len(scores):
            raise SimulationError(f"{name} takes {elements} of {len(scores)} elements")
        if not file.valid[place][: -(-elements // lanes)].all():
            raise SimulationError(f"{name} takes scores that no command has written")
        weights = np.zeros_like(scores)
        weights[:elements] = softmax(scores[:elements])
        stored = element if file.register.element == "column" else file.register.element
        file.values[place] = rounded(weights, stored).reshape(-1, lanes)
        file.valid[place] = True

    def _unit(self, file: RegisterFile, action: _Action) -> Ints:
        """Which unit's register each core uses, shape (n, cores, or 1 where all use the same)."""
        if file.cores_per_unit == self.device.cores:
            return np.zeros((len(action.groups), 1), np.int64)
        return action.cores // file.cores_per_unit

    def _entry(self, name: str, file: RegisterFile, ref: Ref, action: _Action) -> Ints:
        entry = action.operands[ref.indices[0]]
        self._check_range(name, f"entry of {ref.name}", entry, file.register.entries)
        return entry

    def _read_register(self, name: str, ref: Ref, action: _Action) -> Value:
        file = self.registers[ref.name]
        unit = self._unit(file, action)
        if not ref.indices:
            # The entries, one element each, are the lanes.
            lanes = file.values[action.groups, unit].reshape(*unit.shape, -1)
            return Value(lanes, np.asarray(file.valid[action.groups, unit].all(axis=-1)))
        entry = self._entry(name, file, ref, action)
        count = self._entries_per_column(name, file, action)
        if count > 1 and len(ref.indices) == 1:
            return self._read_entries(name, ref, action, count)
        lanes = file.values[action.groups, unit, entry]
        valid = file.valid[action.groups, unit, entry]
        if len(ref.indices) == 2:
            lane = action.operands[ref.indices[1]]
            self._check_range(name, f"lane of {ref.name}", lane, file.register.lanes)
            lanes = np.take_along_axis(lanes, lane[:, :, None], axis=2)
        return Value(lanes, valid)

    def _entries_per_column(self, name: str, file: RegisterFile, action: _Action) -> int:
        """Entries whose lanes meet those of the column that a command multiplies them by."""
        if file.register.lanes == 1 or "column" not in self.device.meaning(name).reads:
            return 1
        return max(self.device.column_elements(action.column_element) // file.register.lanes, 1)

    def _read_entries(self, name: str, ref: Ref, action: _Action, count: int) -> Value:
        """So many entries, the one that is named the last, side by side."""
        file = self.registers[ref.name]
        first = action.operands[ref.indices[0]] - (count - 1)
        self._check_range(name, f"entry of {ref.name}", first, file.register.entries)
        unit = self._unit(file, action)[..., None]
        index = (action.groups[..., None], unit, first[..., None] + np.arange(count))
        values, valid = file.values[index], file.valid[index]
        lanes = values.reshape(*values.shape[:2], -1)
        return Value(lanes, np.asarray(valid.all(axis=-1)))

    def _write_register(self, name: str, assign: Assign, value: Value, action: _Action) -> None:
        file = self.registers[assign.target.name]
        unit = self._unit(file, action)
        stored = action.element if file.register.element == "column" else file.register.element
        lanes = rounded(value.lanes, stored)
        index: tuple[Any, ...] = (action.groups, unit)
        values, valid = file.values, file.valid
        if assign.target.indices:
            index = (*index, self._entry(name, file, assign.target, action))
            lanes, _ = _widened(lanes, (*unit.shape, file.register.lanes))
        else:
            # A whole file of one-element entries, taken as lanes.
            shape = (*unit.shape, file.register.entries, file.register.lanes)
            lanes = np.broadcast_to(lanes, (*unit.shape, shape[2] * shape[3])).reshape(shape)
        set_ = np.broadcast_to(value.valid, unit.shape)
        if assign.op == "+=":
            with np.errstate(all="ignore"):
                np.add.at(values, index, lanes)
            spoilt = tuple(np.broadcast_to(i, unit.shape)[~set_] for i in index)
            valid[spoilt] = False
        else:
            values[index] = lanes
            valid[index] = set_ if assign.target.indices else set_[..., None]


def _widened(lanes: Floats, shape: tuple[int, ...]) -> tuple[Floats, Bools]:
    """One value for all lanes, or those of a register file with zeros behind them; and which lanes
    have a value."""
    given = np.arange(shape[-1]) < lanes.shape[-1]
    if lanes.shape[-1] == 1:
        return np.broadcast_to(lanes, shape), np.ones_like(given)
    behind = [(0, 0)] * (lanes.ndim - 1) + [(0, shape[-1] - lanes.shape[-1])]
    return np.broadcast_to(np.pad(lanes, behind), shape), given


_BINARY: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
}


def _references(expression: Expression) -> set[str]:
    """Names that an expression reads."""
    match expression:
        case Ref(name, _):
            return {name}
        case Binary(_, left, right):
            return _references(left) | _references(right)
        case Call(_, args):
            return {name for arg in args for name in _references(arg)}
        case _:
            return set()


def _has_hazard(meaning: Meaning) -> bool:
    """Whether a command may read what an earlier command of its run wrote.

    Adding to a register is no hazard in itself: the additions happen in order.
    """
    read = {name for assign in meaning.assigns for name in _references(assign.value)}
    return any(assign.target.name in read for assign in meaning.assigns)


def _waves(action: _Action) -> list[_Action]:
    """The run cut into parts in which every group has one command at most, in order."""
    groups = action.groups[:, 0]
    order = np.argsort(groups, kind="stable")
    ranked = groups[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    lengths = np.diff(np.append(starts, len(ranked)))
    wave = np.empty(len(groups), np.int64)
    wave[order] = np.arange(len(groups)) - np.repeat(starts, lengths)
    return [_part(action, np.flatnonzero(wave == number)) for number in range(wave.max() + 1)]


def _part(action: _Action, chosen: Ints) -> _Action:
    return replace(
        action,
        groups=action.groups[chosen],
        cores=action.cores[chosen],
        row=action.row[chosen],
        column=action.column[chosen],
        operands={name: values[chosen] for name, values in action.operands.items()},
        elements=None if action.elements is None else action.elements[chosen],
    )
