"""Runs side by side: like with like, and "better" only where chance has been ruled out."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.command import Job
from doubles.compared import PARTS, Values, score_rows, write_run
from loralab.errors import ComparisonRefused, UsageError
from loralab.evaluate.comparison import Comparison, Difference, compare
from loralab.evaluate.side import make_sides, side_labels
from loralab.run.files import write_json, write_json_lines, write_text
from loralab.run.view import Run, open_run

NOISE = np.random.Generator(np.random.PCG64(3)).normal(0, 0.05, (40, 60))


def compared(*runs: Run, anyway: bool = False, stage: str = "after") -> Comparison:
    return compare(make_sides([(run, stage) for run in runs]), anyway)


def two(tmp_path: Path, before: Values, after: Values, **changed: Any) -> Comparison:
    one, other = write_run(tmp_path / "0001-a", before), write_run(tmp_path / "0002-b", after, **changed)
    return compared(one, other, anyway=True)


def only(comparison: Comparison) -> Difference:
    (found,) = comparison.differences
    return found


def shifted(by: float, line: int = 0, n: int = 60) -> list[float]:
    return [0.5 + by + float(noise) for noise in NOISE[line][:n]]


EVERYTHING: Values = {
    "heldout/loss": shifted(1.0), "heldout/rouge_l": shifted(0.0), "lawbench:1-2/accuracy": [1.0, 0.0] * 30,
    "heldout/exact_match": [0.0] * 60,
}  # fmt: skip


def test_a_run_with_itself_differs_by_nothing_anywhere(tmp_path: Path) -> None:
    run = write_run(tmp_path / "0001-a", EVERYTHING)
    found = compared(run, run, run)
    assert len(found.differences) == 8
    for difference in found.differences:
        estimate = difference.estimate
        assert (estimate.value, estimate.low, estimate.high, estimate.n) == (0.0, 0.0, 0.0, 60)
        assert str(difference.verdict) == "no difference shown" and difference.p_adjusted == 1.0
    assert found.changes == () and found.unlike == ()
    assert [side.label for side in found.sides] == ["0001-a", "0001-a (2)", "0001-a (3)"]


def test_two_stages_of_a_real_run_and_the_run_with_itself(job: Job) -> None:
    run = open_run(job.run)
    assert {d.estimate.value for d in compared(run, run).differences} == {0.0}
    sides = make_sides([(run, "before"), (run, "after")])
    assert [side.label for side in sides] == ["0001-job:before", "0001-job:after"]
    found = {(d.task, d.metric): d for d in compare(sides).differences}
    loss = found["heldout", "loss"]
    values = [run.scores(stage)["heldout"]["loss"]["value"] for stage in ("before", "after")]
    assert loss.estimate.value == pytest.approx(values[1] - values[0])
    assert loss.estimate.n == 4 and str(loss.verdict) == "no difference shown"


@pytest.mark.parametrize(
    ("metric", "by", "word"),
    [
        ("rouge_l", 0.2, "better"), ("rouge_l", -0.2, "worse"), ("loss", 0.2, "worse"), ("loss", -0.2, "better"),
        ("rouge_l", 0.0, "no difference shown"), ("repealed", 0.2, "worse"), ("out_of_range", -0.2, "better"),
        ("length_ratio", 0.2, "higher"), ("cites", -0.2, "lower"), ("accuracy_lenient", 0.2, "better"),
    ],
)  # fmt: skip
def test_the_verdict_follows_the_difference_and_what_is_good_for_the_metric(
    tmp_path: Path, metric: str, by: float, word: str
) -> None:
    found = only(two(tmp_path, {f"heldout/{metric}": shifted(0.0)}, {f"heldout/{metric}": shifted(by, 1)}))
    assert str(found.verdict) == word
    assert found.estimate.value == pytest.approx(by, abs=0.03)
    assert not found.right_or_wrong and found.p is not None


def test_of_two_runs_either_may_be_the_first(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", {"heldout/rouge_l": shifted(0.0), "heldout/loss": shifted(0.3)})
    other = write_run(tmp_path / "b", {"heldout/rouge_l": shifted(0.03, 1), "heldout/loss": shifted(0.5, 1)})
    opposite = {"better": "worse", "worse": "better", "no difference shown": "no difference shown"}
    for there, back in zip(compared(one, other).differences, compared(other, one).differences, strict=True):
        assert back.estimate.value == pytest.approx(-there.estimate.value)
        assert (back.estimate.low, back.estimate.high) == (
            pytest.approx(-(there.estimate.high or 0)), pytest.approx(-(there.estimate.low or 0)),
        )  # fmt: skip
        assert (back.p, back.p_adjusted) == (there.p, there.p_adjusted)
        assert str(back.verdict) == opposite[str(there.verdict)]


def test_rows_are_paired_by_id_whatever_their_order(tmp_path: Path) -> None:
    rows = score_rows({"heldout/rouge_l": shifted(0.1, 1), "heldout/exact_match": [1.0, 0.0] * 30})
    first = write_run(tmp_path / "a", {"heldout/rouge_l": shifted(0.0), "heldout/exact_match": [0.0] * 60})
    plain = compared(first, write_run(tmp_path / "b", {}, rows=rows))
    random.Random(1).shuffle(rows)
    mixed = compared(first, write_run(tmp_path / "b", {}, rows=rows))
    assert {(d.metric, d.estimate, d.p) for d in plain.differences} == {
        (d.metric, d.estimate, d.p) for d in mixed.differences
    }


def test_rows_of_one_side_alone_are_counted_and_said(tmp_path: Path) -> None:
    rows = score_rows({"heldout/rouge_l": [1.0] * 30}, ids=[f"q{i}" for i in range(20, 50)])
    found = two(tmp_path, {"heldout/rouge_l": [0.5] * 40}, {}, rows=rows)
    difference = only(found)
    assert (difference.estimate.n, difference.only_baseline, difference.only_run) == (20, 20, 10)
    assert any(
        "over the 20 rows that both scored; 20 rows of the baseline and 10" in str(m) for m in found.marks
    )


def test_a_metric_that_one_side_lacks_has_a_value_and_no_difference(tmp_path: Path) -> None:
    found = two(tmp_path, {"heldout/rouge_l": [0.5] * 9}, {"lexeval:1_1/accuracy": [1.0] * 9})
    assert [(row.task, [cell is None for cell in row.cells]) for row in found.rows] == [
        ("heldout", [False, True]), ("lexeval:1_1", [True, False]),
    ]  # fmt: skip
    assert found.differences == [] and found.num_tested == 0


# ------------------------------------------------------------------------------------------ chance


def test_an_interval_alone_is_not_believed_where_mcnemar_disagrees(tmp_path: Path) -> None:
    """5 of 20 answers fixed, none broken: the bootstrap leaves out 0, the exact p is 0.0625."""
    found = only(
        two(tmp_path, {"heldout/exact_match": [0.0] * 20}, {"heldout/exact_match": [1.0] * 5 + [0.0] * 15})
    )
    assert found.estimate.excludes_zero and found.right_or_wrong and found.p == 0.0625
    assert str(found.verdict) == "no difference shown"
    assert str(found.reason) == "the exact test does not agree with the interval"


def test_one_in_twenty_tasks_is_not_called_better(tmp_path: Path) -> None:
    """7 fixed and 0 broken is p = 0.0156: shown alone, chance among 20 tasks."""
    none, some = [0.0] * 40, [1.0] * 7 + [0.0] * 33
    alone = only(two(tmp_path / "one", {"t/accuracy": none}, {"t/accuracy": some}))
    assert (str(alone.verdict), alone.reason) == ("better", None)
    tasks = [f"t{i}/accuracy" for i in range(20)]
    found = two(tmp_path / "many", dict.fromkeys(tasks, none), dict.fromkeys(tasks, none) | {tasks[7]: some})
    difference = next(d for d in found.differences if d.estimate.value)
    assert difference.p == pytest.approx(2 / 2**7) and difference.p_adjusted == pytest.approx(20 * 2 / 2**7)
    assert str(difference.verdict) == "no difference shown"
    assert str(difference.reason) == "adjusted for 20 comparisons, chance could have made this difference"


def test_adjusting_is_over_all_runs_too(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / f"{i}", {"t/rouge_l": shifted(0.01 * i, i)}) for i in range(6)]
    found = compared(*runs)
    assert found.num_tested == 5
    assert all(
        d.p is not None and d.p_adjusted is not None and d.p <= d.p_adjusted for d in found.differences
    )


def test_a_real_difference_is_shown_among_very_many_comparisons(tmp_path: Path) -> None:
    """With a fixed number of drawn signs the smallest p times 300 comparisons would stay above 0.05."""
    tasks = [f"t{i}/rouge_l" for i in range(300)]
    same = [float(value) for value in NOISE[0][:20]]
    changed = [value + 0.5 + 0.01 * i for i, value in enumerate(same)]
    found = two(tmp_path, dict.fromkeys(tasks, same), dict.fromkeys(tasks, same) | {tasks[3]: changed})
    assert [d.task for d in found.differences if str(d.verdict) == "better"] == ["t3"]


def test_equal_runs_are_seldom_called_different(tmp_path: Path) -> None:
    """Two runs of the same quality in 4 tasks: in at most about 5 of 100 comparisons anything is shown."""
    draw = np.random.Generator(np.random.PCG64(12))
    alarms = 0
    for trial in range(30):
        values = [
            {f"t{i}/accuracy": list(draw.integers(0, 2, 40).astype(float)) for i in range(4)}
            for _ in range(2)
        ]
        found = two(tmp_path / str(trial), values[0], values[1])
        alarms += any(str(d.verdict) in ("better", "worse") for d in found.differences)
    assert alarms <= 5  # at 5 % more than 5 of 30 has a chance below 1 %


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_shows_no_difference(tmp_path: Path, bad: float) -> None:
    found = only(two(tmp_path, {"heldout/loss": shifted(0.0)}, {"heldout/loss": [*shifted(-0.4)[:59], bad]}))
    assert str(found.verdict) == "no difference shown"


def test_few_rows_have_no_interval_and_are_said_to_be_few(tmp_path: Path) -> None:
    found = two(tmp_path, {"heldout/rouge_l": [0.1] * 4}, {"heldout/rouge_l": [0.9] * 4})
    assert only(found).estimate.low is None and str(only(found).verdict) == "no difference shown"
    assert "n = 4 is few: only large differences can be shown." in [str(m) for m in found.marks]


# ---------------------------------------------------------------------------------------- likeness


@pytest.mark.parametrize(
    ("part", "value", "word"),
    [
        ("questions", "q2", "not the same questions"), ("messages", "m2", "before the chat template"),
        ("references", "r2", "the answers that count as right"), ("decoding", "d2", "max_new_tokens 512 / 64"),
        ("backend", "server", "made by local and by server"), ("metrics", ["rouge_l/2"], "exact_match/1, rouge_l/1 against rouge_l/2"),
        ("later", "x", "later: None against x"),
    ],
)  # fmt: skip
def test_unlike_runs_are_refused_and_the_part_is_named(
    tmp_path: Path, part: str, value: Any, word: str
) -> None:
    one = write_run(tmp_path / "0001-a", EVERYTHING)
    other = write_run(tmp_path / "0002-b", EVERYTHING, parts={part: value})
    manifest = {**other.manifest, "decoding": {"max_new_tokens": 64}}
    write_json(other.folder.manifest, manifest)
    with pytest.raises(ComparisonRefused) as refused:
        compared(one, open_run(other.folder.path))
    assert refused.value.exit_code == 5
    (problem,) = refused.value.problems
    assert word in str(problem.what) and f"{part}:" in str(problem.what) and problem.where == "0002-b"
    assert "--anyway" in str(problem.next)
    marked = compared(one, open_run(other.folder.path), anyway=True)
    assert [(u.run, u.part) for u in marked.unlike] == [("0002-b", part)]


def test_every_part_and_every_run_that_differs_is_named(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", EVERYTHING)
    others = [
        write_run(tmp_path / name, EVERYTHING, parts={"questions": name, "backend": name}) for name in "bc"
    ]
    with pytest.raises(ComparisonRefused) as refused:
        compared(one, *others)
    assert [p.where for p in refused.value.problems] == ["b", "b", "c", "c"]


@pytest.mark.parametrize(
    ("fingerprint", "word"),
    [(None, "has no evaluation fingerprint"), ({}, "has no evaluation fingerprint"), ("f" * 16, "do not say in what"),
     ({"hash": "other", "parts": PARTS}, "do not say in what"), ([1], "has no evaluation fingerprint")],
)  # fmt: skip
def test_a_fingerprint_that_is_missing_or_odd_is_no_proof_of_likeness(
    tmp_path: Path, fingerprint: Any, word: str
) -> None:
    one, other = (write_run(tmp_path / name, EVERYTHING) for name in "ab")
    write_json(other.folder.manifest, {**other.manifest, "evaluation_fingerprint": fingerprint})
    with pytest.raises(ComparisonRefused) as refused:
        compared(one, open_run(other.folder.path))
    assert any(word in str(problem.what) for problem in refused.value.problems)


def test_another_template_is_compared_and_marked(tmp_path: Path) -> None:
    one = write_run(tmp_path / "0001-a", EVERYTHING)
    other = write_run(tmp_path / "0002-b", EVERYTHING, template="llama")
    found = compared(one, other)
    third = write_run(tmp_path / "0003-c", EVERYTHING, template="chatml-2")
    marks = [str(mark) for mark in compared(one, other, third).marks]
    assert [mark for mark in marks if "template" in mark] == [
        "another chat template than that of 0001-a, so another model family: 0002-b; 0003-c"
    ]
    assert found.unlike == ()


def test_losses_over_other_tokens_are_no_comparison(tmp_path: Path) -> None:
    """Half the tokens a row, twice the loss a token: another tokenizer was called worse."""
    one = write_run(tmp_path / "a", {}, rows=score_rows({"heldout/loss": shifted(1.0)}, weights=[100] * 60))
    other = write_run(tmp_path / "b", {}, rows=score_rows({"heldout/loss": shifted(3.0)}, weights=[50] * 60))
    found = compared(one, other)
    difference = only(found)
    assert (
        str(difference.verdict) == "not comparable"
        and difference.p is None
        and difference.estimate.low is None
    )
    assert found.num_tested == 0 and any("other label tokens" in str(m) for m in found.marks)


# ------------------------------------------------------------------------------------------- sides


def test_a_stage_that_is_not_scored_is_refused_with_those_that_are(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", EVERYTHING, stage="epoch-1")
    empty = write_run(tmp_path / "b", EVERYTHING, stage="after")
    empty.folder.scores("after").unlink()
    with pytest.raises(UsageError) as refused:
        compared(run, empty)
    first, second = refused.value.problems
    assert str(first.what) == "stage after is not scored; scored are: epoch-1"
    assert "no stage of this run is scored" in str(second.what)


def test_what_is_odd_about_a_record_is_said(tmp_path: Path) -> None:
    rows = score_rows({"heldout/rouge_l": shifted(0.0)})
    one = write_run(tmp_path / "a", {"heldout/rouge_l": shifted(0.0)})
    other = write_run(tmp_path / "b", {}, rows=[*rows, {**rows[0], "value": 99.0}])
    lines = [
        line for line in other.folder.events.read_text("utf-8").splitlines() if "run_finished" not in line
    ]
    write_text(other.folder.events, "\n".join(lines) + "\n")
    with other.folder.score_rows("after").open("a") as stream:
        stream.write("{torn\n")
    found = compared(one, open_run(other.folder.path))
    said = [str(m) for m in found.marks]
    assert "b: 1 score rows have an id that came before; the first counts" in said
    assert "b: 1 lines of scores/after.rows.jsonl cannot be read" in said
    assert "b did not finish: what it had scored is compared" in said
    assert only(found).estimate.value == 0.0


@pytest.mark.parametrize("damage", ["", "{", '{"heldout": 3}', '{"heldout": {"loss": [1]}}', "[1]"])
def test_damaged_scores_end_in_words_or_are_left_out(tmp_path: Path, damage: str) -> None:
    one, other = (write_run(tmp_path / name, EVERYTHING) for name in "ab")
    write_text(other.folder.scores("after"), damage)
    try:
        found = compared(one, open_run(other.folder.path))
    except UsageError as refused:
        assert "scored" in str(refused)
    else:
        assert all(row.cells[1] is None for row in found.rows)


def test_rows_of_no_weight_are_no_comparison(tmp_path: Path) -> None:
    rows = score_rows({"heldout/loss": shifted(1.0)}, weights=[0] * 60)
    one, other = (write_run(tmp_path / name, EVERYTHING) for name in "ab")
    for run in (one, other):
        write_json_lines(run.folder.score_rows("after"), rows)
    found = {d.metric: d for d in compared(one, other).differences}
    assert str(found["loss"].verdict) == "not comparable"


paths = st.lists(st.sampled_from(["x/1-a", "y/1-a", "x/2-b", "z/q/1-a"]).map(Path), min_size=2, max_size=6)


@given(paths, st.lists(st.sampled_from(["before", "after"]), min_size=6, max_size=6))
def test_no_two_sides_have_one_name(found: list[Path], stages: list[str]) -> None:
    labels = side_labels(list(zip(found, stages, strict=False)))
    assert len(labels) == len(set(labels)) == len(found)


# ----------------------------------------------------------------------------------------- changes


def test_fixed_and_broken_are_all_the_answers_that_changed_side(tmp_path: Path) -> None:
    before = [1.0, 0.0, 0.0, 1.0, 0.0] * 10
    after = [1.0, 1.0, 0.0, 0.0, 1.0] * 10
    found = two(tmp_path, {"t/accuracy": before}, {"t/accuracy": after}, answer="new")
    for kind, expected in (("fixed", [1, 4]), ("broken", [3])):
        ids = [change.id for change in found.changes if change.kind == kind]
        assert ids == [f"q{i}" for i in range(50) if i % 5 in expected]
    first = found.changes[0]
    assert (first.before, first.after, first.graded, first.out_of) == (0.0, 1.0, False, 20)
    assert (first.baseline_answer["answer"], first.answer["answer"]) == ("answer q1", "new q1")
    assert first.answer["reference"] == "reference q1"


def test_of_graded_metrics_the_largest_gains_and_losses_are_shown(tmp_path: Path) -> None:
    before = [0.5] * 60
    after = [0.5 + (i - 25) / 100 for i in range(60)]
    found = two(tmp_path, {"t/rouge_l": before}, {"t/rouge_l": after})
    fixed, broken = ([c for c in found.changes if c.kind == kind] for kind in ("fixed", "broken"))
    assert [c.id for c in fixed] == [f"q{i}" for i in range(59, 49, -1)] and {c.out_of for c in fixed} == {34}
    assert [c.id for c in broken] == [f"q{i}" for i in range(10)] and {c.out_of for c in broken} == {25}


def test_tasks_that_number_their_questions_alike_keep_their_answers(tmp_path: Path) -> None:
    found = []
    for name, values in (("a", [0.0] * 8), ("b", [1.0] * 8)):
        run = write_run(tmp_path / name, {"x/accuracy": values, "y/accuracy": values})
        answers = [
            {"task": task, "id": f"q{i}", "answer": f"{task}{i}", "reference": "", "finish_reason": "stop"}
            for task in ("x", "y") for i in range(8)
        ]  # fmt: skip
        write_json_lines(run.folder.predictions("after"), answers)
        found.append(open_run(run.folder.path))
    changes = compared(*found).changes
    assert len(changes) == 16
    assert all(c.answer["answer"] == c.id.replace("q", c.task) for c in changes)


def test_what_is_neither_better_nor_worse_is_not_fixed(tmp_path: Path) -> None:
    found = two(
        tmp_path,
        {"t/cites": [0.0] * 8, "t/repealed": [1.0] * 8},
        {"t/cites": [1.0] * 8, "t/repealed": [0.0] * 8},
    )
    assert {(c.metric, c.kind) for c in found.changes} == {("repealed", "fixed")}


def test_losses_change_no_answer_and_the_clean_task_repeats_none(tmp_path: Path) -> None:
    names = ["heldout/loss", "heldout_clean/rouge_l", "heldout/rouge_l"]
    found = two(tmp_path, dict.fromkeys(names, shifted(0.0)), dict.fromkeys(names, shifted(0.1, 1)))
    assert {(c.task, c.metric) for c in found.changes} == {("heldout", "rouge_l")}


def test_the_json_of_the_rows_is_what_was_written(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", EVERYTHING)
    lines = run.folder.score_rows("after").read_text("utf-8").splitlines()
    (side, _) = make_sides([(run, "after"), (run, "after")])
    assert sum(len(rows) for rows in side.rows.values()) == len(lines) == 240
    assert side.rows["heldout", "loss"]["q0"] == json.loads(lines[0])
