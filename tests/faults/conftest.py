"""The run that the tests of faults are compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.small_job import SmallJob, make_small_job


@pytest.fixture(scope="session")
def small_job(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> SmallJob:
    """2 epochs of 5 steps with dropout, 4 stages, made in this process."""
    return make_small_job(tmp_path_factory.mktemp("small"), tiny_model)
