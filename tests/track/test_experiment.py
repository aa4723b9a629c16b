"""The id of a run's experiment, and what it promises about what was sent before."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from loralab.track.curves import Curves, in_force
from loralab.track.experiment import experiment_id


def numbered(*events: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"seq": seq, "time": f"2026-01-01T00:00:{seq:02d}.000Z", **e} for seq, e in enumerate(events)]


def steps(first: int, last: int) -> list[dict[str, Any]]:
    return [{"kind": "step", "step": n, "loss": 1.0 / n} for n in range(first, last + 1)]


START, STOP = {"kind": "run_started"}, {"kind": "run_interrupted", "signal": 2, "step": 4}
WARNING = {"kind": "warning", "code": "stale_lock"}


def resumed(step: int) -> dict[str, Any]:
    return {"kind": "run_resumed", "from_step": step}


def test_more_events_and_a_resume_where_the_run_had_ended_stay_in_one_experiment() -> None:
    begun = numbered(START)
    longer = numbered(START, *steps(1, 4), STOP, WARNING, resumed(4), *steps(5, 9), STOP, resumed(9))
    assert experiment_id("r", begun) == experiment_id("r", longer)
    assert len(experiment_id("r", begun)) == 21
    assert experiment_id("r", begun) != experiment_id("other", begun)
    assert experiment_id("", []) != experiment_id("r", [])


def test_a_resume_behind_recorded_steps_or_after_a_kill_starts_another() -> None:
    begun = numbered(START, *steps(1, 4))
    behind = numbered(START, *steps(1, 4), STOP, resumed(2))
    killed = numbered(START, *steps(1, 4), WARNING, resumed(4))
    twice = numbered(START, *steps(1, 4), WARNING, resumed(4), resumed(4))
    for one, other in ((begun, behind), (begun, killed), (killed, twice)):
        assert experiment_id("r", one) != experiment_id("r", other)


EVENTS = st.one_of(
    st.just({"kind": "step"}),
    st.builds(
        lambda stage, n: {"kind": "prediction", "stage": stage, "id": f"i{n}", "answer": stage},
        st.sampled_from(["epoch-1", "after"]), st.integers(1, 3),
    ),
    st.builds(
        lambda value: {"kind": "scored", "stage": "after", "task": "t", "metric": "m", "value": value},
        st.floats(0, 1),
    ),
    st.builds(lambda loss: {"kind": "held_out", "loss": loss}, st.floats(0, 1)),
)  # fmt: skip


def counted(events: list[dict[str, Any]], first: int) -> list[dict[str, Any]]:
    """The events with their steps, going on from `first`."""
    found, step = [], first
    for event in events:
        step += event["kind"] == "step"
        found.append({**event, "step": step, **({"loss": 1.0} if event["kind"] == "step" else {})})
    return found


def marks(events: list[dict[str, Any]]) -> list[Any]:
    curves = Curves()
    return [mark for event in in_force(events) for mark in curves.take(event)] + curves.rest()


@given(st.lists(EVENTS, max_size=8), st.lists(EVENTS, max_size=8))
def test_in_one_experiment_all_that_was_sent_before_stands_at_the_beginning(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    """Otherwise a server, which keeps the first value of a step, would show what no longer counts."""
    first = counted(before, 0)
    last = first[-1]["step"] if first else 0
    attempt = numbered(START, *first, STOP)
    whole = numbered(START, *first, STOP, resumed(last), *counted(after, last), STOP)
    assert experiment_id("r", attempt) == experiment_id("r", whole)
    sent = marks(attempt)
    assert marks(whole)[: len(sent)] == sent
