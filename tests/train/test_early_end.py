"""Held-out loss on the way, the best adapter and an early end, the same whether a run was broken off or not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loralab
from loralab.errors import UsageError
from loralab.evaluate.overfit import overfit
from loralab.run.files import sha256
from loralab.run.view import Run, open_run
from loralab.train import execute as executing
from loralab.train import loop as looping
from loralab.train.checkpoint import Checkpoint, find_checkpoints
from loralab.train.choice import LOSS, METRICS, best_step
from loralab.train.evaluate_stage import Stages
from loralab.train.order import plan_steps
from loralab.train.recorded import recorded_values
from loralab.train.resume import resume
from loralab.words import Words

# by step: 4 is the best, then three measurements are worse; an epoch ends after step 5
LOSSES = {0: 4.0, 2: 3.0, 4: 1.0, 5: 1.5, 6: 2.0, 8: 2.5, 10: 0.5}
EARLY = (
    "evaluate.heldout_every_steps=2", "evaluate.stages=[epoch]", "evaluate.answers=0", "evaluate.max_new_tokens=1",
    "train.save_every_steps=6",
)  # fmt: skip


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held-out losses are those of LOSSES, and recorded as such."""

    def event(self: Stages, rows: list[dict[str, Any]], step: int, epoch: float) -> float:
        self.session.emit("held_out", step=step, epoch=epoch, loss=LOSSES[step], tokens=1)
        return LOSSES[step]

    monkeypatch.setattr(Stages, "_held_out_event", event)


def steps_of(run: Run, kind: str) -> list[int]:
    return [e["step"] for e in run.record.of_kind(kind)]


def saved(run: Run) -> list[int]:
    return sorted(f.step for f in find_checkpoints(run.folder) if isinstance(f, Checkpoint))


def weights(path: Path) -> str:
    return sha256(path / "adapter_model.safetensors")


def test_the_loss_is_measured_on_the_way_and_the_best_step_is_kept(
    quick_config: Callable[..., Any], made_up: None
) -> None:
    run = loralab.train(quick_config(*EARLY, "train.keep_checkpoints=1", "evaluate.stages=[epoch, after]"))
    assert [e["step"] for e in run.record.held_out()] == [2, 4, 5, 6, 8, 10]
    assert steps_of(run, "held_out") == [2, 4, 5, 6, 8, 10], "a stage measures once where both are due"
    assert steps_of(run, "best") == [2, 4, 10] and saved(run) == [4, 10]


def test_training_ends_early_with_the_best_adapter(quick_config: Callable[..., Any], made_up: None) -> None:
    run = loralab.train(
        quick_config(*EARLY, "train.stop_after_worse_evaluations=3", "train.keep_checkpoints=1")
    )
    assert run.status == "finished" and run.last("run_finished")["reason"] == "early_stop"
    assert steps_of(run, "step") == list(range(1, 9)) and steps_of(run, "held_out") == [2, 4, 5, 6, 8]
    assert saved(run) == [4, 8], "the best, between two regular checkpoints, and the last"
    assert run.last("note")["step"] == 4 and weights(run.folder.adapter) == weights(run.folder.checkpoint(4))
    rates = [e["learning_rate"] for e in run.record.steps()]
    assert rates == pytest.approx([1e-2 * (10 - i) / 10 for i in range(8)]), (
        "the schedule is that of the plan"
    )
    (note,) = [e for e in run.record.of_kind("note") if e.get("code") == "early_stop"]
    assert (
        "after step 8 of 10: 3 evaluations of heldout_loss in a row were no better than 1.0"
        in note["message"]
    )
    told = [str(words) for words in overfit(run)]
    assert any(words.startswith("Training ended early after step 8 of 10: 3 evaluations") for words in told)
    assert any("adapter/ holds step 4, where the held-out loss was lowest" in words for words in told)


def test_without_the_setting_the_same_losses_end_nothing(
    quick_config: Callable[..., Any], made_up: None
) -> None:
    run = loralab.train(quick_config(*EARLY))
    assert run.last("run_finished")["reason"] == "done" and steps_of(run, "step")[-1] == 10


def test_measuring_on_the_way_changes_no_step(quick_config: Callable[..., Any]) -> None:
    often = loralab.train(quick_config(*EARLY, "evaluate.heldout_every_steps=1"))
    seldom = loralab.train(quick_config(*EARLY, "evaluate.heldout_every_steps=null"))
    losses = [[(e["loss"], e["grad_norm"]) for e in run.record.steps()] for run in (often, seldom)]
    assert losses[0] == losses[1]
    finer, coarser = ({e["step"]: e["loss"] for e in run.record.held_out()} for run in (often, seldom))
    assert list(finer) == list(range(1, 11)) and list(coarser) == [5, 10]
    assert coarser.items() <= finer.items(), "the same loss, in a stage or alone"


def cut(run: Path, length: int) -> None:
    """Take a finished run back to its first events, with the checkpoints that they tell of."""
    lines = (run / "events.jsonl").read_text("utf-8").splitlines(keepends=True)[:length]
    (run / "events.jsonl").write_text("".join(lines), "utf-8")
    there = {e["step"] for e in map(json.loads, lines) if e["kind"] == "checkpoint"}
    for path in (run / "checkpoints").iterdir():
        if int(path.name[-6:]) not in there:
            shutil.rmtree(path)
    shutil.rmtree(run / "adapter")


CUTS = {  # after which event a run is broken off, and how many of its measurements are made once more
    ("held_out", 4): 1,  # the best is not saved yet
    ("checkpoint", 4): 0,  # and not told yet
    ("held_out", 5): 1,  # within a stage
    ("checkpoint", 6): 0,  # between the step and its measurement
    ("held_out", 8): 1,
    ("checkpoint", 8): 0,  # it has been seen that training ends here
}


def test_a_run_broken_off_anywhere_measures_chooses_and_ends_as_if_it_was_not(
    quick_config: Callable[..., Any], made_up: None, tmp_path: Path
) -> None:
    whole = loralab.train(quick_config(*EARLY, "train.stop_after_worse_evaluations=3"))
    events = whole.record.events
    for (kind, step), measured_again in CUTS.items():
        at = next(i for i, e in enumerate(events) if e["kind"] == kind and e.get("step") == step)
        path = shutil.copytree(whole.folder.path, tmp_path / f"{kind}-{step}")
        cut(path, at + 1)
        run = resume(path)
        where = f"cut after {kind} {step}"
        for read in ("steps", "held_out"):
            mine, theirs = ([(e["step"], e["loss"]) for e in getattr(r.record, read)()] for r in (run, whole))
            assert mine == theirs, where
        assert steps_of(run, "best") == [2, 4], where
        assert saved(run) == saved(whole) == [2, 4, 5, 6, 8], where
        assert weights(run.folder.adapter) == weights(whole.folder.adapter), where
        assert run.last("run_finished")["reason"] == "early_stop", where
        again = len(steps_of(run, "held_out")) - len(steps_of(whole, "held_out"))
        assert again == measured_again, where


def test_a_run_that_ended_early_is_finished_and_cannot_be_made_longer(
    quick_config: Callable[..., Any], made_up: None
) -> None:
    run = loralab.train(quick_config(*EARLY, "train.stop_after_worse_evaluations=3"))
    before = run.folder.events.read_bytes()
    told: list[Words] = []
    resume(run.folder.path, tell=told.append)
    text = " ".join(map(str, told))
    assert "is finished: nothing to do" in text and "ended early" in text and "train.epochs=N" not in text
    with pytest.raises(UsageError, match="other epochs would not train it further"):
        resume(run.folder.path, ["train.epochs=5"])
    assert run.folder.events.read_bytes() == before


def test_the_adapter_with_the_highest_score_is_chosen_the_later_of_equals(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"epoch-1": 0.2, "epoch-2": 0.7, "epoch-3": 0.7, "epoch-4": 0.1, "epoch-5": 0.9}
    monkeypatch.setattr(looping, "stage_value", lambda run, stage, metric: scores[stage])
    run = loralab.train(
        quick_config(
            "evaluate.best_by=rouge_l", "evaluate.stages=[epoch]", "evaluate.max_new_tokens=1", "train.epochs=6",
            "train.stop_after_worse_evaluations=2", "evaluate.heldout_every_steps=3", "train.learning_rate=1e-4",
        )
    )  # fmt: skip
    assert run.last("note")["step"] == 15 and steps_of(run, "step")[-1] == 20
    assert [(e["step"], e["metric"]) for e in run.record.of_kind("best")] == [
        (n, "rouge_l") for n in (5, 10, 15)
    ]
    assert run.last("run_finished")["reason"] == "early_stop"


def test_what_a_run_chose_by_is_read_from_its_record_again(quick_config: Callable[..., Any]) -> None:
    config = quick_config("evaluate.best_by=rouge_l", "train.epochs=3", "evaluate.stages=[epoch]")
    run = open_run(loralab.train(config).folder.path)
    order = plan_steps(18, config.train)
    values = recorded_values(run, METRICS["rouge_l"], order, 15)
    assert values == {5 * n: run.scores(f"epoch-{n}")["heldout"]["rouge_l"]["value"] for n in (1, 2, 3)}
    assert run.last("note")["step"] == best_step(values, METRICS["rouge_l"])
    assert recorded_values(run, METRICS["rouge_l"], order, 14).keys() == {5, 10}
    assert recorded_values(run, LOSS, order, 10).keys() == {5, 10}


def test_a_score_that_a_stage_does_not_give_is_said_and_the_last_is_chosen(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looping, "stage_value", lambda run, stage, metric: None)
    run = loralab.train(
        quick_config("evaluate.best_by=rouge_l", "evaluate.stages=[epoch]", "evaluate.max_new_tokens=1")
    )
    codes = [e["code"] for e in run.record.of_kind("warning")]
    assert codes.count("best_by_missing") == 2 and codes.count("best_by_unmeasured") == 1
    assert run.last("note")["step"] == 10 and steps_of(run, "best") == []


def test_a_choice_that_cannot_be_followed_ends_before_weights_are_loaded(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "load_tuned", pytest.fail)
    with pytest.raises(UsageError, match="no answered question of this run gives a value for it"):
        loralab.train(quick_config("evaluate.best_by=citation_f1"))
