"""The verdict: better or worse only where the paired interval excludes nothing at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.command import Job
from loralab.evaluate.heldout import loss_rows, summarise
from loralab.evaluate.statistics import SMALLEST, Estimate
from loralab.evaluate.verdict import judgement, stage_difference, verdict
from loralab.run.files import write_json, write_json_lines
from loralab.run.folder import RunFolder
from loralab.run.view import Run, open_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(RunFolder(tmp_path))


def write_stage(run: Run, stage: str, losses: list[float], names: str = "") -> None:
    ids = list(names) or [str(i) for i in range(len(losses))]
    rows = loss_rows(ids, losses, [1] * len(losses))
    write_json_lines(run.folder.score_rows(stage), rows)
    write_json(run.folder.scores(stage), summarise(rows))


@pytest.mark.parametrize(
    ("metric", "low", "high", "word"),
    [
        ("loss", -0.3, -0.1, "better"), ("loss", 0.1, 0.3, "worse"), ("rouge_l", 0.1, 0.3, "better"),
        ("exact_match", -0.3, -0.1, "worse"), ("loss", -0.3, 0.1, "no difference shown"),
        ("loss", -0.3, 0.0, "no difference shown"), ("rouge_l", None, None, "no difference shown"),
    ],
)  # fmt: skip
def test_better_needs_an_interval_that_excludes_zero(
    metric: str, low: float | None, high: float | None, word: str
) -> None:
    value = -0.2 if low is None else low + 0.05
    assert str(judgement(metric, Estimate(value, 10, low, high))) == word


@pytest.mark.parametrize(
    ("after", "word"),
    [
        ([2.0 + 0.01 * i for i in range(60)], "better"), ([4.0 + 0.01 * i for i in range(60)], "worse"),
        ([3.0 + (-1) ** i for i in range(60)], "no difference shown"), ([3.0] * 60, "no difference shown"),
    ],
)  # fmt: skip
def test_a_run_is_judged_by_its_rows(run: Run, after: list[float], word: str) -> None:
    write_stage(run, "before", [3.0] * 60)
    write_stage(run, "after", after)
    (sentence,) = [str(w) for w in verdict(run)]
    assert sentence.startswith("Held-out loss: 3.000 (") and sentence.endswith(f"n = 60: {word}.")


def test_few_rows_are_said_to_be_few(run: Run) -> None:
    write_stage(run, "before", [3.0] * 5)
    write_stage(run, "after", [2.0] * 5)
    assert "n = 5 is few" in str(verdict(run)[-1])


def test_rows_are_paired_by_id_and_only_those_of_both_stages(run: Run) -> None:
    write_stage(run, "before", [1.0, 2.0, 9.0], "abc")
    write_stage(run, "after", [4.0, 2.0, 8.0], "bad")
    difference = stage_difference(run, "heldout", "loss", "before", "after")
    assert difference is not None and difference.n == 2
    assert difference.value == pytest.approx(((2.0 - 1.0) + (4.0 - 2.0)) / 2)
    assert stage_difference(run, "heldout", "rouge_l", "before", "after") is None


def test_one_stage_says_nothing(run: Run) -> None:
    write_stage(run, "before", [3.0] * 5)
    assert [str(w) for w in verdict(run)] == [
        "Nothing can be said about better or worse: fewer than two stages were scored."
    ]


def test_a_stage_whose_scores_are_missing_as_after_a_kill_is_passed_over(run: Run) -> None:
    """The rows were there, the summary was not: a KeyError."""
    write_stage(run, "before", [3.0] * 5)
    write_stage(run, "epoch-1", [2.0] * 5)
    write_stage(run, "epoch-2", [1.0] * 5)
    run.folder.scores("epoch-2").unlink()
    write_json_lines(run.folder.predictions("epoch-2"), [])
    assert "2.000 (" in str(verdict(run)[0])


def test_numbers_that_are_not_finite_show_no_difference(run: Run) -> None:
    write_stage(run, "before", [3.0] * 60)
    write_stage(run, "after", [float("nan")] * 60)
    assert str(verdict(run)[0]).endswith("no difference shown.")


def test_a_real_run_has_one_sentence_a_metric(job: Job) -> None:
    sentences = [str(w) for w in verdict(open_run(job.run))]
    assert [s.partition(":")[0] for s in sentences[:3]] == ["Held-out loss", "Exact match", "ROUGE-L"]
    assert sum("is few" in s for s in sentences) == 1, "once was enough, it was said twice"


@pytest.mark.parametrize(("n", "said"), [(SMALLEST - 1, False), (SMALLEST, True)])
def test_citations_are_a_headline_where_enough_references_cite(run: Run, n: int, said: bool) -> None:
    for stage, value in (("before", 0.0), ("after", 1.0)):
        rows = [
            {"task": "heldout", "metric": "citation_f1", "id": str(i), "value": value, "weight": 1}
            for i in range(n)
        ]
        write_json_lines(run.folder.score_rows(stage), rows)
        write_json(run.folder.scores(stage), summarise(rows))
    sentences = [str(words) for words in verdict(run)]
    assert any(s.startswith("Citation F1 (law articles): 0.000 (before)") for s in sentences) == said


def test_more_perplexity_of_neutral_text_is_worse(run: Run) -> None:
    for stage, loss in (("before", 2.0), ("after", 3.0)):
        rows = [
            {"task": "general", "metric": "neutral_loss", "id": str(i), "value": loss + i / 100, "weight": 1}
            for i in range(12)
        ]
        write_json_lines(run.folder.score_rows(stage), rows)
        write_json(run.folder.scores(stage), summarise(rows))
    (sentence,) = [str(words) for words in verdict(run)]
    assert sentence == (
        "Text outside the task (neutral passages): perplexity 7.81 (before) to 21.22 (after), difference of the "
        "loss +1.000, 95 % interval +1.000 to +1.000, n = 12: worse."
    )
