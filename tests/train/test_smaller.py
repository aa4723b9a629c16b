"""Memory that runs out within a step: smaller micro-batches, the same numbers, and the same again in a resumed run."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loralab
from doubles.engine_faults import after_the_check
from loralab.engine.fast.engine import FastEngine
from loralab.errors import Interrupted, ResourceError
from loralab.run.events import Event
from loralab.run.files import sha256
from loralab.run.folder import RunFolder
from loralab.run.view import Run, list_runs, open_run
from loralab.train.resume import resume
from loralab.train.stop import StopRequest

QUIET = ("evaluate.stages=[]", "train.epochs=1")
CODE = "micro_batches_halved"


def memory_for(tokens: int, monkeypatch: pytest.MonkeyPatch, error: type[Exception] = RuntimeError) -> None:
    """Memory runs out in micro-batches of more tokens, once their gradients have been added."""
    real = FastEngine._train

    def train(self: FastEngine, batch: Any, masks: Any, gradient_scale: float) -> Any:
        losses = real(self, batch, masks, gradient_scale)
        if len(batch.ids) > tokens:
            raise error("DefaultCPUAllocator: can't allocate memory: 8 bytes")
        return losses

    monkeypatch.setattr(FastEngine, "_train", train)


def halvings(run: Run) -> list[tuple[int, int, int]]:
    events = [e for e in run.record.of_kind("warning") if e["code"] == CODE]
    return [(e["step"], e["budget_tokens_before"], e["budget_tokens"]) for e in events]


def assert_halved_twice(run: Run) -> None:
    """To the least there is; the manifest keeps what the run began with."""
    began = run.manifest["engine"]["budget_tokens"]
    assert 512 < began <= 1024 and halvings(run) == [(1, began, began // 2), (1, began // 2, 256)]


def losses(run: Run) -> list[float]:
    return [e["loss"] for e in run.record.steps()] + [e["grad_norm"] for e in run.record.steps()]


def adapter(run: Run) -> str:
    return sha256(run.folder.adapter / "adapter_model.safetensors")


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_a_step_that_needs_too_much_is_made_in_smaller_pieces(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    whole = loralab.train(quick_config(*QUIET))
    assert halvings(whole) == []
    memory_for(256, monkeypatch, error)
    run = loralab.train(quick_config(*QUIET))
    assert_halved_twice(run)
    assert losses(run) == pytest.approx(losses(whole), rel=1e-5), "what a failed attempt added is gone"
    messages = [e["message"] for e in run.record.of_kind("warning") if e["code"] == CODE]
    assert all("memory ran out in step 1: micro-batches have up to" in message for message in messages)


def test_a_step_that_does_not_fit_in_the_smallest_pieces_ends_the_run(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    after_the_check(monkeypatch, lambda: memory_for(10, monkeypatch))
    with pytest.raises(ResourceError, match=r"memory does not suffice(.|\n)*train\.batch_rows") as caught:
        loralab.train(quick_config(*QUIET))
    (found,) = list_runs(tmp_path / "runs")
    run = open_run(found.folder.path)
    assert caught.value.exit_code == 4 and run.record.steps() == []
    assert_halved_twice(run)


def test_any_other_error_of_a_step_is_left_alone(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("shapes do not match")

    after_the_check(monkeypatch, lambda: monkeypatch.setattr(FastEngine, "_train", broken))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        loralab.train(quick_config(*QUIET))


class StopAfter:
    """A sink that asks for a stop once a step is made."""

    name = "stop"

    def __init__(self, step: int, stop: StopRequest) -> None:
        self.step, self.stop = step, stop

    def open(self, run: RunFolder) -> None:
        pass

    def handle(self, event: Event) -> None:
        if event["kind"] == "step" and event["step"] == self.step:
            self.stop.ask(signal.SIGINT)

    def close(self, status: str) -> None:
        pass


def test_a_run_that_goes_on_where_memory_is_plenty_ends_as_it_would_have(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """To the last bit: the smaller micro-batches are in the record."""
    plenty = loralab.train(quick_config(*QUIET))
    memory_for(256, monkeypatch)
    whole = loralab.train(quick_config(*QUIET))
    stop = StopRequest()
    with pytest.raises(Interrupted):
        loralab.train(quick_config(*QUIET), sinks=[StopAfter(2, stop)], stop=stop)
    monkeypatch.undo()
    broken = max(list_runs(tmp_path / "runs"), key=lambda run: run.id)
    run = resume(broken.folder.path)
    assert run.last("run_resumed")["from_step"] >= 2 and len(halvings(run)) == 2
    assert losses(run) == losses(whole) and adapter(run) == adapter(whole)
    assert losses(run) != losses(plenty), "or this test would show nothing"
