"""A comparison of runs in, one HTML page out that says which is better, by how much and at what cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loralab.evaluate.changes import Change
from loralab.evaluate.comparison import Comparison, Difference
from loralab.evaluate.side import Side
from loralab.report.answers import MOST_BYTES, Text, clip
from loralab.report.compare_curves import overlays, style_of
from loralab.report.curves import FEWEST_TO_SMOOTH
from loralab.report.render import render_page
from loralab.report.run_cost import cost_rows, different_hardware, run_cost
from loralab.report.text import number
from loralab.run.files import write_text
from loralab.run.view import Run
from loralab.words import Words, say

MOST_CHANGES = 50  # of one metric, run and direction
OPEN_CHANGES = 3
STYLES = {"better": "better", "worse": "worse", "higher": "other", "lower": "other"}


@dataclass(frozen=True)
class Shown:
    """One changed question with its texts cut to what the page has room for."""

    change: Change
    question: Text
    reference: Text
    baseline: Text
    answer: Text

    @property
    def num_bytes(self) -> int:
        """Its size in the page, about."""
        return sum(t.num_bytes for t in (self.question, self.reference, self.baseline, self.answer))


@dataclass(frozen=True)
class Group:
    """The changes of one metric and run in one direction; `left_out` of them are not in the page."""

    task: str
    metric: str
    run: str
    kind: str
    graded: bool
    shown: tuple[Shown, ...]
    left_out: int


def build_compare_page(comparison: Comparison, language: str = "en") -> str:
    """The page. Everything that comes from the runs is escaped: answers are text of strangers."""
    labels = [side.label for side in comparison.sides]
    distinct = distinct_runs(comparison.sides)
    costs = [run_cost(run) for _, run in distinct]
    names = [label for label, _ in distinct]
    paths = [run.folder.path for _, run in distinct]
    styles = [style_of(paths.index(side.run.folder.path)) for side in comparison.sides]
    return render_page(
        "compare_page.html.j2", ("page.css", "compare_page.css"), language,
        page_title=f"{' · '.join(labels[:3])} · {say('Comparison').text(language)} · loralab",
        comparison=comparison, labels=labels, baseline=labels[0],
        marks=[*comparison.marks, *different_hardware(names, costs)],
        findings=findings(comparison), groups=groups(comparison.changes), verdict_style=verdict_style,
        signed=signed, p_text=p_text, score_text=score_text, style_of=style_of, side_styles=styles, names=names, costs=cost_rows(costs, language),
        overlays=overlays(distinct, language), open_changes=OPEN_CHANGES, fewest_to_smooth=FEWEST_TO_SMOOTH,
    )  # fmt: skip


def write_compare_page(comparison: Comparison, path: Path, language: str = "en") -> Path:
    """Write the page to a file; its path. Raises ResourceError if it cannot be written."""
    write_text(path, build_compare_page(comparison, language))
    return path


def distinct_runs(sides: Sequence[Side]) -> list[tuple[str, Run]]:
    """(label, run) of each run folder once: stages of one run share its cost and its curves."""
    found: dict[Path, tuple[str, Run]] = {}
    counts = [side.run.folder.path for side in sides]
    for side in sides:
        path = side.run.folder.path
        found.setdefault(path, (side.run.id if counts.count(path) > 1 else side.label, side.run))
    return list(found.values())


def findings(comparison: Comparison) -> list[Words]:
    """What has been shown, a sentence for each; then what has not."""
    baseline = comparison.sides[0].label
    shown = [d for d in comparison.differences if verdict_style(d)]
    sentences = [_sentence(d, baseline) for d in shown]
    if not comparison.differences:
        return [say("Nothing can be said: no question was scored by the baseline and by another run.")]
    if not shown:
        sentences.append(say("No difference to {baseline} has been shown.", baseline=baseline))
    elif rest := len(comparison.differences) - len(shown):
        sentences.append(say("In {n} further comparisons no difference has been shown.", n=rest))
    return sentences


def _sentence(found: Difference, baseline: str) -> Words:
    interval = f"[{signed(found.estimate.low)},\u00a0{signed(found.estimate.high)}]"
    return say(
        "{run} is {verdict} than {baseline} in {task} {metric}: {difference} {interval}, n = {n}.",
        run=found.run, verdict=found.verdict, baseline=baseline, task=found.task, metric=found.metric,
        difference=signed(found.estimate.value), interval=interval, n=found.estimate.n,
    )  # fmt: skip


def verdict_style(found: Difference) -> str:
    """The CSS class of a verdict; nothing where no difference has been shown."""
    return STYLES.get(str(found.verdict), "")


def signed(value: Any) -> str:
    """A difference as people read it: with its sign, 0 without one."""
    if not isinstance(value, float) or not value or math.isnan(value):
        return number(value)
    return f"{'+' if value > 0 else '−'}{number(abs(value))}"


def p_text(p: float) -> str:
    """A p value as people read it."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def score_text(score: float) -> str:
    """The score of one answer: right and wrong are 1 and 0."""
    return number(int(score)) if score in (0, 1) else number(score)


def groups(changes: Sequence[Change]) -> list[Group]:
    """The changed questions by metric, run and direction, as many as the page has room for."""
    together: dict[tuple[str, str, str, str], list[Change]] = {}
    for change in changes:
        together.setdefault((change.task, change.metric, change.run, change.kind), []).append(change)
    room = MOST_BYTES
    found = []
    for key, members in together.items():
        shown: list[Shown] = []
        for change in members[:MOST_CHANGES]:
            one = _shown(change)
            if one.num_bytes > room:
                break
            room -= one.num_bytes
            shown.append(one)
        found.append(Group(*key, members[0].graded, tuple(shown), members[0].out_of - len(shown)))
    return found


def _shown(change: Change) -> Shown:
    one, two = change.baseline_answer, change.answer
    return Shown(
        change, clip(two.get("question", one.get("question"))), clip(two.get("reference", one.get("reference"))),
        clip(one.get("answer")), clip(two.get("answer")),
    )  # fmt: skip
