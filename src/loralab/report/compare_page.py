"""A comparison of runs in, one HTML page out that says which is better, by how much and at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loralab.evaluate.comparison import Comparison, Difference
from loralab.evaluate.side import Side
from loralab.report.changed import groups, score_text
from loralab.report.compare_cost_plots import cost_plots
from loralab.report.compare_curves import overlays, style_of
from loralab.report.render import render_page
from loralab.report.run_cost import cost_rows, different_hardware, side_cost
from loralab.report.series import FEWEST_TO_SMOOTH
from loralab.report.text import signed
from loralab.run.files import write_text
from loralab.words import Words, say

OPEN_CHANGES = 3
STYLES = {"better": "better", "worse": "worse", "higher": "other", "lower": "other"}


def build_compare_page(comparison: Comparison, language: str = "en") -> str:
    """The page. Everything that comes from the runs is escaped: answers are text of strangers."""
    found = distinct_sources(comparison.sides)
    return render_page(
        "compare_page.html.j2", ("page.css", "compare_page.css"), language,
        overlays=overlays([(label, side.run) for label, side in found], language),
        fewest_to_smooth=FEWEST_TO_SMOOTH, **compare_values(comparison, language),
    )  # fmt: skip


def compare_values(comparison: Comparison, language: str) -> dict[str, Any]:
    """What the files compare_*.html.j2 show."""
    labels = [side.label for side in comparison.sides]
    distinct = distinct_sources(comparison.sides)
    costs = [side_cost(side) for _, side in distinct]
    names = [label for label, _ in distinct]
    paths = [side.path for _, side in distinct]
    styles = [style_of(paths.index(side.path)) for side in comparison.sides]
    return {
        "page_title": f"{' · '.join(labels[:3])} · {say('Comparison').text(language)} · loralab",
        "eyebrow": _kind(comparison.sides).text(language),
        "comparison": comparison, "labels": labels, "baseline": labels[0],
        "marks": [*comparison.marks, *different_hardware(names, costs)],
        "findings": findings(comparison), "groups": groups(comparison.changes), "verdict_style": verdict_style,
        "signed": signed, "p_text": p_text, "score_text": score_text, "style_of": style_of, "side_styles": styles,
        "names": names, "costs": cost_rows(costs, language), "cost_plots": cost_plots(comparison, language), "open_changes": OPEN_CHANGES,
        "trained": any(side.run for side in comparison.sides),
    }  # fmt: skip


def _kind(sides: Sequence[Side]) -> Words:
    """What is compared."""
    if all(side.run for side in sides):
        return say("Comparison of fine-tuning runs")
    if any(side.run for side in sides):
        return say("Comparison of fine-tuning runs and evaluations")
    return say("Comparison of evaluations")


def write_compare_page(comparison: Comparison, path: Path, language: str = "en") -> Path:
    """Write the page to a file; its path. Raises ResourceError if it cannot be written."""
    write_text(path, build_compare_page(comparison, language))
    return path


def distinct_sources(sides: Sequence[Side]) -> list[tuple[str, Side]]:
    """(label, first side) of each folder once: stages of one run share its cost and its curves."""
    found: dict[Path, tuple[str, Side]] = {}
    paths = [side.path for side in sides]
    for side in sides:
        several = paths.count(side.path) > 1
        found.setdefault(side.path, (side.run.id if side.run and several else side.label, side))
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


def p_text(p: float) -> str:
    """A p value as people read it."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
