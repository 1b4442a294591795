"""The functional simulator: executes a command program on a machine and reads the results back."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import MemRefType, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.ir.affine import AffineMap

from pim_opt.devices import Device
from pim_opt.devices.model import WEIGHT_BYTES
from pim_opt.dialects.layout import PlacementAttr, layout_of
from pim_opt.dialects.pim import (
    BarrierOp,
    CollectOp,
    HoldOp,
    HostArrangeOp,
    HostCombineOp,
    HostScaleOp,
    ProgramOp,
    StagingOp,
    YieldOp,
)
from pim_opt.dialects.pim.kernel_ops import access_of
from pim_opt.dialects.placement import LOCAL, Placement, Target, split_level_index
from pim_opt.sim.element_types import dtype_of
from pim_opt.sim.expand import Run, expand
from pim_opt.sim.machine import Machine, SimulationError
from pim_opt.sim.placed_tensor import PlacedTensor, empty, store

Array = NDArray[Any]
Ints = NDArray[np.int64]


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
    length: int | None = None
    """Of the call, if the program takes one."""


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
                number = 0.0 if item.number is None else item.number.value.data
                shape, dtype = _memory_type(item.buffer)
                self.memories[item.buffer] = np.full(shape, number, dtype)
            case HoldOp():
                self.memories[item.buffer] = arguments[item.source].copy()
            case HostCombineOp():
                partials = [self.memories[value] for value in (item.partials, *item.more)]
                result = self.memories[item.result]
                result[...] = added(partials, item.axes).astype(result.dtype)
                self.host_additions += sum(part.size for part in partials) - result.size
            case HostScaleOp():
                memory = self.memories[item.buffer]
                scaled = memory.astype(np.float32) * np.float32(item.factor.value.data)
                memory[...] = scaled.astype(memory.dtype)
            case HostArrangeOp():
                self.memories[item.result][...] = arranged(
                    self.memories[item.source], item.by.data, self.memories[item.result].shape
                )
            case BarrierOp():
                self.barriers += 1
            case CollectOp():
                self.collected[item.result] = self._collect(item)
            case YieldOp():
                pass
            case _:
                raise SimulationError(f"'{item.name}' is not an op of a command program")

    def _collect(self, op: CollectOp) -> Array:
        if op.memory is not None:
            return self.memories[op.memory].copy()
        type_ = op.result.type
        placement = cast(PlacementAttr, type_.encoding).data
        dtype = dtype_of(str(type_.element_type))
        tensor = empty(type_.get_shape(), placement, dtype)
        fetch(self.machine, tensor)
        return tensor.read()


def _memory_type(buffer: SSAValue) -> tuple[tuple[int, ...], np.dtype[Any]]:
    type_ = cast(MemRefType[Attribute], buffer.type)
    return type_.get_shape(), dtype_of(str(type_.element_type))


def added(partials: Sequence[Array], axes: Sequence[int]) -> NDArray[np.float32]:
    """What the host makes of partial sums: their sums along some axes, in f32."""
    parts = [np.asarray(part.astype(np.float32).sum(axis=tuple(axes))) for part in partials]
    return sum(parts[1:], parts[0])


def arranged(source: Array, map_: AffineMap, shape: tuple[int, ...]) -> Array:
    """A tensor of `shape` whose element at an index is the source's at the mapped index."""
    axes = access_of(map_, len(shape)).axes
    index = np.indices(shape, sparse=True)
    return np.broadcast_to(source[tuple(0 if dim is None else index[dim] for dim in axes)], shape)


def run_program(
    program: ProgramOp, device: Device, inputs: Sequence[Array], length: int | None = None
) -> Execution:
    """Execute a program from its inputs where they lie to its results where they lie.

    Args:
        program: a verified program for `device`.
        inputs: the operands as plain tensors, of the operand types' shapes and element types.
        length: of this call, if the program takes one.

    Raises:
        LengthError: the program does not take that length.
        SimulationError: the program asks for what the hardware cannot do.
    """
    machine = Machine(device, *_element_types(program))
    arguments: dict[SSAValue, Array] = dict(zip(program.body.block.args, inputs, strict=False))
    for argument, array in arguments.items():
        layout = layout_of(argument)
        if isinstance(layout, PlacementAttr):
            place(machine, store(array, layout.data))
    run = _Run(device, machine, {}, {})
    for item in expand(program, device.column_elements, length):
        run.step(item, arguments)
    yielded = cast(YieldOp, program.body.block.last_op)
    return Execution(
        tuple(run.collected[value] for value in yielded.arguments),
        dict(machine.issued),
        dict(machine.column_bytes_moved),
        run.barriers,
        run.host_additions,
        length,
    )


def _element_types(program: ProgramOp) -> tuple[str, str]:
    """The type that a program's results have, and that of its matrix, which may be narrower."""
    result, *operands = (
        str(cast(TensorType[Attribute], type_).element_type)
        for type_ in (*program.outputs.types, *program.inputs.types)
    )
    others = set(operands) - {result}
    if len(others) > 1 or not others <= WEIGHT_BYTES.keys():
        raise SimulationError(f"operands of a program mix element types {sorted(set(operands))}")
    return result, others.pop() if others else result


@dataclass(frozen=True)
class _Banks:
    """Places along hardware targets: their positions in storage, their groups and cores."""

    index: tuple[Ints, ...]
    group: Ints
    core: Ints


def _banks(placement: Placement, device: Device) -> _Banks:
    targets: list[Target] = [target for target in placement.targets if target != LOCAL]
    sizes = {level.short: level.count for level in device.levels}
    shape = tuple(placement.extent(target) for target in targets)
    positions = np.indices(shape).reshape(len(shape), prod(shape))
    coordinate = {level: np.zeros(prod(shape), np.int64) for level in sizes}
    for target, position in zip(targets, positions, strict=True):
        coordinate |= split_level_index(target, position, sizes)
    core = np.zeros(prod(shape), np.int64)
    for level in device.core_levels:
        core = core * level.count + coordinate[level.short]
    return _Banks(tuple(positions), coordinate[device.group_level.short], core)


def _by_hardware(tensor: PlacedTensor) -> Array:
    """The storage with its local axis last, shape (hardware targets.., local elements)."""
    if LOCAL not in tensor.targets:
        return tensor.storage[..., None]
    return np.moveaxis(tensor.storage, tensor.targets.index(LOCAL), -1)


def _columns(storage: Array, index: tuple[Ints, ...], lanes: int) -> Array:
    """Storage of chosen places as whole columns, shape (places, columns, lanes)."""
    places = prod(storage.shape[: len(index)])
    chosen = storage[index].reshape(places, -1)
    columns = -(-chosen.shape[1] // lanes)
    padded = np.zeros((len(chosen), columns * lanes), storage.dtype)
    padded[:, : chosen.shape[1]] = chosen
    return padded.reshape(len(chosen), columns, lanes)


def _lanes(machine: Machine, tensor: PlacedTensor) -> int:
    """Elements of a tensor in one column."""
    return machine.device.column_bytes // tensor.storage.dtype.itemsize


def place(machine: Machine, tensor: PlacedTensor) -> None:
    """Write a tensor to the DRAM rows of its placement, as it is before a program starts."""
    lanes = _lanes(machine, tensor)
    banks = _banks(tensor.placement, machine.device)
    data = _columns(_by_hardware(tensor), banks.index, lanes).view(np.uint8)
    row, column = tensor.placement.row, tensor.placement.column
    machine.memory.write_rows(banks.group, banks.core, row, data, column)


def fetch(machine: Machine, tensor: PlacedTensor) -> None:
    """Fill a tensor's storage from the DRAM rows of its placement.

    Raises:
        SimulationError: a column that holds elements was never written.
    """
    lanes = _lanes(machine, tensor)
    banks = _banks(tensor.placement, machine.device)
    marks = store(np.ones(tensor.shape, np.bool_), tensor.placement)
    marked = _columns(_by_hardware(marks), banks.index, lanes)
    held = marked.any(axis=-1)
    row, column = tensor.placement.row, tensor.placement.column
    count = marked.shape[1]
    data, written = machine.memory.read_rows(banks.group, banks.core, row, count, column)
    if not written[held].all():
        raise SimulationError(f"part of the result was never written to the rows from {row} on")
    storage = _by_hardware(tensor)
    values = np.ascontiguousarray(data).view(storage.dtype).reshape(len(data), -1)
    storage[banks.index] = values[:, : storage.shape[-1]].reshape(storage[banks.index].shape)
