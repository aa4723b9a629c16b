"""Which engine trains a run, why, and that a run keeps the one it began with."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace as Namespace
from typing import Any

import pytest

from loralab.engine import plain, self_check
from loralab.engine.base import budget_tokens
from loralab.engine.device_dropout import MaskKernel, torch_mask
from loralab.engine.fast import engine as fast_engine
from loralab.engine.fast.engine import FastEngine
from loralab.errors import Interrupted, ResourceError, UsageError
from loralab.run.view import Run, open_run
from loralab.train import engine_choice, memory_need
from loralab.train.environment import cpu_features
from loralab.train.resume import resume
from loralab.train.start import train
from loralab.train.stop import StopRequest
from loralab.words import say

Quick = Callable[..., Any]
SHORT = ("train.max_steps=2", "train.epochs=null", "evaluate.stages=[]", "lora.dropout=0.1")


def numbers(run: Run) -> tuple[list[tuple[float, float]], bytes]:
    losses = [(e["loss"], e["grad_norm"]) for e in run.record.steps()]
    return losses, (run.folder.adapter / "adapter_model.safetensors").read_bytes()


def codes(run: Run, kind: str) -> list[str]:
    return [e["code"] for e in run.record.of_kind(kind) if "code" in e]


@pytest.fixture
def disagreeing(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the fast engine's loss is a ten-thousandth too high."""
    real = FastEngine.loss_and_gradients

    def off(self: FastEngine, rows: Any, step: int) -> Any:
        result = real(self, rows, step)
        return type(result)(result.loss * 1.0001, result.row_losses, result.label_tokens, result.tokens)

    monkeypatch.setattr(FastEngine, "loss_and_gradients", off)


@pytest.fixture
def windowed(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model with a window that is smaller than a row: only loading it shows."""
    folder = shutil.copytree(tiny_model, tmp_path / "windowed")
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    settings |= {
        "use_sliding_window": True,
        "sliding_window": 64,
        "max_window_layers": 0,
        "layer_types": None,
    }
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")
    return folder


def unfinished(run: Run, **engine: Any) -> Path:
    """Take back that the run ended, and change what its manifest says of the engine."""
    lines = run.folder.events.read_text("utf-8").splitlines(keepends=True)
    run.folder.events.write_text("".join(x for x in lines if '"kind": "run_finished"' not in x), "utf-8")
    manifest = json.loads(run.folder.manifest.read_text("utf-8"))
    manifest["engine"] |= engine
    run.folder.manifest.write_text(json.dumps(manifest), "utf-8")
    return run.folder.path


def test_auto_takes_the_fast_engine_and_says_why(quick_config: Quick) -> None:
    run = train(quick_config(*SHORT))
    engine, ready = run.manifest["engine"], run.last("model_ready")
    assert engine["name"] == ready["engine"] == "fast" and engine["reason"] == ready["engine_reason"]
    assert engine["budget_tokens"] == 640 and engine["masks"] == "sfc64" and engine["mask_kernel"] is None
    assert engine["packing"] == ("both" if "avx512f" in cpu_features() else "in_place")
    assert engine["attention"] in ("flash", "sdpa") and engine["malloc"] in ("tuned", "default")
    check = engine["self_check"]
    assert check["agrees"] and check["rows"] == 2 and 0 < check["tokens"] < 600 and check["seconds"] > 0
    assert check["loss_fast"] == pytest.approx(check["loss_plain"], rel=1e-6)
    assert check["worst_cosine"] > 0.999999 and "lora" in check["worst_tensor"]
    (note,) = [e for e in run.record.of_kind("note") if e.get("code") == "engine"]
    assert note["message"].startswith("engine fast: it agrees with the plain engine on 2 rows")
    assert codes(run, "warning") == [] or "fast_engine_disagrees" not in codes(run, "warning")


def test_the_self_check_changes_no_bit_of_the_run(
    quick_config: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = quick_config(*SHORT, "train.engine=fast", "evaluate.stages=[before]")
    with_check = train(config)
    found = self_check.SelfCheck(True, 0, 0, 1.0, 1.0, "", 1.0, 0.0, 0.0, self_check.TOLERANCES["float32"])
    monkeypatch.setattr(engine_choice, "check_fast", lambda *arguments: found)
    without = train(config)
    assert numbers(with_check) == numbers(without)
    assert with_check.predictions("before")[0]["answer"] == without.predictions("before")[0]["answer"]


def test_plain_never_loads_the_fast_engine(quick_config: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("loralab.engine.fast")]:
        monkeypatch.delitem(sys.modules, name)
    run = train(quick_config(*SHORT, "train.engine=plain"))
    assert run.manifest["engine"] == {
        "name": "plain",
        "reason": "train.engine is plain",
        "masks": "sfc64",
        "mask_kernel": None,
    }
    assert run.last("model_ready")["engine"] == "plain" and "engine" not in codes(run, "note")
    assert "loralab.engine.fast.engine" not in sys.modules  # answers are read with parts of its package


def test_a_fast_engine_that_disagrees_is_not_used(quick_config: Quick, disagreeing: None) -> None:
    run = train(quick_config(*SHORT))
    engine = run.manifest["engine"]
    assert engine["name"] == run.last("model_ready")["engine"] == "plain"
    assert engine["reason"].startswith("the fast engine does not agree with the plain one on 2 rows")
    check = engine["self_check"]
    assert not check["agrees"] and check["loss_fast"] == pytest.approx(check["loss_plain"] * 1.0001, rel=1e-6)
    assert codes(run, "warning").count("fast_engine_disagrees") == 1 and "engine" not in codes(run, "note")
    assert numbers(run) == numbers(train(quick_config(*SHORT, "train.engine=plain")))


def test_a_fast_engine_that_fails_is_not_used(quick_config: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: FastEngine, rows: Any, step: int) -> Any:
        raise RuntimeError("no kernel\nfor this device")

    monkeypatch.setattr(FastEngine, "loss_and_gradients", fail)
    run = train(quick_config(*SHORT))
    assert run.manifest["engine"]["reason"] == "the fast engine fails here: no kernel"
    assert "fast_engine_fails" in codes(run, "warning") and len(run.record.steps()) == 2


def test_memory_that_does_not_suffice_for_the_check_is_no_reason_for_plain(
    quick_config: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: FastEngine, rows: Any, step: int) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(FastEngine, "loss_and_gradients", fail)
    with pytest.raises(ResourceError, match=r"train\.batch_rows lower"):
        train(quick_config(*SHORT))


@pytest.mark.usefixtures("disagreeing")
def test_fast_that_cannot_be_had_is_refused_before_training(quick_config: Quick, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"train\.engine is fast, which cannot be had.*does not agree"):
        train(quick_config(*SHORT, "train.engine=fast"))
    run = open_run(next((tmp_path / "runs").iterdir()))
    assert run.record.steps() == [] and run.manifest["engine"]["name"] is None


def test_what_config_json_tells_is_refused_before_anything_is_made(
    quick_config: Quick, tiny_model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "other")
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(settings | {"model_type": "phi3"}), "utf-8")
    with pytest.raises(UsageError, match="does not know the architecture Phi3ForCausalLM"):
        train(quick_config(f"model.name={folder}", "train.engine=fast"))
    assert not (tmp_path / "runs").exists()


def test_a_model_that_is_not_supported_is_trained_by_plain(quick_config: Quick, windowed: Path) -> None:
    run = train(quick_config(*SHORT, f"model.name={windowed}"))
    reason = "the model looks back 64 tokens, rows may have 384"
    assert run.manifest["engine"] == {
        "name": "plain",
        "reason": reason,
        "masks": "sfc64",
        "mask_kernel": None,
    }
    (note,) = [e for e in run.record.of_kind("note") if e.get("code") == "engine"]
    assert note["message"] == f"engine plain: {reason}"
    with pytest.raises(UsageError, match=reason):
        train(quick_config(*SHORT, f"model.name={windowed}", "train.engine=fast"))


def test_a_check_can_be_broken_off_and_the_run_goes_on(quick_config: Quick, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(quick_config(*SHORT), stop=StopRequest(15, at_once=True))
    path = next((tmp_path / "runs").iterdir())
    assert open_run(path).manifest["engine"]["name"] is None
    run = resume(path)
    assert run.manifest["engine"]["name"] == "fast" and len(run.record.steps()) == 2
    assert numbers(run) == numbers(train(quick_config(*SHORT)))


def test_smaller_micro_batches_are_said_and_kept(
    quick_config: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_need, "free_bytes", lambda device: 1 << 20)
    run = train(quick_config(*SHORT, "train.batch_rows=8"))
    (words,) = [e["message"] for e in run.record.of_kind("warning") if e["code"] == "smaller_micro_batches"]
    assert words.startswith("micro-batches have up to 256 tokens instead of 640")
    assert run.manifest["engine"]["budget_tokens"] == 256
    monkeypatch.undo()
    again = resume(unfinished(run))
    assert again.last("model_ready")["engine_facts"]["budget_tokens"] == 256
    assert codes(again, "warning").count("smaller_micro_batches") == 1


# ------------------------------------------------------------------------------------ runs that go on


def test_a_run_goes_on_with_the_arrangement_it_began_with(quick_config: Quick) -> None:
    path = unfinished(train(quick_config(*SHORT)), budget_tokens=300)
    before = (path / "manifest.json").read_bytes()
    run = resume(path)
    assert run.last("model_ready")["engine_facts"]["budget_tokens"] == 300
    assert (path / "manifest.json").read_bytes() == before and "engine_changed" not in codes(run, "warning")


def test_what_cannot_be_had_again_is_said_with_its_tolerance(quick_config: Quick) -> None:
    path = unfinished(train(quick_config(*SHORT)), attention="other")
    run = resume(path)
    (words,) = [e["message"] for e in run.record.of_kind("warning") if e["code"] == "engine_changed"]
    assert "attention other" in words and "within 1e-5" in words


@pytest.mark.parametrize("engine", ["fast", "plain"])
def test_other_dropout_masks_than_a_run_began_with_are_said(quick_config: Quick, engine: str) -> None:
    config = quick_config(*SHORT, f"train.engine={engine}")
    run = resume(unfinished(train(config), masks="philox"))
    (words,) = [e["message"] for e in run.record.of_kind("warning") if e["code"] == "masks_changed"]
    assert words.startswith("dropout masks were made by philox and are made by sfc64 on this device")
    assert "masks_changed" not in codes(resume(unfinished(train(config), masks="sfc64")), "warning")


def test_without_dropout_no_masks_are_recorded(quick_config: Quick) -> None:
    run = train(quick_config(*SHORT[:3], "lora.dropout=0", "train.engine=plain"))
    assert run.manifest["engine"]["masks"] is None and run.manifest["engine"]["mask_kernel"] is None


def test_what_makes_masks_of_philox_is_recorded_and_said_where_triton_fails(
    quick_config: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on CUDA; the kernel changes no number, so a run that goes on says nothing of it."""
    failing = MaskKernel("torch", torch_mask, ("mask_kernel_fails", say("{reason}", reason="no C compiler")))
    for module in (fast_engine, plain):
        monkeypatch.setattr(module, "stream_of", lambda device: "philox")
    monkeypatch.setattr(engine_choice, "mask_kernel", lambda device: failing)
    run = train(quick_config(*SHORT))
    assert run.manifest["engine"] | {"masks": "philox", "mask_kernel": "torch"} == run.manifest["engine"]
    (words,) = [e["message"] for e in run.record.of_kind("warning") if e["code"] == "mask_kernel_fails"]
    assert words == "no C compiler"
    path = unfinished(run)
    monkeypatch.setattr(engine_choice, "mask_kernel", lambda device: MaskKernel("triton", torch_mask))
    again = resume(path)
    assert again.last("model_ready")["engine_facts"]["mask_kernel"] == "triton"
    assert codes(again, "warning").count("mask_kernel_fails") == 1
    assert not {"masks_changed", "engine_changed"} & {*codes(again, "warning")}


def test_every_device_of_a_model_is_asked_and_a_failure_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where layers lie on several GPUs, the kernel is in force if it is on each of them."""
    failure = ("mask_kernel_fails", say("{reason}", reason="no C compiler"))
    failing, asked = ["cuda:0", "cuda:2"], []

    def kernel(device: str) -> MaskKernel:
        asked.append(device)
        return MaskKernel(*(("torch", torch_mask, failure) if device in failing else ("triton", torch_mask)))

    monkeypatch.setattr(engine_choice, "mask_kernel", kernel)
    places = [Namespace(device=f"cuda:{n}") for n in (2, 0, 1, 2)]
    config = Namespace(lora=Namespace(dropout=0.1))
    given: Any = Namespace(config=config, tuned=Namespace(model=Namespace(parameters=lambda: places)))
    begun: Any = Namespace(manifest={})
    found = {"masks": "philox", "mask_kernel": "torch"}
    assert engine_choice._masks(begun, "philox", given) == (found, [failure])
    assert asked == ["cuda:0", "cuda:1", "cuda:2"]
    failing.clear()
    assert engine_choice._masks(begun, "philox", given) == (found | {"mask_kernel": "triton"}, [])


@pytest.mark.usefixtures("disagreeing")
def test_a_run_that_began_on_plain_stays_there(quick_config: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    path = unfinished(train(quick_config(*SHORT)))
    monkeypatch.undo()
    run = resume(path)
    assert run.last("model_ready")["engine"] == run.manifest["engine"]["name"] == "plain"
    assert run.last("model_ready")["engine_reason"] == "the run began on it"


def test_a_run_that_began_on_fast_does_not_go_on_without_it(
    quick_config: Quick, request: pytest.FixtureRequest
) -> None:
    path = unfinished(train(quick_config(*SHORT)))
    request.getfixturevalue("disagreeing")
    with pytest.raises(UsageError, match=r"began on the fast engine.*\n.*rounding\n.*train\.engine=plain"):
        resume(path)
    assert open_run(path).manifest["engine"]["name"] == "fast"


@pytest.mark.parametrize(
    ("batch_rows", "max_tokens", "on_cpu", "elsewhere"),
    [(1, 100, 256, 256), (4, 100, 400, 400), (4, 384, 640, 1536), (16, 384, 640, 4096)],
)
def test_the_budget_follows_what_the_config_asks_for(
    quick_config: Quick, batch_rows: int, max_tokens: int, on_cpu: int, elsewhere: int
) -> None:
    config = quick_config(f"train.batch_rows={batch_rows}", f"data.max_tokens={max_tokens}")
    assert (budget_tokens(config, "cpu"), budget_tokens(config, "cuda")) == (on_cpu, elsewhere)
