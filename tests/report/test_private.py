"""Folders of the machine that trained do not leave it."""

from __future__ import annotations

import pytest

from loralab.report.private import file_name, value_without_folders, without_folders


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/alice/law.jsonl:17: bad", "law.jsonl:17: bad"),
        ("see '/home/my dir/x y.json' and /data/alice/y.", "see 'x y.json' and y."),
        ("在/home/alice/data中", "在data中"), ("（/home/alice/a.json）", "（a.json）"),
        ("file:///home/alice/b", "b"), ("path=/home/alice/a", "path=a"), ("~/alice/x", "x"),
        ("C:\\Users\\alice\\x.txt is open", "x.txt is open"), ("\\\\server\\alice\\f", "f"),
        ("{'path': '/home/alice smith/x.jsonl', 'weight': 2}", "{'path': 'x.jsonl', 'weight': 2}"),
    ],
)  # fmt: skip
def test_an_absolute_path_is_cut_to_its_last_part(text: str, shown: str) -> None:
    assert without_folders(text) == shown


@pytest.mark.parametrize(
    "text", ["https://hf.co/a/b", "hf://owner/name@x/f.json", "read/kept", "和/或/且", "1/2", "a / b", "data/law.jsonl"]
)  # fmt: skip
def test_what_is_no_path_of_this_machine_stays(text: str) -> None:
    assert without_folders(text) == text


def test_a_list_of_files_keeps_names_with_spaces() -> None:
    assert value_without_folders("/home/al/my law.jsonl, data/b.jsonl, /x/c.csv") == "my law.jsonl, data/b.jsonl, c.csv"  # fmt: skip


@pytest.mark.parametrize(
    ("path", "name"),
    [("/a/b c/", "b c"), ("x.jsonl", "x.jsonl"), ("C:\\a\\b.csv", "b.csv"), ("", ""), ("/", "/"),
     ("hf://owner/name@c0ffee/train.jsonl", "hf://owner/name@c0ffee/train.jsonl")],
)  # fmt: skip
def test_names_of_files(path: str, name: str) -> None:
    assert file_name(path) == name
