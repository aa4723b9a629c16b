"""Bytes that come out of a spool as they went in, in memory or on disk."""

from __future__ import annotations

import errno
import gc
import io
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.data import spool
from loralab.data.spool import Spool
from loralab.errors import EXIT_RESOURCE, ResourceError

FULL = Path("/dev/full")
NUMBERS = st.integers() | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters()),  # half surrogate pairs among them
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
)


def small_blocks(size: int) -> Any:
    return mock.patch.object(spool, "BLOCK", size)


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(1, 60), st.randoms(use_true_random=False))
def test_what_is_put_is_got_back_at_any_time_in_any_order(
    items: list[bytes], block: int, chance: Any
) -> None:
    stored = Spool()
    starts: list[int] = []
    with small_blocks(block):
        for number, item in enumerate(items):
            starts.append(stored.put(item))
            earlier = chance.randrange(number + 1)
            assert stored.get(starts[earlier], len(items[earlier])) == items[earlier]
    order = chance.sample(range(len(items)), len(items))
    assert [stored.get(starts[i], len(items[i])) for i in order] == [items[i] for i in order]
    assert starts == [len(b"".join(items[:i])) for i in range(len(items))]


@given(st.lists(VALUES, max_size=8), st.integers(1, 40))
def test_json_values_come_back_equal_half_surrogate_pairs_too(values: list[Any], block: int) -> None:
    stored = Spool()
    with small_blocks(block):
        places = [stored.put_json(value) for value in values]
    assert [stored.get_json(*place) for place in places] == values


def test_a_value_that_json_has_not_is_stored_as_its_text() -> None:
    stored = Spool()
    assert stored.get_json(*stored.put_json({"path": Path("law.jsonl")})) == {"path": "law.jsonl"}


def test_few_rows_make_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    stored = Spool()
    place = stored.put(b"x" * 1000)
    assert stored.get(place, 1000) == b"x" * 1000


def test_no_more_than_a_block_stays_in_memory() -> None:
    stored = Spool()
    with small_blocks(100):
        for _ in range(50):
            stored.put(b"x" * 30)
            assert len(stored._tail) < 100


def test_the_file_is_closed_with_the_spool() -> None:
    stored = Spool()
    with small_blocks(1):
        stored.put(b"x")
    file = stored._file
    assert file is not None and not file.closed
    del stored
    gc.collect()
    assert file.closed


def test_threads_may_read_at_the_same_time() -> None:
    stored = Spool()
    with small_blocks(1):
        starts = [stored.put(str(number).encode() * 50) for number in range(1000)]

    def read(numbers: Sequence[int]) -> list[bytes]:
        return [stored.get(starts[n], 50 * len(str(n))) for n in numbers]

    orders = [range(1000), range(999, -1, -1), range(1000), range(999, -1, -1)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(read, orders))
    assert results == [[str(n).encode() * 50 for n in order] for order in orders]


class _Hesitant(io.FileIO):
    """A file that takes at most three bytes at a time, as pipes and full disks may."""

    def write(self, data: Any) -> int:
        return super().write(data[:3]) or 0


def test_a_file_that_takes_part_of_what_it_is_given_gets_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda buffering: _Hesitant(tmp_path / "file", "w+"))
    stored = Spool()
    with small_blocks(10):
        places = [stored.put(bytes(range(n))) for n in range(20)]
    assert [stored.get(place, n) for n, place in enumerate(places)] == [bytes(range(n)) for n in range(20)]


def refusal(stored: Spool) -> ResourceError:
    with small_blocks(1), pytest.raises(ResourceError) as caught:
        stored.put(b"a row")
    assert caught.value.exit_code == EXIT_RESOURCE
    return caught.value


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
def test_a_full_disk_is_said_with_the_folder_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda buffering: FULL.open("wb", buffering=buffering))
    monkeypatch.setattr(tempfile, "tempdir", "/scratch")
    error = refusal(Spool())
    assert str(error) == (
        "/scratch: rows cannot be kept in a temporary file: No space left on device\n"
        "  next: free some space there, or set TMPDIR to a folder on a larger disk"
    )
    assert error.text("zh").startswith("/scratch: 无法把数据行存入临时文件")


def test_no_folder_for_temporary_files_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert "No usable temporary directory found in ['/tmp']\n  next: free" in str(refusal(Spool()))
