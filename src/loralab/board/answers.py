"""A run and what a reader looks for in, one page of its questions with their answers and scores out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from loralab.evaluate.changes import OF_TEXTS
from loralab.evaluate.direction import direction
from loralab.report.answers import Key, Question, Row, answered_stages, make_question, stage_rows
from loralab.run.numbers import to_float
from loralab.run.view import Run

ON_A_PAGE = 20
VIEWS = ("text", "markdown")
SHOWS = ("all", "fixed", "broken", "worst", "probe")
PREFERRED = ("heldout/rouge_l", "heldout/exact_match")
Scores = Mapping[str, Mapping[str, float]]  # by stage and id


@dataclass(frozen=True)
class Query:
    """What is looked for: words in any text, a part of the questions, the metric that tells, the page from 1.

    `view` is how answers are shown, of VIEWS.
    """

    words: str = ""
    show: str = "all"
    metric: str = ""
    page: int = 1
    view: str = "text"


@dataclass(frozen=True)
class Judged:
    """A question with its score at each stage that has one; `kind` is fixed, broken or empty for no change."""

    question: Question
    scores: Mapping[str, float]
    kind: str


@dataclass(frozen=True)
class AnswerPage:
    """The questions of one page, how many there are of each kind, and what can be asked for."""

    shown: Sequence[Judged]
    page: int
    num_pages: int
    counts: Mapping[str, int]  # by what can be shown; "found" are those of the query
    metrics: Sequence[str]
    metric: str
    stages: Sequence[str]


def answer_page(run: Run, query: Query) -> AnswerPage:
    """The page of a query; the last one if there are fewer."""
    stages = answered_stages(run)
    rows = {stage: stage_rows(run, stage) for stage in stages}
    metrics = metrics_of_answers(run)
    metric = query.metric if query.metric in metrics else _preferred(metrics)
    scores = scores_by_stage(run, metric)
    keys = list(dict.fromkeys(key for stage in stages for key in rows[stage]))
    kinds = {key: _kind(key[1], metric, scores) for key in keys}
    of_show = {show: [key for key in keys if _is_shown(key, show, kinds)] for show in SHOWS}
    found = [key for key in of_show.get(query.show, keys) if _has_words(query.words, rows.values(), key)]
    ordered = _in_order(found, query.show, metric, scores)
    num_pages = max(1, -(-len(ordered) // ON_A_PAGE))
    page = min(max(query.page, 1), num_pages)
    shown = [
        Judged(
            make_question(key, [(stage, rows[stage].get(key)) for stage in stages]),
            {stage: of_stage[key[1]] for stage, of_stage in scores.items() if key[1] in of_stage},
            kinds[key],
        )
        for key in ordered[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]
    ]
    counts = {show: len(of_show[show]) for show in SHOWS} | {"found": len(found)}
    return AnswerPage(shown, page, num_pages, counts, metrics, metric, stages)


def metrics_of_answers(run: Run) -> list[str]:
    """task/metric of everything that scores single answers, by name."""
    found = {(row["task"], row["metric"]) for stage in run.stages for row in run.score_rows(stage)}
    return sorted(f"{task}/{metric}" for task, metric in found if metric not in OF_TEXTS)


def scores_by_stage(run: Run, metric: str) -> Scores:
    """The score of each answer; empty where the metric has none."""
    found: dict[str, dict[str, float]] = {}
    for stage in run.stages:
        for row in run.score_rows(stage) if metric else ():
            if f"{row['task']}/{row['metric']}" == metric:
                found.setdefault(stage, {})[row["id"]] = to_float(row["value"])
    return found


def _preferred(metrics: Sequence[str]) -> str:
    return next((name for name in (*PREFERRED, *metrics) if name in metrics), "")


def _kind(question_id: str, metric: str, scores: Scores) -> str:
    """What became of the answer from the first scored stage to the last."""
    values = [of_stage[question_id] for of_stage in scores.values() if question_id in of_stage]
    gain = (values[-1] - values[0]) * direction(metric.partition("/")[2]) if len(values) > 1 else 0.0
    return "fixed" if gain > 0 else "broken" if gain < 0 else ""


def _is_shown(key: Key, show: str, kinds: Mapping[Key, str]) -> bool:
    if show == "probe":
        return key[0] == "probe"
    return show not in ("fixed", "broken") or kinds[key] == show


def _has_words(words: str, stages: Iterable[Mapping[Key, Row]], key: Key) -> bool:
    """Whether every word stands in one of the question's texts; upper and lower case are one."""
    wanted = words.casefold().split()
    if not wanted:
        return True
    rows = [row for rows in stages if (row := rows.get(key))]
    texts = [str(row.get(name) or "") for row in rows for name in ("id", "question", "reference", "answer")]
    whole = "\n".join(texts).casefold()
    return all(word in whole for word in wanted)


def _in_order(keys: Sequence[Key], show: str, metric: str, scores: Scores) -> list[Key]:
    """Probes first; the worst of the last stage first where these are asked for, those without a score last."""
    if show != "worst" or not scores:
        return sorted(keys, key=lambda key: key[0] != "probe")
    last, sign = list(scores.values())[-1], direction(metric.partition("/")[2]) or 1
    return sorted(keys, key=lambda key: sign * last[key[1]] if key[1] in last else math.inf)
