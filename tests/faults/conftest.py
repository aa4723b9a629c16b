"""The run that the tests of faults are compared with."""

from __future__ import annotations

import pytest

from doubles.command import Job
from faults.small_job import SmallJob


@pytest.fixture(scope="session")
def small_job(job: Job) -> SmallJob:
    """2 epochs of 5 steps with dropout, 4 stages; what a fork needs is imported."""
    assert job.said.code == 0, job.said.err
    return SmallJob(job.config, job.run)
