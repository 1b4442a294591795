"""Data files of hardware: YAML with positions, inheritance by `base`, located errors.

They come with the compiler, with installed packages that name a package of YAML files as an entry
point, or by the path of a file.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import TypeVar, cast

import msgspec
import yaml

_ANY_KEY = "[...]"
"""How msgspec writes a key of a mapping, whichever it is."""

Data = Mapping[str, object]
Positions = dict[str, tuple[str, int, int]]
"""Path in the data (`$.organisation.rows`) to file, line and column, counted from 1."""


_Type = TypeVar("_Type")


class DeviceError(ValueError):
    """Hardware that does not exist or whose file is wrong, with the place if it has one."""

    def __init__(self, message: str, place: tuple[str, int, int] | None = None) -> None:
        self.message = message
        self.place = place
        where = "" if place is None else f"{place[0]}:{place[1]}:{place[2]}: error: "
        super().__init__(f"{where}{message}")


@dataclass(frozen=True)
class DataFile:
    """The contents of a device file and where each of them stands."""

    data: Data
    positions: Positions


@dataclass(frozen=True)
class Library:
    """The data files of one kind of hardware, of the compiler and of installed packages."""

    folder: Path
    what: str
    """What they describe, for messages."""

    @property
    def entry_points(self) -> str:
        """The group of entry points by which packages bring files."""
        return f"pim_opt.{self.what}s"

    def names(self) -> tuple[str, ...]:
        """Names of the files, sorted.

        Raises:
            DeviceError: two packages have a file of one name.
        """
        return tuple(sorted({*_in_folder(self.folder), *self._installed}))

    @cached_property
    def _installed(self) -> dict[str, Path]:
        """The files that other packages bring, by name."""
        found: dict[str, Path] = {}
        for entry in entry_points(group=self.entry_points):
            for name, path in _in_folder(Path(str(files(entry.value)))).items():
                first = found.get(name) or _in_folder(self.folder).get(name)
                if first is not None:
                    raise DeviceError(
                        f"two files are called {self.what} '{name}': '{first}' and '{path}'"
                    )
                found[name] = path
        return found

    def path_of(self, name_or_path: str) -> Path:
        """The file of that name, or of that path.

        Raises:
            DeviceError: there is none.
        """
        if name_or_path.endswith((".yaml", ".yml")):
            path = Path(name_or_path)
            if not path.is_file():
                raise DeviceError(f"no {self.what} file '{name_or_path}'")
            return path
        # What other packages bring is looked for only when it is asked for: that takes time.
        own = _in_folder(self.folder).get(name_or_path)
        path = own or self._installed.get(name_or_path)
        if path is None:
            close = difflib.get_close_matches(name_or_path, self.names(), n=1)
            hint = f"did you mean '{close[0]}'? " if close else ""
            raise DeviceError(
                f"unknown {self.what} '{name_or_path}'; {hint}known are {', '.join(self.names())},"
                " or give a path that ends in .yaml"
            )
        return path

    def read(self, name_or_path: str) -> DataFile:
        """A file with what it inherits.

        Raises:
            DeviceError: no such file, or malformed, at its line if it has one.
        """
        return _read(self, self.path_of(name_or_path), ())


def _in_folder(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.glob("*.yaml")}


def _read(library: Library, path: Path, children: tuple[Path, ...]) -> DataFile:
    """A file with what it inherits from its base."""
    file = _parse(path, library.what)
    base = file.data.get("base")
    if base is None:
        return file
    place = file.positions["$.base"]
    if not isinstance(base, str):
        raise DeviceError(f"base is {base!r}; expected the name or path of a {library.what}", place)
    try:
        beside = path.parent / base
        base_path = beside if base.endswith((".yaml", ".yml")) else library.path_of(base)
    except DeviceError as error:
        raise DeviceError(str(error), place) from error
    if base_path.resolve() in {child.resolve() for child in (*children, path)}:
        raise DeviceError(f"base '{base}' leads back to this file", place)
    parent = _read(library, base_path, (*children, path))
    own = {key: value for key, value in file.data.items() if key != "base"}
    positions = parent.positions | file.positions
    return DataFile(_merged(parent.data, own, "$", positions), positions)


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


def _parse(path: Path, what: str) -> DataFile:
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(f"cannot read {what} file '{path}': {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = None if mark is None else (str(path), mark.line + 1, mark.column + 1)
        raise DeviceError(f"malformed YAML: {error.problem}", place) from error
    positions: Positions = {}
    if node is None:
        raise DeviceError(f"the file is empty; expected a {what}", (str(path), 1, 1))
    data = _construct(node, "$", str(path), positions)
    if not isinstance(data, dict):
        raise DeviceError("expected a mapping of fields", positions["$"])
    return DataFile(cast(Data, data), positions)


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


def converted(file: DataFile, type_: type[_Type]) -> _Type:
    """The contents of a file as an instance of a dataclass.

    Raises:
        DeviceError: they are none, at the line.
    """
    try:
        return msgspec.convert(file.data, type_)
    except msgspec.ValidationError as error:
        raise _located(str(error), file, type_) from error


def _located(message: str, file: DataFile, type_: type[object]) -> DeviceError:
    """A message of msgspec, at the place in the file that it speaks of."""
    text, where = _text_and_path(message)
    while _ANY_KEY in where:
        where = _with_key(message, where, file, type_)
    unknown = re.search(r"unknown field `([^`]+)`", text)
    if unknown is not None:
        text = f"unknown field '{unknown[1]}'"
        where = f"{where}.{unknown[1]}"
    return DeviceError(text[:1].lower() + text[1:], position(file, where))


def _text_and_path(message: str) -> tuple[str, str]:
    """What msgspec says, and the path in the data where it says so."""
    match = re.fullmatch(r"(.*?)(?: - at `(?:key in )?(.*)`)?", message)
    assert match is not None, "the pattern matches any text"
    return match[1], match[2] or "$"


def _with_key(message: str, where: str, file: DataFile, type_: type[object]) -> str:
    """`where` with its first unnamed key named: the one that alone draws the same message."""
    before, _, after = where.partition(_ANY_KEY)
    steps = re.findall(r"\w+", before)
    for key in _mapping_at(file.data, steps):
        try:
            msgspec.convert(_only(file.data, steps, key), type_)
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


def position(file: DataFile, where: str) -> tuple[str, int, int]:
    """The place of `where`, or of the innermost part around it that the file has."""
    while where not in file.positions and where != "$":
        where = re.sub(r"(\.[^.\[\]]+|\[\d+\])$", "", where) or "$"
    return file.positions[where]
