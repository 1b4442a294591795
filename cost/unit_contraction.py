"""The cost model of contractions whose operands and results pass through rows of the cores.

The host writes the vector to a bank of every core that uses it; the cores load it from there, and
store their sums to rows that the host reads in the end. The time is that of group 0, whose indices
are the lowest, so that no group has more to do.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from pim_opt.cost.energy import energy_pj
from pim_opt.cost.estimate import CycleParts, Estimate
from pim_opt.cost.group_sizes import sizes_by_group
from pim_opt.cost.host_accesses import host_columns
from pim_opt.cost.host_work import bank_rows
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.nest import Ints, refresh_cycles
from pim_opt.cost.origins import Origins
from pim_opt.cost.transfers import TransferLoops
from pim_opt.cost.unit_nest import (
    NestWalk,
    PhaseTimes,
    nest_shape,
    phase_commands,
    unit_loops,
    walk,
)
from pim_opt.cost.unit_times import UnitTimes
from pim_opt.devices import Device


@dataclass(frozen=True)
class UnitCost:
    """A mapping's host accesses and walks."""

    mapping: Mapping
    origins: Origins
    times: UnitTimes

    @property
    def device(self) -> Device:
        return self.mapping.device

    # What the host moves

    def _columns(self, elements: int) -> int:
        return -(-elements // self.mapping.column_elements)

    @property
    def moves_matrix(self) -> bool:
        """Whether the host writes the matrix to its place."""
        kept = self.origins.matrix == "dram" and self.mapping.in_place
        return self.origins.matrix != "resident" and not kept

    @cached_property
    def written(self) -> tuple[tuple[int, TransferLoops], ...]:
        """Per operand that the host writes: columns that it reads first, and where it writes."""
        mapping, device, kernel = self.mapping, self.device, self.mapping.kernel
        write, lanes = device.kernels.host.write, self.mapping.column_elements
        found = [
            (self.origins.vector, kernel.vector, mapping.vector_row_placement(0)),
        ]
        if self.moves_matrix:
            found.append((self.origins.matrix, kernel.matrix, mapping.matrix_placement(0)))
        return tuple(
            (
                self._columns(prod(kernel.shape(access))) if start == "dram" else 0,
                TransferLoops(device, write, placement, lanes),
            )
            for start, access, placement in found
        )

    @cached_property
    def reads(self) -> TransferLoops:
        """The host's reads of the sums that cores have stored."""
        mapping = self.mapping
        read = self.device.kernels.host.read
        return TransferLoops(
            self.device, read, mapping.result_row_placement(0), mapping.column_elements
        )

    @property
    def result_columns(self) -> int:
        """Columns of the result in host layout, over all groups."""
        return self._columns(prod(self.mapping.kernel.shape(self.mapping.kernel.result)))

    # Cycles

    @cached_property
    def before(self) -> float:
        """Cycles until the first command of the nest may issue."""
        cycles, times, device = 1.0, self.times, self.device
        for number, (read, writes) in enumerate(self.written):
            own = host_columns(read, device)
            taken = times.read(own, closed=number == 0) if own else 0.0
            # The first operand finds all banks closed but those that its reads have opened.
            if number == 0 and own:
                written = times.placed_after(writes, own, taken)
            else:
                written = times.placed(writes, closed=number == 0)
            cycles += taken + written
        return cycles

    @property
    def _finds_row(self) -> bool:
        """Whether the vector's row stands open where a controller looks first.

        One that walks the banks opens it in all of them then, and closes none.
        """
        device, (read, writes) = self.device, self.written[-1]
        # Reads of so few columns leave the second bank of the first core alone.
        inner = self.mapping.inner_levels
        apart = (device.level(name) for name in device.host_layout[:-2])
        few = prod(level.count for level in apart if level.short not in inner) // device.groups
        alone = len(self.written) == 1 and host_columns(read, device) <= few
        return device.controller.keeps_rows and alone and writes.columns <= device.columns

    @property
    def _gathering(self) -> float:
        """Cycles from the last store until the host has all sums."""
        store = phase_commands(self.mapping)[-1]
        idle = self.reads.groups > sizes_by_group(self.mapping).total()
        return self.times.gathered(self.reads, store, idle_groups=idle)

    @cached_property
    def nest(self) -> NestWalk:
        """The walk of group 0."""
        return self._walk(np.array([dim.size for dim in self.mapping.kernel.dims], np.int64))

    @cached_property
    def _phases(self) -> PhaseTimes:
        return self.times.phases(self.mapping)

    def _walk(self, sizes: Ints) -> NestWalk:
        return walk(nest_shape(self.mapping, sizes), sizes, self._finds_row, self._phases)

    @cached_property
    def parts(self) -> CycleParts:
        """Cycles of one call by cause."""
        nest, times = self.nest, self.times
        parts = CycleParts(
            host_read=self.before + self._gathering,
            load=nest.loading,
            multiply=nest.multiplying,
            rows=nest.waiting,
            move=nest.storing,
            host_write=times.written(host_columns(self.result_columns, self.device)),
        )
        refreshing = times.refreshing(self.mapping.mode)
        return parts + CycleParts(refresh=refresh_cycles(parts.cycles, 0.0, refreshing))

    # Work

    def work(self) -> tuple[Counter[str], Counter[str]]:
        """Commands issued on all groups, and activations by the command that opens the row."""
        commands, activations = self._units_work()
        device, host = self.device, self.device.kernels.host
        opener, _ = device.row_commands(())
        for read, writes in self.written:
            commands[host.read] += read
            activations[opener] += bank_rows(device, read)
            commands[host.write] += writes.commands * writes.groups
            activations[opener] += _rows(writes)
        commands[host.read] += self.reads.commands * self.reads.groups
        places = self.reads.commands // self.reads.columns
        later = -(-self.reads.columns // device.columns) - 1
        activations[opener] += places * (later * self.reads.groups + self._groups_that_open)
        commands[host.write] += self.result_columns
        activations[opener] += bank_rows(device, self.result_columns)
        return commands, activations

    @cached_property
    def _groups_that_open(self) -> int:
        """Groups in which the host's reads of sums find their first row closed."""
        sizes = sizes_by_group(self.mapping)
        walks = {own: self._walk(np.array(own, np.int64)) for own in sizes}
        return self.reads.groups - sum(n for own, n in sizes.items() if walks[own].last_row == 0)

    def _units_work(self) -> tuple[Counter[str], Counter[str]]:
        commands, activations = Counter[str](), Counter[str]()
        names = phase_commands(self.mapping)
        opener, _ = self.device.rows_by(self.mapping.mode.multiply)
        cores = [unit_loops(self.mapping, name).commands for name in names]
        for sizes, groups in sizes_by_group(self.mapping).items():
            found = self._walk(np.array(sizes, np.int64))
            columns = (found.stores, found.loads, found.multiplications, found.stores)
            for name, number, places in zip(names, columns, cores, strict=True):
                commands[name] += number * places * groups
            activations[opener] += found.rows * groups
        return commands, activations

    def estimate(self) -> Estimate:
        """Time and work of one call."""
        device, kernel = self.device, self.mapping.kernel
        commands, activations = self.work()
        host = device.kernels.host
        moved = (commands[host.read] + commands[host.write]) * device.column_bytes
        return Estimate(
            self.parts,
            dict(+commands),
            dict(+activations),
            moved,
            prod(kernel.shape(kernel.result)) * (self.mapping.host_partials - 1),
            energy_pj(device, commands, activations),
        )


def _rows(loops: TransferLoops) -> int:
    """Rows that a transfer opens, counted in every bank."""
    places = loops.commands // loops.columns * loops.groups
    return places * -(-loops.columns // loops.device.columns)


def unit_cost(mapping: Mapping, origins: Origins) -> UnitCost:
    """The cost of one schedule by itself.

    Args:
        mapping: the kernel's schedule bound to a device; what it moves passes through rows.
        origins: where the operands start.
    """
    return UnitCost(mapping, origins, UnitTimes(mapping.device))
