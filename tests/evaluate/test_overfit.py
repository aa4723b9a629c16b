"""Over-fitting is said where held-out loss turns and rises, and only there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.command import Job
from loralab.evaluate.overfit import FEW, overfit
from loralab.evaluate.verdict import verdict
from loralab.run.folder import RunFolder
from loralab.run.view import Run, open_run

PER = 4  # training steps between two measurements


def made(path: Path, held: Sequence[Any], train: Sequence[float] = (), chosen: int | None = None,
         rows: int = 100, extra: Sequence[dict[str, Any]] = ()) -> Run:  # fmt: skip
    """A run that measured its held-out loss before training and after every PER steps."""
    events: list[dict[str, Any]] = [{"kind": "data_ready", "test_rows": rows}]
    for i, loss in enumerate(held):
        steps = range((i - 1) * PER + 1, i * PER + 1) if i else ()
        events += [{"kind": "step", "step": s, "loss": train[s - 1]} for s in steps if s <= len(train)]
        events.append({"kind": "held_out", "step": i * PER, "loss": loss})
        if i and loss == min(held[1:i + 1], key=float):  # fmt: skip
            events.append({"kind": "best", "step": i * PER, "metric": "heldout_loss", "value": loss})
    events += extra
    if chosen is not None:
        events.append({"kind": "note", "message": f"adapter/ is step {chosen}", "step": chosen})
    path.mkdir(exist_ok=True)
    lines = [json.dumps({"seq": n, "time": "", **event}) for n, event in enumerate(events)]
    (path / "events.jsonl").write_text("".join(line + "\n" for line in lines), "utf-8")
    return Run(RunFolder(path))


def told(run: Run) -> list[str]:
    assert all(words.text("zh") != words.text("en") for words in overfit(run)), "said in Chinese too"
    return [str(words) for words in overfit(run)]


def test_a_turn_is_named_with_its_step_its_size_and_the_training_loss(tmp_path: Path) -> None:
    run = made(tmp_path, [3.0, 2.0, 2.25], [2.5, 2.25, 2.0, 1.75, 1.5, 1.25, 1.0, 0.75], chosen=4, rows=FEW)
    assert told(run) == [
        "Held-out loss fell from 3.000 (step 0) to 2.000 (step 4) and then rose by 0.250 to 2.250 (step 8).",
        "Training loss in the same stretch: 2.125 to 1.125 (means of 4 steps).",
        "Better on what it trains on, worse on what it does not: over-fitting. "
        "Fewer epochs, a lower learning rate or more data help.",
        "adapter/ holds step 4, where the held-out loss was lowest.",
    ]


def test_a_loss_that_still_falls_is_no_over_fitting(tmp_path: Path) -> None:
    sentences = told(made(tmp_path, [3.0, 2.0, 1.5], [2.0] * 4 + [1.0] * 4, chosen=8))
    assert (
        sentences[0].startswith("Held-out loss was still falling")
        and "3.000 (step 0) to 1.500" in sentences[0]
    )
    assert sentences[1] == "Training loss in the same stretch: 2.000 to 1.000 (means of 4 steps)."
    assert len(sentences) == 3


def test_a_loss_that_has_come_to_a_halt_is_not_said_to_fall(tmp_path: Path) -> None:
    assert "had come to a halt" in told(made(tmp_path, [3.0, 2.0, 2.0], [1.0] * 8, chosen=8))[0]
    assert "ended where it began" in told(made(tmp_path, [2.0, 2.0001], [1.0] * 4, chosen=4))[0]


def test_when_training_loss_rises_as_well_the_learning_rate_is_blamed(tmp_path: Path) -> None:
    sentences = told(made(tmp_path, [2.0, 3.0, 4.0], [1.0] * 4 + [5.0] * 4, chosen=4))
    assert sentences[0] == (
        "Held-out loss did not fall: 2.000 (step 0) is its lowest, then it rose by 2.000 to 4.000 (step 8)."
    )
    assert "learning rate that is too high" in sentences[2]
    assert sentences[3] == (
        "adapter/ holds step 4, the best of the trained ones: the model without it had a lower loss."
    )


@pytest.mark.parametrize(("held", "n"), [([], 0), ([3.0], 1), ([3.0, "NaN"], 1)])
def test_fewer_than_two_measurements_say_nothing(held: list[Any], n: int, tmp_path: Path) -> None:
    sentences = told(made(tmp_path, held, [1.0] * 8))
    assert sentences[0] == (
        f"Nothing can be said about over-fitting: the held-out loss needs two measurements and has {n}."
    )
    assert len(sentences) == 1 + ("NaN" in held)


def test_measurements_that_are_not_finite_are_counted(tmp_path: Path) -> None:
    sentences = told(made(tmp_path, [3.0, "Infinity", 2.0, "NaN"], [1.0] * 12))
    assert "2 measurements of the held-out loss are not finite numbers" in sentences[1]
    assert "2.000 (step 8)" in sentences[0]


def test_the_adapter_is_the_one_that_was_written_not_the_best(tmp_path: Path) -> None:
    """With best_by: last, the last step is written although an earlier one was best."""
    last = told(made(tmp_path, [3.0, 1.0, 2.0], [1.0] * 8, chosen=8))[-1]
    assert last.startswith("adapter/ holds step 8, not step 4 where")


def test_before_the_adapter_is_written_the_best_so_far_is_named(tmp_path: Path) -> None:
    last = told(made(tmp_path, [3.0, 1.0, 2.0], [1.0] * 8))[-1]
    assert last == "adapter/ is not written yet; the best step so far is 4."


def test_a_run_that_goes_on_after_its_end_has_no_adapter_of_the_new_training_yet(tmp_path: Path) -> None:
    older = {"kind": "note", "message": "adapter/ is step 4", "step": 4}
    run = made(tmp_path, [3.0, 1.0], [1.0] * 4, extra=[older, {"kind": "step", "step": 5, "loss": 1.0}])
    assert "not written yet" in told(run)[-1]


def early(step: int, metric: str = "heldout_loss") -> dict[str, Any]:
    return {"kind": "note", "code": "early_stop", "message": "", "stopped_at": step, "total_steps": 40,
            "evaluations": 3, "metric": metric}  # fmt: skip


def test_an_early_end_is_said_until_training_goes_on(tmp_path: Path) -> None:
    said = "Training ended early after step 8 of 40: 3 evaluations of heldout_loss in a row were no better than the best before."
    run = made(tmp_path, [3.0, 1.0, 2.0], [1.0] * 8, chosen=4, extra=[early(8)])
    assert told(run)[-2:] == [said, "adapter/ holds step 4, where the held-out loss was lowest."]
    later = {"kind": "step", "step": 9, "loss": 1.0}
    assert said not in told(made(tmp_path, [3.0, 1.0, 2.0], [1.0] * 8, extra=[early(8), later]))
    alone = told(made(tmp_path, [], [1.0] * 8, extra=[early(8, "rouge_l")]))
    assert len(alone) == 2 and "3 evaluations of rouge_l" in alone[1]


def test_an_adapter_that_another_metric_chose_is_said_to_be(tmp_path: Path) -> None:
    best = {"kind": "best", "step": 8, "metric": "rouge_l", "value": 0.5}
    sentences = told(made(tmp_path, [3.0, 1.0, 2.0], [1.0] * 8, chosen=8, extra=[best]))
    assert sentences[-1] == (
        "adapter/ holds step 8, where rouge_l was best (evaluate.best_by); the held-out loss was lowest at step 4."
    )
    going_on = told(made(tmp_path, [3.0, 1.0, 2.0], [1.0] * 8, extra=[best]))
    assert going_on[-1] == "adapter/ is not written yet; the best step so far, by rouge_l, is 8."


def test_over_fitting_is_not_told_from_a_few_steps(tmp_path: Path) -> None:
    """With losses measured every few steps, the stretch behind the turn can be one or two steps long."""
    events = [{"kind": "step", "step": s, "loss": 2.0 - s / 10} for s in range(9, 12)]
    short = [*events, {"kind": "held_out", "step": 11, "loss": 1.5}]
    sentences = told(made(tmp_path, [3.0, 2.0, 1.0], [2.0] * 8, chosen=8, extra=short))
    assert "rose by 0.500 to 1.500 (step 11)" in sentences[0] and "(means of 3 steps)" in sentences[1]
    assert sentences[2] == "That is too few steps to tell over-fitting from chance."
    longer = [
        *events,
        {"kind": "step", "step": 12, "loss": 0.5},
        {"kind": "held_out", "step": 12, "loss": 1.5},
    ]
    assert (
        "over-fitting. Fewer" in told(made(tmp_path, [3.0, 2.0, 1.0], [2.0] * 8, chosen=8, extra=longer))[2]
    )


def test_few_test_rows_are_said_to_be_few(tmp_path: Path) -> None:
    assert f"over {FEW - 1} test rows" in told(made(tmp_path, [3.0, 2.0], [1.0] * 4, rows=FEW - 1))[-1]
    assert "few" not in " ".join(told(made(tmp_path, [3.0, 2.0], [1.0] * 4, rows=FEW)))


def test_without_training_steps_that_is_said(tmp_path: Path) -> None:
    assert told(made(tmp_path, [3.0, 2.0]))[1] == "There is no training loss to set beside it."


losses = st.one_of(
    st.floats(0, 20), st.sampled_from(["NaN", "Infinity", "-Infinity", None, "two"]), st.integers(0, 3)
)


@given(held=st.lists(losses, max_size=6), train=st.lists(st.floats(0, 20), max_size=20), chosen=st.none() | st.integers(0, 20))  # fmt: skip
def test_any_record_gives_sentences_and_blames_over_fitting_only_after_a_rise(
    tmp_path_factory: pytest.TempPathFactory, held: list[Any], train: list[float], chosen: int | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    plain = [x if isinstance(x, (int, float)) else "NaN" for x in held]
    run = made(path, plain, train, chosen)
    text = " ".join(told(run))
    finite = [round(float(x), 3) for x in plain if x != "NaN"]
    rose = len(finite) > 1 and finite[-1] > min(finite)
    assert (" rose by " in text) == rose
    assert rose or "not: over-fitting" not in text


def test_a_record_edited_by_hand_is_no_crash(tmp_path: Path) -> None:
    odd = [{"kind": "held_out", "step": 99}, {"kind": "held_out", "step": 100, "loss": "two"}]
    assert told(made(tmp_path, [3.0, 2.0], [1.0] * 4, chosen=4, extra=odd))[0].endswith(
        "No over-fitting is to be seen."
    )


def test_a_real_run_says_how_its_losses_went_at_the_end_of_its_verdict(job: Job) -> None:
    run = open_run(job.run)
    sentences = told(run)
    assert sentences[0].startswith("Held-out loss ") and any(
        s.startswith("adapter/ holds step") for s in sentences
    )
    assert [str(words) for words in verdict(run)][-len(sentences) :] == sentences
