"""Two real processes share a run: the run of one, a kill that ends both, and the same run carried on."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from doubles.command import Said, ended, invoke
from doubles.forked_command import fork, fork_commands
from doubles.same_run import differences
from loralab.run.view import Run, open_run
from ranks.processes import PATIENCE_SECONDS, STEPS, Shared, held_bytes, is_alive, make_shared

pytestmark = pytest.mark.timeout(3 * PATIENCE_SECONDS)  # four runs of two processes
MOST_SECONDS = 30.0  # from a kill to the end of all


@pytest.fixture(scope="module")
def shared(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    return make_shared(tmp_path_factory.mktemp("shared"), tiny_model)


@pytest.fixture(scope="module")
def whole(shared: Shared) -> Said:
    """Two processes, not interrupted."""
    return shared.train("whole")


@pytest.fixture
def warm(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> Shared:
    """The same of forks: torchrun's process and those that it starts, in which nothing is imported again."""
    fork_commands(monkeypatch)
    return replace(shared, start=fork)


@pytest.fixture(scope="module")
def alone(shared: Shared) -> Run:
    """One process."""
    said = invoke(*shared.words("alone"))
    assert said.code == 0, said.err
    return shared.run("alone")


def losses(run: Run) -> list[float]:
    return [e["loss"] for e in run.record.steps()]


def test_two_processes_make_the_run_of_one(shared: Shared, whole: Said, alone: Run) -> None:
    assert whole.code == 0, whole.err
    run = shared.run("whole")
    assert len(losses(run)) == STEPS
    assert losses(run) == pytest.approx(losses(alone), rel=1e-5)
    norms = [[e["grad_norm"] for e in r.record.steps()] for r in (run, alone)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-4)
    assert run.scores("before") == alone.scores("before")
    assert run.manifest["ranks"] == {"world_size": 2, "backend": "gloo", "local_world_size": 2}


def test_one_process_writes_and_speaks(shared: Shared, whole: Said) -> None:
    (line,) = whole.out.splitlines()
    run = shared.run("whole")
    assert json.loads(line)["run"] == str(run.folder.path)
    assert [e["seq"] for e in run.record.events] == list(range(len(run.record.events)))
    assert whole.err.count(f"run {run.folder.path}\n") == 1
    assert whole.err.count("2 processes share each step: gloo, 1 threads each") == 1
    assert "Traceback" not in whole.err and "Warning" not in whole.err and "W1" not in whole.err
    assert whole.err.rstrip().endswith(f"next: loralab show {run.folder.path}")


def test_two_processes_that_split_the_base_make_the_run_of_one(
    shared: Shared, warm: Shared, alone: Run, whole: Said
) -> None:
    said = replace(warm, more=("model.shard=fsdp",)).train("split")
    assert said.code == 0, said.err
    run = shared.run("split")
    assert losses(run) == pytest.approx(losses(alone), rel=1e-5)
    assert run.scores("before")["heldout"] == alone.scores("before")["heldout"]
    answers = [[(p["id"], p["answer"]) for p in r.predictions("before")] for r in (run, alone)]
    assert answers[0] == answers[1]
    assert run.manifest["shard"]["over"] == 2
    assert "the base is split over 2 processes: model.shard is fsdp" in said.err
    everything = held_bytes(shared.run("whole"))
    assert all(0.5 * n < held < 0.55 * n for n, held in zip(everything, held_bytes(run), strict=True))


def test_one_that_is_killed_ends_the_run_and_another_number_carries_it_on(
    shared: Shared, warm: Shared, whole: Said, alone: Run, tmp_path: Path
) -> None:
    process = warm.begin_until("killed", 7)
    pids = [shared.pid("killed", rank) for rank in (0, 1)]
    shared.kill("killed", 1)
    began = time.monotonic()
    said = ended(process, PATIENCE_SECONDS)
    assert time.monotonic() - began < MOST_SECONDS
    assert said.code == 1 and "process 1 of 2 was ended by SIGKILL" in said.err, said.err
    assert f"next: loralab resume {shared.run('killed').folder.path} --devices 2" in said.err
    assert "Traceback" not in said.err and "gloo/" not in said.err
    assert not any(map(is_alive, pids))
    run = shared.run("killed")
    assert run.status in ("failed", "interrupted") and len(losses(run)) < STEPS
    by_one = shutil.copytree(run.folder.path, tmp_path / "0001-job")

    assert warm.resume("killed").code == 0
    assert differences(shared.run("killed"), shared.run("whole")) == []

    assert invoke("resume", by_one, "-q").code == 0
    found = open_run(by_one)
    assert losses(found) == pytest.approx(losses(alone), rel=1e-5)
    assert [e["code"] for e in found.record.of_kind("warning")].count("world_size_changed") == 1
