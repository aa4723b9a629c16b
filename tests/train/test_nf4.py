"""A base in 4 bits: trained by the plain engine, recorded as what it is, refused where it cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from loralab.errors import UsageError
from loralab.model import nf4
from loralab.train.job import plan_job
from loralab.train.memory_need import MemoryNeed, memory_need
from loralab.train.start import train

SHORT = ("train.max_steps=3", "train.epochs=null", "lora.dropout=0.1", "train.learning_rate=1e-2")


def test_a_base_in_4_bits_is_trained_by_the_plain_engine(
    quick_config: Callable[..., Any], tiny_model: Path
) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes has no wheel for every machine")
    run = train(quick_config(*SHORT, "model.dtype=nf4", "evaluate.stages=[before, after]"))
    whole = train(quick_config(*SHORT, "train.engine=plain"))
    losses, other = ([s["loss"] for s in r.record.steps()] for r in (run, whole))
    assert losses[0] != other[0] and losses == pytest.approx(other, rel=0.05), "4 bits, and the same model"
    assert run.manifest["engine"]["name"] == "plain"
    assert "quantization_config bitsandbytes" in run.manifest["engine"]["reason"]
    assert run.last("model_ready")["parameters"] == whole.last("model_ready")["parameters"]
    assert run.predictions("after")[0]["answer"]
    with safe_open(str(run.folder.path / "adapter" / "adapter_model.safetensors"), "pt") as tensors:
        assert {str(tensors.get_tensor(name).dtype) for name in tensors.keys()} == {"torch.float32"}  # noqa: SIM118


def test_the_memory_plan_counts_4_bits(quick_config: Callable[..., Any]) -> None:
    def weights(*overrides: str) -> int:
        job = plan_job(quick_config("train.engine=plain", *overrides))
        need = memory_need(job.config, job.located.folder, job.prepared)
        assert isinstance(need, MemoryNeed) and need.demand.kind.engine == "plain"
        return next(p.bytes for p in need.plan.phases[0].parts if str(p.name) == "weights")

    assert weights("model.dtype=nf4") < weights()


def test_the_fast_engine_does_not_take_4_bits(quick_config: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not compute model\.dtype=nf4"):
        train(quick_config(*SHORT, "model.dtype=nf4", "train.engine=fast"))
    assert not (tmp_path / "runs").exists()


def test_where_it_cannot_be_had_it_is_refused(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = quick_config("model.dtype=nf4")
    with pytest.raises(UsageError, match="not on mps"):
        nf4.refuse_nf4(config, "mps")
    monkeypatch.setattr(nf4, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"(?s)the package bitsandbytes.*loralab\[cuda\]"):
        train(config)
    nf4.refuse_nf4(quick_config("model.dtype=bfloat16"), "mps")
