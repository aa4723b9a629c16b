"""The checkpoint that a run goes on from, and which of them are kept for that."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import loralab
from doubles.cut_run import cut_after
from loralab.errors import RunFailed
from loralab.run.files import sha256
from loralab.run.folder import RunFolder
from loralab.run.view import Run, list_runs, open_run
from loralab.train import loop as looping
from loralab.train.checkpoint import Checkpoint, find_checkpoints, prune
from loralab.train.evaluate_stage import Stages
from loralab.train.resume import resume

# by step: the end of the first epoch is the best, as where a run learns by heart
LOSSES = {0: 4.0, 5: 1.0, 10: 2.0}
FEW = ("evaluate.answers=0", "evaluate.max_new_tokens=1", "evaluate.stages=[epoch]")


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def event(self: Stages, rows: list[dict[str, Any]], step: int, epoch: float) -> float:
        self.session.emit("held_out", step=step, epoch=epoch, loss=LOSSES[step], tokens=1)
        return LOSSES[step]

    monkeypatch.setattr(Stages, "_held_out_event", event)


def adapter(run: Run) -> str:
    return sha256(run.folder.adapter / "adapter_model.safetensors")


def damage(run: RunFolder, step: int) -> None:
    (run.checkpoint(step) / "adapter_model.safetensors").write_bytes(b"damaged")


def codes(run: Run) -> list[str]:
    return [e["code"] for e in run.record.of_kind("warning")]


def test_a_damaged_best_checkpoint_is_made_again(quick_config: Callable[..., Any], made_up: None) -> None:
    """The run went on from a later one to its end, and failed there every time."""
    run = loralab.train(quick_config(*FEW))
    chosen = adapter(run)
    assert run.last("note")["step"] == 5
    cut_after(run.folder.path, "checkpoint", 8)
    damage(run.folder, 5)
    again = resume(run.folder.path)
    assert again.last("run_resumed")["from_step"] == 4 and again.status == "finished"
    assert adapter(again) == chosen and again.last("note")["step"] == 5
    assert codes(again).count("best_checkpoint_missing") == 2, "6 and 8 are passed over"
    assert codes(again).count("damaged_checkpoint") == 1


def test_a_checkpoint_that_goes_bad_during_the_run_is_made_again_by_resume(
    quick_config: Callable[..., Any], made_up: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = looping.Loop._finish

    def finish(self: looping.Loop) -> None:
        damage(self.session.folder, 5)
        real(self)

    monkeypatch.setattr(looping.Loop, "_finish", finish)
    with pytest.raises(RunFailed, match="the chosen checkpoint is damaged") as caught:
        loralab.train(quick_config(*FEW))
    monkeypatch.setattr(looping.Loop, "_finish", real)
    (found,) = list_runs(tmp_path / "runs")
    assert f"next: loralab resume {found.folder.path}" in str(caught.value)
    run = resume(found.folder.path)
    assert run.status == "finished" and run.last("note")["step"] == 5


def test_where_nothing_is_compared_the_newest_is_enough(
    quick_config: Callable[..., Any], made_up: None
) -> None:
    run = loralab.train(quick_config(*FEW, "evaluate.best_by=last"))
    cut_after(run.folder.path, "checkpoint", 8)
    damage(run.folder, 5)
    assert resume(run.folder.path).last("run_resumed")["from_step"] == 8


def test_at_no_moment_is_the_best_or_the_last_good_checkpoint_gone(
    quick_config: Callable[..., Any], made_up: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[list[int]] = []

    def watched(run: RunFolder, keep: int, always: Iterable[int]) -> None:
        prune(run, keep, always)
        kept.append([f.step for f in find_checkpoints(run) if isinstance(f, Checkpoint)])

    monkeypatch.setattr(looping, "prune", watched)
    run = loralab.train(quick_config(*FEW, "train.save_every_steps=1", "train.keep_checkpoints=1"))
    assert kept == [[1], [2], [3], [4], [5], [6, 5], [7, 5], [8, 5], [9, 5], [10, 5]]
    assert run.last("note")["step"] == 5


@pytest.mark.parametrize("seed", range(20))
def test_pruning_never_takes_what_is_needed(tmp_path: Path, seed: int) -> None:
    chance, run = random.Random(seed), RunFolder(tmp_path)
    steps = chance.sample(range(1, 2_000_000), chance.randint(1, 8))
    always, keep = chance.sample(steps, chance.randint(0, len(steps))), chance.randint(1, 4)
    for step in steps:
        run.checkpoint(step).mkdir(parents=True)
    prune(run, keep, always)
    assert {p.name for p in run.checkpoints.iterdir()} == {
        run.checkpoint(step).name for step in {*sorted(steps)[-keep:], *always}
    }


def test_a_run_made_longer_is_the_longer_run_where_the_schedule_is_constant(
    quick_config: Callable[..., Any],
) -> None:
    """With another schedule the learning rates of the first epoch were those of the shorter run."""
    same = ("evaluate.stages=[]", "train.schedule=constant", "train.keep_checkpoints=1", "lora.dropout=0.1")
    long = loralab.train(quick_config(*same, "train.epochs=2"))
    run = loralab.train(quick_config(*same, "train.epochs=1"))
    run = resume(run.folder.path, ["train.epochs=2"])
    assert adapter(run) == adapter(long) and run.status == "finished"
    assert [e["loss"] for e in run.record.steps()] == [e["loss"] for e in long.record.steps()]
    assert [f.step for f in find_checkpoints(run.folder) if isinstance(f, Checkpoint)] == [10]
    assert "follows the schedule of the new total" in run.record.of_kind("note")[-3]["message"] or any(
        "follows the schedule of the new total" in e["message"]
        for e in open_run(run.folder.path).record.of_kind("note")
    )
