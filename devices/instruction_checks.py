"""Checks of a dispatcher: its instructions, and the modes of the controllers that it feeds."""

from collections.abc import Iterator

from pim_opt.devices.model import Device, Instruction
from pim_opt.devices.problem import Problem, known_command, unknown

MOST_GROUPS = 62
"""Bits of a mask of groups that an integer of the simulator holds."""


def instruction_problems(device: Device) -> Iterator[Problem]:
    """All that is wrong with a device's instructions and modes."""
    yield from _modes(device)
    dispatches = device.controller.policy == "dispatch"
    if dispatches != bool(device.instructions):
        message = f"policy {device.controller.policy} with {len(device.instructions)} instructions"
        expected = "some" if dispatches else "none"
        yield Problem("$.controller.policy", f"{message}; expected {expected}")
        return
    if not dispatches:
        return
    if device.groups > MOST_GROUPS:
        message = f"{device.groups} {device.group}s; expected at most {MOST_GROUPS} in a mask"
        yield Problem("$.organisation.levels", message)
    if device.refresh is not None:
        yield Problem("$.refresh", "policy dispatch has no refresh; expected none")
    if not any(instruction.ends for instruction in device.instructions.values()):
        yield Problem("$.instructions", "no instruction ends a trace; expected one with ends: true")
    for name, instruction in device.instructions.items():
        yield from _instruction(device, name, instruction)


def _modes(device: Device) -> Iterator[Problem]:
    modes = device.controller.modes
    names = () if modes is None else modes.names
    if modes is not None:
        yield from known_command(device, modes.change, "$.controller.modes.change")
    for name, command in device.commands.items():
        if command.mode is not None and command.mode not in names:
            yield Problem(f"$.commands.{name}.mode", unknown("mode", command.mode, names))


def _instruction(device: Device, name: str, instruction: Instruction) -> Iterator[Problem]:
    path = f"$.instructions.{name}"
    if len(name.split(" ")) != 2:
        yield Problem(path, f"instruction '{name}'; expected a name of two words")
    if instruction.blocking and "opsize" in instruction.fields:
        yield Problem(path, f"{name} blocks on many columns; expected no opsize")
    if instruction.ends and not instruction.blocking:
        yield Problem(path, f"{name} ends a trace without blocking; expected blocking: true")
    if instruction.command is None:
        if instruction.blocking:
            yield Problem(path, f"{name} blocks, but has no command to wait for")
        return
    yield from known_command(device, instruction.command, f"{path}.command")
    if instruction.command in device.commands:
        yield from _operands(device, name, instruction, f"{path}.fields")
        yield from _advances(device, instruction, f"{path}.advances")


def _advances(device: Device, instruction: Instruction, path: str) -> Iterator[Problem]:
    """What grows from column to column is something that its command takes."""
    known = ("column", *device.commands[instruction.command or ""].operands)
    for i, name in enumerate(instruction.advances):
        if name not in known:
            yield Problem(f"{path}[{i}]", unknown("operand", name, known))


def _operands(device: Device, name: str, instruction: Instruction, path: str) -> Iterator[Problem]:
    """An instruction says all that its command needs, and where it goes."""
    command = device.commands[instruction.command or ""]
    has = set(instruction.fields)
    if instruction.row is not None:
        has.add("row")
    if command.row and "row" not in has:
        yield Problem(path, f"{name} gives {instruction.command} no row")
    if command.row and not command.spans and "bank" not in has:
        yield Problem(path, f"{name} gives {instruction.command} no bank")
    if command.kind != "barrier" and has.isdisjoint({"mask", "mask_of_one", "channel"}):
        yield Problem(path, f"{name} gives {instruction.command} no mask and no channel")
