"""The finished cells of a study in, its recipes out: scores averaged over seeds, with what they took."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loralab.errors import ComparisonRefused, Problem
from loralab.evaluate.direction import direction
from loralab.evaluate.likeness import Unlike, unlike
from loralab.evaluate.side import Key, Side, make_sides
from loralab.evaluate.statistics import Estimate, weighted_mean
from loralab.report.run_cost import RunCost, run_cost
from loralab.run.numbers import to_float
from loralab.study.cells import SEED, label_of
from loralab.study.folder import Standing
from loralab.study.plan import STAGE
from loralab.study.schema import Price
from loralab.words import Words, say


@dataclass(frozen=True)
class Trained:
    """A finished cell that scored the metric."""

    standing: Standing
    side: Side
    cost: RunCost
    value: float


@dataclass(frozen=True)
class Recipe:
    """Cells that differ in the seed alone. `side` holds each question's mean over the seeds.

    `estimate` is over questions, with its interval; `spread` is the lowest and highest value of a seed, None where
    there is one seed. Minutes and money are means over the seeds, memory is the largest.
    """

    label: str
    trained: tuple[Trained, ...]
    side: Side
    estimate: Estimate
    spread: tuple[float, float] | None
    parameters: float
    minutes: float
    wall_minutes: float
    peak_bytes: float
    money: float

    @property
    def num_seeds(self) -> int:
        """How many runs stand behind the numbers."""
        return len(self.trained)


@dataclass(frozen=True)
class Results:
    """What a study has shown so far. `without_score` are labels of finished cells that did not score the metric."""

    metric: Key
    standings: tuple[Standing, ...]
    recipes: tuple[Recipe, ...]
    unlike: tuple[Unlike, ...]
    without_score: tuple[str, ...]
    notes: tuple[Words, ...]

    @property
    def lower_is_better(self) -> bool:
        """Whether less of the metric is better."""
        return direction(self.metric[1]) < 0


def collect(standings: Sequence[Standing], metric: Key, price: Price | None, anyway: bool) -> Results:
    """The recipes of the finished cells, in the order of the study.

    Raises ComparisonRefused if cells were asked other questions, or in another way, unless `anyway`.
    """
    finished = [s for s in standings if s.state == "finished" and s.run]
    scored = [s for s in finished if _has(s, metric)]
    trained = [_trained(s, metric) for s in scored]
    found = tuple(u for one in trained[1:] for u in unlike(trained[0].side, one.side))
    if found and not anyway:
        raise ComparisonRefused(*(_refusal(trained[0].side, one) for one in found))
    groups: dict[str, list[Trained]] = {}
    for one in trained:
        groups.setdefault(one.standing.cell.recipe, []).append(one)
    missing = tuple(s.cell.label for s in finished if not _has(s, metric))
    notes = tuple(note for one in trained for note in one.side.notes)
    recipes = _with_distinct_labels([_recipe(group, metric, price) for group in groups.values()])
    notes = (*notes, *_other_data(trained), *_missing_seeds(standings, recipes))
    return Results(metric, tuple(standings), tuple(recipes), found, missing, notes)


def _has(standing: Standing, metric: Key) -> bool:
    """Whether the run scored the metric row by row."""
    run = standing.run
    assert run
    rows = run.score_rows(STAGE) if run.scores(STAGE).get(metric[0], {}).get(metric[1]) else []
    return any((row["task"], row["metric"]) == metric for row in rows)


def _trained(standing: Standing, metric: Key) -> Trained:
    """The cell with its rows and scores of the metric alone."""
    assert standing.run
    side = make_sides([(standing.run, STAGE)])[0]
    entry = side.scores[metric[0]][metric[1]]
    side = replace(
        side, label=standing.cell.label, scores={metric[0]: {metric[1]: entry}}, rows={metric: side.rows[metric]},
        answers={},
    )  # fmt: skip
    return Trained(standing, side, run_cost(standing.run), to_float(entry.get("value")))


def _refusal(first: Side, found: Unlike) -> Problem:
    return Problem(
        say("cannot be compared with {baseline}: {what}", baseline=first.label, what=found.words), found.run,
        next=say("set unlike: mark in the study to see them side by side, marked"),
    )  # fmt: skip


def _recipe(group: Sequence[Trained], metric: Key, price: Price | None) -> Recipe:
    rows = _mean_rows([one.side.rows[metric] for one in group])
    estimate = weighted_mean([r["value"] for r in rows.values()], [r["weight"] for r in rows.values()])
    cell = group[0].standing.cell
    label = label_of({k: v for k, v in cell.values.items() if k != SEED}) if len(group) > 1 else cell.label
    entry = {"value": estimate.value, "n": estimate.n, "low": estimate.low, "high": estimate.high}
    side = replace(
        group[0].side, label=label, rows={metric: rows}, scores={metric[0]: {metric[1]: entry}}, notes=()
    )
    values = [one.value for one in group]
    wall = _mean([one.cost.wall_minutes for one in group])
    return Recipe(
        label, tuple(group), side, estimate, (min(values), max(values)) if len(values) > 1 else None,
        parameters=_parameters(group[0]), minutes=_mean([one.cost.minutes for one in group]), wall_minutes=wall,
        peak_bytes=max((to_float(one.cost.peak_bytes) for one in group), default=math.nan),
        money=wall / 60 * price.device_hour if price else math.nan,
    )  # fmt: skip


def _with_distinct_labels(recipes: Sequence[Recipe]) -> list[Recipe]:
    """The recipes, those whose labels read alike with their id behind it."""
    counts = Counter(recipe.label for recipe in recipes)
    return [
        _labelled(r, f"{r.label} ({r.trained[0].standing.cell.recipe})") if counts[r.label] > 1 else r
        for r in recipes
    ]


def _labelled(recipe: Recipe, label: str) -> Recipe:
    return replace(recipe, label=label, side=replace(recipe.side, label=label))


def _missing_seeds(standings: Sequence[Standing], recipes: Sequence[Recipe]) -> Iterator[Words]:
    """A note for each recipe of which not every seed counts."""
    planned = Counter(standing.cell.recipe for standing in standings)
    for recipe in recipes:
        all_seeds = planned[recipe.trained[0].standing.cell.recipe]
        if recipe.num_seeds < all_seeds:
            yield say("{recipe}: {n} of {all} seeds count; the others have not finished with a score",
                      recipe=recipe.label, n=recipe.num_seeds, all=all_seeds)  # fmt: skip


def _mean_rows(seeds: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Each question's mean over the seeds, of the questions that all of them scored."""
    shared = [row_id for row_id in seeds[0] if all(row_id in rows for rows in seeds)]
    return {
        row_id: {**seeds[0][row_id], "value": statistics.fmean(to_float(rows[row_id]["value"]) for rows in seeds)}
        for row_id in shared
    }  # fmt: skip


def _parameters(one: Trained) -> float:
    """Weights of the model, those of the adapter not counted."""
    assert one.standing.run
    event = one.standing.run.last("model_ready")
    return to_float(event.get("parameters")) - to_float(event.get("trainable"))


def _mean(values: Sequence[float | None]) -> float:
    """The mean of what is recorded; not a number where something is not."""
    return statistics.fmean(to_float(value) for value in values)


def _other_data(trained: Sequence[Trained]) -> list[Words]:
    """A note for each cell that read the same files as an earlier one and found other bytes in them."""
    seen: dict[str, tuple[str, str]] = {}
    notes = []
    for one in trained:
        assert one.standing.run
        label = one.side.label
        for entry in one.standing.run.manifest.get("data_files", []):
            path, digest = str(entry.get("path")), str(entry.get("sha256"))
            first = seen.setdefault(path, (digest, label))
            if first[0] != digest:
                notes.append(say("{path} was not the same file for {one} and for {two}: it was changed in between",
                                 path=path, one=first[1], two=label))  # fmt: skip
    return notes
