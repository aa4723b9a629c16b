"""Columns give back the steps that were put in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loralab.run.step_columns import StepColumns

numbers = st.one_of(st.floats(allow_nan=False), st.sampled_from(["NaN", "Infinity", "-Infinity"]))
steps = st.fixed_dictionaries(
    {"loss": numbers, "tokens": st.integers(0, 2**40), "epoch": st.floats(0, 9)},
    optional={"grad_norm": numbers, "note": st.text()},
)


@given(st.lists(steps, max_size=20))
def test_every_number_comes_back(events: list[dict[str, Any]]) -> None:
    columns = StepColumns()
    for step, event in enumerate(events, 1):
        columns.append({"step": step, "kind": "step", "time": "2026-11-25T03:01:02.345Z", **event})
    assert len(columns) == len(events)
    for step, (row, event) in enumerate(zip(columns, events, strict=True), 1):
        assert (row["step"], row["kind"], row["tokens"]) == (step, "step", event["tokens"])
        assert "note" not in row
        for name in ("loss", "grad_norm"):
            if name in event:
                assert same(row[name], float(event[name]))
        assert row["time"].startswith("2026-11-25T03:01:02.345")


def same(one: float, two: float) -> bool:
    return one == two or (math.isnan(one) and math.isnan(two))


@given(st.integers(0, 12))
def test_cut_steps_are_forgotten(last: int) -> None:
    columns = StepColumns()
    for step in range(1, 11):
        columns.append({"step": step, "loss": float(step)})
    kept = columns.copy()
    columns.cut_after(last)
    assert list(columns.column("step")) == [float(step) for step in range(1, min(last, 10) + 1)]
    assert len(kept) == 10


repeated = st.lists(
    st.fixed_dictionaries(
        {"step": st.integers(0, 9)},
        optional={
            "loss": st.one_of(numbers, st.none(), st.booleans(), st.just(10**400)),
            "time": st.sampled_from(
                ["2026-11-25T03:01:02.345Z", "2026-11-25T03:01:02Z", "2026-13-25T03:01:02.345Z", "then", None]
            ),
        },
    ),
    max_size=12,
)


@given(repeated, st.integers(1, 5))
def test_steps_taken_together_are_those_taken_one_by_one(events: list[dict[str, Any]], size: int) -> None:
    together, alone = StepColumns(), StepColumns()
    for first in range(0, len(events), size):
        together.extend(events[first : first + size])
    for event in events:
        alone.append(event)
    assert repr(list(together)) == repr(list(alone))


@given(st.lists(st.one_of(st.integers(1, 3), st.integers(-5, -1)), max_size=10))
def test_a_copy_stays_while_steps_are_added_and_taken_back(changes: list[int]) -> None:
    columns, copies = StepColumns(), []
    for change in changes:
        last = int(columns.column("step")[-1]) if len(columns) else 0
        if change < 0:
            columns.cut_after(last + change)
        else:
            columns.extend([{"step": last + i, "loss": float(len(copies))} for i in range(1, change + 1)])
        copies.append((columns.copy(), list(columns)))
    for copy, rows in copies:
        assert list(copy) == rows
        copy.append({"step": 999, "loss": 0.0})
    for copy, rows in copies:
        assert list(copy)[:-1] == rows, "what is added to a copy is in no other"


def test_a_copy_takes_no_memory_of_its_own() -> None:
    columns = StepColumns()
    columns.extend([{"step": step, "loss": 1.0} for step in range(1000)])
    assert np.shares_memory(columns.copy().view("loss"), columns.view("loss"))
