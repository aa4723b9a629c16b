"""A run that several ranks share is the run of one: losses, adapter, ends; the ranks are threads here."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loralab
from doubles.cut_run import cut_after
from doubles.thread_ranks import thread_ranks
from loralab.engine.fast.engine import FastEngine
from loralab.errors import DataError, Interrupted, Problem, ResourceError, RunFailed, UsageError
from loralab.run.view import Run, list_runs, open_run
from loralab.train.ranks import follow as following
from loralab.train.ranks import group as grouping
from loralab.train.ranks.failure import error_of, note_of
from loralab.train.ranks.follow import Share
from loralab.train.resume import resume
from loralab.words import say

QUIET = ("evaluate.stages=[]", "train.epochs=1", "train.save_every_steps=100")


def shared(config: Any, world: int) -> Run:
    with thread_ranks(world) as ranks:
        return loralab.train(config, ranks=ranks.leader)


def curve(run: Run) -> list[float]:
    return [value for e in run.record.steps() for value in (e["loss"], e["grad_norm"])]


def counts(run: Run) -> list[tuple[int, int, int]]:
    return [(e["rows"], e["tokens"], e["label_tokens"]) for e in run.record.steps()]


def adapter(run: Run) -> Any:
    from safetensors.torch import load_file

    tensors = load_file(run.folder.adapter / "adapter_model.safetensors")
    return {name: tensor.double() for name, tensor in tensors.items()}


def assert_like(found: Run, whole: Run) -> None:
    assert curve(found) == pytest.approx(curve(whole), rel=1e-5)
    assert counts(found) == counts(whole)
    theirs = adapter(whole)
    for name, tensor in adapter(found).items():
        assert float((tensor - theirs[name]).norm()) < 1e-4 * float(theirs[name].norm()), name


@pytest.fixture
def only_run(tmp_path: Path) -> Callable[[], Run]:
    def find() -> Run:
        (run,) = list_runs(tmp_path / "runs")
        return open_run(run.folder.path)

    return find


@pytest.mark.parametrize(("engine", "world"), [("fast", 5), ("plain", 2)])
def test_any_number_of_ranks_makes_the_same_run(
    quick_config: Callable[..., Any], engine: str, world: int
) -> None:
    """Five ranks share steps of four and of two rows: one or three of them have none."""
    config = quick_config(*QUIET, f"train.engine={engine}", "lora.dropout=0.1")
    alone, run = loralab.train(config), shared(config, world)
    assert_like(run, alone)
    facts = {"world_size": world, "backend": "threads", "local_world_size": world}
    assert run.manifest["ranks"] == facts
    assert alone.manifest["ranks"] == {"world_size": 1, "backend": None}
    (note,) = [e for e in run.record.of_kind("note") if e.get("code") == "ranks"]
    assert [other["rank"] for other in note["others"]] == list(range(1, world))
    assert f"{world} processes share each step" in note["message"]
    assert [e["seq"] for e in run.record.events] == list(range(len(run.record.events)))
    assert not run.folder.lock.exists()


def cut(run: Run, step: int) -> None:
    """Take a run back to a checkpoint that it had."""
    cut_after(run.folder.path, "checkpoint", step)


def test_a_run_goes_on_with_any_number_of_ranks(quick_config: Callable[..., Any], tmp_path: Path) -> None:
    whole = shared(quick_config("evaluate.stages=[]", "train.epochs=1", "lora.dropout=0.1"), 2)
    expected = curve(whole)
    cut(whole, 2)
    for world, tolerance in ((2, 0.0), (3, 1e-5), (1, 1e-5)):
        path = shutil.copytree(whole.folder.path, tmp_path / str(world))
        if world == 1:
            run = resume(path)
        else:
            with thread_ranks(world) as ranks:
                run = resume(path, ranks=ranks.leader)
        assert curve(run) == pytest.approx(expected, rel=tolerance, abs=0), world
        said = [e["message"] for e in run.record.of_kind("warning") if e["code"] == "world_size_changed"]
        assert bool(said) == (world != 2) and all(f"goes on with {world}" in text for text in said)


def test_what_fails_elsewhere_ends_the_run_here_with_its_trace(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, only_run: Callable[[], Run]
) -> None:
    real = Share.make

    def odd(self: Share, step: int) -> None:
        if step == 3:
            raise IndexError("odd")
        real(self, step)

    monkeypatch.setattr(Share, "make", odd)
    with pytest.raises(RunFailed, match="process 1 failed: IndexError: odd"), thread_ranks(2) as ranks:
        loralab.train(quick_config(*QUIET), ranks=ranks.leader)
    assert [f.exception(10) for f in ranks.others] == [None], "rank 0 has said it"
    run = only_run()
    assert run.status == "failed" and len(run.record.steps()) == 2
    assert "IndexError: odd" in run.last("run_failed")["error"]
    assert "in odd" in run.folder.log.read_text("utf-8")


def test_memory_that_runs_out_elsewhere_ends_with_the_exit_code_of_memory() -> None:
    found = error_of(note_of(ResourceError(Problem(say("disk"))), 3), "log.txt")
    assert isinstance(found, ResourceError) and str(found) == "process 3 failed: disk"
    other = error_of(note_of(ZeroDivisionError("odd"), 1), "log.txt")
    assert isinstance(other, RunFailed) and other.log == "log.txt" and "odd" in str(other)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_only_another_process_got_ends_the_run_for_all(
    quick_config: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    only_run: Callable[[], Run],
    number: int,
) -> None:
    real = Share.make

    def hit(self: Share, step: int) -> None:
        if step == 3:
            self.group.stop.ask(number)
        real(self, step)

    monkeypatch.setattr(Share, "make", hit)
    monkeypatch.setattr(grouping, "LOOK_SECONDS", 0.0)
    with pytest.raises(Interrupted) as caught, thread_ranks(3) as ranks:
        loralab.train(quick_config(*QUIET, "train.epochs=50"), stop=ranks.groups[0].stop, ranks=ranks.leader)
    assert caught.value.signal_number == number
    assert [f.exception(10) for f in ranks.others] == [None, None]
    run = only_run()
    steps = run.record.steps()
    assert run.status == "interrupted" and 2 <= len(steps) < 250
    assert run.folder.checkpoint(len(steps)).is_dir(), "the last finished step is saved"


def test_a_step_with_bad_numbers_elsewhere_names_its_rows_and_changes_nothing(
    quick_config: Callable[..., Any], only_run: Callable[[], Run]
) -> None:
    with pytest.raises(RunFailed, match="not finite"), thread_ranks(2) as ranks:
        loralab.train(
            quick_config("evaluate.stages=[]", "train.learning_rate=1e30", "train.save_every_steps=1"),
            ranks=ranks.leader,
        )
    assert [f.exception(10) for f in ranks.others] == [None]
    failed = only_run().last("run_failed")
    assert "rows.jsonl:" in failed["error"] and "the last good checkpoint is step" in failed["error"]


def test_adapters_that_come_apart_are_seen_in_the_next_step(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, only_run: Callable[[], Run]
) -> None:
    real = following.update

    def other(model: Any, optimizer: Any, norm: float, rate: float, limit: float) -> None:
        real(model, optimizer, norm, rate * (1 + 1e-6), limit)

    monkeypatch.setattr(following, "update", other)
    with (
        pytest.raises(RunFailed, match="adapters of processes 1, 2 are not that of process 0"),
        thread_ranks(3) as ranks,
    ):
        loralab.train(quick_config(*QUIET), ranks=ranks.leader)
    assert len(only_run().record.steps()) == 1


def test_other_rows_elsewhere_are_refused_before_the_first_step(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, only_run: Callable[[], Run]
) -> None:
    monkeypatch.setattr(following, "digest", lambda job: "other")
    with pytest.raises(UsageError, match="processes 1 read other rows"), thread_ranks(2) as ranks:
        loralab.train(quick_config(*QUIET), ranks=ranks.leader)
    assert only_run().record.steps() == []


def test_memory_that_runs_out_elsewhere_halves_there_and_again_when_the_run_goes_on(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, here = FastEngine._train, threading.current_thread()

    def train(self: FastEngine, batch: Any, masks: Any, gradient_scale: float) -> Any:
        if threading.current_thread() is not here and self.options.budget_tokens > 300:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes")
        return real(self, batch, masks, gradient_scale)

    monkeypatch.setattr(FastEngine, "_train", train)
    run = shared(quick_config("evaluate.stages=[]", "train.epochs=1", "lora.dropout=0.1"), 2)
    (warning,) = halvings(run)
    assert (warning["step"], warning["rank"]) == (1, 1) and warning["message"].startswith("process 1: ")
    assert warning["budget_tokens_before"] == run.manifest["engine"]["budget_tokens"] > 300
    expected = curve(run)
    cut(run, 2)
    monkeypatch.setattr(FastEngine, "_train", real)
    with thread_ranks(2) as ranks:
        again = resume(run.folder.path, ranks=ranks.leader)
    assert curve(again) == expected
    assert len(halvings(again)) == 1, "it has been said"


def halvings(run: Run) -> list[Any]:
    return [e for e in run.record.of_kind("warning") if e["code"] == "micro_batches_halved"]


def test_the_others_leave_when_the_run_ends_before_it_begins(quick_config: Callable[..., Any]) -> None:
    with pytest.raises(DataError), thread_ranks(2) as ranks:
        loralab.train(quick_config(*QUIET, "data.max_tokens=5"), ranks=ranks.leader)
    assert [f.exception(10) for f in ranks.others] == [None]
