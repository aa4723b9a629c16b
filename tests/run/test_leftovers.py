"""What a kill leaves behind goes away; what is whole, or is somebody else's, stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from loralab.run.leftovers import remove_leftovers

GONE = [
    "predictions/.epoch-1.jsonl.0123abcd.tmp", "scores/.after.json.deadbeef.tmp", "data/.split.json.00000000.tmp",
    ".config.yaml.0123abcd.tmp", ".manifest.json.0123abcd.tmp", "checkpoints/.step-000004.tmp/state.json",
    "checkpoints/.step-000002.old/state.json", ".adapter.tmp/adapter_config.json", ".adapter.old/x",
]  # fmt: skip
STAYS = [
    "predictions/epoch-1.jsonl", "predictions/.gitkeep", "checkpoints/step-000004/state.json", "adapter/x.tmp",
    ".report.html.0123abcd.tmp", "track/.swanlab.0123abcd.tmp", "track/.x.old", "events.jsonl", ".config.yaml.swp",
]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for name in (*GONE, *STAYS):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, "utf-8")
    return tmp_path


def test_unfinished_files_and_folders_are_removed_and_named(run: Path) -> None:
    removed = remove_leftovers(run)
    assert [name for name in GONE if (run / name).exists()] == []
    assert {name.split("/")[-1] for name in removed} == {
        part for name in GONE for part in name.split("/") if part.startswith(".")
    }


def test_everything_else_stays(run: Path) -> None:
    remove_leftovers(run)
    assert all((run / name).read_text("utf-8") == name for name in STAYS)
    assert remove_leftovers(run) == []
