"""Before weights are loaded: what a config asks for is found, pinned, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loralab.config import load_config
from loralab.errors import UsageError
from loralab.hub.base import Located
from loralab.train import evaluate_stage as staging
from loralab.train import job as planning
from loralab.train import resume as resuming
from loralab.train import start as starting

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """hub(folder): from now on every hub model is found in this folder."""

    def found_in(folder: Path) -> None:
        monkeypatch.setattr(planning, "locate", lambda model: Located(folder, "huggingface", COMMIT))

    found_in(tiny_model)
    return found_in


def hub_config(quick_config: Callable[..., Any]) -> Any:
    config = quick_config("train.max_steps=1", "train.epochs=null", "evaluate.stages=[]")
    return replace(config, model=replace(config.model, name="owner/tiny"))


def test_a_run_on_a_hub_model_repeats_with_the_same_commit(
    quick_config: Callable[..., Any], hub: Callable[[Path], None]
) -> None:
    """The stored config named no revision: its repetition took whatever was newest."""
    run = starting.train(hub_config(quick_config))
    stored = load_config(run.folder.config).model
    assert (stored.name, stored.source, stored.revision) == ("owner/tiny", "huggingface", COMMIT)


def test_a_run_does_not_go_on_with_other_weights_from_the_hub(
    quick_config: Callable[..., Any], hub: Callable[[Path], None], tmp_path: Path
) -> None:
    from doubles.tiny_model import write_tiny_model

    run = starting.train(hub_config(quick_config))
    events = run.folder.events.read_text("utf-8").splitlines()
    unfinished = [line for line in events if json.loads(line)["kind"] != "run_finished"]
    run.folder.events.write_text("\n".join(unfinished) + "\n", "utf-8")
    hub(write_tiny_model(tmp_path / "other", seed=1))
    with pytest.raises(UsageError, match=r"model\.safetensors: has changed"):
        resuming.resume(run.folder.path)


def test_a_revision_of_a_local_folder_is_refused(quick_config: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=r"model\.revision has no effect"):
        planning.plan_job(quick_config("model.revision=main"))


def test_a_warm_up_that_never_ends_is_said(quick_config: Callable[..., Any]) -> None:
    run = starting.train(quick_config("train.epochs=1", "train.warmup_steps=500", "evaluate.stages=[]"))
    assert "warmup_never_ends" in {e["code"] for e in run.record.of_kind("warning")}


def test_copies_are_looked_for_in_the_answers_of_the_training_rows_each_once(
    quick_config: Callable[..., Any], rows_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that an epoch has twice are read once; test rows and probes are no training rows."""
    searched: list[list[str]] = []
    monkeypatch.setattr(
        staging, "copied_rows", lambda predictions, training: searched.append(list(training)) or []
    )
    source = f"data.train=[{{path: {rows_file}, weight: 2}}]"
    run = starting.train(quick_config("train.max_steps=1", "train.epochs=null", source))
    held_out = {p["reference"] for p in run.predictions("before")}
    every = [json.loads(line)["output"] for line in rows_file.read_text("utf-8").splitlines()]
    assert len(every) == 24 and len(searched[0]) == 24 - 4 - 2
    assert len(set(searched[0])) == 18 and set(searched[0]) <= set(every) - held_out


def test_scores_are_given_without_questions_that_nearly_stand_in_training_rows(
    quick_config: Callable[..., Any], rows_file: Path, tmp_path: Path
) -> None:
    asked = "租赁合同到期以后房东一直不退还押金并且已经联系不上了应当怎么办"
    rows = rows_file.read_text("utf-8") + json.dumps({"input": f"{asked}呢呢", "output": "起诉"}) + "\n"
    rows_file.write_text(rows, "utf-8")
    test = tmp_path / "test.jsonl"
    others = [
        {"input": "完全不同的另外一个关于继承的问题", "output": "放弃"},
        {"input": "第三个", "output": "答"},
    ]
    test.write_text("\n".join(map(json.dumps, [{"input": asked, "output": "起诉"}, *others])), "utf-8")
    config = quick_config(
        "train.max_steps=1", "train.epochs=null", f"data.test={test}", "data.probes=0", "evaluate.answers=3"
    )
    run = starting.train(config)
    for stage in ("before", "after"):
        scores = run.scores(stage)
        assert (scores["heldout"]["loss"]["n"], scores["heldout_clean"]["loss"]["n"]) == (3, 2)
        assert (scores["heldout"]["rouge_l"]["n"], scores["heldout_clean"]["rouge_l"]["n"]) == (3, 2)
    near = run.data_report["near"]
    assert (near["found"], near["rows"]) == (1, 1)


def test_a_run_does_not_go_on_when_its_folder_of_data_got_another_file(
    quick_config: Callable[..., Any], rows_file: Path, tmp_path: Path
) -> None:
    """A file of which every row is dropped changed no split, and went unnoticed."""
    folder = tmp_path / "rows"
    folder.mkdir()
    rows_file.rename(folder / "a.jsonl")
    config = quick_config(
        "train.max_steps=1",
        "train.epochs=null",
        "evaluate.stages=[]",
        f"data.train={folder}",
        "data.on_bad_row=drop",
    )
    run = starting.train(config)
    events = run.folder.events.read_text("utf-8").splitlines()
    unfinished = [line for line in events if json.loads(line)["kind"] != "run_finished"]
    run.folder.events.write_text("\n".join(unfinished) + "\n", "utf-8")
    (folder / "b.jsonl").write_text("{}\n")
    with pytest.raises(UsageError, match=r"b\.jsonl: is new since this run was started"):
        resuming.resume(run.folder.path)
