"""The warnings of a run that goes wrong without a number that is not finite: one of each, also over resumes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loralab
from doubles.cut_run import cut_after
from loralab.engine.base import StepLoss
from loralab.engine.fast.engine import FastEngine
from loralab.run.view import Run, open_run
from loralab.train.resume import resume

QUIET = ("evaluate.stages=[]", "lora.dropout=0")


def warned(run: Run, code: str) -> list[str]:
    return [e["message"] for e in run.record.of_kind("warning") if e["code"] == code]


def test_an_adapter_that_does_not_move_is_said_once(quick_config: Callable[..., Any]) -> None:
    run = loralab.train(quick_config(*QUIET, "train.learning_rate=1e-12", "train.epochs=3"))
    (message,) = warned(run, "adapter_unmoved")
    assert "after step 10 the adapter is where it began" in message
    events = run.record.events
    at = next(i for i, e in enumerate(events) if e.get("code") == "adapter_unmoved")
    assert events[at - 1]["kind"] == "step" and events[at - 1]["step"] == 10
    cut_after(run.folder.path, "step", 13)
    assert len(warned(resume(run.folder.path), "adapter_unmoved")) == 1, "not said again"


def test_a_healthy_run_has_neither_warning(quick_config: Callable[..., Any]) -> None:
    run = loralab.train(quick_config(*QUIET, "train.epochs=3"))
    assert warned(run, "adapter_unmoved") == warned(run, "loss_diverges") == []


def test_a_run_that_starts_from_an_adapter_is_measured_from_there(quick_config: Callable[..., Any]) -> None:
    first = loralab.train(quick_config(*QUIET, "train.epochs=1"))
    init = f"lora.init={first.folder.adapter}"
    run = loralab.train(quick_config(*QUIET, init, "train.learning_rate=1e-12", "train.epochs=1"))
    assert len(warned(run, "adapter_unmoved")) == 1


@pytest.fixture
def rising(monkeypatch: pytest.MonkeyPatch) -> None:
    """The losses that the engine tells: twice as high after step 15."""
    real = FastEngine.loss_and_gradients

    def made_up(self: FastEngine, rows: Any, step: int) -> StepLoss:
        found = real(self, rows, step)
        factor = 2.5 if step > 15 else 1.0
        return StepLoss(factor * found.loss, found.row_losses, found.label_tokens, found.tokens)

    monkeypatch.setattr(FastEngine, "loss_and_gradients", made_up)


def test_divergence_is_said_once_with_its_numbers(
    quick_config: Callable[..., Any], rising: None, tmp_path: Path
) -> None:
    run = loralab.train(quick_config(*QUIET, "train.epochs=8"))
    (message,) = warned(run, "loss_diverges")
    assert re.search(
        r"the last 20 steps, 1\d\.\d+ at step 35, lies above 2 times .* lowest \([45]\.\d+", message
    )
    copy = shutil.copytree(run.folder.path, tmp_path / "copy")
    cut_after(copy, "step", 31)
    again = resume(copy)
    assert warned(again, "loss_diverges") == [message], "from the losses before, and once"
    cut_after(run.folder.path, "step", 37)
    assert len(warned(resume(run.folder.path), "loss_diverges")) == 1
    assert open_run(copy).status == "finished"
