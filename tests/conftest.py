"""Fixtures that every room's tests share: a tiny model folder, rows, and a quick config."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("LORALAB_LANG", "en")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the models are tiny: more threads only wait for each other

from doubles.command import Job, ended
from doubles.forked_command import fork
from doubles.job_files import write_job, write_rows
from doubles.tiny_model import write_tiny_model

# the same examples everywhere and every time, and no test that fails because a machine is slow
settings.register_profile(
    "tests",
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The last lines say what could not be checked here, and why: a test left out is no test passed."""
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
    )
    if reasons:
        terminalreporter.section("not checked on this machine")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} tests: {reason}")


@pytest.fixture(scope="session", autouse=True)
def _interrupts() -> None:
    """Processes that share the tests out ignore Ctrl-C, and what they start would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Token ids that tests keep are not those of the user."""
    os.environ["LORALAB_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Qwen2 folder. Read only: copy it to change it."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    """24 input/output rows of different lengths in a JSON-lines file."""
    return write_rows(tmp_path / "rows.jsonl")


@pytest.fixture
def quick_config(tiny_model: Path, rows_file: Path, tmp_path: Path) -> Callable[..., Any]:
    """quick_config("train.epochs=1", ...): a config of a run that takes about a second."""
    from loralab.config import make_config

    def make(*overrides: str) -> Any:
        base = {
            "model.name": tiny_model, "data.train": rows_file, "data.test": 4, "data.probes": 2,
            "train.batch_rows": 2, "train.accumulate": 2, "train.learning_rate": "1e-2", "lora.rank": 4,
            "train.save_every_steps": 2, "evaluate.max_new_tokens": 4, "evaluate.answers": 2,
            "track.swanlab": "off", "evaluate.general": "false", "run.dir": tmp_path / "runs",
        }  # fmt: skip
        given = {o.partition("=")[0] for o in overrides}
        return make_config([*(f"{k}={v}" for k, v in base.items() if k not in given), *overrides])

    return make


@pytest.fixture(scope="session")
def job(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """`loralab train job.yaml --json` as a process of its own: 2 epochs of 5 steps with dropout, 4 stages.

    A fork: this process has then made every import of a run. Read only: copy the run folder to change it.
    """
    folder = tmp_path_factory.mktemp("job")
    config = write_job(folder, tiny_model)
    return Job(folder, config, ended(fork("train", config, "--json", cwd=folder)))
