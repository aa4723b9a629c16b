"""A run in, the sentences that answer "did it get better, and by how much" out.

"Better" and "worse" follow the paired 95 % interval: if it holds 0, no difference has been shown. For answers
that are right or wrong, McNemar's exact test has to agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loralab.evaluate.general.neutral import METRIC as NEUTRAL_LOSS
from loralab.evaluate.heldout import LOWER_IS_BETTER, PERPLEXITY
from loralab.evaluate.overfit import few_rows, overfit
from loralab.evaluate.statistics import FEW, SMALLEST, Estimate, exact_mcnemar, paired_difference
from loralab.run.view import Run, stage_name
from loralab.words import Words, say

SIGNIFICANT = 0.05
RIGHT_OR_WRONG = frozenset({"exact_match", "accuracy"})
HEADLINES = ("loss", "exact_match", "rouge_l", "citation_f1")
NAMES = {
    "loss": say("Held-out loss"),
    "exact_match": say("Exact match"),
    "rouge_l": say("ROUGE-L"),
    "citation_f1": say("Citation F1 (law articles)"),
    "accuracy": say("General check (built-in prompts)"),
}


def verdict(run: Run) -> list[Words]:
    """One sentence for each headline metric, first to last stage, how much n can show, and signs of over-fitting."""
    stages = [s for s in run.stages if run.score_rows(s) and run.scores(s)]
    if len(stages) < 2:
        return [say("Nothing can be said about better or worse: fewer than two stages were scored.")]
    first, last = stages[0], stages[-1]
    differences = _headlines(run, first, last)
    sentences = [_sentence(run, metric, first, last, found) for metric, found in differences.items()]
    measured_twice = len(run.record.held_out()) > 1  # else it could only say that it can say nothing
    course = overfit(run) if measured_twice else []
    smallest = min((found.n for found in differences.values()), default=FEW)
    said = any(words in course for words in few_rows(run))
    few = say("n = {n} is few: only large differences can be shown.", n=smallest)
    return [
        *sentences,
        *_outside(run, first, last),
        *([few] if smallest < FEW and not said else []),
        *course,
    ]


def _headlines(run: Run, first: str, last: str) -> dict[str, Estimate]:
    """The paired difference of each headline metric that both stages have; of citations if some rows cite."""
    found = {metric: stage_difference(run, "heldout", metric, first, last) for metric in HEADLINES}
    return {
        metric: difference
        for metric, difference in found.items()
        if difference is not None and (metric != "citation_f1" or difference.n >= SMALLEST)
    }


def _outside(run: Run, first: str, last: str) -> list[Words]:
    """The general check and the neutral passages: what tuning cost apart from the run's own rows."""
    sentences = []
    if difference := stage_difference(run, "general", "accuracy", first, last):
        sentences.append(_sentence(run, "accuracy", first, last, difference, "general"))
    if difference := stage_difference(run, "general", NEUTRAL_LOSS, first, last):
        sentences.append(_neutral(run, first, last, difference))
    return sentences


def stage_difference(run: Run, task: str, metric: str, first: str, last: str) -> Estimate | None:
    """The paired difference last - first over the rows that both stages scored; None if there are none."""
    before, after, weights = _pairs(run, task, metric, first, last)
    return paired_difference(before, after, weights) if before else None


def judgement(metric: str, difference: Estimate, p: float = 0.0) -> Words:
    """better, worse, or no difference shown; `p` is that of an exact test, where there is one."""
    if not difference.excludes_zero or p >= SIGNIFICANT:
        return say("no difference shown")
    improved = (difference.value < 0) == (metric in LOWER_IS_BETTER)
    return say("better") if improved else say("worse")


def _pairs(
    run: Run, task: str, metric: str, first: str, last: str
) -> tuple[list[float], list[float], list[float]]:
    """Values at both stages and weights of the rows that both scored, in one order."""
    before, after = (_values(run, task, metric, stage) for stage in (first, last))
    shared = [row_id for row_id in before if row_id in after]
    values = [[rows[i]["value"] for i in shared] for rows in (before, after)]
    return values[0], values[1], [before[i]["weight"] for i in shared]


def _values(run: Run, task: str, metric: str, stage: str) -> dict[str, dict[str, Any]]:
    return {r["id"]: r for r in run.score_rows(stage) if r["task"] == task and r["metric"] == metric}


def _sentence(
    run: Run, metric: str, first: str, last: str, difference: Estimate, task: str = "heldout"
) -> Words:
    values = [run.scores(stage)[task][metric]["value"] for stage in (first, last)]
    is_right = metric in RIGHT_OR_WRONG
    show = _percent if is_right else _decimal
    p = exact_mcnemar(*_pairs(run, task, metric, first, last)[:2]) if is_right else 0.0
    return say(
        "{name}: {before} ({first}) to {after} ({last}), difference {difference}, {interval}, n = {n}: {judgement}.",
        name=NAMES[metric], before=show(values[0]), first=stage_name(first), after=show(values[1]),
        last=stage_name(last),
        difference=show(difference.value, True), interval=_interval(difference, show), n=difference.n,
        judgement=judgement(metric, difference, p),
    )  # fmt: skip


def _neutral(run: Run, first: str, last: str, difference: Estimate) -> Words:
    before, after = (
        run.scores(stage)["general"][PERPLEXITY[NEUTRAL_LOSS]]["value"] for stage in (first, last)
    )
    return say(
        "Text outside the task (neutral passages): perplexity {before} ({first}) to {after} ({last}), difference of the loss {difference}, {interval}, n = {n}: {judgement}.",
        before=f"{float(before):.2f}", first=stage_name(first), after=f"{float(after):.2f}", last=stage_name(last),
        difference=_decimal(difference.value, True), interval=_interval(difference, _decimal), n=difference.n,
        judgement=judgement(NEUTRAL_LOSS, difference),
    )  # fmt: skip


def _interval(difference: Estimate, show: Callable[[float, bool], str]) -> Words:
    if difference.low is None or difference.high is None:
        return say("no interval from fewer than {n} rows", n=SMALLEST)
    return say(
        "95 % interval {low} to {high}", low=show(difference.low, True), high=show(difference.high, True)
    )


def _decimal(value: float | str, signed: bool = False) -> str:
    number = float(value)
    return f"{number:+.3f}" if signed else f"{number:.3f}"


def _percent(value: float | str, signed: bool = False) -> str:
    number = 100 * float(value)
    return f"{number:+.1f} %" if signed else f"{number:.1f} %"
