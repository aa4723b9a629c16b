"""The loop: one event a step, checkpoints on the way, the best adapter at the end, and a stop before bad numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loralab
from loralab.errors import RunFailed
from loralab.run.files import sha256
from loralab.run.view import Run, open_run
from loralab.train import loop as looping
from loralab.train.checkpoint import Checkpoint, find_checkpoints, read_checkpoint
from loralab.train.evaluate_stage import Stages


def adapter_hash(path: Path) -> str:
    return sha256(path / "adapter_model.safetensors")


@pytest.fixture
def only_run(tmp_path: Path) -> Callable[[], Run]:
    def find() -> Run:
        (run,) = loralab.list_runs(tmp_path / "runs")
        return open_run(run.folder.path)

    return find


def test_every_step_is_recorded_with_its_own_counts(quick_config: Callable[..., Any]) -> None:
    run = loralab.train(quick_config("evaluate.stages=[]", "train.epochs=1.4"))
    steps = run.record.steps()
    assert [e["step"] for e in steps] == list(range(1, 8))
    assert [e["rows"] for e in steps] == [4, 4, 4, 4, 2, 4, 4]
    assert [e["epoch"] for e in steps] == pytest.approx(
        [4 / 18, 8 / 18, 12 / 18, 16 / 18, 1, 22 / 18, 26 / 18]
    )
    assert [e["learning_rate"] for e in steps] == pytest.approx([1e-2 * (7 - i) / 7 for i in range(7)])
    counted = run.data_report["tokens"]
    assert sum(e["tokens"] for e in steps[:5]) < counted["total"]
    for event in steps:
        assert 0 < event["label_tokens"] < event["tokens"]
        assert event["grad_norm"] > 0 and event["seconds"] > 0 and event["peak_bytes"] > 1 << 20
    kinds = [e["kind"] for e in run.record.events]
    assert kinds[0] == "run_started" and kinds[-1] == "run_finished"
    assert kinds.count("stage_started") == 0 and run.folder.adapter.is_dir()


def test_checkpoints_come_every_few_steps_and_at_the_end_of_each_epoch(
    quick_config: Callable[..., Any],
) -> None:
    run = loralab.train(quick_config("evaluate.stages=[]", "train.epochs=1.4", "train.save_every_steps=3"))
    assert [e["step"] for e in run.record.of_kind("checkpoint")] == [3, 5, 6, 7]
    for event in run.record.of_kind("checkpoint"):
        path = run.folder.path / event["path"]
        assert isinstance(read_checkpoint(path), Checkpoint)
        assert event["bytes"] == sum(p.stat().st_size for p in path.iterdir())


def test_gradients_are_clipped_after_their_norm_was_noted(quick_config: Callable[..., Any]) -> None:
    quiet = ["evaluate.stages=[]", "train.max_steps=1", "lora.dropout=0"]
    free = loralab.train(quick_config(*quiet, "train.max_grad_norm=0")).record.steps()
    norm = free[0]["grad_norm"]
    loose = loralab.train(quick_config(*quiet, f"train.max_grad_norm={norm * 1.01}"))
    tight = loralab.train(quick_config(*quiet, f"train.max_grad_norm={norm / 100}"))
    assert loose.record.steps()[0]["grad_norm"] == tight.record.steps()[0]["grad_norm"] == norm
    moments = [_first_moment(run) for run in (tight, loose)]
    assert moments[0] == pytest.approx(moments[1] / 100, rel=1e-4)


def _first_moment(run: Run) -> float:
    """Norm of AdamW's first moments after step 1: a tenth of the gradient's as applied."""
    import torch
    from safetensors.torch import load_file

    tensors = load_file(run.folder.checkpoint(1) / "optimizer.safetensors")
    return float(torch.stack([t.norm() for k, t in tensors.items() if k.startswith("exp_avg/")]).norm())


@pytest.mark.parametrize("best_by", ["heldout_loss", "last"])
def test_the_adapter_with_the_lowest_held_out_loss_is_chosen(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, best_by: str
) -> None:
    losses = {4: 3.0, 8: 1.0, 12: 2.0}
    real = Stages._held_out_event

    def made_up(self: Stages, rows: list[dict[str, Any]], step: int, epoch: float) -> float | None:
        return losses.get(step, real(self, rows, step, epoch))

    monkeypatch.setattr(Stages, "_held_out_event", made_up)
    run = loralab.train(
        quick_config(
            "data.test=6", "data.probes=2", "train.epochs=3", "train.save_every_steps=1", "train.keep_checkpoints=1",
            f"evaluate.best_by={best_by}",
        )
    )  # fmt: skip
    chosen = 8 if best_by == "heldout_loss" else 12
    assert run.last("note")["step"] == chosen
    assert adapter_hash(run.folder.adapter) == adapter_hash(run.folder.checkpoint(chosen))
    kept = [f.step for f in find_checkpoints(run.folder) if isinstance(f, Checkpoint)]
    assert kept == ([12, 8] if best_by == "heldout_loss" else [12])
    assert [e["step"] for e in run.record.of_kind("best")] == [4, 8]
    assert run.predictions("after") == run.predictions(f"epoch-{chosen // 4}")
    assert run.scores("after") == run.scores(f"epoch-{chosen // 4}")
    copied = [e for e in run.record.of_kind("stage_started") if "copied_from" in e]
    assert [(e["stage"], e["copied_from"]) for e in copied] == [("after", f"epoch-{chosen // 4}")]


def test_a_held_out_loss_that_is_not_finite_is_never_the_best(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """min() over losses with a NaN in front chose the NaN."""
    losses = {5: float("nan"), 10: 2.0}
    monkeypatch.setattr(Stages, "_held_out_event", lambda self, rows, step, epoch: losses.get(step))
    run = loralab.train(quick_config("evaluate.answers=0", "evaluate.max_new_tokens=1"))
    assert run.last("note")["step"] == 10
    assert [e["step"] for e in run.record.of_kind("best")] == [10]


def test_a_run_that_ends_within_an_epoch_is_still_measured_and_answered(
    quick_config: Callable[..., Any],
) -> None:
    run = loralab.train(quick_config("train.epochs=1.5"))
    assert run.stages == ["before", "epoch-1", "after"]
    assert [e["step"] for e in run.record.held_out()][:3] == [0, 5, 8]
    if run.last("note")["step"] == 8:
        assert run.scores("after") != run.scores("epoch-1")


def test_without_test_rows_there_is_no_held_out_loss_and_the_last_adapter_is_chosen(
    quick_config: Callable[..., Any],
) -> None:
    run = loralab.train(quick_config("data.test=none", "train.epochs=1"))
    assert run.record.held_out() == [] and run.last("note")["step"] == run.record.steps()[-1]["step"]
    assert {"exact_match", "rouge_l"} <= set(run.scores("after")["heldout"]) and "loss" not in run.scores(
        "after"
    )["heldout"]
    assert [e["code"] for e in run.record.of_kind("warning")].count("best_by_unmeasured") == 1


def test_a_diverging_run_stops_before_the_bad_step_and_names_its_rows(
    quick_config: Callable[..., Any], only_run: Callable[[], Run]
) -> None:
    with pytest.raises(RunFailed) as caught:
        loralab.train(
            quick_config(
                "train.learning_rate=1e30", "train.save_every_steps=1", "evaluate.stages=[before, after]"
            )
        )
    run = only_run()
    assert caught.value.exit_code == 1 and run.status == "failed"
    last = run.record.steps()[-1]["step"]
    assert isinstance(read_checkpoint(run.folder.checkpoint(last)), Checkpoint)
    assert not run.folder.checkpoint(last + 1).exists() and not run.folder.adapter.exists()
    failed = run.last("run_failed")
    assert f"step {last + 1}: loss" in failed["error"] and "not finite" in failed["error"]
    assert "rows.jsonl:" in failed["error"] and failed["where"] == f"step {last}"
    assert f"the last good checkpoint is step {last}" in str(caught.value)
    documents = [p.read_text("utf-8") for p in run.folder.path.rglob("*.json")]
    for text in [*documents, *run.folder.events.read_text("utf-8").splitlines()]:
        json.loads(text, parse_constant=pytest.fail)
    assert "Traceback" in run.folder.log.read_text("utf-8")


def test_a_run_whose_numbers_are_bad_at_the_end_only_says_so_in_its_scores(
    quick_config: Callable[..., Any],
) -> None:
    """The last update ruins the weights: nothing is left to refuse, the scores are the strings of JSON."""
    run = loralab.train(quick_config("train.learning_rate=1e30", "train.max_steps=1"))
    loss = run.scores("after")["heldout"]
    assert loss["loss"]["value"] == "NaN" == loss["perplexity"]["value"]
    assert run.record.held_out()[-1]["loss"] == "NaN" and run.status == "finished"


def test_a_row_without_any_gradient_ends_the_run(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looping.Loop, "_gradient_norm", lambda self: 0.0)
    with pytest.raises(RunFailed, match="exactly zero") as caught:
        loralab.train(quick_config("evaluate.stages=[]"))
    assert "there is no checkpoint yet" in str(caught.value)


def test_a_second_ctrl_c_within_an_update_saves_no_half_updated_weights(
    quick_config: Callable[..., Any], only_run: Callable[[], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint of step 2 held weights of which some were those of step 3."""
    real = looping.Loop._update

    def broken_off(self: looping.Loop, norm: float, rate: float) -> None:
        real(self, norm, rate)
        if self.step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(looping.Loop, "_update", broken_off)
    with pytest.raises(KeyboardInterrupt):
        loralab.train(quick_config("evaluate.stages=[]", "train.save_every_steps=100"))
    run = only_run()
    assert run.status == "interrupted" and list(find_checkpoints(run.folder)) == []


def test_the_same_config_gives_the_same_run(quick_config: Callable[..., Any]) -> None:
    """Twice in one process: nothing depends on global generators or on what ran before."""
    import torch

    first = loralab.train(quick_config())
    torch.manual_seed(99)
    second = loralab.train(quick_config())
    names = ("step", "loss", "grad_norm", "tokens", "label_tokens")
    runs = [[[e[n] for n in names] for e in run.record.steps()] for run in (first, second)]
    assert runs[0] == runs[1]
    assert first.all_scores == second.all_scores
    assert adapter_hash(first.folder.adapter) == adapter_hash(second.folder.adapter)
    assert first.manifest["evaluation_fingerprint"] == second.manifest["evaluation_fingerprint"]
    other = loralab.train(quick_config("train.seed=43", "evaluate.stages=[]"))
    assert [e["loss"] for e in other.record.steps()] != [row[1] for row in runs[0]]
