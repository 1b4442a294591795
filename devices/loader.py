"""Finds and reads device files, and checks what they say."""

from functools import lru_cache
from pathlib import Path

from pim_opt.devices.checks import problems
from pim_opt.devices.files import DeviceError, Library, converted, position
from pim_opt.devices.model import Device

LIBRARY = Library(Path(__file__).parent, "device")


def device_names() -> tuple[str, ...]:
    """Names of the devices that come with the compiler and with installed packages, sorted.

    Raises:
        DeviceError: two packages have a device of one name.
    """
    return LIBRARY.names()


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
    file = LIBRARY.read(name_or_path)
    device = converted(file, Device)
    found = dict.fromkeys(problems(device))
    return device, tuple(DeviceError(p.message, position(file, p.path)) for p in found)
