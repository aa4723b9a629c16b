"""Questions and their answers: order, columns, marks."""

from __future__ import annotations

from pathlib import Path

from page_reader import Page

from doubles.made_run import STAGES, Recipe, make_prediction, make_predictions
from loralab.report import build_report
from loralab.report.answers import collect


def test_probes_come_first_then_test_rows_in_their_order(recipe: Recipe, run_folder: Path) -> None:
    rows = make_predictions("before")
    recipe.predictions = dict.fromkeys(STAGES, rows[2:] + rows[:2])
    questions = collect(recipe.write(run_folder)).questions
    assert [q.text.shown for q in questions] == [f"question {i}?" for i in (0, 1, 2, 3, 4)]
    assert [q.probe for q in questions] == [True, True, False, False, False]


def test_after_joins_the_epoch_whose_words_it_repeats(recipe: Recipe, run_folder: Path) -> None:
    question = collect(recipe.write(run_folder)).questions[0]
    assert [a.stages for a in question.answers] == [("before",), ("epoch-1",), ("epoch-2", "after")]


def test_after_has_its_own_column_where_it_differs(recipe: Recipe, run_folder: Path) -> None:
    recipe.predictions["after"] = [make_prediction("probe", 0, "answer 0 of epoch-2", finish_reason="length")]
    question = collect(recipe.write(run_folder)).questions[0]
    assert [a.stages for a in question.answers] == [(stage,) for stage in STAGES]


def test_after_never_joins_before(recipe: Recipe, run_folder: Path) -> None:
    recipe.stages = ("before", "after")
    recipe.predictions = {stage: [make_prediction("probe", 0, "the same")] for stage in recipe.stages}
    answers = collect(recipe.write(run_folder)).questions[0].answers
    assert [(a.stages, a.as_before) for a in answers] == [(("before",), False), (("after",), True)]


def test_the_later_prediction_event_of_a_question_counts(recipe: Recipe, run_folder: Path) -> None:
    recipe.stages = ()
    rows = [make_prediction("probe", 0, words) for words in ("first try", "second try")]
    recipe.extra_events = [{"kind": "prediction", "stage": "before", **row} for row in rows]
    answers = collect(recipe.write(run_folder)).questions[0].answers
    assert [a.text.shown for a in answers] == ["second try"]


def test_marks_of_probe_seen_length_and_empty(recipe: Recipe, run_folder: Path) -> None:
    recipe.stages = ("before",)
    rows = [
        make_prediction("probe", 0, "", seen=True),
        make_prediction("test", 1, "cut here", finish_reason="length", answer_tokens=512),
    ]
    recipe.predictions = {"before": rows}
    read = Page(build_report(recipe.write(run_folder)))
    tags = read.shown_as("tag")
    assert tags == ["probe", "seen in training", "test", "ended by: length"]
    assert "empty answer" in read.shown_as("none")
    assert {"31", "57", "512"} <= set(read.values)


def test_the_first_twelve_questions_are_open(recipe: Recipe, run_folder: Path) -> None:
    recipe.predictions = {stage: [make_prediction("test", i, "x") for i in range(15)] for stage in STAGES}
    html = build_report(recipe.write(run_folder))
    assert html.count('<details class="question" open>') == 12
    assert html.count('<details class="question">') == 3
