"""The cost model of contractions whose operands and results pass through rows of the cores.

The host writes the vector to a bank of every core that uses it; the cores load it from there, and
store their sums to rows that the host reads in the end. The time is that of group 0, whose indices
are the lowest, so that no group has more to do.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from math import inf, prod

import numpy as np

from pim_opt.cost.bulk import bulk, cycles_of, read_in_bulk, written_in_bulk
from pim_opt.cost.energy import energy_pj
from pim_opt.cost.estimate import CycleParts, Estimate
from pim_opt.cost.group_sizes import sizes_by_group
from pim_opt.cost.host_accesses import host_columns
from pim_opt.cost.host_work import bank_rows
from pim_opt.cost.lane_stream import gap
from pim_opt.cost.mapping import Mapping
from pim_opt.cost.nest import Ints, refresh_cycles
from pim_opt.cost.origins import Origins
from pim_opt.cost.streams import Paces, passes_cycles, places_of
from pim_opt.cost.timings import (
    Refreshing,
    completion,
    host_phase,
    settled,
)
from pim_opt.cost.transfers import TransferLoops
from pim_opt.cost.unit_nest import (
    NestWalk,
    nest_shape,
    phase_commands,
    phase_times,
    unit_loops,
    walk,
)
from pim_opt.devices import Device


@dataclass(frozen=True)
class UnitCost:
    """A mapping's host accesses and walks."""

    mapping: Mapping
    origins: Origins

    @property
    def device(self) -> Device:
        return self.mapping.device

    @cached_property
    def _paces(self) -> Paces:
        return Paces(self.device)

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
        device, host = self.device, self.device.kernels.host
        cycles, closed = 0.0, True
        for read, writes in self.written:
            if read:
                own = host_columns(read, device)
                if own <= device.cores * device.columns:
                    issued = float(host_phase(device, host.read, own, closed=closed).issued)
                else:
                    issued = cycles_of(read_in_bulk(device, closed=closed), own)
                cycles += issued + settled(device, host.read)
                closed = False
            issues = written_in_bulk(writes, closed=closed)
            cycles += cycles_of(issues, writes.commands) + settled(device, host.write)
            closed = False
        return cycles

    @property
    def _finds_row(self) -> bool:
        """Whether the vector's row stands open where a controller looks first.

        One that walks the banks opens it in all of them then, and closes none.
        """
        reads, writes = self.written[-1]
        walks = self.device.controller.keeps_rows
        outer = prod(
            self.device.level(name).count
            for name in self.device.host_layout[:-2]
            if self.device.level(name).short not in self.mapping.inner_levels
        )
        return (
            walks
            and len(self.written) == 1
            and writes.columns <= self.device.columns
            and (host_columns(reads, self.device) <= outer // self.device.groups)
        )

    @cached_property
    def nest(self) -> NestWalk:
        """The walk of group 0."""
        sizes = np.array([dim.size for dim in self.mapping.kernel.dims], np.int64)
        return self._walk(sizes)

    def _walk(self, sizes: Ints) -> NestWalk:
        shape, times = nest_shape(self.mapping), phase_times(self.mapping, self._paces)
        return walk(shape, sizes, self._finds_row, times)

    @cached_property
    def after(self) -> float:
        """Cycles from the last store until the host has all sums."""
        device, read = self.device, self.device.kernels.host.read
        store = phase_commands(self.mapping)[-1]
        columns = self.reads.columns
        if columns <= device.columns:
            issued = passes_cycles(self._paces.pace(self.reads), columns)
            wait = gap(device, store, read) if device.controller.policy == "in-order" else 1
            return max(wait, 1) + issued + settled(device, read)
        issues = bulk(device, read, places_of(self.reads), closed=False)
        _, closer = device.row_commands(device.commands[read].spans)
        wait = gap(device, store, closer) if device.controller.policy == "in-order" else 1
        return wait + cycles_of(issues, self.reads.commands) + settled(device, read)

    @cached_property
    def result_writes(self) -> float:
        """Cycles from when the host has all sums until the result is safe."""
        device, write = self.device, self.device.kernels.host.write
        columns = host_columns(self.result_columns, device)
        issued = host_phase(device, write, columns, closed=False).issued
        return float(issued + completion(device, write))

    def parts(self) -> CycleParts:
        """Cycles of one call by cause."""
        nest = self.nest
        parts = CycleParts(
            host_read=1.0 + self.before + self.after,
            load=nest.loading,
            multiply=nest.multiplying,
            rows=nest.waiting,
            move=nest.storing,
            host_write=self.result_writes,
        )
        return parts + CycleParts(refresh=refresh_cycles(parts.cycles, 0.0, self._refreshing))

    @property
    def _refreshing(self) -> Refreshing:
        device = self.device
        if device.refresh is None:
            return Refreshing(inf, 0.0)
        multiply = self.mapping.mode.multiply
        opener, closer = device.rows_by(multiply)
        reopen = gap(device, closer, opener) + gap(device, opener, multiply)
        period = device.timing.cycles(device.refresh.interval)
        return Refreshing(
            float(period), float(device.timing.cycles(device.refresh.duration) + reopen)
        )

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
        activations[opener] += _rows(self.reads) if self.reads.columns > device.columns else 0
        commands[host.write] += self.result_columns
        activations[opener] += bank_rows(device, self.result_columns)
        return commands, activations

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


def _rows(loops: TransferLoops) -> int:
    """Rows that a transfer opens, counted in every bank."""
    places = loops.commands // loops.columns * loops.groups
    return places * -(-loops.columns // loops.device.columns)


def unit_estimate(mapping: Mapping, origins: Origins) -> Estimate:
    """Time and work of one call.

    Args:
        mapping: the kernel's schedule bound to a device; what it moves passes through rows.
        origins: where the operands start.
    """
    cost, device = UnitCost(mapping, origins), mapping.device
    commands, activations = cost.work()
    host = device.kernels.host
    moved = (commands[host.read] + commands[host.write]) * device.column_bytes
    return Estimate(
        cost.parts(),
        dict(+commands),
        dict(+activations),
        moved,
        prod(mapping.kernel.shape(mapping.kernel.result)) * (mapping.host_partials - 1),
        energy_pj(device, commands, activations),
    )
