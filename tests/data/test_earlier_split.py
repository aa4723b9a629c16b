"""The test and probe rows of an earlier run, found again whatever else the data hold."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_rows import asked, of_files, questions

from loralab.config import Slice
from loralab.config.schema import DataConfig
from loralab.data.rows import Rows
from loralab.data.split import Earlier, Split, read_earlier, split_rows
from loralab.errors import EXIT_DATA, EXIT_USAGE, DataError, UsageError

QUESTIONS = st.lists(st.integers(0, 20).map(str), max_size=60)
COUNTS = st.just("auto") | st.integers(0, 8)
AGAIN = DataConfig(split="run")


def earlier_of(split: Split) -> Earlier:
    """What a later run reads of a split."""
    record = json.loads(json.dumps(split.to_dict()))
    return Earlier("split.json", tuple(record["test"]), tuple(record["probes"]), frozenset(record["seen"]))


def distinct(number: int) -> list[str]:
    return [f"q{i}" for i in range(number)]


# ------------------------------------------------------------------------------------ rows of data.train


@given(
    QUESTIONS, st.lists(st.integers(0, 40).map(str), max_size=30), COUNTS, COUNTS, st.integers(0, 3),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_the_same_rows_are_asked_whatever_rows_are_added_and_however_they_are_ordered(
    texts: list[str], more: list[str], test: Any, probes: Any, seed: int, chance: random.Random
) -> None:
    config = DataConfig(test=test, probes=probes, split_seed=seed)
    before = split_rows(asked(texts, seed), config)
    texts = chance.sample([*texts, *more], len(texts) + len(more))
    after = split_rows(asked(texts), AGAIN, earlier_of(before))
    assert after.test.ids() == before.test.ids()
    assert after.probes.ids() == before.probes.ids()
    assert after.seen == before.seen
    assert after.seen <= set(after.train.ids())
    held = {q for part in (after.test, after.probes) for q in questions(part)}
    seen = {row.conversation.question for row in after.probes if row.id in after.seen}
    assert not set(questions(after.train)) & (held - seen)
    assert len(after.train) + len(after.dropped) + len(held_ids(after)) == len(texts)


def held_ids(split: Split) -> set[str]:
    return ({*split.test.ids()} | {*split.probes.ids()}) - split.seen


def test_an_earlier_split_without_change_is_the_same_split() -> None:
    rows = asked(distinct(100))
    before = split_rows(rows, DataConfig())
    assert split_rows(rows, AGAIN, earlier_of(before)).to_dict() == before.to_dict()


def test_a_seen_probe_stays_seen_and_is_trained_on() -> None:
    before = split_rows(asked(["a", "b"]), DataConfig())
    after = split_rows(asked([*distinct(200), "b", "a"]), AGAIN, earlier_of(before))
    assert questions(after.probes) == ["a"]
    assert after.seen == before.seen == {after.probes[0].id}
    assert "a" in questions(after.train)
    assert len(after.train) == 202


def test_a_probe_that_is_no_longer_trained_on_is_no_longer_seen() -> None:
    before = split_rows(asked(["a", "b"]), DataConfig())
    config = DataConfig(split="run", rows=Slice(1, 4))
    after = split_rows(asked(["a", "b", "c", "d"]), config, earlier_of(before))
    assert (questions(after.probes), after.seen) == (["a"], frozenset())
    assert questions(after.train) == ["b", "c", "d"]


def test_an_earlier_run_without_probes_has_none_later() -> None:
    before = split_rows(asked(distinct(30)), DataConfig(probes=0, test=3))
    after = split_rows(asked(distinct(60)), AGAIN, earlier_of(before))
    assert (len(after.test), len(after.probes), after.seen) == (3, 0, frozenset())


def test_rows_outside_of_data_rows_may_be_asked() -> None:
    before = split_rows(asked(distinct(20)), DataConfig(test=Slice(10, 20), probes=0))
    config = DataConfig(split="run", rows=Slice(0, 10))
    after = split_rows(asked(distinct(20)), config, earlier_of(before))
    assert questions(after.test) == distinct(20)[10:]
    assert questions(after.train) == distinct(10)


@given(st.integers(1, 10), st.integers(0, 10))
def test_rows_that_are_missing_are_counted_and_named(gone: int, more: int) -> None:
    texts = distinct(40)
    before = split_rows(asked(texts), DataConfig(test=10, probes=0))
    lost = questions(before.test)[-gone:]
    left = [q for q in texts if q not in lost] + [f"new{i}" for i in range(more)]
    with pytest.raises(DataError) as caught:
        split_rows(asked(left), AGAIN, earlier_of(before))
    assert caught.value.exit_code == EXIT_DATA
    first = before.test.ids()[-gone]
    assert str(caught.value).startswith(
        f"split.json: {gone} of 10 rows that the earlier split holds for data.test are not among the usable"
        f" rows, the first is {first}\n"
    )
    assert "data.train" in str(caught.value) and "data.train" in caught.value.text("zh")


def test_missing_probes_are_named_as_probes() -> None:
    before = split_rows(asked(distinct(60)), DataConfig(test=0))
    with pytest.raises(DataError, match=r"5 of 5 rows .* for data\.probes"):
        split_rows(asked(["other"]), AGAIN, earlier_of(before))


def test_one_copy_too_few_is_a_missing_row() -> None:
    before = split_rows(asked(["a", "a"]), DataConfig(test=2, probes=0))
    assert len(before.test) == 2
    with pytest.raises(DataError, match=r"1 of 2 rows .* the first is [0-9a-f]{16}-2\b"):
        split_rows(asked(["a", "b"]), AGAIN, earlier_of(before))


# ------------------------------------------------------------------------------- files of test and probes


def with_files(train: list[str], test: list[str], probes: list[str] | None = None) -> Rows:
    return of_files(train, test=test, probes=probes or [])


FILES = DataConfig(test="t.json", probes="p.json")


def test_the_same_files_are_asked_in_the_order_of_the_earlier_run() -> None:
    before = split_rows(with_files(distinct(9), ["x", "y", "x"], ["p", "r"]), FILES)
    rows = with_files(["new", *distinct(9)], ["y", "x", "x"], ["r", "p"])
    after = split_rows(rows, FILES, earlier_of(before))
    assert (questions(after.test), questions(after.probes)) == (["x", "y", "x"], ["p", "r"])
    assert (after.test.ids(), after.probes.ids()) == (before.test.ids(), before.probes.ids())
    assert len(after.train) == 10


def test_a_copy_among_new_training_rows_does_not_change_a_test_file() -> None:
    before = split_rows(with_files(["a"], ["x", "y"]), FILES)
    after = split_rows(with_files(["a", "x"], ["x", "y"]), FILES, earlier_of(before))
    assert after.test.column("part").tolist() == [1, 1]
    assert questions(after.test) == ["x", "y"]
    assert (questions(after.train), after.overlap) == (["a"], 1)


def test_the_rows_of_a_test_file_may_move_to_the_training_file() -> None:
    before = split_rows(with_files(["a", "b"], ["x", "y"]), FILES)
    after = split_rows(asked(["a", "x", "b", "y"]), AGAIN, earlier_of(before))
    assert (questions(after.test), questions(after.train)) == (["x", "y"], ["a", "b"])


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (["x"], "1 of its 2 rows are missing, 0 are new"), (["x", "y", "z"], "0 of its 2 rows are missing, 1 are new"),
        (["x", "z", "z"], "1 of its 2 rows are missing, 2 are new"), (["x", "x", "y"], "0 of its 2 rows are missing, 1 are new"),
    ],
)  # fmt: skip
def test_another_test_file_is_refused_rather_than_used_in_silence(test: list[str], said: str) -> None:
    before = split_rows(with_files(["a"], ["x", "y"]), FILES)
    with pytest.raises(DataError, match=f"data.test is not as in the earlier split: {said}"):
        split_rows(with_files(["a"], test), FILES, earlier_of(before))


# ------------------------------------------------------------------------------------ reading the record


def test_the_record_of_a_run_is_read_from_its_folder_or_by_its_name(tmp_path: Path) -> None:
    split = split_rows(asked(["a", "b", "c"]), DataConfig(test=1))
    file = tmp_path / "data" / "split.json"
    file.parent.mkdir()
    file.write_text(json.dumps(split.to_dict()), "utf-8")
    expected = Earlier(str(file), tuple(split.test.ids()), tuple(split.probes.ids()), split.seen)
    assert split.seen
    assert read_earlier(str(tmp_path)) == read_earlier(str(file)) == expected


WHOLE = {"format": 1, "train": [], "test": ["0" * 16], "probes": ["a" * 16 + "-2"], "seen": []}


def test_the_smallest_record_is_read(tmp_path: Path) -> None:
    file = tmp_path / "split.json"
    file.write_text(json.dumps(WHOLE), "utf-8")
    assert read_earlier(str(file)).test == ("0" * 16,)


FOREIGN: dict[str, str | bytes] = {
    "empty": "", "object": "{}", "list": "[]", "word": '"split"', "text": "no JSON", "binary": b"\xff\xfe\x00",
    "deep": "[" * 100_000, "long number": "1" * 5000,
    "newer": json.dumps(WHOLE | {"format": 2}), "no format": json.dumps({k: v for k, v in WHOLE.items() if k != "format"}),
    "no seen": json.dumps({k: v for k, v in WHOLE.items() if k != "seen"}), "a word": json.dumps(WHOLE | {"test": "0" * 16}),
    "null": json.dumps(WHOLE | {"seen": None}), "numbers": json.dumps(WHOLE | {"test": [1, 2]}),
    "lists": json.dumps(WHOLE | {"test": [["0" * 16]]}), "other ids": json.dumps(WHOLE | {"test": ["law-1"]}),
    "twice": json.dumps(WHOLE | {"test": ["0" * 16] * 2}), "counted from 0": json.dumps(WHOLE | {"test": ["0" * 16 + "-0"]}),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_refused_in_words(tmp_path: Path, name: str) -> None:
    file = tmp_path / "split.json"
    content = FOREIGN[name]
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(file, file)


def refused(path: Path, named: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_earlier(str(path))
    assert caught.value.exit_code == EXIT_USAGE
    assert str(caught.value) == (
        f"{named}: data.split: holds no split of an earlier run\n  next: give a run folder, or its data/split.json"
    )


def test_a_path_without_a_record_is_refused_in_words(tmp_path: Path) -> None:
    refused(tmp_path, tmp_path / "data" / "split.json")
    refused(tmp_path / "none", tmp_path / "none")
    refused(tmp_path / ("x" * 5000), tmp_path / ("x" * 5000))
