"""Hypothesis profiles: the default fits `make test`, "nightly" looks much longer."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow]

settings.register_profile("default", max_examples=300, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("nightly", max_examples=5000, deadline=None, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True, scope="session")
def _no_memories(  # pyright: ignore[reportUnusedFunction]
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """What tunings find is remembered per user; tests start without memories."""
    home: Path = tmp_path_factory.mktemp("data")
    os.environ["XDG_DATA_HOME"] = str(home)
