"""The summary of a study in, its report out: one HTML page that needs no network, no script and no second file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from loralab.evaluate.comparison import Difference
from loralab.report.compare_curves import Overlay, overlays, style_of
from loralab.report.compare_page import p_text, verdict_style
from loralab.report.facts import STATUS
from loralab.report.render import render_page
from loralab.report.scatter import NARROW, WIDE, Dot, Scatter, draw_scatter, drawn
from loralab.report.series import FEWEST_TO_SMOOTH
from loralab.report.text import duration, number, signed, size
from loralab.run.files import write_json, write_text
from loralab.study.folder import Standing, StudyFolder
from loralab.study.results import Recipe
from loralab.study.summary import COSTS, Summary, counted, document, spread_text, summarise
from loralab.words import Words, say

MOST_CURVES = 16  # more lines over each other cannot be told apart
LOG_FROM = 10.0  # costs that are so many times apart stand on a logarithmic axis
UNITS = {"parameters": 1e6, "minutes": 1.0, "peak_bytes": 2.0**30, "money": 1.0}
TITLES = {
    "parameters": say("Score against size"),
    "minutes": say("Score against training time"),
    "peak_bytes": say("Score against memory"),
    "money": say("Score against money"),
}
WAITING = {"waiting": say("waiting")}


@dataclass(frozen=True)
class Figure:
    """A chart in two sizes, the recipes on its front, and how many recipes have no place in it."""

    title: str
    wide: Markup
    narrow: Markup
    front: Sequence[str]
    left_out: int


@dataclass(frozen=True)
class Row:
    """One recipe as the table shows it."""

    recipe: Recipe
    style: str
    difference: Difference | None
    is_best: bool
    spread: str
    costs: Sequence[str]


def write_study(folder: StudyFolder, language: str = "en") -> Summary:
    """Write report.html and study.json of what the study has by now. Raises ComparisonRefused for unlike cells."""
    summary = summarise(folder)
    write_json(folder.document, document(summary))
    write_text(folder.report, build_page(summary, language))
    return summary


def build_page(summary: Summary, language: str = "en") -> str:
    """The page. Everything that comes from the runs is escaped."""
    results = summary.results
    curves, left_out = _curves(results.recipes, language)
    return render_page(
        "study/study_page.html.j2", ("page.css", "compare_page.css", "study/study_page.css"), language,
        page_title=f"{summary.plan.folder.name} · {say('Study').text(language)} · loralab",
        name=summary.plan.folder.name, metric="/".join(results.metric), lower_is_better=results.lower_is_better,
        counted=counted(summary.counts).text(language), advice=summary.advice, unlike=results.unlike,
        marks=summary.marks, rows=_rows(summary, language), cost_names=_cost_names(summary, language),
        figures=_figures(summary, language), curves=curves, curves_left_out=left_out,
        fewest_to_smooth=FEWEST_TO_SMOOTH, standings=results.standings, status=status_text,
        verdict_style=verdict_style, p_text=p_text, signed=signed,
        base=Path(summary.plan.settings.base).name, num_recipes=len(results.recipes),
    )  # fmt: skip


def status_text(standing: Standing) -> Words:
    """The state of a cell in words."""
    return (STATUS | WAITING)[standing.state]


def _rows(summary: Summary, language: str) -> list[Row]:
    best = summary.advice.best
    return [
        Row(
            recipe, style_of(i), summary.advice.difference(recipe), best is recipe, spread_text(recipe),
            _costs(recipe, summary, language),
        )
        for i, recipe in enumerate(summary.results.recipes)
    ]  # fmt: skip


def _cost_names(summary: Summary, language: str) -> list[str]:
    names = [say("size, M parameters"), say("training time"), say("time in all"), say("peak memory")]
    money = [say("money, {currency}", currency=summary.plan.price.currency)] if summary.plan.price else []
    return [words.text(language) for words in (*names, *money)]


def _costs(recipe: Recipe, summary: Summary, language: str) -> list[str]:
    """What stands in the columns of `_cost_names`."""
    times = [_time(minutes, language) for minutes in (recipe.minutes, recipe.wall_minutes)]
    memory = size(recipe.peak_bytes) if math.isfinite(recipe.peak_bytes) else number(None)
    money = [_number(recipe.money)] if summary.plan.price else []
    return [_number(recipe.parameters / 1e6), *times, memory, *money]


def _time(minutes: float, language: str) -> str:
    return duration(60 * minutes).text(language) if math.isfinite(minutes) else number(None)


def _number(value: float) -> str:
    return number(value if math.isfinite(value) else None)


def _figures(summary: Summary, language: str) -> list[Figure]:
    """Score against each cost that is known of any recipe."""
    made = [_figure(name, summary, language) for name in COSTS]
    return [figure for figure in made if figure]


def _figure(name: str, summary: Summary, language: str) -> Figure | None:
    recipes, front = summary.results.recipes, summary.fronts[name]
    dots = [
        Dot(r.label, style_of(i), COSTS[name](r) / UNITS[name], r.estimate.value, r.estimate.low, r.estimate.high,
            i in front)
        for i, r in enumerate(recipes)
    ]  # fmt: skip
    placed = drawn(dots)
    if not placed:
        return None
    costs = [dot.x for dot in placed]
    log = min(costs) > 0 and max(costs) / min(costs) >= LOG_FROM
    title = TITLES[name].text(language)
    chart = Scatter(
        name, title, _axis_name(name, summary, language), "/".join(summary.results.metric), dots, log
    )
    labels = [recipes[i].label for i in front]
    return Figure(
        title, draw_scatter(chart, *WIDE), draw_scatter(chart, *NARROW), labels, len(dots) - len(placed)
    )


def _axis_name(name: str, summary: Summary, language: str) -> str:
    currency = summary.plan.price.currency if summary.plan.price else ""
    return {
        "parameters": say("size, M parameters"), "minutes": say("training time, minutes"),
        "peak_bytes": say("peak memory, GiB"), "money": say("money, {currency}", currency=currency),
    }[name].text(language)  # fmt: skip


def _curves(recipes: Sequence[Recipe], language: str) -> tuple[list[Overlay], int]:
    """The losses of the first seed of each recipe, and how many recipes are left out."""
    shown = recipes[:MOST_CURVES]
    runs = [(recipe.label, recipe.trained[0].standing.run) for recipe in shown]
    return (overlays(runs, language) if runs else []), len(recipes) - len(shown)
