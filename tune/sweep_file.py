"""The results of a sweep in a file: a line of JSON for each item, `{"item": .., "value": ..}`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class ResultsFile:
    """A file to which results are added as they come; without a path, none."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> dict[str, Any]:
        """Values by item; nothing where there is no file yet.

        Raises:
            ValueError: a line is no result, other than a last one that was cut off.
        """
        if self._path is None or not self._path.exists():
            return {}
        text = self._path.read_text(encoding="utf-8")
        *whole, rest = text.split("\n")
        found: dict[str, Any] = {}
        for number, line in enumerate(whole, 1):
            try:
                entry = json.loads(line)
                found[entry["item"]] = entry["value"]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{self._path}:{number}: not a result of a sweep") from error
        if rest:  # Cut off while it was written.
            self._path.write_text(text[: len(text) - len(rest)], encoding="utf-8")
        return found

    def add(self, values: Mapping[str, Any]) -> None:
        """Add results, on disk when this returns."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(_line(key, value) for key, value in values.items())

    def put_in_order(self, keys: Sequence[str], values: Mapping[str, Any]) -> None:
        """Write what a whole sweep gave in the order of its items, other sweeps' before it."""
        if self._path is None:
            return
        others = [key for key in values if key not in set(keys)]
        lines = [_line(key, values[key]) for key in (*others, *keys) if key in values]
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_text("".join(lines), encoding="utf-8")
        fresh.replace(self._path)


def _line(key: str, value: Any) -> str:
    return json.dumps({"item": key, "value": value}) + "\n"
