"""Imports go one way, and mathematics knows no IR."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

import pim_opt

ROOT = Path(__file__).parents[2]

MAY_IMPORT = {
    "dialects": set[str](),
    "devices": set[str](),
    "cost": {"dialects", "devices"},
    "sim": {"dialects", "devices", "cost"},
    "tune": {"dialects", "devices", "cost", "sim"},
    "passes": {"dialects", "devices", "cost", "sim", "tune"},
    "pim_opt": {"dialects", "devices", "cost", "sim", "tune", "passes"},
}

MATHEMATICS = [
    f"dialects/{name}.py"
    for name in ("attention", "iteration", "loop_digits", "placement", "schedule")
]


def imported(path: Path) -> Iterator[str]:
    """Modules that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_go_one_way(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        for module in imported(path):
            parts = module.split(".")
            if parts[0] != "pim_opt":
                continue
            target = parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else "pim_opt"
            assert target == folder or target in MAY_IMPORT[folder], f"{path} imports {module}"


@pytest.mark.parametrize("name", MATHEMATICS)
def test_mathematics_knows_no_ir(name: str) -> None:
    assert not [module for module in imported(ROOT / name) if module.startswith("xdsl")]


@pytest.mark.parametrize("name", pim_opt.__all__)
def test_a_name_of_the_api_is_no_modules(name: str) -> None:
    # The import of a module of that name would take its place.
    assert getattr(pim_opt, name).__name__ == name
    assert importlib.util.find_spec(f"pim_opt.{name}") is None
