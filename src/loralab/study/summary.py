"""A study folder in, everything that its report says out; nothing is written and no model is needed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from loralab.report.front import pareto_front
from loralab.report.run_cost import different_hardware
from loralab.report.text import number
from loralab.study.advice import Advice, advise
from loralab.study.folder import STATES, Standing, StudyFolder
from loralab.study.plan import STAGE, Plan, load_study
from loralab.study.results import Recipe, Results, collect
from loralab.words import Words, say

COSTS: dict[str, Callable[[Recipe], float]] = {
    "parameters": lambda recipe: recipe.parameters,
    "minutes": lambda recipe: recipe.minutes,
    "peak_bytes": lambda recipe: recipe.peak_bytes,
    "money": lambda recipe: recipe.money,
}


@dataclass(frozen=True)
class Summary:
    """A study as it stands: what its cells have come to, what its recipes have shown, and what follows."""

    plan: Plan
    results: Results
    advice: Advice
    fronts: Mapping[str, tuple[int, ...]]  # cost to places of the recipes that no other beats
    marks: tuple[Words, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many cells are in each state."""
        found = Counter(standing.state for standing in self.results.standings)
        return {state: found[state] for state in STATES}


def summarise(folder: StudyFolder) -> Summary:
    """Read a study's folder. Raises UsageError if it holds none, ComparisonRefused if its cells are unlike."""
    cells = folder.cells()
    plan = load_study(folder.file)
    standings = [folder.standing(cell) for cell in cells]
    task, _, name = plan.settings.metric.rpartition("/")
    results = collect(standings, (task, name), plan.price, plan.settings.unlike == "mark")
    advice = advise(results)
    return Summary(plan, results, advice, _fronts(results), tuple(_marks(folder, results, advice)))


def _fronts(results: Results) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(
            pareto_front([(cost(r), r.estimate.value) for r in results.recipes], results.lower_is_better)
        )
        for name, cost in COSTS.items()
    }


def _marks(folder: StudyFolder, results: Results, advice: Advice) -> list[Words]:
    """What a reader has to know before the numbers."""
    marks = [*results.notes, *(advice.comparison.marks if advice.comparison else ())]
    marks += different_hardware(
        [r.label for r in results.recipes], [r.trained[0].cost for r in results.recipes]
    ) if results.recipes else []  # fmt: skip
    if results.without_score:
        marks.append(
            say("{n} finished cells have no score of {metric} and are left out: {names}", n=len(results.without_score),
                metric="/".join(results.metric), names="; ".join(results.without_score))
        )  # fmt: skip
    if former := folder.former_cells([s.cell for s in results.standings]):
        marks.append(say("{n} cells in the folder are no longer part of the study: {names}",
                         n=len(former), names=", ".join(former)))  # fmt: skip
    return list({str(words): words for words in marks}.values())


def document(summary: Summary) -> dict[str, Any]:
    """The summary as plain values. Sentences are English."""
    results, advice = summary.results, summary.advice
    return {
        "study": summary.plan.folder.name, "metric": "/".join(results.metric), "stage": STAGE,
        "counts": summary.counts,
        "cells": [_cell(standing) for standing in results.standings],
        "recipes": [_recipe(i, recipe, summary) for i, recipe in enumerate(results.recipes)],
        "best": advice.best.label if advice.best else None,
        "advice": [str(words) for words in advice.sentences],
        "price": asdict(summary.plan.price) if summary.plan.price else None,
        "unlike": [{"cell": u.run, "part": u.part, "message": str(u.words)} for u in results.unlike],
        "marks": [str(words) for words in summary.marks],
    }  # fmt: skip


def _cell(standing: Standing) -> dict[str, Any]:
    return {
        "id": standing.cell.id, "label": standing.cell.label, "values": dict(standing.cell.values),
        "state": standing.state, "run": str(standing.run.folder.path) if standing.run else None,
        "reason": standing.reason or None,
    }  # fmt: skip


def _recipe(place: int, recipe: Recipe, summary: Summary) -> dict[str, Any]:
    found, estimate = summary.advice.difference(recipe), recipe.estimate
    difference = None
    if found:
        difference = {
            "value": found.estimate.value, "n": found.estimate.n, "low": found.estimate.low,
            "high": found.estimate.high, "p_adjusted": found.p_adjusted, "verdict": str(found.verdict),
        }  # fmt: skip
    return {
        "label": recipe.label, "cells": [one.standing.cell.id for one in recipe.trained],
        "value": estimate.value, "n": estimate.n, "low": estimate.low, "high": estimate.high,
        "seeds": recipe.num_seeds, "seed_values": [one.value for one in recipe.trained],
        "difference_to_best": difference,
        "costs": {name: _finite(cost(recipe)) for name, cost in COSTS.items()},
        "wall_minutes": _finite(recipe.wall_minutes),
        "on_front": [name for name, front in summary.fronts.items() if place in front],
    }  # fmt: skip


def _finite(value: float) -> float | None:
    """None for what is not recorded."""
    return value if math.isfinite(value) else None


def counted(counts: Mapping[str, int]) -> Words:
    """How many cells are in each state, in words."""
    return say("{finished} of {all} cells finished, {failed} failed, {interrupted} interrupted, {running} running,"
               " {waiting} waiting", all=sum(counts.values()), **counts)  # fmt: skip


def spread_text(recipe: Recipe) -> str:
    """The values of the seeds from lowest to highest; empty for one seed."""
    return "" if recipe.spread is None else f"{number(recipe.spread[0])} – {number(recipe.spread[1])}"
