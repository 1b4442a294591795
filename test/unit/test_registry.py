"""Every name in the registry can be resolved and keeps the naming rule."""

import pytest

from pim_opt.pass_options import pass_help
from pim_opt.registry import DIALECTS, PASSES, PIM_UNIVERSE, TARGETS, UPSTREAM_PASSES, resolve


@pytest.mark.parametrize("name", [*PASSES, *UPSTREAM_PASSES])
def test_passes_resolve(name: str) -> None:
    assert resolve((PASSES | UPSTREAM_PASSES)[name]).name == name


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_a_file_a_class_share_a_name(name: str) -> None:
    module, _, class_name = PASSES[name].partition(":")
    assert module == f"pim_opt.passes.{name.replace('-', '_')}"
    assert class_name == "".join(part.capitalize() for part in name.split("-")) + "Pass"
    assert pass_help(name).text


@pytest.mark.parametrize("entry", [*DIALECTS.values(), *TARGETS.values()])
def test_entries_resolve(entry: str) -> None:
    assert resolve(entry) is not None


def test_universe_has_our_passes() -> None:
    assert set(PIM_UNIVERSE.all_passes) == set(PASSES)


def test_entries_are_alphabetical() -> None:
    assert list(PASSES) == sorted(PASSES)
    assert list(DIALECTS) == sorted(DIALECTS)
