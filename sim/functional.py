"""The functional simulator: executes a command program on a machine and reads the results back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import MemRefType, TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from pim_opt.devices import Device
from pim_opt.dialects.layout import PlacementAttr, layout_of
from pim_opt.dialects.pim import (
    BarrierOp,
    CollectOp,
    HoldOp,
    HostCombineOp,
    ProgramOp,
    StagingOp,
    YieldOp,
)
from pim_opt.dialects.placement import LOCAL, Placement, Target, split_level_index
from pim_opt.sim.element_types import dtype_of
from pim_opt.sim.expand import Run, expand
from pim_opt.sim.machine import Machine, SimulationError
from pim_opt.sim.placed_tensor import PlacedTensor, empty, store

Array = NDArray[Any]


@dataclass(frozen=True)
class Execution:
    """What a program gave and what it took."""

    results: tuple[Array, ...]
    commands: dict[str, int]
    """Commands issued, by name; row commands included."""
    moved_bytes: dict[str, int]
    """Bytes that data-carrying commands moved, by command name."""
    barriers: int
    host_additions: int
    """Partial sums that the host added."""


@dataclass
class _Run:
    """A program under way."""

    device: Device
    machine: Machine
    memories: dict[SSAValue, Array]
    collected: dict[SSAValue, Array]
    barriers: int = 0
    host_additions: int = 0

    def step(self, item: Run | Operation, arguments: dict[SSAValue, Array]) -> None:
        """Execute one run of commands or one other op."""
        match item:
            case Run():
                staging = item.op.staging
                memory = None if staging is None else self.memories[staging].reshape(-1)
                self.machine.execute(item, memory)
            case StagingOp():
                self.memories[item.buffer] = np.zeros(*_memory_type(item.buffer))
            case HoldOp():
                self.memories[item.buffer] = arguments[item.source].copy()
            case HostCombineOp():
                partials = self.memories[item.partials]
                total = partials.astype(np.float32).sum(axis=0)
                self.memories[item.result][...] = total.astype(partials.dtype)
                self.host_additions += partials.size - total.size
            case BarrierOp():
                self.barriers += 1
            case CollectOp():
                self.collected[item.result] = self._collect(item)
            case YieldOp():
                pass
            case _:
                raise SimulationError(f"'{item.name}' is not an op of a command program")

    def _collect(self, op: CollectOp) -> Array:
        type_ = cast(TensorType[Attribute], op.result.type)
        placement = cast(PlacementAttr, type_.encoding).data
        dtype = dtype_of(str(type_.element_type))
        tensor = empty(type_.get_shape(), placement, dtype)
        fetch(self.machine, tensor)
        return tensor.read()


def _memory_type(buffer: SSAValue) -> tuple[tuple[int, ...], np.dtype[Any]]:
    type_ = cast(MemRefType[Attribute], buffer.type)
    return type_.get_shape(), dtype_of(str(type_.element_type))


def run_program(program: ProgramOp, device: Device, inputs: Sequence[Array]) -> Execution:
    """Execute a program from its inputs where they lie to its results where they lie.

    Args:
        program: a verified program for `device`.
        inputs: the operands as plain tensors, of the operand types' shapes and element types.

    Raises:
        SimulationError: the program asks for what the hardware cannot do.
    """
    elements = {str(cast(TensorType[Attribute], t).element_type) for t in program.inputs.types}
    if len(elements) != 1:
        raise SimulationError(f"operands of a program mix element types {sorted(elements)}")
    machine = Machine(device, elements.pop())
    arguments = dict(zip(program.body.block.args, inputs, strict=True))
    for argument, array in arguments.items():
        layout = layout_of(argument)
        if isinstance(layout, PlacementAttr):
            place(machine, store(array, layout.data))
    run = _Run(device, machine, {}, {})
    for item in expand(program, device.column_elements(machine.element)):
        run.step(item, arguments)
    yielded = cast(YieldOp, program.body.block.last_op)
    return Execution(
        tuple(run.collected[value] for value in yielded.arguments),
        dict(machine.issued),
        dict(machine.column_bytes_moved),
        run.barriers,
        run.host_additions,
    )


def _hardware_places(
    placement: Placement, device: Device
) -> list[tuple[tuple[int, ...], int, int]]:
    """Per place along hardware targets: its index in storage, its group and its core."""
    targets: list[Target] = [target for target in placement.targets if target != LOCAL]
    sizes = {level.short: level.count for level in device.levels}
    places: list[tuple[tuple[int, ...], int, int]] = []
    for index in np.ndindex(*(placement.extent(target) for target in targets)):
        coordinate = dict.fromkeys(sizes, 0)
        for target, position in zip(targets, index, strict=True):
            split = split_level_index(target, np.asarray(position), sizes)
            coordinate |= {level: int(value) for level, value in split.items()}
        core = 0
        for level in device.core_levels:
            core = core * level.count + coordinate[level.short]
        places.append((index, coordinate[device.group_level.short], core))
    return places


def _by_hardware(tensor: PlacedTensor) -> Array:
    """The storage with its local axis last, shape (hardware targets.., local elements)."""
    if LOCAL not in tensor.targets:
        return tensor.storage[..., None]
    return np.moveaxis(tensor.storage, tensor.targets.index(LOCAL), -1)


def place(machine: Machine, tensor: PlacedTensor) -> None:
    """Write a tensor to the DRAM rows of its placement, as it is before a program starts."""
    device = machine.device
    lanes = device.column_elements(machine.element)
    storage = _by_hardware(tensor)
    columns = -(-storage.shape[-1] // lanes)
    padded = np.zeros(columns * lanes, storage.dtype)
    for index, group, core in _hardware_places(tensor.placement, device):
        padded[: storage.shape[-1]] = storage[index]
        data = padded.view(np.uint8).reshape(columns, device.column_bytes)
        machine.memory.write_rows(group, core, tensor.placement.row, data)


def fetch(machine: Machine, tensor: PlacedTensor) -> None:
    """Fill a tensor's storage from the DRAM rows of its placement.

    Raises:
        SimulationError: a column that holds elements was never written.
    """
    device = machine.device
    lanes = device.column_elements(machine.element)
    storage = _by_hardware(tensor)
    columns = -(-storage.shape[-1] // lanes)
    held = _held_columns(tensor, lanes)
    for index, group, core in _hardware_places(tensor.placement, device):
        data, written = machine.memory.read_rows(group, core, tensor.placement.row, columns)
        if not written[held[index]].all():
            raise SimulationError(
                f"group {group}, core {core}: the result was never written to row"
                f" {tensor.placement.row} on"
            )
        storage[index] = np.ascontiguousarray(data).view(storage.dtype).reshape(-1)[
            : storage.shape[-1]
        ]


def _held_columns(tensor: PlacedTensor, lanes: int) -> NDArray[np.bool_]:
    """Which columns hold elements of the tensor and not padding alone."""
    marks = _by_hardware(store(np.ones(tensor.shape, np.bool_), tensor.placement))
    columns = -(-marks.shape[-1] // lanes)
    padded = np.zeros((*marks.shape[:-1], columns * lanes), np.bool_)
    padded[..., : marks.shape[-1]] = marks
    return padded.reshape(*marks.shape[:-1], columns, lanes).any(axis=-1)
