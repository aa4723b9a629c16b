"""Folders of `loralab eval` beside each other and beside runs: scored again as they were, and like with like only."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.compared import PARTS, write_run
from doubles.evaluated import Asked, write_evaluation
from loralab.errors import ComparisonRefused, UsageError
from loralab.evaluate.comparison import Comparison, compare
from loralab.evaluate.eval_record import Evaluation, is_evaluation, open_evaluation
from loralab.evaluate.general.stage import VERSION, general_questions, general_rows
from loralab.evaluate.general.task import GENERAL
from loralab.evaluate.side import Source, make_sides
from loralab.run.files import read_json_lines, write_json, write_json_lines, write_text
from loralab.run.view import Run, open_run

ASKED: list[Asked] = [(f"q{i}", f"第{i}问？", "ABCD"[i % 4]) for i in range(40)]
RIGHT = [reference for _, _, reference in ASKED]
WRONG = ["E"] * 40
SYSTEM = "你是法律助手"


def compared(*sources: Source | Path, anyway: bool = False) -> Comparison:
    found = [open_evaluation(s) if isinstance(s, Path) else s for s in sources]
    return compare(make_sides([(s, "after" if isinstance(s, Run) else "") for s in found]), anyway)


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    value = json.loads(path.read_text("utf-8"))
    write_json(path, change(value))


def general_answers() -> tuple[list[Asked], list[str]]:
    """The built-in prompts, and answers of which those to rules with a list of texts are right."""
    questions = general_questions(None)
    wanted = [next(iter(json.loads(q.reference)["rule"].values())) for q in questions]
    answers = [str(value[0]) if isinstance(value, list) else f"答 {value}" for value in wanted]
    return [(q.id, q.question, q.reference) for q in questions], answers


def general_run(folder: Path, answers: Sequence[str], system: str | None = SYSTEM) -> Run:
    """A run that asked the general prompts under its system message, and scored something of its own."""
    asked, _ = general_answers()
    rows = [
        {"id": i, "set": "general", "seen": False, "question": q, "reference": r, "answer": a, "finish_reason": "stop"}
        for (i, q, r), a in zip(asked, answers, strict=True)
    ]  # fmt: skip
    own = [{"task": "heldout", "metric": "loss", "id": "x", "value": 1.0, "weight": 3}]
    write_run(folder, {}, rows=[*own, *general_rows(rows)], parts={"metrics": [*PARTS["metrics"], VERSION]})
    write_json_lines(folder / "predictions" / "after.jsonl", rows)
    write_text(folder / "config.yaml", json.dumps({"data": {"system": system}}))
    decoding = {"do_sample": False, "max_new_tokens": 512, "stop_token_ids": [1, 2], "batch_rows": 8}
    edit(folder / "manifest.json", lambda manifest: manifest | {"decoding": decoding})
    return open_run(folder)


# ----------------------------------------------------------------------------------- two evaluations


@pytest.mark.parametrize("task", ["disc:single", "rouge_l", "exact_match", "citation", "choice"])
def test_the_rows_of_every_metric_have_the_stored_score_as_their_mean(tmp_path: Path, task: str) -> None:
    asked = (
        [(i, q, f"{r} 依据民法典第{n}条") for n, (i, q, r) in enumerate(ASKED, 1)]
        if task == "citation"
        else ASKED
    )
    answers = [f"{r}，民法典第{n // 2}条" if n % 3 else "" for n, r in enumerate(RIGHT)]
    found = open_evaluation(write_evaluation(tmp_path / "a", task, asked, answers))
    metrics = found.scores[task]
    assert metrics and {row["metric"] for row in found.rows} == {m for m, e in metrics.items() if e["n"]}
    for metric, entry in metrics.items():
        values = [row["value"] for row in found.rows if row["metric"] == metric]
        assert len(values) == entry["n"]
        assert not values or math.fsum(values) / len(values) == pytest.approx(entry["value"])


@settings(max_examples=15)
@given(st.lists(st.sampled_from("ABCDE"), min_size=8, max_size=8), st.lists(st.sampled_from("ABCDE"), min_size=8, max_size=8))  # fmt: skip
def test_fixed_and_broken_are_the_questions_that_one_side_alone_got_right(
    tmp_path_factory: pytest.TempPathFactory, one: list[str], two: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("pair")
    paths = [write_evaluation(folder / n, "choice", ASKED[:8], a) for n, a in (("a", one), ("b", two))]
    found = compared(*paths)
    changed = {(c.kind, c.id) for c in found.changes if c.metric == "accuracy"}
    assert changed == {
        ("fixed" if b == right else "broken", i)
        for (i, _, right), a, b in zip(ASKED, one, two, strict=False) if (a == right) != (b == right)
    }  # fmt: skip
    difference = next(d for d in found.differences if d.metric == "accuracy")
    values = [open_evaluation(path).scores["choice"]["accuracy"]["value"] for path in paths]
    assert difference.estimate.value == pytest.approx(values[1] - values[0])


def test_an_evaluation_with_itself_differs_by_nothing(tmp_path: Path) -> None:
    path = write_evaluation(tmp_path / "a", "choice", ASKED, RIGHT)
    found = compared(path, path)
    assert {d.estimate.value for d in found.differences} == {0.0} and found.changes == ()
    assert [side.label for side in found.sides] == ["a", "a (2)"]


def test_base_and_tuned_model_on_one_exam(tmp_path: Path) -> None:
    base = write_evaluation(tmp_path / "base", "choice", ASKED, WRONG)
    tuned = write_evaluation(tmp_path / "tuned", "choice", ASKED, RIGHT, adapter="/runs/0001-law/adapter")
    found = compared(base, tuned)
    (difference,) = [d for d in found.differences if d.metric == "accuracy"]
    assert difference.right_or_wrong and difference.estimate.value == 1.0
    assert str(difference.verdict) == "better"
    assert [str(side.about) for side in found.sides] == ["model", "model + 0001-law/adapter"]
    first = next(c for c in found.changes if c.id == "q3")
    assert (first.baseline_answer["answer"], first.answer["answer"], first.answer["reference"]) == (
        "E",
        "D",
        "D",
    )


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("messages", {"system": SYSTEM}), ("decoding", {"decoding": {"max_new_tokens": 3}}),
        ("decoding", {"decoding": {"batch_rows": 1}}), ("backend", {"backend": "server"}),
        ("questions", {"asked": ASKED[:39], "answers": RIGHT[:39]}),
        ("references", {"asked": [*ASKED[:39], ("q39", "第39问？", "A")]}),
        ("metrics", {"task": "exact_match"}),
    ],
)  # fmt: skip
def test_unlike_evaluations_are_refused_and_the_part_is_named(
    tmp_path: Path, part: str, changed: dict[str, Any]
) -> None:
    one = write_evaluation(tmp_path / "a", "choice", ASKED, RIGHT)
    given = {"task": "choice", "asked": ASKED, "answers": RIGHT} | changed
    other = write_evaluation(tmp_path / "b", **given)
    with pytest.raises(ComparisonRefused) as refused:
        compared(one, other)
    assert part in [str(problem.what).split(": ")[1].split(":")[0] for problem in refused.value.problems]
    assert part in [found.part for found in compared(one, other, anyway=True).unlike]


def test_stop_tokens_and_folders_are_no_difference_and_another_template_is_marked(tmp_path: Path) -> None:
    one = write_evaluation(tmp_path / "a", "choice", ASKED, RIGHT)
    other = write_evaluation(
        tmp_path / "b",
        "choice",
        ASKED,
        RIGHT,
        decoding={"stop_token_ids": [9]},
        template="llama",
        model="x/y",
    )
    found = compared(one, other)
    assert found.unlike == () and any("another chat template" in str(mark) for mark in found.marks)


def test_a_limit_is_said(tmp_path: Path) -> None:
    paths = [write_evaluation(tmp_path / n, "choice", ASKED, RIGHT, count=100) for n in "ab"]
    assert "a: the first 40 of 100 questions were asked" in [str(m) for m in compared(*paths).marks]


# -------------------------------------------------------------------------- what cannot be compared


def torn(path: Path) -> None:
    path.write_text(path.read_text("utf-8")[:-20], "utf-8")


def unscored(folder: Path) -> None:
    (folder / "scores.json").unlink()
    (folder / "predictions.jsonl").unlink()
    rows = read_json_lines(folder / "partial.jsonl")
    write_json_lines(folder / "partial.jsonl", [*rows[:30], rows[0]])


def other_answer(folder: Path) -> None:
    rows = read_json_lines(folder / "predictions.jsonl")
    write_json_lines(folder / "predictions.jsonl", [rows[0] | {"answer": "E"}, *rows[1:]])


def twice(folder: Path) -> None:
    rows = read_json_lines(folder / "predictions.jsonl")
    write_json_lines(folder / "predictions.jsonl", [rows[1], *rows[1:]])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (unscored, "not finished: 30 of 40 answers"), (other_answer, "choice/accuracy: the answers do not give"),
        (twice, "39 of 40 answers"), (lambda f: torn(f / "predictions.jsonl"), "39 of 40 answers"),
        (lambda f: torn(f / "scores.json"), "scores.json"), (lambda f: torn(f / "eval.json"), "eval.json"),
        (lambda f: edit(f / "eval.json", lambda d: d | {"format": 2}), "this version of loralab eval"),
        (lambda f: edit(f / "eval.json", lambda d: d | {"fingerprint": None}), "this version of loralab eval"),
        (lambda f: edit(f / "eval.json", lambda d: d | {"task": "chioce"}), "no task 'chioce'"),
        (lambda f: edit(f / "eval.json", lambda d: d | {"task_version": "choice/0"}), "was scored with choice/0"),
    ],
)  # fmt: skip
def test_what_is_not_whole_is_refused_in_words(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = write_evaluation(tmp_path / "a", "choice", ASKED, RIGHT)
    damage(folder)
    with pytest.raises(UsageError) as refused:
        open_evaluation(folder)
    assert message in str(refused.value) and refused.value.exit_code == 2


def test_a_run_is_no_evaluation(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", {"heldout/rouge_l": [1.0]})
    assert not is_evaluation(run.folder.path) and not is_evaluation(tmp_path / "absent")
    assert is_evaluation(write_evaluation(tmp_path / "b", "choice", ASKED, RIGHT))


# --------------------------------------------------------------------------- a run and an evaluation


def test_the_general_prompts_of_a_run_stand_beside_those_of_an_evaluation(tmp_path: Path) -> None:
    asked, answers = general_answers()
    run = general_run(tmp_path / "0001-law", answers)
    other = write_evaluation(tmp_path / "base", "general", asked, [""] * len(asked), system=SYSTEM)
    found = compared(run, other)
    assert found.unlike == () and [str(side.about) for side in found.sides] == ["after", "model"]
    accuracy = next(d for d in found.differences if d.metric == GENERAL.metric)
    assert accuracy.estimate.n == 24 and accuracy.estimate.value < 0
    assert {c.kind for c in found.changes if c.metric == GENERAL.metric} == {"broken"}
    own = next(row for row in found.rows if row.task == "heldout")
    assert own.cells[1] is None and own.differences == (None, None)
    same = write_evaluation(tmp_path / "same", "general", asked, answers, system=SYSTEM)
    assert {d.estimate.value for d in compared(same, run).differences} == {0.0}


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("messages", {"system": None}), ("decoding", {"decoding": {"batch_rows": 1}}),
        ("decoding", {"decoding": {"max_new_tokens": 65}}), ("backend", {"backend": "server"}),
    ],
)  # fmt: skip
def test_general_prompts_asked_in_another_way_are_refused(
    tmp_path: Path, part: str, changed: dict[str, Any]
) -> None:
    asked, answers = general_answers()
    run = general_run(tmp_path / "0001-law", answers)
    other = write_evaluation(tmp_path / "b", "general", asked, answers, **({"system": SYSTEM} | changed))
    for order in ((run, other), (other, run)):
        with pytest.raises(ComparisonRefused) as refused:
            compared(*order)
        (problem,) = refused.value.problems
        assert f"{part}:" in str(problem.what)


def test_fewer_or_other_general_prompts_are_refused(tmp_path: Path) -> None:
    asked, answers = general_answers()
    run = general_run(tmp_path / "0001-law", answers)
    fewer = write_evaluation(tmp_path / "b", "general", asked[:9], answers[:9], system=SYSTEM)
    with pytest.raises(ComparisonRefused, match="not the same questions"):
        compared(run, fewer)


def test_without_a_task_in_common_there_is_nothing_to_compare(tmp_path: Path) -> None:
    run = write_run(tmp_path / "0001-law", {"heldout/rouge_l": [0.5] * 9})
    exam = write_evaluation(tmp_path / "exam", "choice", ASKED, RIGHT)
    with pytest.raises(ComparisonRefused, match="share the task general alone") as refused:
        compared(run, exam)
    assert refused.value.exit_code == 5
    assert compared(run, exam, anyway=True).differences == []


def test_an_evaluation_has_no_stage_in_its_name(tmp_path: Path) -> None:
    run = write_run(tmp_path / "0001-law", {"heldout/rouge_l": [0.5] * 9})
    write_run(run.folder.path, {"heldout/rouge_l": [0.6] * 9}, stage="before")
    exam = open_evaluation(write_evaluation(tmp_path / "exam", "choice", ASKED, RIGHT))
    assert isinstance(exam, Evaluation)
    labels = [side.label for side in make_sides([(run, "before"), (run, "after"), (exam, "")])]
    assert labels == ["0001-law:before", "0001-law:after", "exam"]
