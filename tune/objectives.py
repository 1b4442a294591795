"""What the tuner makes small: time, energy, their product, or one part of the time.

The parts are those that compilers tune apart from each other: the multiplications with the rows
that they open, and the rearrangement of operands and results. A search for one is blind to the
other, but that both count multiplications: nothing moves less than what one core computes alone.

A schedule's energy is linear in the numbers of its commands, so the search counts these on all
groups and weighs them. Groups that have a whole share of a dimension count alike, and at most one
group along each dimension has less than that.
"""

from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pim_opt.cost.energy import energy_pj
from pim_opt.cost.estimate import CycleParts, Estimate
from pim_opt.cost.jit import compiled
from pim_opt.cost.nest import Ints, rows_opened, valid_iterations
from pim_opt.devices import Device

Objective = Literal["latency", "energy", "edp", "compute", "rearrangement"]
OBJECTIVES: tuple[Objective, ...] = ("latency", "energy", "edp", "compute", "rearrangement")
"""Cycles, picojoules, the product of the two; cycles of multiplications with rows, or movement."""

_Number = TypeVar("_Number", float, NDArray[Any])
"""A number, or an array of them."""

LATENCY, ENERGY, EDP, COMPUTE, REARRANGEMENT = range(5)
"""Numbers of OBJECTIVES, for compiled code."""

CYCLES_BREAK_TIES = 1e-7
"""Picojoules that a cycle counts as where energy alone is made small."""


class NestTimes(NamedTuple):
    """Cycles of a kernel with a loop nest, and of its parts."""

    whole: float
    compute: float
    """Multiplications, and the rows that they wait for."""
    rearrangement: float
    """Multiplications, and what moves."""


@dataclass(frozen=True)
class Times(Generic[_Number]):
    """The same of any kernel, or bounds on them."""

    whole: _Number
    compute: _Number
    rearrangement: _Number


class Energies(NamedTuple):
    """Picojoules of one command each, on one group."""

    load: float
    multiply: float
    move: float
    row: float
    """Opening a row for multiplications."""


class Goal(NamedTuple):
    """The objective, with what the energy of a distribution's schedules depends on."""

    objective: int
    energies: Energies
    around_pj: float
    """Energy of the host's accesses before and after the nest."""
    groups: Ints
    """Per dimension, how many groups share it."""
    core_points: Ints
    """Per dimension, how many points one round takes on all cores of a group."""


class NestWork(NamedTuple):
    """Commands of one load and one move of a nest, and the loops around them."""

    load_depth: int
    move_depth: int
    loads: float
    moves: float
    written_pj: float
    """Picojoules of the host's writes of the matrix."""
    open_rows: int
    """Rows of a group that stand open already."""


def energies(device: Device, load: str, multiply: str, move: str, lanes: int) -> Energies:
    """Picojoules of each command of a nest, and of a row that multiplications open.

    Args:
        device: with the commands.
        load: brings a column of the vector.
        multiply: takes a column of the matrix, with so many `lanes`.
        move: takes results out.
    """
    opener, _ = device.row_commands(device.commands[multiply].spans)

    def one(command: str) -> float:
        return energy_pj(device, {command: 1}, {}, lanes)

    row = energy_pj(device, {}, {opener: 1})
    return Energies(one(load), one(multiply), one(move), row)


@compiled
def nest_energy(
    goal: Goal, loops: Ints, sizes: Ints, in_matrix: Ints, work: NestWork, columns: int
) -> float:
    """Picojoules of a nest on all groups.

    Args:
        goal: with the energies of commands.
        loops: shape (loops, 3): dimension, iterations and stride of each loop, outermost first.
        sizes: of all dimensions.
        in_matrix: per dimension whether the matrix has it.
        work: commands of a load and a move.
        columns: of a row.
    """
    shares = goal.core_points.copy()
    for i in range(len(loops)):
        shares[loops[i, 0]] *= loops[i, 1]
    e, total = goal.energies, work.written_pj
    own = np.empty(len(sizes), np.int64)
    for kind in range(1 << len(sizes)):
        number = 1
        for dim in range(len(sizes)):
            whole = min(goal.groups[dim], sizes[dim] // shares[dim])
            rest = sizes[dim] - whole * shares[dim]
            if kind >> dim & 1:
                number *= 1 if whole < goal.groups[dim] and rest > 0 else 0
                own[dim] = rest
            else:
                number *= whole
                own[dim] = shares[dim]
        if number > 0:
            one = e.multiply * valid_iterations(loops, own, len(loops))
            one += e.row * (rows_opened(loops, own, in_matrix, columns) - work.open_rows)
            one += e.load * work.loads * valid_iterations(loops, own, work.load_depth)
            one += e.move * work.moves * valid_iterations(loops, own, work.move_depth)
            total += number * one
    return total


@compiled
def score(
    goal: Goal,
    times: NestTimes,
    loops: Ints,
    sizes: Ints,
    in_matrix: Ints,
    work: NestWork,
    columns: int,
) -> float:
    """What a schedule is ranked by: the less, the better."""
    cycles = times.whole
    if goal.objective == LATENCY:
        return cycles
    if goal.objective == COMPUTE:
        return times.compute
    if goal.objective == REARRANGEMENT:
        return times.rearrangement
    energy = goal.around_pj + nest_energy(goal, loops, sizes, in_matrix, work, columns)
    return energy + CYCLES_BREAK_TIES * cycles if goal.objective == ENERGY else energy * cycles


def counts_energy(objective: Objective) -> bool:
    """Whether the objective depends on energy."""
    return objective in ("energy", "edp")


def times_of(parts: CycleParts) -> Times[float]:
    """The times of an estimate."""
    return Times(parts.cycles, parts.compute, parts.multiply + parts.rearrangement)


def combined(objective: Objective, times: Times[_Number], energy: _Number) -> _Number:
    """The objective of times in cycles and an energy in picojoules; bounds give a bound."""
    match objective:
        case "latency":
            return times.whole
        case "energy":
            return energy
        case "edp":
            return times.whole * energy
        case "compute":
            return times.compute
        case "rearrangement":
            return times.rearrangement


def scored(objective: Objective, estimate: Estimate) -> float:
    """The objective of what the model predicts."""
    return combined(objective, times_of(estimate.parts), estimate.energy_pj)
