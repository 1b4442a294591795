"""Energy of commands, from a device file's energies per bit of each part of the way."""

from collections.abc import Mapping

from pim_opt.devices import Device
from pim_opt.devices.model import CommandKind

_BANK_TO_DIE = ("bank_group_mux", "global_io", "tsv")

WAYS: dict[CommandKind, tuple[str, ...]] = {
    "host_read": ("column", *_BANK_TO_DIE, "interposer"),
    "host_write": ("column", *_BANK_TO_DIE, "interposer"),
    "load": (*_BANK_TO_DIE, "interposer"),
    "move": (*_BANK_TO_DIE, "interposer"),
    "compute": ("column",),
}
"""The parts of the way that a column of data takes, by kind of command."""


def energy_pj(
    device: Device,
    commands: Mapping[str, int],
    activations: Mapping[str, int],
    lanes: int | None = None,
) -> float:
    """Energy of commands, in picojoules; parts that the device file does not price cost nothing.

    Args:
        device: with its energies per bit, of an activated row's bits and of a column's.
        commands: numbers issued, by name.
        activations: numbers issued of commands that open rows, by name.
        lanes: elements of a column that commands compute on, if not those of the device's type.
    """
    per_bit = device.energy_pj_per_bit
    column_bits = 8 * device.column_bytes
    operations = 2 * (device.vector_lanes if lanes is None else lanes)
    total = 0.0
    for name, number in commands.items():
        command = device.commands[name]
        inside = _stays_in_banks(device, name)
        parts = WAYS["compute"] if inside else WAYS.get(command.kind, ())
        way = sum(per_bit.get(part, 0.0) for part in parts)
        banks = device.members(command.spans) if inside else 1
        total += number * banks * column_bits * way
        if command.kind == "compute":
            total += number * banks * operations * device.energy_pj_per_operation
    row_bits = column_bits * device.columns
    for name, number in activations.items():
        banks = device.members(device.commands[name].spans)
        total += number * banks * row_bits * per_bit.get("activate", 0.0)
    return total


def _stays_in_banks(device: Device, name: str) -> bool:
    """Whether a command computes, or takes data no further than from a column to registers."""
    command = device.commands[name]
    if command.kind == "compute" or command.meaning is None:
        return command.kind == "compute"
    meaning = device.meaning(name)
    named = meaning.reads | meaning.sets
    return command.kind in ("load", "move") and "column" in named and "data" not in named
