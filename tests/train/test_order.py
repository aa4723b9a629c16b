"""The order of rows: every row once an epoch, no step across epochs, nothing but (seed, epoch, step) in it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loralab.config.schema import TrainConfig
from loralab.train.order import StepOrder, plan_steps

rows = st.integers(1, 70)
step_rows = st.integers(1, 20)


@given(rows, step_rows, st.booleans(), st.integers(0, 2**40), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_every_row_comes_once_an_epoch_and_no_step_crosses_one(
    num_rows: int, size: int, shuffle: bool, seed: int, epoch: int
) -> None:
    order = StepOrder(num_rows, size, 10**6, seed, shuffle)
    steps = range((epoch - 1) * order.epoch_steps + 1, epoch * order.epoch_steps + 1)
    parts = [list(order.rows_of(s)) for s in steps]
    assert sorted(i for part in parts for i in part) == list(range(num_rows))
    assert all(len(part) == size for part in parts[:-1]) and 1 <= len(parts[-1]) <= size
    assert len(parts) == math.ceil(num_rows / size)
    assert {order.epoch_of(s) for s in steps} == {epoch}
    assert [order.ends_epoch(s) for s in steps] == [False] * (len(parts) - 1) + [True]


def test_a_step_depends_on_seed_and_number_alone() -> None:
    """Not on a generator's history, the micro-batch arrangement or the length of the run."""
    config = TrainConfig(batch_rows=4, accumulate=4)
    order = plan_steps(100, config)
    expected = [list(order.rows_of(s)) for s in range(1, 15)]
    np.random.seed(1)
    for other in ((16, 1), (1, 16)):
        again = plan_steps(100, replace(config, batch_rows=other[0], accumulate=other[1], epochs=9.0))
        assert [list(again.rows_of(s)) for s in reversed(range(1, 15))] == expected[::-1]
    assert list(replace(order, seed=43).rows_of(1)) != expected[0]
    assert expected[:7] != expected[7:]


def test_the_order_of_a_seed_is_what_it_always_was() -> None:
    assert list(StepOrder(10, 4, 6, 42, True).rows_of(1)) == [0, 8, 7, 4]
    assert list(StepOrder(10, 4, 6, 42, True).rows_of(6)) == [3, 1]


def test_without_shuffling_rows_come_as_they_stand() -> None:
    order = StepOrder(10, 4, 6, 42, False)
    assert [list(order.rows_of(s)) for s in (1, 2, 3, 4)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
        [0, 1, 2, 3],
    ]


@pytest.mark.parametrize(
    ("num_rows", "changes", "steps"),
    [
        (4995, {}, 626),  # the reference job
        (16, {"epochs": 1.0}, 1),
        (17, {"epochs": 1.0}, 2),
        (160, {"epochs": 0.5}, 5),
        (160, {"epochs": 1.25}, 13),
        (1, {"epochs": 0.1}, 1),
        (160, {"epochs": None, "max_steps": 7}, 7),
        (30, {"epochs": 0.1 + 0.2, "batch_rows": 1, "accumulate": 1}, 9),
    ],
)
def test_number_of_steps(num_rows: int, changes: dict[str, object], steps: int) -> None:
    assert plan_steps(num_rows, replace(TrainConfig(), **changes)).total_steps == steps  # type: ignore[arg-type]


@given(rows, step_rows, st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_progress_counts_the_rows_done(num_rows: int, size: int, step: int) -> None:
    order = StepOrder(num_rows, size, 10**6, 0, False)
    done = sum(len(order.rows_of(s)) for s in range(1, step + 1))
    assert order.progress(step) == pytest.approx(done / num_rows)
