"""A run whose base lies on several devices of one process: the plain engine, the same numbers, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from doubles.command import invoke
from doubles.job_files import write_job
from doubles.two_devices import SPLIT, take_names_for_devices
from loralab.cli import ranked
from loralab.engine.generate import LocalGenerator
from loralab.errors import UsageError
from loralab.run.view import Run
from loralab.train import environment, memory_need
from loralab.train import job as jobs
from loralab.train.forecast import forecast
from loralab.train.job import plan_job
from loralab.train.memory_need import MemoryNeed
from loralab.train.resume import resume
from loralab.train.start import train
from loralab.words import say

SHORT = ("train.max_steps=2", "train.epochs=null", "lora.dropout=0.1", "evaluate.stages=[before, after]")
ONE = 'model.device_map={"": cpu}'


def spread(config: Any) -> Any:
    return replace(config, model=replace(config.model, device_map=SPLIT))


def codes(run: Run, kind: str) -> list[str]:
    return [event["code"] for event in run.record.of_kind(kind) if "code" in event]


def test_the_run_is_that_of_one_device(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_names_for_devices(monkeypatch)
    # on GPUs answers come from the model's own forward, as they do here
    monkeypatch.setattr(LocalGenerator, "why_forward", lambda self, longest: say("as on a GPU"))
    run = train(spread(quick_config(*SHORT, "train.recompute=on")))  # as it is on GPUs
    whole = train(quick_config(*SHORT, "train.recompute=on", "train.engine=plain"))
    losses, others = ([(s["loss"], s["grad_norm"]) for s in r.record.steps()] for r in (run, whole))
    assert len(losses) == 2
    for found, expected in zip(losses, others, strict=True):
        assert found == pytest.approx(expected, rel=1e-5)
    assert [p["answer"] for p in run.predictions("after")] == [
        p["answer"] for p in whole.predictions("after")
    ]
    value = run.scores("after")["heldout"]["loss"]["value"]
    assert value == pytest.approx(whole.scores("after")["heldout"]["loss"]["value"], rel=1e-5)
    assert run.manifest["engine"] == {
        "name": "plain", "reason": "the fast engine does not compute model.device_map", "masks": "sfc64", "mask_kernel": None,
    }  # fmt: skip
    (note,) = (e for e in run.record.of_kind("note") if e.get("code") == "placement")
    assert note["places"] == SPLIT
    assert codes(run, "warning").count("layers_in_turn") == 1 and "layers_in_turn" not in codes(
        whole, "warning"
    )


def test_it_goes_on_where_it_was(quick_config: Callable[..., Any]) -> None:
    run = train(quick_config("train.epochs=0.4", "evaluate.stages=[]", ONE))
    made = len(run.record.steps())
    longer = resume(run.folder.path, ["train.epochs=0.6"])
    steps = [s["step"] for s in longer.record.steps()]
    assert steps == list(range(1, len(steps) + 1)) and len(steps) > made > 0
    assert codes(longer, "note").count("placement") == 2 and "layers_in_turn" not in codes(longer, "warning")


def test_the_fast_engine_is_refused_before_anything_is_read(
    quick_config: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"does not compute model\.device_map"):
        train(quick_config(*SHORT, ONE, "train.engine=fast"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('model.device_map={"": disk}', "an adapter on them would hold no numbers"),
        ('model.device_map={"": 0}', "cuda:0, which this machine does not have"),
        ("model.device_map={model: cpu}", None),
        ("model.device_map={model: cpu, lm_heads: cpu}", "names lm_heads"),
    ],
)
def test_what_cannot_be_had_leaves_no_run(
    quick_config: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, said: str | None
) -> None:  # fmt: skip
    monkeypatch.setattr(jobs, "find_device", lambda: "cpu")
    with pytest.raises(UsageError, match=said or "no device, first lm_head.weight"):
        train(quick_config(*SHORT, setting))
    assert not (tmp_path / "runs").exists()


def test_several_processes_are_refused(quick_config: Callable[..., Any], tmp_path: Path) -> None:
    two: Any = SimpleNamespace(world=2)
    with pytest.raises(UsageError, match="2 processes are to share the run"):
        train(quick_config(ONE), ranks=two)
    assert not (tmp_path / "runs").exists()
    run = train(quick_config(*SHORT, ONE, "evaluate.stages=[]"))
    lines = run.folder.events.read_text("utf-8").splitlines(keepends=True)
    run.folder.events.write_text("".join(x for x in lines if '"kind": "run_finished"' not in x), "utf-8")
    with pytest.raises(UsageError, match="2 processes are to share the run"):
        resume(run.folder.path, ranks=two)


def test_the_command_refuses_several_processes_before_it_starts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranked, "_launch", pytest.fail)
    config = write_job(tmp_path, tmp_path / "model")
    found = invoke("train", config, "model.device_map=auto", "--devices", "2")
    assert found.code == 2 and "2 processes are to share the run" in found.err


def test_the_plan_and_the_forecast_are_those_of_the_plain_engine(quick_config: Callable[..., Any]) -> None:
    job = plan_job(quick_config(ONE))
    need = memory_need.memory_need(job.config, job.located.folder, job.prepared)
    assert isinstance(need, MemoryNeed) and need.demand.kind.engine == "plain" and not need.fast_is_known
    assert forecast(job).engine == "plain"


def test_memory_of_all_gpus_counts(quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU is there: what torch says of two is made up."""
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index=0: (10 + index, 99))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda index=0: 1 + index)
    assert memory_need._free(quick_config("model.device_map=auto"), "cuda", 1) == 21
    assert memory_need._free(quick_config(), "cuda", 1) == 10
    assert environment.peak_bytes("cuda") == 3
