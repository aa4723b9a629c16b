"""Columns give back the steps that were put in."""

from __future__ import annotations

import math
from typing import Any

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
