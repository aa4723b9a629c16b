"""The plan of a run is of its own largest micro-batch; too little memory is a warning, never a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from loralab.train import memory_need as module
from loralab.train.job import plan_job
from loralab.train.memory_need import MemoryNeed, memory_need, warning_of
from loralab.train.start import train
from loralab.words import Words


def need_of(config: Any) -> MemoryNeed:
    job = plan_job(config)
    need = memory_need(job.config, job.located.folder, job.prepared)
    assert isinstance(need, MemoryNeed)
    return need


def test_the_largest_padded_batch_of_the_run(quick_config: Callable[..., Any]) -> None:
    job = plan_job(quick_config("train.engine=plain", "train.epochs=2"))
    need = need_of(job.config)
    rows = job.prepared.token_rows(job.prepared.epoch)
    sizes = []
    for step in range(1, job.order.total_steps + 1):
        lengths = [len(rows[i].encoded.ids) for i in job.order.rows_of(step)]
        sizes += [max(lengths[at : at + 2]) * len(lengths[at : at + 2]) for at in range(0, len(lengths), 2)]
    assert need.demand.batch.tokens == max(sizes)
    assert need.demand.kind.engine == "plain" and need.demand.check is None


def test_the_fast_engine_is_within_its_budget_and_is_checked(quick_config: Callable[..., Any]) -> None:
    from loralab.engine.base import budget_tokens

    config = quick_config("train.engine=auto", "data.max_tokens=100")
    need = need_of(config)
    assert need.demand.kind.engine == "fast" and need.demand.check is not None
    assert 0 < need.demand.batch.tokens <= budget_tokens(config, "cpu")


def test_a_family_that_is_not_known_has_a_reason(quick_config: Callable[..., Any], tmp_path: Any) -> None:
    job = plan_job(quick_config())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}), "utf-8")
    need = memory_need(job.config, tmp_path, job.prepared)
    assert isinstance(need, Words) and "gpt2" in str(need) and warning_of(need) is None


def test_too_little_memory_is_a_warning_and_the_run_goes_on(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda device: 1 << 20)
    run = train(quick_config("train.max_steps=1", "train.epochs=null"))
    events = run.record.events
    (warning,) = (e for e in events if e.get("code") == "memory_may_not_suffice")
    (ready,) = (e for e in events if e["kind"] == "model_ready")
    assert warning["seq"] < ready["seq"] and "lora.rank / 2" in warning["message"]
    assert events[-1]["kind"] == "run_finished"


def test_the_plan_event_holds_the_estimate(quick_config: Callable[..., Any]) -> None:
    config = quick_config("train.max_steps=1", "train.epochs=null")
    (plan,) = (e for e in train(config).record.events if e["kind"] == "plan")
    assert plan["peak_bytes_estimate"] == need_of(config).plan.total_bytes


def test_memory_that_is_not_known_warns_of_nothing(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda device: None)
    need = need_of(quick_config())
    assert need.fits is None and warning_of(need) is None
    assert need.budget_tokens == need.asked_tokens and need.demand.copies == 0


def test_micro_batches_become_smaller_until_training_fits(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = quick_config("train.batch_rows=16", "train.accumulate=1", "data.max_tokens=100")
    whole = need_of(config)
    assert whole.budget_tokens == whole.asked_tokens == 640
    monkeypatch.setattr(module, "free_bytes", lambda device: whole.plan.phases[0].bytes - 1)
    less = need_of(config)
    assert less.asked_tokens == 640 and 256 <= less.budget_tokens < whole.demand.batch.tokens
    assert less.demand.batch.tokens <= less.budget_tokens
    assert less.plan.phases[0].bytes < whole.plan.phases[0].bytes
    monkeypatch.setattr(module, "free_bytes", lambda device: 1)
    assert need_of(config).budget_tokens == 256
    assert need_of(quick_config("train.engine=plain", "train.batch_rows=16")).demand.copies == 0


@pytest.mark.parametrize(("features", "copies"), [(["avx2"], 0), (["avx2", "avx512f"], 2)])
def test_copies_of_the_matrices_are_for_processors_that_gain_by_them(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, features: list[str], copies: int
) -> None:
    monkeypatch.setattr(module, "cpu_features", lambda: features)
    assert need_of(quick_config()).demand.copies == copies
    assert need_of(quick_config("train.engine=plain")).demand.copies == 0
    assert need_of(quick_config("model.dtype=bfloat16")).demand.copies == 0
