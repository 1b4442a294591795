"""What checks of a device file report."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from pim_opt.devices.model import Device


@dataclass(frozen=True)
class Problem:
    """Something wrong at a path of the file, as `$.organisation.levels`."""

    path: str
    message: str


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A message that nothing is called `name`, with the nearest of the names that are known."""
    names = list(known)
    close = get_close_matches(name, names, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"unknown {what} '{name}'{hint} (known: {', '.join(names)})"


def known_command(device: Device, name: str, path: str) -> Iterator[Problem]:
    """A problem if the device has no such command."""
    if name not in device.commands:
        yield Problem(path, unknown("command", name, device.commands))
