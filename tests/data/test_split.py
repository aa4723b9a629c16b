"""Which rows are trained on, held out and asked: by question and seed, with no question on both sides."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_rows import asked, of_files, questions

from loralab.config import Slice
from loralab.config.schema import DataConfig
from loralab.data.conversation import Row, question_key
from loralab.data.rows import PROBES, TEST, TRAIN, Rows
from loralab.data.split import Split, check_slices, slices_of, split_rows
from loralab.errors import DataError


def distinct(number: int, seed: int = 0) -> Rows:
    return asked([f"q{i}" for i in range(number)], seed)


def keys(rows: Rows) -> set[int]:
    return set(rows.column("question").tolist())


def ids(rows: Rows) -> set[str]:
    return set(rows.ids())


def parts(split: Split) -> tuple[list[str], ...]:
    return tuple(rows.ids() for rows in (split.train, split.test, split.probes, split.hits))


COUNTS = st.just("auto") | st.integers(0, 12)
SLICES = st.tuples(st.integers(0, 10), st.integers(1, 10)).map(lambda p: Slice(p[0], p[0] + p[1]))
CONFIGS = st.builds(
    DataConfig, rows=st.none() | SLICES, test=COUNTS | st.none() | SLICES, probes=COUNTS | SLICES,
    on_overlap=st.sampled_from(["drop", "keep"]), split_seed=st.integers(0, 3),
    stratify=st.sampled_from(["none", "file"]),
)  # fmt: skip
QUESTIONS = st.lists(st.integers(0, 30).map(str), max_size=60)


# -------------------------------------------------------------------------- the definition, row by row


def by_definition(rows: Rows, config: DataConfig) -> tuple[list[str], ...]:
    """Ids of training, test and probe rows and of hits, said with lists, sets and dicts of rows."""
    own, test_file, probe_file = (
        [row for row, part in zip(rows, rows.column("part"), strict=True) if part == wanted]
        for wanted in (TRAIN, TEST, PROBES)
    )
    pool = [r for r in own if config.rows is None or r.position in config.rows]
    auto_probes = 0 if len(pool) < 4 else 5 if len(pool) >= 50 else max(1, len(pool) // 10)
    auto_test = min(200, len(pool) // 20)
    probes = probe_file or _fixed(own, config.probes)
    probes = probes or _lowest_ranks(pool, _count(config.probes, auto_probes), config.split_seed)
    free = [r for r in pool if r not in probes]
    if not isinstance(config.probes, Slice):
        free = [r for r in free if _key(r) not in set(map(_key, probes))]
    test = test_file or _fixed(own, config.test)
    test = test or _lowest_ranks(free, _count(config.test, auto_test), config.split_seed)
    train = [r for r in pool if r not in probes and r not in test]
    hits = [r for r in train if _key(r) in set(map(_key, [*test, *probes]))]
    if config.on_overlap == "drop":
        train = [r for r in train if r not in hits]
    if not probes and config.probes == "auto":
        probes = train[:1]
    return tuple([r.id for r in part] for part in (train, test, probes, hits))


def _key(row: Row) -> str:
    return question_key(row.conversation)


def _count(choice: object, auto: int) -> int:
    return auto if choice == "auto" else choice if isinstance(choice, int) else 0


def _fixed(rows: list[Row], choice: object) -> list[Row]:
    return [r for r in rows if r.position in choice] if isinstance(choice, Slice) else []


def _lowest_ranks(rows: list[Row], count: int, seed: int) -> list[Row]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_key(row), []).append(row)
    chosen: list[Row] = []
    for key in sorted(groups, key=lambda key: hashlib.sha256(f"{seed}:{key}".encode()).digest()):
        if len(chosen) + len(groups[key]) <= count:
            chosen += groups[key]
    return sorted(chosen, key=lambda row: row.position)


FEW = st.integers(0, 9).map(str)
FILES = st.just([]) | st.lists(FEW, max_size=6)


@given(st.lists(FEW, max_size=20) | QUESTIONS, CONFIGS, FILES, FILES)
def test_a_split_is_as_its_definition_says(
    train: list[str], config: DataConfig, test: list[str], probes: list[str]
) -> None:
    config = replace(config, stratify="none", **_files(test, probes))
    rows = of_files(train, test=test, probes=probes, seed=config.split_seed)
    assert parts(split_rows(rows, config)) == by_definition(rows, config)


def _files(test: Sequence[str], probes: Sequence[str]) -> dict[str, Any]:
    named = {"test": ("t.json", test), "probes": ("p.json", probes)}
    return {key: path for key, (path, rows) in named.items() if rows}


def test_a_split_stays_the_same_from_version_to_version() -> None:
    split = split_rows(distinct(60), DataConfig(test=4, probes=3))
    assert questions(split.test) == ["q13", "q33", "q42", "q47"]
    assert questions(split.probes) == ["q16", "q26", "q48"]


# -------------------------------------------------------------------------------------- what must hold


@given(QUESTIONS, CONFIGS, st.integers(0, 60))
def test_no_row_is_lost_and_no_asked_question_is_trained_on(
    texts: list[str], config: DataConfig, border: int
) -> None:
    every = of_files(texts[:border], texts[border:], seed=config.split_seed)
    split = split_rows(every, config)
    train, held = ids(split.train), (ids(split.test) | ids(split.probes)) - split.seen
    assert not train & held
    assert split.seen <= train
    slices = slices_of(config)
    looked_at = [i for i in range(len(every)) if slices is None or any(i in part for part in slices)]
    expected = {every.id_of(i) for i in looked_at}
    places = {d.place for d in split.dropped}
    gone = {row.id for row in every if row.place in places}
    assert train | held | gone == expected
    assert len(train) + len(held) + len(gone) == len(expected)
    assert split.overlap == (len(split.dropped) if config.on_overlap == "drop" else split.overlap)
    if config.on_overlap == "drop":
        unseen = [p for p in split.probes if p.id not in split.seen]
        asked_keys = {question_key(p.conversation) for p in (*split.test, *unseen)}
        assert not {question_key(r.conversation) for r in split.train} & asked_keys
    assert all(d.reason == "overlaps_test" for d in split.dropped)
    assert all(d.row() in [row.plain() for row in every] for d in split.dropped)


@given(QUESTIONS, CONFIGS)
def test_a_split_is_the_same_every_time(texts: list[str], config: DataConfig) -> None:
    one, other = (split_rows(asked(texts, config.split_seed), config) for _ in range(2))
    assert one.to_dict() == other.to_dict()
    assert parts(one) == parts(other)


@given(st.integers(5, 60), st.integers(0, 12), st.integers(0, 5), st.integers(0, 20), st.integers(0, 3))
def test_appended_rows_take_at_most_their_own_number_of_places(
    number: int, test: int, probes: int, more: int, seed: int
) -> None:
    config = DataConfig(test=test, probes=probes, split_seed=seed)
    before = split_rows(distinct(number, seed), config)
    after = split_rows(distinct(number + more, seed), config)
    held = ids(before.test) | ids(before.probes)
    assert len(held - (ids(after.test) | ids(after.probes))) <= more
    if not more:
        assert before.to_dict() == after.to_dict()


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
    seeds = range(4)
    choices = [
        split_rows(distinct(200, seed), DataConfig(test=10, split_seed=seed)).test.ids() for seed in seeds
    ]
    assert len(set(map(tuple, choices))) == 4


@pytest.mark.parametrize("stratify", ["none", "file"])
def test_chosen_rows_stand_in_the_order_of_the_file(stratify: Any) -> None:
    copies = [f"q{i}" for i in range(20)]  # of questions that belong to the first file
    every = of_files(copies, [f"q{i}" for i in range(20, 60)] + copies)
    split = split_rows(every, DataConfig(test=20, probes=20, stratify=stratify))
    for part in (split.test, split.probes, split.train):
        assert part.column("position").tolist() == sorted(part.column("position").tolist())


def test_test_rows_are_chosen_apart_from_the_questions_of_a_probe_file() -> None:
    rows = of_files([f"q{i}" for i in range(10)], probes=["q4"])  # that ranks lowest
    split = split_rows(rows, DataConfig(test=9, probes="p.json"))
    assert len(split.test) == 9
    assert not keys(split.test) & keys(split.probes)


def test_copies_of_a_question_stay_together() -> None:
    split = split_rows(asked(["a", "b", "c", "a", "b", "c"]), DataConfig(test=2, probes=0))
    assert len(split.test) == 2
    assert len(keys(split.test)) == 1
    assert not split.dropped


def test_the_reference_job() -> None:
    config = DataConfig(rows=Slice(0, 5000), probes=Slice(0, 5), test=Slice(5000, 5200))
    split = split_rows(distinct(5300), config)
    assert split.train.column("position").tolist() == list(range(5, 5000))
    assert split.probes.column("position").tolist() == list(range(5))
    assert split.test.column("position").tolist() == list(range(5000, 5200))


def test_rows_of_files_are_the_test_and_the_probes() -> None:
    rows = of_files([f"q{i}" for i in range(20)], test=["x", "q3", "q3"], probes=["y", "q4"])
    split = split_rows(rows, DataConfig(test="t.json", probes="p.json"))
    assert split.test.index.tolist() == [20, 21, 22]
    assert split.probes.index.tolist() == [23, 24]
    assert [i for i in range(20) if i not in split.train.index] == [3, 4]
    assert split.overlap == 2


def test_a_seen_probe_is_a_row_that_is_trained_on() -> None:
    rows = of_files(["q0", "q1", "q2"], test=["q0"])
    split = split_rows(rows, DataConfig(test="t.json"))
    assert questions(split.probes) == ["q1"]
    assert split.seen == {split.train[0].id}


def test_overlap_is_kept_where_it_is_not_to_be_dropped_and_never_raised_before_the_report() -> None:
    every = asked(["a", "b", "a"])
    config = DataConfig(test=Slice(0, 1), probes=0)
    for choice in ("keep", "error"):
        split = split_rows(every, replace(config, on_overlap=choice))
        assert (len(split.train), split.overlap, split.dropped) == (2, 1, ())
        assert split.hits.places() == ["memory:3"]


@pytest.mark.parametrize("key", ["rows", "test", "probes"])
def test_a_slice_beyond_the_rows_is_an_error(key: str) -> None:
    check_slices(replace(DataConfig(), **{key: Slice(0, 10)}), 10)
    with pytest.raises(DataError, match=f"data.{key} is 0:10, but the files hold 9 rows"):
        check_slices(replace(DataConfig(), **{key: Slice(0, 10)}), 9)


def test_the_record_of_a_split_holds_ids() -> None:
    every = distinct(3)
    one, two, three = every.ids()
    split = Split(every[:1], every[1:2], every.take(every.index[[2, 0]]), every[:0], frozenset({one}))
    assert split.to_dict() == {
        "format": 1, "train": [one], "test": [two], "probes": [three, one], "seen": [one],
    }  # fmt: skip


# -------------------------------------------------------------------------------- shares of the files


SIZES = st.lists(st.integers(0, 30), min_size=1, max_size=5)


@given(SIZES, st.data(), st.integers(0, 3))
def test_every_file_gives_its_share_of_the_test_rows(
    sizes: list[int], data: st.DataObject, seed: int
) -> None:
    count = data.draw(st.integers(0, sum(sizes) + 3))
    files = [[f"{number}-{i}" for i in range(size)] for number, size in enumerate(sizes)]
    config = DataConfig(test=count, probes=0, stratify="file", split_seed=seed)
    split = split_rows(of_files(*files, seed=seed), config)
    count = min(count, sum(sizes))
    assert len(split.test) == count
    given_by = Counter(split.test.column("file").tolist())
    for number, size in enumerate(sizes):
        assert abs(given_by[number] - count * size / max(1, sum(sizes))) < 1


def test_rows_appended_to_one_file_leave_the_choice_within_the_other_alone() -> None:
    files = [[f"a{i}" for i in range(50)], [f"b{i}" for i in range(50)]]
    config = DataConfig(test=20, probes=0, stratify="file")
    before = split_rows(of_files(*files), config).test
    after = split_rows(of_files(files[0], [*files[1], *(f"c{i}" for i in range(50))]), config).test
    of_first = [[q for q in questions(test) if q.startswith("a")] for test in (before, after)]
    assert (len(of_first[0]), len(of_first[1])) == (10, 7)
    assert set(of_first[1]) < set(of_first[0])


@given(st.lists(st.lists(st.integers(0, 15).map(str), max_size=20), min_size=2, max_size=4), CONFIGS)
def test_a_question_of_two_files_is_never_on_both_sides(files: list[list[str]], config: DataConfig) -> None:
    counts = {k: 3 for k in ("test", "probes") if isinstance(getattr(config, k), Slice)}
    config = replace(config, stratify="file", rows=None, **counts)
    split = split_rows(of_files(*files, seed=config.split_seed), config)
    assert split.overlap == 0
    fixed = split.probes if not split.seen else split.probes[:0]
    assert not keys(split.train) & (keys(split.test) | keys(fixed))
    assert not keys(split.test) & keys(split.probes)


def test_one_file_alone_is_split_as_without_shares() -> None:
    every = distinct(100)
    one, other = (split_rows(every, DataConfig(stratify=s)) for s in ("none", "file"))
    assert one.to_dict() == other.to_dict()


def test_a_small_file_is_not_passed_over_for_a_large_one() -> None:
    every = of_files([f"a{i}" for i in range(190)], [f"b{i}" for i in range(10)])
    assert {len(split_rows(every, DataConfig(stratify=s)).probes) for s in ("none", "file")} == {5}
    files = split_rows(every, DataConfig(test=20, probes=0, stratify="file")).test.column("file")
    assert Counter(files.tolist()) == {0: 19, 1: 1}


@given(QUESTIONS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_to_which_questions_are_asked(
    texts: list[str], chance: random.Random
) -> None:
    shuffled = chance.sample(texts, len(texts))
    one, other = (split_rows(asked(t), DataConfig(test=8, probes=4)) for t in (texts, shuffled))
    assert (ids(one.test), ids(one.probes)) == (ids(other.test), ids(other.probes))
