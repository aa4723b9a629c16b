"""What is stored is what was encoded, is made once, and is never trusted when it is damaged."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import chat_templates as t
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_batch import BATCHES, RULES, TEMPLATES, alone, fault
from test_encode import talk

from doubles.tiny_model import SPECIAL
from loralab.data.conversation import Conversation, Message
from loralab.encode import ChatTemplate, Encoded, read_template
from loralab.encode import cache as cache_module
from loralab.encode import scratch as scratch_module
from loralab.encode import store as store_module
from loralab.encode.batch import EncodeRules
from loralab.encode.cache import tidy, token_cache_folder, token_key
from loralab.encode.scratch import ScratchFile
from loralab.encode.store import TokenStore, encode_all
from loralab.encode.tokenfile import HEADER_BYTES, TokenWriter, read_written
from loralab.errors import ResourceError, UsageError

TEMPLATE = TEMPLATES["chatml"]
ROWS = [
    talk([("q", "a"), ("q", "b")]), talk([("question", "answer")]), talk([("q", SPECIAL[2])]),
    Conversation((Message("user", "q"),)), talk([("法律", "依法处理。")], "s"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where tokens are kept in these tests."""
    monkeypatch.setenv("LORALAB_CACHE", str(tmp_path / "cache"))
    return token_cache_folder()


def kept(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def store(
    rows: Sequence[Conversation] = ROWS, template: ChatTemplate = TEMPLATE, **settings: Any
) -> TokenStore:
    return encode_all(rows, b"rows", template, settings.pop("rules", EncodeRules()), **settings)


def content(found: TokenStore) -> object:
    """All that a store holds, for comparison."""
    rows = [found[row] for row in range(len(found))]
    arrays = [a.tolist() for a in (found.lengths, found.labels, found.agrees, found.ends)]
    return rows, arrays, {row: fault(bad) for row, bad in found.faults.items()}, found.largest_id


def refuse(*_: object) -> Iterator[Encoded]:
    raise AssertionError("tokenised again")


# ------------------------------------------------------------------------------------------- what is stored


@given(rows=BATCHES, rules=RULES, name=st.sampled_from(["chatml", "no system", "words", "merges"]))
def test_a_store_holds_what_each_row_gives_alone(
    rows: list[Conversation], rules: EncodeRules, name: str
) -> None:
    found = encode_all(rows, b"", TEMPLATES[name], rules, use_cache=False)
    expected = [alone(row, TEMPLATES[name], rules) for row in rows]
    assert len(found) == len(rows) and found.note is None and not found.reused
    for row, result in enumerate(expected):
        if isinstance(result, Encoded):
            assert found[row] == result and row not in found.faults
        else:
            assert found[row] == Encoded((), ()) and fault(found.faults[row]) == result
    good = [r for r in expected if isinstance(r, Encoded)]
    assert found.largest_id == max((i for r in good for i in r.ids), default=0)


ENCODED = st.lists(st.tuples(st.integers(0, 2**31 - 1), st.booleans()), max_size=12).map(
    lambda pairs: Encoded(tuple(i for i, _ in pairs), tuple(flag for _, flag in pairs), len(pairs) % 2 == 0)
)


@given(rows=st.lists(ENCODED, max_size=8), limit=st.integers(0, 14))
def test_counts_are_those_of_the_rows(rows: list[Encoded], limit: int) -> None:
    with ScratchFile(None) as file:
        writer = TokenWriter(file)
        for row in rows:
            writer.add(row)
        writer.finish("")
        found = TokenStore(read_written(file.map()))
    assert [found[n] for n in range(len(rows))] == rows

    def ends(row: Encoded, stop: int) -> int:
        closing = [a and not b for a, b in zip(row.trained, (*row.trained, False)[1:], strict=True)]
        return sum(closing[:stop])

    assert found.lengths.tolist() == [len(row.ids) for row in rows]
    assert found.labels.tolist() == [row.label_tokens for row in rows]
    assert found.agrees.tolist() == [row.agrees for row in rows]
    assert found.ends.tolist() == [ends(row, 99) for row in rows]
    assert found.labels_within(limit).tolist() == [row.cut(limit).label_tokens for row in rows]
    assert found.ends_within(limit).tolist() == [ends(row, limit) for row in rows]
    assert found.largest_id == max((i for row in rows for i in row.ids), default=0)


def test_an_end_is_the_token_that_closes_a_trained_answer() -> None:
    found = store([talk([("q", "a"), ("q", "bb")])])
    whole = found[0]
    closed = [n for n, i in enumerate(whole.ids) if i == TEMPLATE.end_id and whole.trained[n]]
    assert found.ends.tolist() == [2] == [len(closed)]
    for limit in range(len(whole.ids) + 1):
        assert found.ends_within(limit).tolist() == [sum(n < limit for n in closed)]
    padded = store([talk([("q", "a"), ("q", "bb")])], rules=EncodeRules("pad"))
    assert padded.ends.tolist() == [2] and padded[0].ids[-1] == TEMPLATE.pad_id


def test_rows_are_numbered_from_0() -> None:
    found = store()
    assert [len(found[np.int64(row)].ids) for row in range(len(found))] == found.lengths.tolist()
    for row in (-1, len(found)):
        with pytest.raises(IndexError):
            found[row]


# ------------------------------------------------------------------------------------------- kept and reused


def test_a_second_run_reads_what_the_first_has_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = store()
    (path,) = kept(folder)
    monkeypatch.setattr(store_module, "encode_in_order", refuse)
    os.utime(path, (1, 1))
    second = store()
    assert (first.reused, second.reused) == (False, True)
    assert first.note is None and second.note is None
    assert content(second) == content(first) and set(first.faults) == {2, 3}
    assert path.stat().st_mtime > 1, "the use was noted"
    assert kept(folder) == [path]


def test_the_folder_is_the_users_alone(folder: Path) -> None:
    store()
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept(folder))


def test_without_the_cache_no_file_is_left(folder: Path) -> None:
    assert not store(use_cache=False).reused and not store(use_cache=False).reused
    assert kept(folder) == []


def test_tokens_of_other_rows_rules_or_tokenizers_are_not_taken() -> None:
    merging, dated = t.tokenizer(), t.tokenizer("{{ strftime_now('%f%S') }}" + t.CHATML)
    merging.add_tokens(["qu"])
    templates = [TEMPLATE, TEMPLATES["default system"], read_template(merging)]
    keys = [token_key(b"rows", template, EncodeRules()) for template in templates]
    keys += [token_key(b"other", TEMPLATE, EncodeRules())]
    keys += [
        token_key(b"rows", TEMPLATE, EncodeRules(**change))
        for change in ({"answer_end": "pad"}, {"special_tokens": "text"}, {"turns": "last"})
    ]
    keys += [token_key(b"rows", read_template(dated), EncodeRules()) for _ in range(2)]
    assert None not in keys and len(set(keys)) == len(keys)


def test_the_key_is_the_same_whatever_the_tokenizer_was_used_for_before() -> None:
    before = token_key(b"rows", TEMPLATE, EncodeRules())
    TEMPLATE.tokenizer(["a", "longer"], padding=True, truncation=True, max_length=3)
    assert token_key(b"rows", TEMPLATE, EncodeRules()) == before


def test_a_version_of_transformers_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = token_key(b"rows", TEMPLATE, EncodeRules())
    monkeypatch.setattr(cache_module.importlib.metadata, "version", lambda name: "0")
    assert token_key(b"rows", TEMPLATE, EncodeRules()) != before


def test_tokens_of_a_tokenizer_with_code_of_its_own_are_not_kept(folder: Path) -> None:
    for _ in range(2):
        found = store(template=TEMPLATES["custom class"])
        assert not found.reused and "runs code of its own" in str(found.note)
    assert kept(folder) == []


def test_no_rows_at_all(folder: Path) -> None:
    for reused in (False, True):
        found = store([])
        assert (len(found), found.largest_id, found.reused) == (0, 0, reused)
        assert found.labels_within(3).tolist() == found.ends.tolist() == []
    assert len(kept(folder)) == 1


# ------------------------------------------------------------------------------------------- damage


def test_a_file_with_any_byte_changed_is_made_again(folder: Path) -> None:
    expected = content(store())
    (path,) = kept(folder)
    whole = path.read_bytes()
    header = json.loads(whole[:HEADER_BYTES])
    places = [whole.index(json.dumps(header[name]).encode()) for name in header]
    for place in (
        *places,
        HEADER_BYTES,
        HEADER_BYTES + 5,
        len(whole) // 2 + HEADER_BYTES // 2,
        len(whole) - 1,
    ):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        again = store()
        assert not again.reused and str(again.note).startswith("kept token ids are damaged")
        assert content(again) == expected
        assert path.read_bytes() == whole and store().reused


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"", lambda whole: whole[:100], lambda whole: whole[:HEADER_BYTES], lambda whole: whole[:-1],
        lambda whole: whole + b"\0", lambda whole: b"\xff" * len(whole), lambda whole: b"[" * HEADER_BYTES,
        lambda whole: b"null".ljust(HEADER_BYTES), lambda whole: whole.replace(b'"rows": 5', b'"rows":-5'),
        lambda whole: whole.replace(b'"rows": 5', b'"rowz": 5'),
    ],
)  # fmt: skip
def test_half_a_file_and_foreign_ones_are_made_again(folder: Path, damage: Any) -> None:
    expected = content(store())
    (path,) = kept(folder)
    path.write_bytes(damage(path.read_bytes()))
    again = store()
    assert not again.reused and "damaged" in str(again.note) and content(again) == expected
    assert store().reused


def test_a_file_under_another_name_or_for_other_rows_is_not_taken(folder: Path) -> None:
    store()
    (path,) = kept(folder)
    other = token_key(b"other", TEMPLATE, EncodeRules())
    path.rename(path.with_stem(str(other)))
    assert not encode_all(ROWS, b"other", TEMPLATE, EncodeRules()).reused
    store()
    assert not store(ROWS[:2]).reused, "as many rows as there are conversations"


def test_a_run_that_is_stopped_leaves_nothing(folder: Path) -> None:
    class Stopping(list[Conversation]):
        def __iter__(self) -> Iterator[Conversation]:
            yield from ROWS * 100
            assert [path.suffix for path in kept(folder)] == [".tmp"]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store(Stopping(), workers=2)
    assert kept(folder) == []


def test_a_missing_pad_token_leaves_nothing(folder: Path) -> None:
    tokenizer = t.tokenizer()
    tokenizer.pad_token = None
    with pytest.raises(UsageError, match="no pad token"):
        store(template=read_template(tokenizer), rules=EncodeRules("pad"))
    assert kept(folder) == []


# ------------------------------------------------------------------------------------------- places that fail


def test_a_folder_that_cannot_be_made_is_said_and_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = content(store(use_cache=False))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LORALAB_CACHE", str(tmp_path / "file"))
    found = store()
    assert content(found) == expected and not found.reused
    assert str(found.note).count("Not a directory") == 2, "neither read nor written"
    assert "cannot be kept in" in str(found.note) and found.note and found.note.text("zh")


def failing_after(allowed: int, everywhere: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk be full after so many bytes: for files without a name too, or not."""
    write, make = scratch_module._write, scratch_module._unnamed
    unnamed: list[Any] = []
    left = allowed

    def making() -> Any:
        unnamed.append(make())
        return unnamed[-1]

    def writing(stream: Any, at: int, data: bytes) -> None:
        nonlocal left
        if everywhere or stream not in unnamed:
            left -= len(data)
        if left < 0 and (everywhere or stream not in unnamed):
            write(stream, at, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(stream, at, data)

    monkeypatch.setattr(scratch_module, "_unnamed", making)
    monkeypatch.setattr(scratch_module, "_write", writing)


@pytest.mark.parametrize("allowed", [0, HEADER_BYTES, HEADER_BYTES + 3000, HEADER_BYTES + 9000])
def test_a_disk_that_fills_up_does_not_cost_what_was_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    monkeypatch.setattr("loralab.encode.tokenfile.BLOCK_BYTES", 1000)
    rows = ROWS * 20
    expected = content(store(rows, use_cache=False))
    failing_after(allowed, False, monkeypatch)
    found = store(rows)
    assert content(found) == expected
    assert "No space left on device" in str(found.note) and kept(folder) == []


def test_a_disk_that_is_full_everywhere_is_an_error_in_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_after(HEADER_BYTES, True, monkeypatch)
    with pytest.raises(ResourceError, match="No space left on device") as caught:
        store()
    assert tempfile.gettempdir() in str(caught.value) and kept(folder) == []


def test_a_file_that_cannot_be_made_durable_is_not_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    expected = content(store(use_cache=False))
    monkeypatch.setattr(scratch_module.os, "fsync", fail)
    found = store()
    assert content(found) == expected and "quota" in str(found.note) and kept(folder) == []


# ------------------------------------------------------------------------------------------- the folder


def test_the_platform_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LORALAB_CACHE", str(tmp_path))
    assert token_cache_folder() == tmp_path / "tokens"
    monkeypatch.delenv("LORALAB_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert token_cache_folder() == tmp_path / "xdg" / "loralab" / "tokens"


def test_the_least_recently_used_files_go_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(parents=True)
    monkeypatch.setattr(cache_module, "MOST_BYTES", 30)
    names = [f"{n}.tokens" for n in "abcd"]
    for age, name in enumerate(names):
        (folder / name).write_bytes(b"x" * 10)
        os.utime(folder / name, (age, age))
    tidy(folder, keep=folder / "a.tokens")
    assert [path.name for path in kept(folder)] == ["a.tokens", "c.tokens", "d.tokens"]
    monkeypatch.setattr(cache_module, "MOST_BYTES", 0)
    tidy(folder, keep=folder / "a.tokens")
    assert [path.name for path in kept(folder)] == ["a.tokens"]


def test_what_a_killed_run_left_is_removed_and_foreign_files_are_not(folder: Path) -> None:
    folder.mkdir(parents=True)
    old, fresh, foreign = (folder / name for name in (".a.tokens.x.tmp", ".b.tokens.y.tmp", "notes.txt"))
    for path in (old, fresh, foreign):
        path.write_text("x")
    week_ago = time.time() - 7 * 24 * 3600
    for path in (old, foreign):
        os.utime(path, (week_ago, week_ago))
    store()
    assert not old.exists() and fresh.exists() and foreign.exists()


def test_a_new_store_makes_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store()
    monkeypatch.setattr(cache_module, "MOST_BYTES", 1)
    first = kept(folder)
    store(rules=EncodeRules(turns="last"))
    assert len(kept(folder)) == 1 and kept(folder) != first


def test_a_store_outlives_its_file(folder: Path) -> None:
    store()
    found = store()
    expected = content(found)
    for path in kept(folder):
        path.unlink()
    assert found.reused and content(replace(found)) == expected
