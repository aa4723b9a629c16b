"""Checkpoints: complete or absent, known by their hashes, and the optimizer comes back as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doubles.tuned import fill_b
from loralab.errors import ResourceError
from loralab.model.adapter import trainable
from loralab.model.load import TunedModel, load_tuned
from loralab.run.folder import RunFolder
from loralab.train import checkpoint as checkpoints
from loralab.train.checkpoint import (
    Checkpoint,
    find_checkpoints,
    prune,
    read_checkpoint,
    restore_checkpoint,
    save_checkpoint,
)


@pytest.fixture
def tuned(tiny_model: Path, quick_config: Callable[..., Any]) -> TunedModel:
    tuned = load_tuned(tiny_model, quick_config(), "cpu")
    fill_b(tuned.model)
    return tuned


def optimizer_of(model: Any, steps: int = 0) -> Any:
    """AdamW that has made some steps with random gradients."""
    import torch

    parameters = list(trainable(model).values())
    optimizer = torch.optim.AdamW(parameters, lr=1e-2, foreach=False)
    generator = torch.Generator().manual_seed(steps)
    for _ in range(steps):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return optimizer


def save(run: RunFolder, model: Any, optimizer: Any, step: int) -> Path:
    size = save_checkpoint(run, model, optimizer, step, {"epoch": 0.5}, 0.1, "owner/name")
    path = run.checkpoint(step)
    assert size == sum(p.stat().st_size for p in path.iterdir())
    return path


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "0001-run")


def empty_checkpoint(run: RunFolder, step: int) -> Path:
    path = run.checkpoint(step)
    path.mkdir(parents=True)
    (path / "state.json").write_text(json.dumps({"step": step, "files": {}}), "utf-8")
    return path


def test_adapter_and_optimizer_come_back_to_the_last_bit(
    run: RunFolder, tuned: TunedModel, tiny_model: Path, quick_config: Callable[..., Any]
) -> None:
    import torch

    optimizer = optimizer_of(tuned.model, 3)
    found = read_checkpoint(save(run, tuned.model, optimizer, 3))
    assert found == Checkpoint(run.checkpoint(3), 3)
    other = load_tuned(tiny_model, quick_config(), "cpu")
    fresh = optimizer_of(other.model)
    restore_checkpoint(found, other.model, fresh)
    pairs = zip(trainable(tuned.model).items(), trainable(other.model).items(), strict=True)
    for (name, mine), (name_again, theirs) in pairs:
        assert name == name_again and torch.equal(mine, theirs)
        before, after = optimizer.state[mine], fresh.state[theirs]
        assert set(before) == set(after) == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(before[k], after[k]) and before[k].dtype == after[k].dtype for k in before)
    for parameter in [*trainable(tuned.model).values(), *trainable(other.model).values()]:
        parameter.grad = torch.full(parameter.shape, 0.3)
    optimizer.step()
    fresh.step()
    for mine, theirs in zip(trainable(tuned.model).values(), trainable(other.model).values(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_adapter_alone_can_be_restored(run: RunFolder, tuned: TunedModel) -> None:
    import torch

    optimizer = optimizer_of(tuned.model, 1)
    found = read_checkpoint(save(run, tuned.model, optimizer, 1))
    assert isinstance(found, Checkpoint)
    saved = {n: p.detach().clone() for n, p in trainable(tuned.model).items()}
    optimizer.step()
    restore_checkpoint(found, tuned.model, None)
    assert all(torch.equal(p, saved[n]) for n, p in trainable(tuned.model).items())


def test_a_checkpoint_that_breaks_off_leaves_nothing_that_looks_like_one(
    run: RunFolder, tuned: TunedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = save(run, tuned.model, optimizer_of(tuned.model), 1)

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "_save_optimizer", disk_full)
    with pytest.raises(ResourceError) as caught:
        save(run, tuned.model, optimizer_of(tuned.model), 2)
    assert caught.value.exit_code == 4 and "No space left" in str(caught.value)
    assert list(find_checkpoints(run)) == [Checkpoint(first, 1)]
    assert [p.name for p in run.checkpoints.iterdir()] == [first.name], (
        "half of one kept the space that was left"
    )
    monkeypatch.undo()
    assert read_checkpoint(save(run, tuned.model, optimizer_of(tuned.model), 2)) == Checkpoint(
        run.checkpoint(2), 2
    )
    assert [p.name for p in run.checkpoints.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    "name", ["adapter_model.safetensors", "adapter_config.json", "optimizer.safetensors"]
)
def test_a_damaged_or_missing_file_is_recognised(run: RunFolder, tuned: TunedModel, name: str) -> None:
    path = save(run, tuned.model, optimizer_of(tuned.model, 1), 1)
    data = bytearray((path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (path / name).write_bytes(data)
    assert read_checkpoint(path) == f"{name} is damaged"
    (path / name).unlink()
    assert read_checkpoint(path) == f"{name} is missing"


@pytest.mark.parametrize(
    "state", [None, "", "{", "[]", '{"step": 1}', '{"files": {}}', '{"step": "x", "files": {}}']
)
def test_a_damaged_state_is_recognised(run: RunFolder, state: str | None) -> None:
    path = empty_checkpoint(run, 1)
    (path / "state.json").unlink()
    if state is not None:
        (path / "state.json").write_text(state, "utf-8")
    assert read_checkpoint(path) == "state.json is missing or damaged"


def test_a_state_of_another_step_is_recognised(run: RunFolder) -> None:
    empty_checkpoint(run, 1).rename(run.checkpoint(2))
    assert read_checkpoint(run.checkpoint(2)) == "state.json is of another step"


def test_checkpoints_are_found_from_the_newest_on(run: RunFolder) -> None:
    """Steps of seven digits came before those of six."""
    for step in (2, 999_999, 1_000_000, 10):
        empty_checkpoint(run, step)
    (run.checkpoint(10) / "state.json").unlink()
    found = list(find_checkpoints(run))
    steps = [f.step if isinstance(f, Checkpoint) else f[0].name for f in found]
    assert steps == [1_000_000, 999_999, "step-000010", 2]


def test_pruning_keeps_the_newest_and_those_that_are_needed(run: RunFolder) -> None:
    for step in (1, 2, 3, 4, 5):
        empty_checkpoint(run, step)
    prune(run, 2, [1, 5])
    assert sorted(p.name for p in run.checkpoints.iterdir()) == ["step-000001", "step-000004", "step-000005"]


def test_a_kill_while_one_is_deleted_leaves_no_half_of_it(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (1, 2):
        empty_checkpoint(run, step)

    class Killed(BaseException):
        pass

    def kill(path: Path, **_: object) -> None:
        if Path(path).exists():
            raise Killed

    monkeypatch.setattr(shutil, "rmtree", kill)
    with pytest.raises(Killed):
        prune(run, 1, [])
    assert list(find_checkpoints(run)) == [Checkpoint(run.checkpoint(2), 2)]
