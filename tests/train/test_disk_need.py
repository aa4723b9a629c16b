"""The bytes that a run will write: those of a run that was made, and what is said where they do not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loralab
from loralab.config import make_config
from loralab.errors import ResourceError
from loralab.run.view import list_runs, open_run
from loralab.train import execute as executing
from loralab.train.disk_need import DiskNeed, disk_need, free_disk_bytes, warning_of
from loralab.train.order import plan_steps

MIB = 1 << 20


def need_of(*overrides: str, rows: int = 100, done: int = 0) -> DiskNeed:
    """100 rows are 7 steps an epoch of 16 rows."""
    config = make_config(["model.name=m", "data.train=d", "evaluate.max_new_tokens=100", *overrides])
    return disk_need(config, plan_steps(rows, config.train), 1000, 10, done)


@pytest.mark.parametrize(
    ("overrides", "number"),
    [
        ((), 2),  # the ends of both epochs
        (("train.save_every_steps=3",), 6),  # 3 6 7 9 12 14
        (
            ("train.save_every_steps=3", "train.keep_checkpoints=2"),
            4,
        ),  # and the chosen, and one being written
        (("train.save_every_steps=3", "train.keep_checkpoints=20"), 6),
        (("evaluate.heldout_every_steps=5",), 4),  # 5 7 10 14: each may be the best
        (("evaluate.heldout_every_steps=5", "evaluate.best_by=last"), 2),
        (("train.epochs=1.2",), 2),  # 7 9
    ],
)
def test_checkpoints_are_counted_as_they_will_be_saved(overrides: tuple[str, ...], number: int) -> None:
    assert need_of(*overrides).num_checkpoints == number


def test_a_run_that_goes_on_needs_what_is_left() -> None:
    whole, rest = need_of("train.save_every_steps=3"), need_of("train.save_every_steps=3", done=9)
    assert (whole.num_checkpoints, rest.num_checkpoints) == (6, 2)
    assert rest.record_bytes < whole.record_bytes and rest.checkpoint_bytes == whole.checkpoint_bytes
    assert need_of(done=14).num_checkpoints == 0


def test_a_run_stays_within_its_need_and_near_it(quick_config: Callable[..., Any]) -> None:
    config = quick_config("evaluate.max_new_tokens=24", "lora.rank=64")
    run = loralab.train(config)
    need = disk_need(config, plan_steps(18, config.train), run.last("model_ready")["trainable"], 4)
    sizes = [e["bytes"] for e in run.record.of_kind("checkpoint")]
    assert len(sizes) == need.num_checkpoints
    assert max(sizes) <= need.checkpoint_bytes <= 1.1 * max(sizes)
    folders = [run.folder.checkpoints, run.folder.adapter, run.folder.path / "predictions"]
    files = [p for folder in folders for p in folder.rglob("*") if p.is_file()] + [run.folder.events]
    written = sum(p.stat().st_size for p in files)
    assert written <= need.total_bytes <= 1.5 * written


def test_what_is_said() -> None:
    need, here = DiskNeed(10 * MIB, 5, 3 * MIB, MIB), Path("runs/0001-x")
    assert warning_of(need, 54 * MIB, here) is None
    assert "may write 54.0 MiB (5 checkpoints of 10.0 MiB), 53.0 MiB are free" in str(
        warning_of(need, 53 * MIB, here)
    )
    with pytest.raises(
        ResourceError, match=r"not even one checkpoint fits: it takes 10.0 MiB, 9.0 MiB"
    ) as caught:
        warning_of(need, 9 * MIB, here)
    assert caught.value.exit_code == 4 and "loralab resume runs/0001-x" in str(caught.value)
    assert warning_of(DiskNeed(10 * MIB, 0, 0, 0), 0, here) is None, "none is left to be saved"


def test_the_disk_is_looked_at_before_weights_are_loaded(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(executing, "free_disk_bytes", lambda folder: 1000)
    monkeypatch.setattr(executing, "load_tuned", pytest.fail)
    with pytest.raises(ResourceError, match="not even one checkpoint fits"):
        loralab.train(quick_config())
    (run,) = list_runs(tmp_path / "runs")
    assert open_run(run.folder.path).status == "failed" and not run.folder.lock.exists()


def test_a_disk_that_may_not_suffice_is_a_warning(
    quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "free_disk_bytes", lambda folder: 200_000)
    run = loralab.train(quick_config("evaluate.stages=[]"))
    assert [e["code"] for e in run.record.of_kind("warning")].count("disk_may_not_suffice") == 1


def test_there_is_some_room_here(tmp_path: Path) -> None:
    assert free_disk_bytes(tmp_path) > MIB
