"""A run whose base is split over its ranks is the run in which each has it whole; the ranks are threads here."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loralab
from doubles.cut_run import cut_after
from doubles.same_run import numbers
from doubles.thread_ranks import thread_ranks
from loralab.engine.fast.engine import FastEngine
from loralab.engine.plain import PlainEngine
from loralab.errors import RunFailed, UsageError
from loralab.model.shard import Sharded
from loralab.run.view import Run, open_run
from loralab.train.ranks.follow import Share
from loralab.train.resume import resume

QUIET = ("evaluate.stages=[]", "train.epochs=1", "train.save_every_steps=100", "lora.dropout=0.1")


def shared(config: Any, world: int) -> Run:
    with thread_ranks(world) as ranks:
        run = loralab.train(config, ranks=ranks.leader)
    assert [f.exception(10) for f in ranks.others] == [None] * (world - 1)
    return run


def curve(run: Run) -> list[float]:
    return [value for e in run.record.steps() for value in (e["loss"], e["grad_norm"])]


def note(run: Run, code: str) -> Any:
    (found,) = [e for e in run.record.of_kind("note") if e.get("code") == code]
    return found


@pytest.mark.parametrize(
    ("world", "words"),
    [
        (3, ("train.engine=auto",)),
        (3, ("train.engine=plain", "train.recompute=on", "train.batch_rows=1", "train.accumulate=4")),
        (2, ("train.engine=fast", "train.recompute=on", "model.dtype=bfloat16")),
    ],
)
def test_a_split_base_makes_the_same_run_to_the_last_bit(
    quick_config: Callable[..., Any], world: int, words: tuple[str, ...]
) -> None:
    """Of three ranks that share steps of four and of two rows, one has more passes, and one has none."""
    whole = shared(quick_config(*QUIET, *words, "model.shard=none"), world)
    split = shared(quick_config(*QUIET, *words, "model.shard=fsdp"), world)
    assert curve(split) == curve(whole)
    assert numbers(split)["adapter"] == numbers(whole)["adapter"]
    assert split.manifest["engine"]["name"] == whole.manifest["engine"]["name"]
    assert whole.manifest["shard"] == {"mode": "none", "over": 1, "reason": "model.shard is none"}
    assert split.manifest["shard"] == {"mode": "fsdp", "over": world, "reason": "model.shard is fsdp"}
    assert note(split, "shard")["message"] == f"the base is split over {world} processes: model.shard is fsdp"
    held, others = note(split, "ranks")["base_bytes"], note(split, "ranks")["others"]
    everything = note(whole, "ranks")["base_bytes"]
    assert [other["base_bytes"] for other in others] == [held] * (world - 1)
    assert everything / world < held < 1.1 * everything / world


def test_rank_0_evaluates_with_the_parts_of_the_others(quick_config: Callable[..., Any]) -> None:
    """Held-out losses by either engine, answers by the model's own forward: the same tokens."""
    words = (
        "train.max_steps=1",
        "train.epochs=null",
        "evaluate.stages=[before]",
        "evaluate.max_new_tokens=3",
    )
    for engine in ("fast", "plain"):
        whole, split = (
            shared(quick_config(*words, f"train.engine={engine}", f"model.shard={shard}"), 2)
            for shard in ("none", "fsdp")
        )
        answers = [[(p["id"], p["answer"]) for p in run.predictions("before")] for run in (split, whole)]
        assert answers[0] == answers[1] and len(answers[0]) == 4
        assert split.all_scores == whole.all_scores
        assert "the base is split over the processes" in note(split, "answering")["message"]


def test_a_split_run_goes_on_to_the_last_bit(quick_config: Callable[..., Any], tmp_path: Path) -> None:
    """By as many ranks; by one, where nothing is split, within rounding."""
    words = ("evaluate.stages=[]", "train.epochs=1", "lora.dropout=0.1", "model.shard=fsdp")
    whole = shared(quick_config(*words), 2)
    expected = curve(whole)
    cut_after(whole.folder.path, "checkpoint", 2)
    for world in (2, 3):
        path = shutil.copytree(whole.folder.path, tmp_path / str(world))
        with thread_ranks(world) as ranks:
            run = resume(path, ranks=ranks.leader)
        assert curve(run) == pytest.approx(expected, rel=0 if world == 2 else 1e-5, abs=0)
        assert run.manifest["shard"]["over"] == 2, "the manifest is of the run as it began"
    with pytest.raises(UsageError, match=r"this run has one\n  next: loralab resume \S+ --devices N"):
        resume(whole.folder.path)


def test_one_process_has_nobody_to_split_the_base_with(
    quick_config: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="splits the base over the processes of a run, and this run has one"):
        loralab.train(quick_config("model.shard=fsdp"))
    assert not (tmp_path / "runs").exists()
    run = loralab.train(quick_config("model.shard=auto", *QUIET))
    assert run.manifest["shard"] == {"mode": "none", "over": 1, "reason": "the run has one process"}
    assert "shard" not in [e.get("code") for e in run.record.of_kind("note")]


def test_at_most_one_unit_is_whole_and_none_between_steps(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, between, within = Share.make, [], []

    def bytes_of(shard: Sharded) -> int:
        return sum(unit.full.untyped_storage().nbytes() for unit in set(shard.units.values()))

    def make(self: Share, step: int) -> None:
        assert isinstance(self.tuned.shard, Sharded)
        between.append(bytes_of(self.tuned.shard))
        real(self, step)
        between.append(bytes_of(self.tuned.shard))

    def take(self: Sharded) -> None:
        take_next(self)
        within.append(bytes_of(self))

    take_next = Sharded._take_next
    monkeypatch.setattr(Sharded, "_take_next", take)
    monkeypatch.setattr(Share, "make", make)
    shared(quick_config(*QUIET, "model.shard=fsdp"), 2)
    assert set(between) == {0} and len(between) == 10
    assert max(within) < 50_000, "the embedding: the tiny model has 259 x 32 numbers there"


@pytest.mark.parametrize("engine", ["fast", "plain"])
def test_what_fails_within_a_pass_elsewhere_ends_the_run(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """Rank 0 waits in the middle of a pass then, for a part that does not come."""
    kind = FastEngine if engine == "fast" else PlainEngine
    here, real = threading.current_thread(), kind._losses if engine == "plain" else kind._train
    steps = []

    def odd(self: Any, batch: Any, *more: Any) -> Any:
        found = real(self, batch, *more)
        if threading.current_thread() is not here:
            steps.append(batch)
            if len(steps) > 2:
                raise IndexError("odd")
        return found

    monkeypatch.setattr(kind, "_losses" if engine == "plain" else "_train", odd)
    config = quick_config(*QUIET, "model.shard=fsdp", f"train.engine={engine}")
    with pytest.raises(RunFailed, match="process 1 failed: IndexError: odd"), thread_ranks(2) as ranks:
        loralab.train(config, ranks=ranks.leader)
    assert [f.exception(10) for f in ranks.others] == [None], "rank 0 has said it"


def test_memory_that_runs_out_within_a_pass_halves_and_the_others_make_the_passes_too(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, here = FastEngine._train, threading.current_thread()

    def train(self: FastEngine, batch: Any, masks: Any, gradient_scale: float) -> Any:
        if threading.current_thread() is not here and self.options.budget_tokens > 300:
            self.shard.hold(1)
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes")
        return real(self, batch, masks, gradient_scale)

    expected = curve(shared(quick_config(*QUIET, "model.shard=none"), 2))
    monkeypatch.setattr(FastEngine, "_train", train)
    run = shared(quick_config(*QUIET, "model.shard=fsdp"), 2)
    (warning,) = [e for e in run.record.of_kind("warning") if e["code"] == "micro_batches_halved"]
    assert (warning["step"], warning["rank"]) == (1, 1)
    assert curve(run) == pytest.approx(expected, rel=1e-5)


def test_a_fast_engine_that_fails_within_its_check_gives_way_to_plain(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are in the middle of a pass then, which is ended for them."""
    import loralab.engine.fast.engine as module

    def lacking(*given: Any) -> Any:
        raise RuntimeError("no such operator")

    monkeypatch.setattr(module, "label_losses", lacking)
    run = shared(quick_config(*QUIET, "model.shard=fsdp"), 2)
    assert run.manifest["engine"]["name"] == "plain" and len(run.record.steps()) == 5
    assert open_run(run.folder.path).status == "finished"
