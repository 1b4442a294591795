"""An independent check that a controller kept a program's dependences when it reordered commands.

It shares nothing with the cycle simulator but the device: it is told in which order commands
issued, and compares with the program. What depends on what follows from the commands' meanings. Of
a register entry or a DRAM column some commands set the contents (`=`) and others use them; each use
must come after as many settings as in the program, and each setting after as many uses, which
together fix the order of every pair of the two. A command that uses an entry and sets it keeps its
place among both, and among those that change the entry in another way. What the host sends must
follow all that it received before the last barrier of the whole program.

Commands that differ in nothing are told apart by their order alone: the first of them in the
program is the first that issued.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pim_opt.devices import Device
from pim_opt.devices.meaning import Assign, Meaning
from pim_opt.dialects.pim import BarrierOp, ProgramOp
from pim_opt.sim.expand import Run, expand, one_lane

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

COLUMN, DATA = "column", "data"
"""Names in meanings that are no registers: the addressed DRAM column and the host's data."""


@dataclass(frozen=True)
class BrokenOrder:
    """A command that issued before or after another on which it depends, other than written."""

    command: str
    group: int
    bank: int
    """Flat number of the core in its group; the first of several."""
    resource: str
    """What the two share: a register, `column` or `data`."""
    expected: int
    """Commands on the resource that come before it in the program."""
    found: int
    """Commands on the resource that issued before it."""

    def __str__(self) -> str:
        return (
            f"{self.command} (group {self.group}, bank {self.bank}) depends on {self.resource}:"
            f" {self.found} commands that it depends on issued before it, but {self.expected}"
            " stand before it in the program"
        )


@dataclass(frozen=True)
class _Stream:
    """Commands as columns; all of one length."""

    command: Ints
    group: Ints
    coordinates: Ints
    """Shape (n, core levels): 0 along levels that the command spans."""
    row: Ints
    """-1 for commands that need no row."""
    column: Ints
    operands: Ints
    """Shape (n, most operands of any command), -1 beyond a command's own."""

    def keys(self) -> tuple[Ints, ...]:
        """All that tells commands apart, least important first, for `np.lexsort`."""
        return (*self.operands.T, self.column, self.row, *self.coordinates.T, self.command,
                self.group)  # fmt: skip


class _Shapes:
    """How a device's commands look in a stream."""

    def __init__(self, device: Device) -> None:
        self.names: tuple[str, ...] = tuple(device.commands)
        self.counts = [level.count for level in device.core_levels]
        self.weights = [prod(self.counts[i + 1 :]) for i in range(len(self.counts))]
        self.operands = max(len(command.operands) for command in device.commands.values())
        commands = device.commands.values()
        self.needs_row = np.array([command.row for command in commands])
        self.spanned = np.array(
            [
                [level.name in _full_names(device, command.spans) for level in device.core_levels]
                for command in commands
            ]
        )

    def stream(
        self, command: Ints, group: Ints, coordinates: Ints, row: Ints, column: Ints, operands: Ints
    ) -> _Stream:
        """A stream in normal form, so that equal commands have equal rows."""
        needs_row = self.needs_row[command]
        return _Stream(
            command,
            group,
            np.where(self.spanned[command], 0, coordinates),
            np.where(needs_row, row, -1),
            np.where(needs_row, column, -1),
            operands,
        )


def _full_names(device: Device, levels: Sequence[str]) -> set[str]:
    return {device.level(name).name for name in levels}


def broken_order(
    program: ProgramOp, log: NDArray[Any], device: Device, length: int | None = None
) -> BrokenOrder | None:
    """The first command that issued out of a dependence's order; None if all kept theirs.

    Args:
        program: what was issued.
        log: what the engine did with it, as `sim.timing.Result.log`: with fields cycle, command,
            group, bank, row, column and operands.
        device: whose commands they are.
        length: that the program was run with, if it takes one.

    Raises:
        ValueError: the log's commands are not those of the program.
    """
    shapes = _Shapes(device)
    written, phases = _program_stream(program, shapes, length)
    log = log[np.argsort(log["cycle"], kind="stable")]
    log = log[np.isin(log["command"], np.unique(written.command))]
    issued = _log_stream(log, shapes)
    position = _positions(written, issued)
    for resource in _resources(device, written, shapes):
        broken = _check(resource, written, position, shapes)
        if broken is not None:
            return broken
    return _check_phases(device, written, phases, log["cycle"][position], shapes)


def _program_stream(
    program: ProgramOp, shapes: _Shapes, length: int | None
) -> tuple[_Stream, Ints]:
    """The program's commands, and for each how many barriers of all groups come before it."""
    runs: list[Run] = []
    phase, phases = 0, [np.zeros(0, np.int64)]
    for item in expand(program, one_lane, length):
        if isinstance(item, Run):
            runs.append(item)
            phases.append(np.full(len(item), phase))
        elif isinstance(item, BarrierOp) and item.parent_op() is program:
            phase += 1
    number = {name: i for i, name in enumerate(shapes.names)}
    addresses = [run.address for run in runs]
    address = np.concatenate([np.zeros((0, len(shapes.counts) + 2), np.int64), *addresses])
    stream = shapes.stream(
        np.repeat(
            np.array([number[run.command] for run in runs], np.int64), [len(run) for run in runs]
        ),
        np.concatenate([np.zeros(0, np.int64), *(run.groups for run in runs)]),
        address[:, :-2],
        address[:, -2],
        address[:, -1],
        np.concatenate([np.zeros((0, shapes.operands), np.int64), *_operands(runs, shapes)]),
    )
    return stream, np.concatenate(phases)


def _operands(runs: Sequence[Run], shapes: _Shapes) -> Iterator[Ints]:
    for run in runs:
        padded = np.full((len(run), shapes.operands), -1, np.int64)
        padded[:, : run.operands.shape[1]] = run.operands
        yield padded


def _log_stream(log: NDArray[Any], shapes: _Shapes) -> _Stream:
    bank = log["bank"].astype(np.int64)
    coordinates = [
        bank // weight % count for weight, count in zip(shapes.weights, shapes.counts, strict=True)
    ]
    return shapes.stream(
        log["command"].astype(np.int64),
        log["group"].astype(np.int64),
        np.stack(coordinates, axis=1),
        log["row"].astype(np.int64),
        log["column"].astype(np.int64),
        log["operands"].astype(np.int64),
    )


def _positions(written: _Stream, issued: _Stream) -> Ints:
    """Per command of the program its place among those issued."""
    theirs, ours = np.lexsort(issued.keys()), np.lexsort(written.keys())
    same = len(theirs) == len(ours) and all(
        np.array_equal(a[theirs], b[ours])
        for a, b in zip(issued.keys(), written.keys(), strict=True)
    )
    if not same:
        raise ValueError(
            f"the log has other commands than the program: {len(theirs)} of its kinds issued,"
            f" {len(ours)} written"
        )
    position = np.empty(len(ours), np.int64)
    position[ours] = theirs
    return position


@dataclass(frozen=True)
class _Resource:
    """A register file, or the DRAM, with the commands on it."""

    name: str
    sets: Ints
    """Numbers of commands of one side, which set its contents."""
    uses: Ints
    """Numbers of commands of the other side, which use them."""
    entry: dict[int, int] | None
    """Per command the position of its operand that is the entry; None where one has none."""
    apart: Bools
    """Shape (core levels): whether members of the level keep to themselves."""


def _resources(device: Device, written: _Stream, shapes: _Shapes) -> Iterator[_Resource]:
    """What commands of both sides share, the host's data left out."""
    numbers: list[int] = np.unique(written.command).tolist()
    names = {number: shapes.names[number] for number in numbers}
    meanings = {
        number: device.meaning(name)
        for number, name in names.items()
        if device.commands[name].meaning is not None
    }
    for name in (COLUMN, *device.registers):
        on_it = {n: m for n, m in meanings.items() if _indices(m, name)}
        entry = {n: _entry(device, names[n], m, name) for n, m in on_it.items()}
        known = {n: e[0] for n, e in entry.items() if _is_one_entry(written, n, e)}
        apart = ~shapes.spanned[list(on_it)].any(axis=0) & _outside(device, name)
        for sets, uses in _sides(on_it, name):
            yield _Resource(
                name,
                np.array(sets),
                np.array(uses),
                known if len(known) == len(entry) else None,
                np.asarray(apart),
            )


def _sides(on_it: dict[int, Meaning], name: str) -> Iterator[tuple[list[int], list[int]]]:
    """Pairs of sets of commands on a resource whose order must be kept, neither of them empty."""
    sets = [n for n, m in on_it.items() if any(_sets(a, name) for a in m.assigns)]
    updates = [n for n in sets if name in on_it[n].reads]
    uses = [n for n in on_it if n not in sets]
    pairs = [(sets, uses), ([n for n in sets if n not in updates], updates)]
    pairs += [([n], [other for other in updates if other != n]) for n in updates]
    yield from (pair for pair in pairs if pair[0] and pair[1])


def _outside(device: Device, name: str) -> Bools:
    """Per core level whether its members have a part of the resource each."""
    names = [level.name for level in device.levels]
    register = device.registers.get(name)
    last = len(names) if register is None else names.index(device.level(register.per).name) + 1
    return np.array([names.index(level.name) < last for level in device.core_levels])


def _indices(meaning: Meaning, name: str) -> list[tuple[str, ...]]:
    return [ref.indices for ref in meaning.references() if ref.name == name]


def _sets(assign: Assign, name: str) -> bool:
    return assign.op == "=" and assign.target.name == name


def _entry(device: Device, command: str, meaning: Meaning, name: str) -> tuple[int, ...]:
    """The operands that are entries where the meaning names a register; none for a whole file."""
    if meaning.takes_softmax:
        return ()  # A row of entries: all of the file, for simplicity.
    found = {indices[:1] for indices in _indices(meaning, name)}
    if () in found:
        return ()
    operands = device.commands[command].operands
    return tuple(sorted(operands.index(index) for (index,) in found))


def _is_one_entry(written: _Stream, command: int, operands: tuple[int, ...]) -> bool:
    """Whether each command of a kind names one entry, by whichever of its operands."""
    if not operands:
        return False
    values = written.operands[written.command == command][:, list(operands)]
    return bool((values == values[:, :1]).all())


def _check(
    resource: _Resource, written: _Stream, position: Ints, shapes: _Shapes
) -> BrokenOrder | None:
    """The first command of the program that is out of order on a resource."""
    setting = np.isin(written.command, resource.sets)
    mine = np.flatnonzero(setting | np.isin(written.command, resource.uses))
    setting = setting[mine]
    parts = [written.group[mine], *written.coordinates[mine][:, resource.apart].T]
    if resource.name == COLUMN:
        parts += [written.row[mine], written.column[mine]]
    elif resource.entry is not None:
        operand = np.zeros(len(shapes.names), np.int64)
        operand[list(resource.entry)] = list(resource.entry.values())
        parts.append(written.operands[mine, operand[written.command[mine]]])
    expected = _others_before(setting, np.arange(len(mine)), parts)
    found = _others_before(setting, position[mine], parts)
    wrong = np.flatnonzero(expected != found)
    if not len(wrong):
        return None
    first = int(wrong[0])
    same = np.all([part == part[first] for part in parts], axis=0)
    before = int((same & (setting != setting[first]))[:first].sum())
    difference = int(found[first] - expected[first])
    return _broken(written, int(mine[first]), resource.name, before, before + difference, shapes)


def _others_before(setting: Bools, position: Ints, parts: Sequence[Ints]) -> Ints:
    """Per command, up to a number for each part, how many of the other side come before it."""
    order = np.lexsort((position, *parts))
    result = np.empty(len(order), np.int64)
    sets = np.cumsum(setting[order])
    result[order] = np.where(setting[order], np.arange(1, len(order) + 1) - sets, sets)
    return result


def _check_phases(
    device: Device, written: _Stream, phases: Ints, cycle: Ints, shapes: _Shapes
) -> BrokenOrder | None:
    """The first command that sends before all was received that the host had to wait for."""
    if not len(phases):
        return None
    gives, takes = _host_sides(device, shapes)
    gives, takes = gives[written.command], takes[written.command]
    last = np.full(int(phases[-1]) + 2, -1, np.int64)
    np.maximum.at(last, phases[gives] + 1, cycle[gives])
    wrong = np.flatnonzero(takes & (cycle <= np.maximum.accumulate(last)[phases]))
    if not len(wrong):
        return None
    first = int(wrong[0])
    before = gives & (phases < phases[first])
    found = int((before & (cycle < cycle[first])).sum())
    return _broken(written, first, DATA, int(before.sum()), found, shapes)


def _host_sides(device: Device, shapes: _Shapes) -> tuple[Bools, Bools]:
    """Per command whether it gives data to the host, and whether it takes data from there."""
    gives, takes = np.zeros((2, len(shapes.names)), np.bool_)
    for number, name in enumerate(shapes.names):
        if device.commands[name].meaning is None:
            continue
        meaning = device.meaning(name)
        gives[number] = any(_sets(assign, DATA) for assign in meaning.assigns)
        takes[number] = bool(_indices(meaning, DATA)) and not gives[number]
    return gives, takes


def _broken(
    written: _Stream, number: int, resource: str, expected: int, found: int, shapes: _Shapes
) -> BrokenOrder:
    bank = int(written.coordinates[number] @ np.array(shapes.weights))
    command = shapes.names[int(written.command[number])]
    return BrokenOrder(command, int(written.group[number]), bank, resource, expected, found)
