"""The rows of an epoch: each source as often, or as much, as it says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_rows import of_files

from loralab.config.schema import DataConfig, DataSource
from loralab.data.mixture import effective_mixture, mix
from loralab.data.rows import Rows
from loralab.data.split import split_rows

SIZES = st.lists(st.integers(0, 12), min_size=1, max_size=4)
SOURCES = st.builds(
    DataSource, st.just("a.jsonl"), weight=st.floats(0.01, 5) | st.sampled_from([0.5, 1.0, 2.0, 2.5])
) | st.builds(DataSource, st.just("a.jsonl"), rows=st.integers(1, 15))


def rows_of(*sizes: int, seed: int = 0) -> Rows:
    return of_files(*[[f"{file}-{i}" for i in range(size)] for file, size in enumerate(sizes)], seed=seed)


@st.composite
def mixtures(draw: st.DrawFn) -> tuple[Rows, list[DataSource]]:
    sizes = draw(SIZES)
    return rows_of(*sizes, seed=draw(st.integers(0, 3))), [draw(SOURCES) for _ in sizes]


def of(rows: Rows, source: int) -> list[int]:
    """The rows of one source, in order."""
    return rows.where(rows.column("source") == source).index.tolist()


@given(mixtures())
def test_every_source_comes_as_often_as_its_weight_or_number_says(
    mixture: tuple[Rows, list[DataSource]],
) -> None:
    train, sources = mixture
    epoch = mix(train, sources)
    assert set(epoch.index.tolist()) <= set(train.index.tolist())
    for number, source in enumerate(sources):
        mine, used = of(train, number), of(epoch, number)
        times = Counter(used)
        if source.rows is None:
            whole = int(source.weight)
            assert len(used) == whole * len(mine) + round((source.weight - whole) * len(mine))
            assert all(whole <= times[index] <= whole + 1 for index in mine)
        else:
            assert len(used) == min(source.rows, len(mine))
            assert set(times.values()) <= {1}


def test_a_weight_of_two_and_a_half() -> None:
    epoch = mix(rows_of(10, 3), [DataSource("a", 2.5), DataSource("b")])
    assert len(of(epoch, 0)) == 25
    assert sorted(Counter(of(epoch, 0)).values()) == [2] * 5 + [3] * 5
    assert of(epoch, 1) == [10, 11, 12]


def test_a_weight_below_one_takes_a_share() -> None:
    assert len(mix(rows_of(100), [DataSource("a", 0.07)])) == 7


def test_without_weights_the_rows_are_left_as_they_are() -> None:
    train = rows_of(5, 5)[::-1]
    assert mix(train, [DataSource("a"), DataSource("b")]) is train


@given(mixtures(), st.integers(0, 3), SOURCES)
def test_a_source_does_not_depend_on_the_others(
    mixture: tuple[Rows, list[DataSource]], which: int, other: DataSource
) -> None:
    train, sources = mixture
    changed = [source if number == which else other for number, source in enumerate(sources)]
    assert of(mix(train, changed), which) == of(mix(train, sources), which)


def test_rows_added_to_one_source_do_not_change_another() -> None:
    sources = [DataSource("a", rows=7), DataSource("b", 1.5)]
    before, after = mix(rows_of(20, 10), sources), mix(rows_of(20, 30), sources)
    assert of(before, 0) == of(after, 0)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 3))
def test_a_larger_number_of_rows_holds_the_smaller(one: int, other: int, seed: int) -> None:
    few, many = sorted((one, other))
    train = rows_of(25, seed=seed)
    smaller, larger = (mix(train, [DataSource("a", rows=n)]).index.tolist() for n in (few, many))
    assert set(smaller) <= set(larger)
    assert larger == sorted(larger)


@given(st.integers(0, 20), st.integers(1, 20))
def test_more_test_rows_leave_the_chosen_rows_as_they_are(test: int, chosen: int) -> None:
    rows = rows_of(40)
    sources = [DataSource("a", rows=chosen)]
    trained = [split_rows(rows, DataConfig(test=n, probes=0)).train for n in (0, test)]
    assert mix(trained[0], sources).index.tolist() == mix(trained[1], sources).index.tolist()


def test_the_seed_changes_which_rows_are_chosen() -> None:
    chosen = {tuple(mix(rows_of(40, seed=seed), [DataSource("a", rows=5)]).index) for seed in range(4)}
    assert len(chosen) == 4


@given(mixtures())
def test_the_record_of_a_mixture_adds_up(mixture: tuple[Rows, list[DataSource]]) -> None:
    train, sources = mixture
    epoch = mix(train, sources)
    labels = np.arange(len(train)) + 1
    entries = effective_mixture(sources, train, epoch, labels)
    assert [(e["path"], e["weight"], e["rows"]) for e in entries] == [
        (s.path, s.weight, s.rows) for s in sources
    ]
    assert sum(e["train_rows"] for e in entries) == len(train)
    assert sum(e["epoch_rows"] for e in entries) == len(epoch)
    assert sum(e["epoch_label_tokens"] for e in entries) == labels[epoch.index].sum()
    assert sum(e["share"] for e in entries) == pytest.approx(1 if len(epoch) else 0, abs=1e-5)
    for number, entry in enumerate(entries):
        assert entry["train_rows"] == len(of(train, number))
        assert entry["epoch_rows"] == len(of(epoch, number))
        assert entry["share"] == pytest.approx(entry["epoch_rows"] / max(1, len(epoch)), abs=1e-6)


def test_without_a_tokenizer_no_tokens_are_counted() -> None:
    train = rows_of(2)
    (entry,) = effective_mixture([DataSource("a", 2.0)], train, mix(train, [DataSource("a", 2.0)]), None)
    assert entry == {
        "path": "a", "weight": 2.0, "rows": None, "train_rows": 2, "epoch_rows": 4, "share": 1.0,
    }  # fmt: skip
