"""What a device can run by its file, and what it leaves open."""

from collections.abc import Iterator
from dataclasses import dataclass

from pim_opt.devices.model import ContractionMode, Device, FileCommands


@dataclass(frozen=True)
class Ability:
    """A class of kernels on a device."""

    kernel_class: str
    runs: str
    """What of it the device runs; empty if nothing."""
    missing: str
    """What its file lacks for the rest; empty if nothing."""


def abilities(device: Device) -> tuple[Ability, ...]:
    """What the device runs of each class of kernels, and what is missing for more."""
    return (
        _contractions(device),
        _attention(device),
        _in_place(device, "elementwise"),
        _in_place(device, "reduction"),
    )


def _contractions(device: Device) -> Ability:
    modes = device.kernels.contraction
    uses = {
        "tree": ("lanes hold summands", modes and modes.tree),
        "broadcast": ("lanes hold outputs", modes and modes.broadcast),
    }
    runs = [f"{name} ({what})" for name, (what, mode) in uses.items() if mode is not None]
    missing = [f"kernels.contraction.{name}" for name, (_, mode) in uses.items() if mode is None]
    return Ability("contraction", ", ".join(runs), ", ".join(missing))


def _attention(device: Device) -> Ability:
    if device.kernels.attention is None:
        return Ability("attention", "", "kernels.attention: score, context, buffer, softmax")
    return Ability("attention", "scores, softmax and context as one kernel", "")


_OPERATIONS = ("add", "mul", "relu", "scalar_add", "scalar_mul")


def _in_place(device: Device, name: str) -> Ability:
    """Kernels that compute in one register file; sums need nothing but additions."""
    kernels = device.kernels.elementwise if name == "elementwise" else device.kernels.reduction
    if kernels is None:
        return Ability(name, "", f"kernels.{name}: a register file with its load and store")
    wanted = _OPERATIONS if name == "elementwise" else ("add",)
    runs = [op for op in wanted if any(_has(file, op) for file in kernels.files.values())]
    missing = [f"kernels.{name}.files.*.{op}" for op in wanted if op not in runs]
    return Ability(name, ", ".join(runs), ", ".join(missing))


def _has(file: FileCommands, operation: str) -> bool:
    return getattr(file, operation) is not None


_CARRYING = ("host_read", "host_write", "move")
"""Kinds of commands whose data something waits for."""


def gaps(device: Device) -> Iterator[str]:
    """What a well-formed file leaves out that a user of its cycles should know."""
    followed = {name for row in device.timing.constraints for name in row.following}
    for name in sorted(_kernel_commands(device)):
        command = device.commands[name]
        if name not in followed:
            yield f"commands.{name}: no constraint says how long it waits for another command"
        if command.meaning is None:
            yield f"commands.{name}: no meaning, so that programs with it cannot be executed"
        if command.kind in _CARRYING and name not in device.timing.completion:
            yield f"timing.completion.{name}: none, so that nothing waits for its data"
    if device.refresh is None:
        yield "refresh: none, so that no time is lost to it"
    if not device.energy_pj_per_bit:
        yield "energy_pj_per_bit: none, so that energy is 0 and no objective"


def _kernel_commands(device: Device) -> set[str]:
    """The commands that carry data or compute in some class of kernels."""
    kernels = device.kernels
    found = {kernels.host.read, kernels.host.write}
    modes: list[ContractionMode | None] = []
    if kernels.contraction is not None:
        modes += [kernels.contraction.tree, kernels.contraction.broadcast]
    if kernels.attention is not None:
        modes += [kernels.attention.score, kernels.attention.context]
        found.add(kernels.attention.softmax)
    for mode in modes:
        if mode is not None:
            found |= {mode.multiply, *mode.load.values(), *mode.move.values()}
    return found
