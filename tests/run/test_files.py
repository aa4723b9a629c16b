"""Files: whole or absent, JSON without NaN, and a full disk in words."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loralab.errors import ResourceError
from loralab.run.files import (
    dump_json,
    read_json_lines,
    read_rows,
    sha256,
    write_json,
    write_json_lines,
    write_text,
)


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "file.json"
    write_json(path, {"old": 1})

    def disk_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(ResourceError, match="No space left on device") as caught:
        write_json(path, {"new": 2})
    assert caught.value.exit_code == 4 and str(path) in str(caught.value)
    assert json.loads(path.read_text("utf-8")) == {"old": 1}


def test_no_temporary_file_stays(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "文")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").read_text(
        "utf-8"
    ) == "文"


def test_json_has_no_nan_and_keeps_text_readable() -> None:
    assert (
        dump_json({"a": float("nan"), 1: [float("-inf")], "p": Path("x")})
        == '{"a": "NaN", "1": ["-Infinity"], "p": "x"}'
    )
    assert dump_json("法律") == '"法律"'
    assert json.loads(dump_json("\ud800")) == "\ud800"


def test_json_lines_keep_line_separators_of_unicode_inside_a_line(tmp_path: Path) -> None:
    rows = [{"text": "a\u2028b\u0085c\nd"}, {}]
    write_json_lines(tmp_path / "rows.jsonl", rows)
    assert read_json_lines(tmp_path / "rows.jsonl") == rows
    assert read_json_lines(tmp_path / "absent.jsonl") == []


@pytest.mark.parametrize(
    "damage", [b'{"id": "to', b"[1]", b"null", b'{"other": 1}', b'{"id": "\xff"}', b"\0\0", b"[" * 100_000]
)
def test_a_damaged_line_costs_only_itself(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    good = b'{"id": "1"}\n', b'{"id": "2"}\n'
    path.write_bytes(good[0] + damage + b"\n\n" + good[1] + damage)
    assert read_rows(path, lambda row: "id" in row) == ([{"id": "1"}, {"id": "2"}], 2)
    assert read_rows(tmp_path / "absent.jsonl", bool) == ([], 0)


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_two_that_write_one_file_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    """They shared the name of the temporary file, and one found it gone."""
    path = tmp_path / "x.json"

    def write(number: int) -> None:
        for _ in range(100):
            write_json(path, [number] * 50)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (1, 2)))
    assert set(json.loads(path.read_text("utf-8"))) in ({1}, {2})
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
