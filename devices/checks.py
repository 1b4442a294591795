"""Checks of a device's parts against each other: what a well-formed file can still get wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator

from pim_opt.devices.instruction_checks import instruction_problems
from pim_opt.devices.lane_checks import lane_kernel_problems
from pim_opt.devices.meaning import Meaning, MeaningError, Ref, parse_meaning
from pim_opt.devices.model import ELEMENT_BYTES, Command, ContractionMode, Device, Level
from pim_opt.devices.problem import Problem, known_command, unknown
from pim_opt.devices.weight_checks import weight_problems


def problems(device: Device) -> Iterator[Problem]:
    """All that is wrong with a device, the parts that others build on first."""
    found = False
    for check in (_organisation, _layout, _registers):
        for problem in check(device):
            found = True
            yield problem
    if found:
        return
    for check in (_commands, _kernels, _timing, _controller, instruction_problems):
        yield from check(device)


def _organisation(device: Device) -> Iterator[Problem]:
    path = "$.organisation"
    names = Counter(name for lv in device.levels for name in {lv.name, lv.short})
    for i, level in enumerate(device.levels):
        if level.count < 1:
            yield Problem(f"{path}.levels[{i}].count", f"count {level.count}; expected at least 1")
        for name in (level.name, level.short):
            if names[name] > 1:
                yield Problem(f"{path}.levels[{i}]", f"level name '{name}' is used twice")
    sizes = {
        "rows": device.rows,
        "columns": device.columns,
        "column_bytes": device.column_bytes,
    }
    for name, value in sizes.items():
        if value < 1:
            yield Problem(f"{path}.{name}", f"{name} {value}; expected at least 1")
    if device.clock_ps < 1:
        yield Problem("$.clock_ps", f"clock_ps {device.clock_ps}; expected at least 1")
    if not _has_level(device.levels, device.group):
        yield Problem("$.group", unknown("level", device.group, _level_names(device)))


def _level_names(device: Device) -> list[str]:
    return [level.name for level in device.levels]


def _has_level(levels: Iterable[Level], name: str) -> bool:
    return any(name in (level.name, level.short) for level in levels)


def _layout(device: Device) -> Iterator[Problem]:
    expected = [*_level_names(device), "column", "row"]
    if Counter(device.host_layout) != Counter(expected):
        yield Problem(
            "$.host_layout",
            f"host_layout lists {', '.join(device.host_layout)}; expected each of"
            f" {', '.join(expected)} once",
        )
    elif device.host_layout[-2:] != ("column", "row"):
        yield Problem("$.host_layout", "host_layout must end in column, row")
    for i, element in enumerate(device.elements):
        if element not in ELEMENT_BYTES:
            yield Problem(f"$.elements[{i}]", unknown("element type", element, ELEMENT_BYTES))


def _registers(device: Device) -> Iterator[Problem]:
    for name, register in device.registers.items():
        path = f"$.registers.{name}"
        if not _has_level(device.levels, register.per):
            yield Problem(f"{path}.per", unknown("level", register.per, _level_names(device)))
        for field in ("entries", "lanes", "halves"):
            value: int = getattr(register, field)
            if value < 1:
                yield Problem(f"{path}.{field}", f"{field} {value}; expected at least 1")
        if register.entries % max(register.halves, 1):
            yield Problem(
                f"{path}.halves",
                f"{register.entries} entries do not divide into {register.halves} halves",
            )
        if register.element not in ("column", "f32"):
            yield Problem(
                f"{path}.element", unknown("element type", register.element, ("column", "f32"))
            )


def _commands(device: Device) -> Iterator[Problem]:
    core_names = [level.name for level in device.core_levels]
    for name, command in device.commands.items():
        path = f"$.commands.{name}"
        for i, level in enumerate(command.spans):
            if level not in core_names:
                yield Problem(f"{path}.spans[{i}]", unknown("core level", level, core_names))
        if command.meaning is not None:
            yield from _meaning(device, command, f"{path}.meaning")
        if command.scope is not None and not _has_level(device.levels, command.scope):
            message = unknown("level", command.scope, _level_names(device))
            yield Problem(f"{path}.scope", message)
        for number, row_command in enumerate(command.rows_by or ()):
            yield from known_command(device, row_command, f"{path}.rows_by[{number}]")
        if command.row:
            try:
                device.rows_by(name)
            except KeyError:
                yield Problem(
                    f"{path}.spans",
                    f"{name} needs its row open, but no pair of row commands spans"
                    f" {', '.join(command.spans) or 'a single bank'}",
                )


def _meaning(device: Device, command: Command, path: str) -> Iterator[Problem]:
    try:
        meaning: Meaning = parse_meaning(command.meaning or "")
    except MeaningError as error:
        yield Problem(path, f"meaning: {error}")
        return
    known = ["column", "data", *device.registers, *command.spans, *command.operands]
    if meaning.gathers:
        yield from _gathering(device, command, meaning, path)
    for ref in meaning.references():
        if ref.name not in known:
            yield Problem(path, f"meaning: {unknown('name', ref.name, known)}")
        yield from _whole_file(device, ref, path)
        for index in ref.indices:
            if index not in command.operands:
                yield Problem(
                    path,
                    f"meaning: {unknown('index operand', index, command.operands)}",
                )


def _whole_file(device: Device, ref: Ref, path: str) -> Iterator[Problem]:
    """A register file without an index is taken as lanes, of which a column has so many."""
    register = device.registers.get(ref.name)
    if register is None or ref.indices:
        return
    most = max(map(device.column_elements, device.elements))
    elements = register.entries * register.lanes
    if elements > most:
        yield Problem(
            path,
            f"meaning: '{ref.name}' without an index is all of its {elements} elements at once; a"
            f" column holds {most}",
        )


def _gathering(device: Device, command: Command, meaning: Meaning, path: str) -> Iterator[Problem]:
    """All cores of a group give an element each, which fit a column."""
    if set(command.spans) != {level.name for level in device.core_levels}:
        yield Problem(path, "meaning: gather takes from all cores, but it does not span all")
    for element in device.elements:
        lanes = device.column_elements(element)
        if device.cores > lanes:
            message = f"meaning: gather of {device.cores} {element} elements; a column has {lanes}"
            yield Problem(path, message)
    if meaning.sets != frozenset({"data"}) or len(meaning.assigns) > 1:
        yield Problem(path, "meaning: gather stands by itself; expected 'data = gather(..)'")


def _kernels(device: Device) -> Iterator[Problem]:
    path = "$.kernels"
    host = device.kernels.host
    for field, name in (("read", host.read), ("write", host.write)):
        yield from known_command(device, name, f"{path}.host.{field}")
    yield from lane_kernel_problems(device)
    yield from _streams(device)
    yield from weight_problems(device)
    contraction = device.kernels.contraction
    if contraction is None:
        return
    path = f"{path}.contraction"
    needed = ("batch", "output", "reduction")
    roles = (*needed, "row")
    for role in contraction.hand_mapping:
        if role not in roles:
            yield Problem(f"{path}.hand_mapping.{role}", unknown("role", role, roles))
    for role in roles:
        targets = contraction.hand_mapping.get(role)
        if targets is None and role in needed:
            yield Problem(f"{path}.hand_mapping", f"hand_mapping has no entry for '{role}'")
        for i, target in enumerate(targets or ()):
            for level in target.split("*"):
                if not _has_level(device.levels, level):
                    where = f"{path}.hand_mapping.{role}[{i}]"
                    yield Problem(where, unknown("level", level, _level_names(device)))
    for name, mode in (("tree", contraction.tree), ("broadcast", contraction.broadcast)):
        if mode is not None:
            yield from _mode(device, mode, f"{path}.{name}")


def _streams(device: Device) -> Iterator[Problem]:
    """Only contractions leave their results with the host."""
    if device.kernels.host.streams == "dram":
        return
    for name in ("attention", "elementwise", "reduction"):
        if getattr(device.kernels, name) is not None:
            yield Problem(f"$.kernels.{name}", f"{name} kernels stream to and from DRAM alone")


def _mode(device: Device, mode: ContractionMode, path: str) -> Iterator[Problem]:
    yield from known_command(device, mode.multiply, f"{path}.multiply")
    for field, name in (("operand", mode.operand), ("accumulator", mode.accumulator)):
        if name not in device.registers:
            yield Problem(f"{path}.{field}", unknown("register", name, device.registers))
    for travel, name in mode.load.items():
        if travel not in ("direct", "multicast"):
            where = f"{path}.load.{travel}"
            yield Problem(where, unknown("way to load", travel, ("direct", "multicast")))
        yield from known_command(device, name, f"{path}.load.{travel}")
        yield from _reach(device, mode, name, f"{path}.load.{travel}")
    for level, name in mode.move.items():
        where = f"{path}.move.{level}"
        yield from known_command(device, name, where)
        spans = device.commands[name].spans if name in device.commands else ()
        if level and level not in spans:
            yield Problem(where, f"{name} is to sum over {level}, but spans {', '.join(spans)}")
    if mode.reset is not None:
        yield from known_command(device, mode.reset, f"{path}.reset")


def _reach(device: Device, mode: ContractionMode, load: str, path: str) -> Iterator[Problem]:
    """A load names no core where one buffer serves many at once."""
    named = (load, mode.multiply)
    if mode.operand not in device.registers or any(n not in device.commands for n in named):
        return  # reported elsewhere
    per = device.level(device.registers[mode.operand].per)
    spans, at_once = (device.commands[name].spans for name in named)
    for level in device.levels[device.levels.index(per) + 1 :]:
        if level.name in at_once and level.name not in spans:
            yield Problem(path, f"{load} names a {level.name}, but all share '{mode.operand}'")


def _timing(device: Device) -> Iterator[Problem]:
    latencies: dict[tuple[object, ...], int] = {}
    for i, row in enumerate(device.timing.constraints):
        path = f"$.timing.constraints[{i}]"
        if not _has_level(device.levels, row.level):
            yield Problem(f"{path}.level", unknown("level", row.level, _level_names(device)))
        for field, names in (("preceding", row.preceding), ("following", row.following)):
            for number, name in enumerate(names):
                yield from known_command(device, name, f"{path}.{field}[{number}]")
        try:
            cycles = device.timing.cycles(row.latency)
        except KeyError as error:
            names = device.timing.values
            yield Problem(f"{path}.latency", unknown("timing value", error.args[0], names))
            continue
        except ValueError as error:
            yield Problem(f"{path}.latency", str(error))
            continue
        if row.window < 1:
            yield Problem(f"{path}.window", f"window {row.window}; expected at least 1")
        # Rows that overlap combine by maximum; the same row twice contradicts itself.
        if row.entry is not None and row.entry not in device.registers:
            yield Problem(f"{path}.entry", unknown("register", row.entry, device.registers))
        for level, origin in row.also_at.items():
            known = ("*", *_level_names(device))
            if not _has_level(device.levels, level) or (origin not in known):
                yield Problem(f"{path}.also_at.{level}", unknown("level", origin, known))
        key = (
            row.level,
            frozenset(row.preceding),
            frozenset(row.following),
            row.window,
            row.entry,
            tuple(sorted(row.also_at.items())),
        )
        if latencies.setdefault(key, cycles) != cycles:
            yield Problem(
                path,
                f"{', '.join(row.preceding)} to {', '.join(row.following)} at level {row.level}"
                f" takes {cycles} cycles here and {latencies[key]} above",
            )
    for name, latency in device.timing.completion.items():
        yield from known_command(device, name, f"$.timing.completion.{name}")
        yield from _latency(device, latency, f"$.timing.completion.{name}")
    yield from _refresh(device)


def _latency(device: Device, latency: int | str, path: str) -> Iterator[Problem]:
    try:
        device.timing.cycles(latency)
    except KeyError as error:
        yield Problem(path, unknown("timing value", error.args[0], device.timing.values))
    except ValueError as error:
        yield Problem(path, str(error))


def _refresh(device: Device) -> Iterator[Problem]:
    refresh = device.refresh
    if refresh is None:
        return
    yield from known_command(device, refresh.command, "$.refresh.command")
    if refresh.per is not None and not _has_level(device.levels, refresh.per):
        yield Problem("$.refresh.per", unknown("level", refresh.per, _level_names(device)))
    for field, latency in (("interval", refresh.interval), ("duration", refresh.duration)):
        yield from _latency(device, latency, f"$.refresh.{field}")


def _controller(device: Device) -> Iterator[Problem]:
    controller = device.controller
    expected = controller.policy != "in-order"
    if controller.coupled != expected:
        yield Problem(
            "$.controller.policy",
            f"policy {controller.policy} with coupled: {str(controller.coupled).lower()};"
            f" expected coupled: {str(expected).lower()}, for nothing else can be simulated",
        )
