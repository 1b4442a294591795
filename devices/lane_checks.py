"""Checks of kernels that compute lane by lane: that their commands mean what the kernels take."""

from collections.abc import Iterator

from pim_opt.devices.meaning import MeaningError, parse_meaning
from pim_opt.devices.model import Device, FileCommands, ScalarCommands
from pim_opt.devices.problem import Problem, known_command, unknown

_MEANINGS = {
    "load": "{r}[d] = column",
    "store": "column = {r}[s]",
    "add": "{r}[d] = {r}[s] + column",
    "mul": "{r}[d] = {r}[s] * column",
    "relu": "{r}[d] = maximum(column, 0)",
    "scalar_add": "{r}[d] = {s}[s] + column",
    "scalar_mul": "{r}[d] = {s}[s] * column",
}
"""Per use of a command what it must mean, for register file r and scalars s."""


def lane_kernel_problems(device: Device) -> Iterator[Problem]:
    """All that is wrong with a device's elementwise and reduction kernels."""
    elementwise, reduction = device.kernels.elementwise, device.kernels.reduction
    if elementwise is not None:
        path = "$.kernels.elementwise"
        scalars = elementwise.scalars
        if scalars is not None:
            yield from _scalars(device, scalars, f"{path}.scalars")
        for file, commands in elementwise.files.items():
            yield from _file(device, file, commands, scalars, f"{path}.files.{file}")
    if reduction is not None:
        for file, commands in reduction.files.items():
            yield from _file(device, file, commands, None, f"$.kernels.reduction.files.{file}")


def _scalars(device: Device, scalars: ScalarCommands, path: str) -> Iterator[Problem]:
    if scalars.register not in device.registers:
        message = unknown("register", scalars.register, device.registers)
        yield Problem(f"{path}.register", message)
        return
    yield from _means(device, scalars.load, f"{scalars.register} = column", f"{path}.load")


def _file(
    device: Device,
    file: str,
    commands: FileCommands,
    scalars: ScalarCommands | None,
    path: str,
) -> Iterator[Problem]:
    if file not in device.registers:
        yield Problem(path, unknown("register", file, device.registers))
        return
    for use, meaning in _MEANINGS.items():
        name: str | None = getattr(commands, use)
        if name is None:
            continue
        if "{s}" in meaning and scalars is None:
            yield Problem(f"{path}.{use}", f"{name} takes a scalar, but no scalars are given")
            continue
        register = "" if scalars is None else scalars.register
        yield from _means(device, name, meaning.format(r=file, s=register), f"{path}.{use}")


def _means(device: Device, name: str, expected: str, path: str) -> Iterator[Problem]:
    """A problem unless command `name` means `expected`."""
    if name not in device.commands:
        yield from known_command(device, name, path)
        return
    found = device.commands[name].meaning
    try:
        same = found is not None and parse_meaning(found) == parse_meaning(expected)
    except MeaningError:
        return  # reported where the meaning stands
    if not same:
        yield Problem(path, f"{name} means '{found or 'nothing'}'; expected '{expected}'")
