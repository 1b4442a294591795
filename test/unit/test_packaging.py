"""What is in the folders is in the wheel."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
FOLDERS = ["cost", "devices", "dialects", "passes", "pim_opt", "sim", "tune"]


def test_every_package_is_listed() -> None:
    found: set[str] = set()
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("__init__.py"):
            name = ".".join(path.parent.relative_to(ROOT).parts)
            found.add(name if folder == "pim_opt" else f"pim_opt.{name}")
    assert set(TOOL["packages"]) == found
    assert set(TOOL["package-dir"]) == found
