"""Run folders: numbered, named safely, and found again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loralab.errors import ResourceError, UsageError
from loralab.run.folder import create_run_folder, open_run_folder, slug


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Qwen2.5-7B-law", "qwen2.5-7b-law"), ("法律 问答", "法律-问答"), ("../../etc/passwd", "etc-passwd"),
        ("a_b__c", "a-b-c"), ("...", "run"), ("", "run"), ("/", "run"), ("ＡＢ", "ab"), ("x" * 99, "x" * 60),
        ("a\x00b\nc", "a-b-c"), ("-x-", "x"),
    ],
)  # fmt: skip
def test_names_become_one_safe_folder_name(name: str, safe: str) -> None:
    assert slug(name) == safe


def test_numbers_go_on_from_the_highest(tmp_path: Path) -> None:
    parent = tmp_path / "runs"
    assert create_run_folder(parent, "a").path.name == "0001-a"
    (parent / "0041-old").mkdir()
    (parent / "notes").mkdir()
    assert create_run_folder(parent, "b").path.name == "0042-b"
    (parent / "9999-x").mkdir()
    assert create_run_folder(parent, "c").path.name == "10000-c"
    assert create_run_folder(parent, "d").path.name == "10001-d"


def test_runs_made_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: create_run_folder(tmp_path, "same").path, range(16)))
    assert len(set(made)) == 16 and all(p.is_dir() for p in made)


def test_a_place_that_is_no_folder_is_a_resource_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ResourceError) as caught:
        create_run_folder(tmp_path / "runs", "a")
    assert caught.value.exit_code == 4 and "run.dir=FOLDER" in str(caught.value)


def test_a_run_is_opened_by_its_folder_or_a_file_in_it(tmp_path: Path) -> None:
    run = create_run_folder(tmp_path, "a")
    run.config.write_text("model: {}")
    assert open_run_folder(run.path) == open_run_folder(run.config) == run


@pytest.mark.parametrize(
    ("path", "reason"), [("absent", "no such run folder"), ("", "neither manifest.json nor")]
)
def test_what_is_no_run_is_refused(tmp_path: Path, path: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        open_run_folder(tmp_path / path)
