"""What `pimc devices` shows: all devices in a table, or one in full."""

from typing import Any

from pim_opt.devices import Device, device_names, load_device
from pim_opt.devices.abilities import abilities, gaps


def devices_json() -> list[dict[str, str]]:
    """Name and description of every device that comes with the compiler."""
    return [{"name": n, "description": load_device(n).description} for n in device_names()]


def device_json(device: Device) -> dict[str, Any]:
    """The whole device file as data, with what follows from it."""
    import msgspec  # noqa: PLC0415

    return msgspec.to_builtins(device) | {"derived": _derived(device)}


def _derived(device: Device) -> dict[str, float]:
    banks = device.groups * device.cores
    bank_bytes = device.rows * device.columns * device.column_bytes
    return {
        "banks": banks,
        "bank_mib": bank_bytes / 2**20,
        "capacity_gib": banks * bank_bytes / 2**30,
        "clock_mhz": round(1e6 / device.clock_ps, 1),
    }


def devices_text() -> str:
    """One line per device."""
    entries = devices_json()
    width = max(len(entry["name"]) for entry in entries)
    return "\n".join(f"{entry['name']:<{width}}  {entry['description']}" for entry in entries)


def device_text(device: Device) -> str:
    """Organisation, registers, commands and assumptions of one device."""
    derived = _derived(device)
    levels = " x ".join(f"{level.name} {level.count}" for level in device.levels)
    lines = [
        f"{device.name}: {device.description}",
        f"  levels     {levels}",
        f"  bank       {device.rows} rows x {device.columns} columns x {device.column_bytes} bytes",
        f"  in all     {derived['banks']:.0f} banks, {derived['capacity_gib']:g} GiB",
        f"  clock      {derived['clock_mhz']:g} MHz",
        f"  elements   {', '.join(device.elements)}",
        f"  host       round {', '.join(device.host_layout)}",
        *(f"  weights    {name}, a 1 counts as {one:g}" for name, one in device.weights.items()),
        "  registers",
    ]
    for name, register in device.registers.items():
        halves = f" in {register.halves} halves" if register.halves > 1 else ""
        lines.append(
            f"    {name:<9}{register.entries} entries x {register.lanes} {register.element} a"
            f" {register.per}{halves}"
        )
    lines += _instruction_lines(device) if device.instructions else _command_lines(device)
    lines.append(f"  timing     {len(device.timing.constraints)} constraints between commands")
    lines.append("  assumed")
    notes = [f"{n}: {r.assumption}" for n, r in device.registers.items() if r.assumption]
    lines += [f"    {note}" for note in (*notes, *device.assumptions)]
    return "\n".join(lines)


def check_json(device: Device) -> dict[str, Any]:
    """What a well-formed device runs and what its file leaves open."""
    runs = {a.kernel_class: {"runs": a.runs, "missing": a.missing} for a in abilities(device)}
    return {"name": device.name, "kernels": runs, "gaps": list(gaps(device))}


def check_text(device: Device) -> str:
    """That for people."""
    lines = [f"{device.name}: nothing is wrong with its file"]
    for ability in abilities(device):
        missing = f"missing: {ability.missing}" if ability.missing else ""
        text = "; ".join(filter(None, (ability.runs, missing)))
        lines.append(f"  {ability.kernel_class:<12} {text}")
    found = list(gaps(device))
    lines += ["  left open", *(f"    {gap}" for gap in found)] if found else []
    return "\n".join(lines)


def _command_lines(device: Device) -> list[str]:
    """The commands that traces name, and what they mean."""
    width = max(map(len, device.commands)) + 1
    trace_width = max(len(command.trace or "") for command in device.commands.values()) + 1
    return ["  commands"] + [
        f"    {name:<{width}}{command.trace:<{trace_width}}{command.meaning or command.kind}"
        for name, command in device.commands.items()
        if command.trace is not None
    ]


def _instruction_lines(device: Device) -> list[str]:
    """The instructions of traces with their numbers, the commands they become and what these mean.

    The meaning of a command without one is its kind.
    """
    numbers = [" ".join(instruction.fields) for instruction in device.instructions.values()]
    width = max(map(len, device.instructions)) + 1
    numbers_width = max(map(len, numbers)) + 1
    command_width = max(map(len, device.commands)) + 1
    lines = ["  instructions"]
    for (name, instruction), fields in zip(device.instructions.items(), numbers, strict=True):
        line = f"    {name:<{width}}{fields:<{numbers_width}}"
        if instruction.command is not None:
            command = device.commands[instruction.command]
            what = command.meaning or command.kind
            line += f"{instruction.command:<{command_width}}{what}"
        lines.append(line.rstrip())
    return lines
