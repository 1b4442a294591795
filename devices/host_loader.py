"""Finds and reads host files, and checks what they say."""

from functools import lru_cache
from pathlib import Path

from pim_opt.devices.files import DeviceError, Library, converted, position
from pim_opt.devices.host import Host, host_problems

_LIBRARY = Library(Path(__file__).parent / "hosts", "host")


def host_names() -> tuple[str, ...]:
    """Names of the hosts that come with the compiler, sorted."""
    return _LIBRARY.names()


@lru_cache
def load_host(name_or_path: str) -> Host:
    """The host of that name, or the one that the file of that path describes.

    Raises:
        DeviceError: no such host or file, or one that a check refuses; at its line if it has one.
    """
    file = _LIBRARY.read(name_or_path)
    host = converted(file, Host)
    for path, message in host_problems(host):
        raise DeviceError(message, position(file, path))
    return host
