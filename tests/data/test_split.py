"""Which rows are trained on, held out and asked: by question and seed, with no question on both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.config import Slice
from loralab.config.schema import DataConfig
from loralab.data.conversation import Conversation, Message, Row, content_id, number_copies, question_key
from loralab.data.split import Split, check_slices, slices_of, split_rows
from loralab.errors import DataError


def rows(questions: list[str]) -> list[Row]:
    talks = [Conversation((Message("user", q), Message("assistant", f"a{q}"))) for q in questions]
    return number_copies(
        Row(content_id(talk), talk, "f", f"f:{at + 1}", at, "input/output") for at, talk in enumerate(talks)
    )


def distinct(number: int) -> list[Row]:
    return rows([f"q{i}" for i in range(number)])


def keys(part: tuple[Row, ...]) -> set[str]:
    return {question_key(row.conversation) for row in part}


COUNTS = st.just("auto") | st.integers(0, 12)
SLICES = st.tuples(st.integers(0, 10), st.integers(1, 10)).map(lambda p: Slice(p[0], p[0] + p[1]))
CONFIGS = st.builds(
    DataConfig, rows=st.none() | SLICES, test=COUNTS | st.none() | SLICES, probes=COUNTS | SLICES,
    on_overlap=st.sampled_from(["drop", "keep"]), split_seed=st.integers(0, 3),
)  # fmt: skip
QUESTIONS = st.lists(st.integers(0, 30).map(str), max_size=60)


@given(QUESTIONS, CONFIGS)
def test_no_row_is_lost_and_no_asked_question_is_trained_on(questions: list[str], config: DataConfig) -> None:
    every = rows(questions)
    split = split_rows(every, config)
    train, asked = {r.id for r in split.train}, {r.id for r in (*split.test, *split.probes)} - split.seen
    assert not train & asked
    assert split.seen <= train
    taken = (every_position for every_position in range(len(every)) if _looked_at(every_position, config))
    expected = {every[position].id for position in taken}
    gone = [row for row in every if row.place in {d.place for d in split.dropped}]
    assert train | asked | {row.id for row in gone} == expected
    assert len(train) + len(asked) + len(gone) == len(expected)
    assert split.overlap == (len(split.dropped) if config.on_overlap == "drop" else split.overlap)
    if config.on_overlap == "drop":
        unseen = tuple(p for p in split.probes if p.id not in split.seen)
        assert not keys(split.train) & keys((*split.test, *unseen))
    assert all(d.reason == "overlaps_test" for d in split.dropped)


def _looked_at(position: int, config: DataConfig) -> bool:
    slices = slices_of(config)
    return slices is None or any(position in part for part in slices)


@given(QUESTIONS, CONFIGS)
def test_a_split_is_the_same_every_time(questions: list[str], config: DataConfig) -> None:
    assert split_rows(rows(questions), config) == split_rows(rows(questions), config)


@given(st.integers(5, 60), st.integers(0, 12), st.integers(0, 5), st.integers(0, 20), st.integers(0, 3))
def test_appended_rows_take_at_most_their_own_number_of_places(
    number: int, test: int, probes: int, more: int, seed: int
) -> None:
    config = DataConfig(test=test, probes=probes, split_seed=seed)
    before, after = split_rows(distinct(number), config), split_rows(distinct(number + more), config)
    held = {r.id for r in (*before.test, *before.probes)}
    assert len(held - {r.id for r in (*after.test, *after.probes)}) <= more
    if not more:
        assert before == after


@given(st.integers(0, 500))
def test_automatic_numbers(number: int) -> None:
    split = split_rows(distinct(number), DataConfig())
    assert len(split.test) == min(200, number // 20)
    assert len(split.probes) == (5 if number >= 50 else max(1, number // 10) if number else 0)
    assert bool(split.seen) == (0 < number < 4)
    assert len(split.train) == number - len(split.test) - (0 if split.seen else len(split.probes))


def test_automatic_test_rows_end_at_200() -> None:
    assert len(split_rows(distinct(5000), DataConfig()).test) == 200


def test_the_seed_changes_the_choice() -> None:
    every = distinct(200)
    choices = {split_rows(every, DataConfig(test=10, split_seed=seed)).test for seed in range(4)}
    assert len(choices) == 4


def test_chosen_rows_stand_in_the_order_of_the_file() -> None:
    split = split_rows(distinct(60), DataConfig(test=20, probes=20))
    for part in (split.test, split.probes, split.train):
        assert [r.position for r in part] == sorted(r.position for r in part)


def test_test_rows_are_chosen_apart_from_the_questions_of_a_probe_file() -> None:
    config = DataConfig(test=9, probes="p.json")
    split = split_rows(distinct(10), config, (), rows(["q3"]))
    assert len(split.test) == 9
    assert not keys(split.test) & keys(split.probes)


def test_copies_of_a_question_stay_together() -> None:
    split = split_rows(rows(["a", "b", "c", "a", "b", "c"]), DataConfig(test=2, probes=0))
    assert len(split.test) == 2
    assert len(keys(split.test)) == 1
    assert not split.dropped


def test_the_reference_job() -> None:
    config = DataConfig(rows=Slice(0, 5000), probes=Slice(0, 5), test=Slice(5000, 5200))
    split = split_rows(distinct(5300), config)
    assert [r.position for r in split.train] == list(range(5, 5000))
    assert [r.position for r in split.probes] == list(range(5))
    assert [r.position for r in split.test] == list(range(5000, 5200))


def test_rows_of_files_are_the_test_and_the_probes() -> None:
    every = distinct(20)
    test, probes = rows(["x", "q3", "q3"]), rows(["y", "q4"])
    split = split_rows(every, DataConfig(test="t.json", probes="p.json"), test, probes)
    assert split.test == tuple(test)
    assert split.probes == tuple(probes)
    assert [r.position for r in every if r not in split.train] == [3, 4]
    assert split.overlap == 2


def test_a_seen_probe_is_a_row_that_is_trained_on() -> None:
    config = DataConfig(test="t.json")
    split = split_rows(distinct(3), config, rows(["q0"]))
    assert [r.conversation.question for r in split.probes] == ["q1"]
    assert split.seen == {split.train[0].id}


def test_overlap_is_kept_where_it_is_not_to_be_dropped_and_never_raised_before_the_report() -> None:
    every = rows(["a", "b", "a"])
    config = DataConfig(test=Slice(0, 1), probes=0)
    for choice in ("keep", "error"):
        split = split_rows(every, replace(config, on_overlap=choice))
        assert (len(split.train), split.overlap, split.dropped) == (2, 1, ())
        assert [r.place for r in split.hits] == ["f:3"]


@pytest.mark.parametrize("key", ["rows", "test", "probes"])
def test_a_slice_beyond_the_rows_is_an_error(key: str) -> None:
    check_slices(replace(DataConfig(), **{key: Slice(0, 10)}), 10)
    with pytest.raises(DataError, match=f"data.{key} is 0:10, but the files hold 9 rows"):
        check_slices(replace(DataConfig(), **{key: Slice(0, 10)}), 9)


def test_the_record_of_a_split_holds_ids() -> None:
    one, two, three = distinct(3)
    split = Split((one,), (two,), (three, one), frozenset({one.id}))
    assert split.to_dict() == {
        "format": 1, "train": [one.id], "test": [two.id], "probes": [three.id, one.id], "seen": [one.id],
    }  # fmt: skip
