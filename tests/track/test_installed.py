"""A mirror whose package is absent is refused before anything is made."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from loralab.config.schema import TrackConfig
from loralab.errors import UsageError
from loralab.track.installed import refuse_missing_trackers


def test_what_is_missing_is_named_with_its_extra_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refuse_missing_trackers(TrackConfig())
    with pytest.raises(UsageError) as caught:
        refuse_missing_trackers(TrackConfig(tensorboard=True, wandb="offline"))
    assert len(caught.value.problems) == 2
    assert "track.wandb needs the package wandb" in caught.value.text()
    assert "pip install 'loralab[tensorboard]'" in caught.value.text()


def test_a_folder_called_wandb_is_not_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wandb").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.delitem(__import__("sys").modules, "wandb", raising=False)
    with pytest.raises(UsageError):
        refuse_missing_trackers(TrackConfig(wandb="offline"))
