"""Reads device files: YAML with positions, inheritance by `base`, checks, located errors.

Devices come with the compiler, with installed packages that name a package of YAML files as an
entry point of the group "pim_opt.devices", or by the path of a file.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import cast

import msgspec
import yaml

from pim_opt.devices.checks import problems
from pim_opt.devices.model import Device

ENTRY_POINTS = "pim_opt.devices"
"""The group of entry points by which packages bring devices."""

_FOLDER = Path(__file__).parent

_ANY_KEY = "[...]"
"""How msgspec writes a key of a mapping, whichever it is."""

Data = Mapping[str, object]
Positions = dict[str, tuple[str, int, int]]
"""Path in the data (`$.organisation.rows`) to file, line and column, counted from 1."""


class DeviceError(ValueError):
    """A device that does not exist or a device file that is wrong, with the place if it has one."""

    def __init__(self, message: str, place: tuple[str, int, int] | None = None) -> None:
        self.message = message
        self.place = place
        where = "" if place is None else f"{place[0]}:{place[1]}:{place[2]}: error: "
        super().__init__(f"{where}{message}")


@dataclass(frozen=True)
class _File:
    """The contents of a device file and where each of them stands."""

    data: Data
    positions: Positions


def device_names() -> tuple[str, ...]:
    """Names of the devices that come with the compiler and with installed packages, sorted.

    Raises:
        DeviceError: two packages have a device of one name.
    """
    return tuple(sorted({*_in_folder(_FOLDER), *_installed()}))


def _in_folder(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.glob("*.yaml")}


@lru_cache
def _installed() -> dict[str, Path]:
    """The files of the devices that other packages bring, by name."""
    found: dict[str, Path] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        for name, path in _in_folder(Path(str(files(entry.value)))).items():
            first = found.get(name) or _in_folder(_FOLDER).get(name)
            if first is not None:
                raise DeviceError(f"two files are called device '{name}': '{first}' and '{path}'")
            found[name] = path
    return found


@lru_cache
def load_device(name_or_path: str) -> Device:
    """The device of that name, or the one that the file of that path describes.

    Raises:
        DeviceError: no such device or file, or one that a check refuses; at its line if it has one.
    """
    device, found = check_device(name_or_path)
    for error in found:
        raise error
    return device


def check_device(name_or_path: str) -> tuple[Device, tuple[DeviceError, ...]]:
    """The device of that name or path, and all that is wrong with how its parts go together.

    Raises:
        DeviceError: no such device or file, or one that does not have the form of a device.
    """
    file = _read(_path_of(name_or_path), ())
    try:
        device = msgspec.convert(file.data, Device)
    except msgspec.ValidationError as error:
        raise _located(str(error), file) from error
    found = dict.fromkeys(problems(device))
    return device, tuple(DeviceError(p.message, _position(file, p.path)) for p in found)


def _path_of(name_or_path: str) -> Path:
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if not path.is_file():
            raise DeviceError(f"no device file '{name_or_path}'")
        return path
    path = _in_folder(_FOLDER).get(name_or_path) or _installed().get(name_or_path)
    if path is None:
        close = difflib.get_close_matches(name_or_path, device_names(), n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        raise DeviceError(
            f"unknown device '{name_or_path}'; {hint}known are {', '.join(device_names())},"
            " or give a path that ends in .yaml"
        )
    return path


def _read(path: Path, children: tuple[Path, ...]) -> _File:
    """A file with what it inherits from its base."""
    file = _parse(path)
    base = file.data.get("base")
    if base is None:
        return file
    place = file.positions["$.base"]
    if not isinstance(base, str):
        raise DeviceError(f"base is {base!r}; expected the name or path of a device", place)
    try:
        beside = path.parent / base
        base_path = beside if base.endswith((".yaml", ".yml")) else _path_of(base)
    except DeviceError as error:
        raise DeviceError(str(error), place) from error
    if base_path.resolve() in {child.resolve() for child in (*children, path)}:
        raise DeviceError(f"base '{base}' leads back to this file", place)
    parent = _read(base_path, (*children, path))
    own = {key: value for key, value in file.data.items() if key != "base"}
    positions = parent.positions | file.positions
    return _File(_merged(parent.data, own, "$", positions), positions)


def _merged(base: Data, own: Data, where: str, positions: Positions) -> Data:
    """`base` with the entries of `own`, both at the path `where`.

    Mappings in both are merged, `key+` adds its list to that of `key`, null takes an entry back,
    all else is replaced.
    """
    result = dict(base)
    for key, value in own.items():
        inherited = result.get(key)
        listed = result.get(key.removesuffix("+"))
        if value is None and key in base:
            del result[key]
        elif isinstance(inherited, dict) and isinstance(value, dict):
            path = f"{where}.{key}"
            result[key] = _merged(cast(Data, inherited), cast(Data, value), path, positions)
        elif key.endswith("+") and isinstance(listed, list) and isinstance(value, list):
            added = cast(list[object], value)
            result[key[:-1]] = _appended(cast(list[object], listed), added, where, key, positions)
        else:
            result[key] = value
    return result


def _appended(
    base: list[object], added: list[object], where: str, key: str, positions: Positions
) -> list[object]:
    """Both lists; the positions of what is added move to its place in the whole."""
    for number in range(len(added)):
        written, place = f"{where}.{key}[{number}]", f"{where}.{key[:-1]}[{len(base) + number}]"
        for path in [path for path in positions if path.startswith(written)]:
            positions[path.replace(written, place, 1)] = positions[path]
    return [*base, *added]


def _parse(path: Path) -> _File:
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(f"cannot read device file '{path}': {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = None if mark is None else (str(path), mark.line + 1, mark.column + 1)
        raise DeviceError(f"malformed YAML: {error.problem}", place) from error
    positions: Positions = {}
    if node is None:
        raise DeviceError("the file is empty; expected a device", (str(path), 1, 1))
    data = _construct(node, "$", str(path), positions)
    if not isinstance(data, dict):
        raise DeviceError("expected a mapping of fields", positions["$"])
    return _File(cast(Data, data), positions)


def _construct(node: yaml.Node, where: str, path: str, positions: Positions) -> object:
    """The data of a node; notes the position of every part, of a field that of its key."""
    mark = node.start_mark
    positions.setdefault(where, (path, mark.line + 1, mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        return [
            _construct(item, f"{where}[{i}]", path, positions) for i, item in enumerate(node.value)
        ]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(node)
    result: dict[str, object] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        place = (path, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if key in result:
            raise DeviceError(f"'{key}' is given twice", place)
        positions[f"{where}.{key}"] = place
        result[key] = _construct(value_node, f"{where}.{key}", path, positions)
    return result


def _scalar(node: yaml.Node) -> object:
    """The value of a scalar node, by YAML's own rules."""
    loader = yaml.SafeLoader("")
    try:
        return cast(object, loader.construct_object(node))  # pyright: ignore[reportUnknownMemberType]
    finally:
        loader.dispose()


def _located(message: str, file: _File) -> DeviceError:
    """A message of msgspec, at the place in the file that it speaks of."""
    text, where = _text_and_path(message)
    while _ANY_KEY in where:
        where = _with_key(message, where, file)
    unknown = re.search(r"unknown field `([^`]+)`", text)
    if unknown is not None:
        text = f"unknown field '{unknown[1]}'"
        where = f"{where}.{unknown[1]}"
    return DeviceError(text[:1].lower() + text[1:], _position(file, where))


def _text_and_path(message: str) -> tuple[str, str]:
    """What msgspec says, and the path in the data where it says so."""
    match = re.fullmatch(r"(.*?)(?: - at `(?:key in )?(.*)`)?", message)
    assert match is not None, "the pattern matches any text"
    return match[1], match[2] or "$"


def _with_key(message: str, where: str, file: _File) -> str:
    """`where` with its first unnamed key named: the one that alone draws the same message."""
    before, _, after = where.partition(_ANY_KEY)
    steps = re.findall(r"\w+", before)
    for key in _mapping_at(file.data, steps):
        try:
            msgspec.convert(_only(file.data, steps, key), Device)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return f"{before}.{key}{after}"
    return before + after


def _mapping_at(data: object, steps: Sequence[str]) -> Data:
    for step in steps:
        if isinstance(data, list):
            data = cast(list[object], data)[int(step)]
        else:
            data = cast(Data, data)[step]
    return cast(Data, data)


def _only(data: object, steps: Sequence[str], key: str) -> object:
    """`data` with nothing but `key` in the mapping that `steps` lead to."""
    if not steps:
        return {key: cast(Data, data)[key]}
    if isinstance(data, list):
        items = cast(list[object], data)
        at = int(steps[0])
        return [*items[:at], _only(items[at], steps[1:], key), *items[at + 1 :]]
    fields = cast(Data, data)
    return {**fields, steps[0]: _only(fields[steps[0]], steps[1:], key)}


def _position(file: _File, where: str) -> tuple[str, int, int]:
    """The place of `where`, or of the innermost part around it that the file has."""
    while where not in file.positions and where != "$":
        where = re.sub(r"(\.[^.\[\]]+|\[\d+\])$", "", where) or "$"
    return file.positions[where]
