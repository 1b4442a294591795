"""What passes ask of a `pim.kernel`: its device, its schedule bound to it, its element type."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar, cast

from xdsl.dialects.builtin import AnyFloat, ModuleOp, TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from pim_opt.cost.mapping import Mapping
from pim_opt.cost.origins import Origins
from pim_opt.devices import Device, DeviceError, load_device
from pim_opt.dialects.diagnostics import DiagnosticError, Place
from pim_opt.dialects.iteration import Contraction
from pim_opt.dialects.pim import KernelOp
from pim_opt.dialects.pim.kernel_ops import CONTRACTION
from pim_opt.dialects.schedule import AnySchedule, Schedule, ScheduleError, one_nest

_Op = TypeVar("_Op", bound=Operation)
_Mapping = TypeVar("_Mapping")

VECTOR, MATRIX = 0, 1
"""Operand numbers of a contraction."""


def kernels(module: ModuleOp) -> tuple[KernelOp, ...]:
    """All kernels of a module, in order."""
    return tuple(op for op in module.walk() if isinstance(op, KernelOp))


def device_named(name: str, op: Operation | None = None) -> Device:
    """The device of a name or path that `op` gives.

    Raises:
        DiagnosticError: there is no such device, at `op`; or its file is wrong, at its line.
    """
    try:
        return load_device(name)
    except DeviceError as error:
        place = None if error.place is None else Place(*error.place)
        raise DiagnosticError(error.message, op, place) from error


def device_of(kernel: KernelOp) -> Device:
    """The device that the kernel names.

    Raises:
        DiagnosticError: there is no such device, or its file is wrong.
    """
    return device_named(kernel.device.data, kernel)


def from_dram(kernel: KernelOp) -> bool:
    """Whether streamed operands start in DRAM, in host layout; else the host has them."""
    return kernel.origin.data == "dram"


def origins_of(kernel: KernelOp) -> Origins:
    """Where the operands of a contraction start, and where its result ends."""
    result = device_of(kernel).kernels.host.streams
    return Origins(kernel.start_of(VECTOR), kernel.start_of(MATRIX), result)


def lanes_of(kernel: KernelOp) -> int:
    """Elements in one DRAM column of the kernel's operands; of a contraction, of its matrix."""
    operand = MATRIX if kernel.kind == CONTRACTION else 0
    return lanes_in(device_of(kernel), kernel.inputs[operand])


def lanes_in(device: Device, value: SSAValue) -> int:
    """Elements of a tensor in one DRAM column."""
    return device.column_elements(str(element_of(value)))


def weight_factor(device: Device, matrix: SSAValue) -> float:
    """What a 1 in a matrix counts as in the device's units."""
    return device.weights.get(str(element_of(matrix)), 1.0)


def shape_of(value: SSAValue | Attribute) -> tuple[int, ...]:
    """The shape of a tensor value or type."""
    type_ = value.type if isinstance(value, SSAValue) else value
    return cast(TensorType[Attribute], type_).get_shape()


def element_of(value: SSAValue | Attribute) -> AnyFloat:
    """The element type of a tensor value or type of floats."""
    type_ = value.type if isinstance(value, SSAValue) else value
    return cast(TensorType[AnyFloat], type_).element_type


def mapping_of(kernel: KernelOp) -> Mapping:
    """The kernel's schedule bound to its device.

    Raises:
        DiagnosticError: the kernel has no schedule, or one that its device cannot follow.
    """
    if kernel.schedule is None:
        raise DiagnosticError(
            f"kernel {kernel.label} has no schedule", kernel, hint="run pim-set-schedule first"
        )
    device_of(kernel)
    element = str(element_of(kernel.inputs[MATRIX]))
    try:
        schedule = one_nest(kernel.schedule.data)
        return _bound(kernel.contraction, schedule, kernel.device.data, element)
    except ScheduleError as error:
        raise DiagnosticError(f"schedule of kernel {kernel.label}: {error}", kernel) from error


@lru_cache(maxsize=64)
def _bound(contraction: Contraction, schedule: Schedule, device: str, element: str) -> Mapping:
    """Every pass asks for the same mapping, and what it works out is kept with it."""
    loaded = load_device(device)
    return Mapping(contraction, schedule, loaded, loaded.column_elements(element))


def scheduled(kernel: KernelOp, bind: Callable[[KernelOp, AnySchedule], _Mapping]) -> _Mapping:
    """What `bind` makes of the kernel and its own schedule.

    Raises:
        DiagnosticError: it has none, or one that its device cannot follow.
    """
    if kernel.schedule is None:
        raise DiagnosticError(
            f"kernel {kernel.label} has no schedule", kernel, hint="run pim-set-schedule first"
        )
    try:
        return bind(kernel, kernel.schedule.data)
    except ScheduleError as error:
        raise DiagnosticError(f"schedule of kernel {kernel.label}: {error}", kernel) from error


def only_op_of(kernel: KernelOp, kind: type[_Op], needed_pass: str) -> _Op:
    """The one op of `kind` directly in the kernel's body.

    Raises:
        DiagnosticError: the kernel is at another level.
    """
    found: Sequence[_Op] = [op for op in kernel.body.block.ops if isinstance(op, kind)]
    if len(found) != 1:
        raise DiagnosticError(
            f"kernel {kernel.label} holds {len(found)} '{kind.name}' ops, expected one",
            kernel,
            hint=f"run {needed_pass} first",
        )
    return found[0]
