"""Devices that differ from another in some fields."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
import yaml

from pim_opt.devices.files import DeviceError
from pim_opt.devices.model import Device
from pim_opt.devices.problem import unknown


def variant_text(device: Device, name: str, fields: Mapping[str, object]) -> str:
    """The device file of `device` under another name and with other values of some fields.

    Args:
        device: what the file describes but for the fields.
        name: of the device in the file.
        fields: values by path, as `registers.acc.entries`; an item of a list goes by its `name`, as
            in `organisation.levels.bank.count`, or by its number.

    Raises:
        DeviceError: the device has no such field.
    """
    data = _fields(device)
    for path, value in fields.items():
        container, key = _place(data, path)
        container[key] = value
    return yaml.safe_dump({**data, "name": name}, sort_keys=False)


def field_value(device: Device, path: str) -> object:
    """The value of the field at a path as above.

    Raises:
        DeviceError: the device has no such field.
    """
    container, key = _place(_fields(device), path)
    return container[key]


def _fields(device: Device) -> dict[str, Any]:
    """All fields as a file has them, which may be changed."""
    return msgspec.json.decode(msgspec.json.encode(device))


def _place(data: Any, path: str) -> tuple[Any, str | int]:
    """The mapping or list that holds the field at `path`, and the field's key or number in it."""
    *outer, last = path.split(".")
    for number, step in enumerate(outer):
        data = data[_key(data, outer[:number], step)]
    return data, _key(data, outer, last)


def _key(container: Any, before: Sequence[str], step: str) -> str | int:
    keys: dict[str, str | int] = {}
    if isinstance(container, dict):
        keys = {key: key for key in cast(dict[str, Any], container)}
    elif isinstance(container, list):
        items = cast(list[Any], container)
        keys = {str(number): number for number in range(len(items))}
        keys |= {item["name"]: i for i, item in enumerate(items) if "name" in item}
    if step not in keys:
        named = [key for key in keys if not key.isdecimal()]
        where = ".".join(before) or "the device"
        raise DeviceError(f"{where}: {unknown('field', step, named)}")
    return keys[step]
