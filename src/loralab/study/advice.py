"""The recipes of a study in, what their intervals allow to say about the choice between them out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loralab.evaluate.comparison import Comparison, Difference, compare
from loralab.report.text import duration, number, signed
from loralab.study.results import Recipe, Results
from loralab.words import Words, say

WORSE = "worse"


@dataclass(frozen=True)
class Advice:
    """The recipe with the best value, the differences of the others to it, and the sentences that follow.

    `best` is None where fewer than two recipes have finished, or where their values are of different units.
    """

    best: Recipe | None
    comparison: Comparison | None
    sentences: tuple[Words, ...]

    def difference(self, recipe: Recipe) -> Difference | None:
        """The difference of a recipe to the best."""
        found = self.comparison.differences if self.comparison else []
        return next((d for d in found if d.run == recipe.label), None)


def advise(results: Results) -> Advice:
    """What can be said about which recipe to take."""
    recipes = [r for r in results.recipes if math.isfinite(r.estimate.value)]
    if not recipes:
        return Advice(None, None, (say("No cell has finished with a score: nothing can be said yet."),))
    if len(recipes) == 1:
        return Advice(None, None, (say("One recipe has finished: there is nothing to compare it with yet."),))
    if not _one_unit(recipes, results.metric):
        words = say("{metric} does not compare between these models: their tokenizers cut the same answers into other"
                    " tokens. Set metric: to a score of answers, such as heldout/rouge_l.",
                    metric="/".join(results.metric))  # fmt: skip
        return Advice(None, None, (words,))
    best, *others = sorted(
        recipes, key=lambda r: r.estimate.value if results.lower_is_better else -r.estimate.value
    )
    comparison = compare([best.side, *(r.side for r in others)], anyway=True)  # likeness was looked at before
    advice = Advice(best, comparison, ())
    return Advice(best, comparison, tuple(_sentences(results, advice, best, others)))


def _one_unit(recipes: Sequence[Recipe], metric: tuple[str, str]) -> bool:
    """Whether all recipes weigh the questions that they share alike, as losses over the same label tokens do."""
    first = recipes[0].side.rows[metric]
    return all(
        row["weight"] == first[row_id]["weight"]
        for recipe in recipes[1:]
        for row_id, row in recipe.side.rows[metric].items()
        if row_id in first
    )


def _sentences(results: Results, advice: Advice, best: Recipe, others: Sequence[Recipe]) -> list[Words]:
    metric = "/".join(results.metric)
    found = [say("{best} has the best {metric} of {n} recipes: {value}.", best=best.label, metric=metric,
                 n=1 + len(others), value=number(best.estimate.value))]  # fmt: skip
    worse = [r for r in others if (d := advice.difference(r)) and str(d.verdict) == WORSE]
    even = [r for r in others if r not in worse and advice.difference(r)]
    cheaper = sorted((r for r in even if is_cheaper(r, best)), key=_cost)
    if cheaper:
        found += _about(cheaper[0], best, advice, results)
    elif even:
        found.append(say("Every smaller or quicker recipe is shown to be worse, or there is none."))
    if worse:
        found.append(
            say("Shown to be worse than {best}: {names}.", best=best.label, names="; ".join(r.label for r in worse))
        )  # fmt: skip
    if even:
        found.append(say("Not shown to be worse than {best}: {names}.", best=best.label,
                         names="; ".join(r.label for r in even)))  # fmt: skip
    found.append(say("The best of {n} was chosen by the same questions that it is judged by, which flatters it: let"
                     " other questions confirm it.", n=1 + len(others)))  # fmt: skip
    return found


def _about(cheap: Recipe, best: Recipe, advice: Advice, results: Results) -> list[Words]:
    """The cheapest recipe that is not shown to be worse, and how much worse it may be all the same."""
    difference = advice.difference(cheap)
    assert difference
    estimate = difference.estimate
    sentences = [
        say("{cheap} is not shown to be worse than {best} on this set (n = {n}), and costs less: {cheap_cost} against"
            " {best_cost}.", cheap=cheap.label, best=best.label, n=estimate.n,
            cheap_cost=_told(cheap), best_cost=_told(best))
    ]  # fmt: skip
    if estimate.low is not None and estimate.high is not None:
        bound = max(0.0, estimate.high if results.lower_is_better else -estimate.low)
        sentences.append(
            say("That is no proof that they are equal: the difference is {difference}, 95 % interval {low} to {high},"
                " so that it may be worse by {bound}.", difference=signed(estimate.value), low=signed(estimate.low),
                high=signed(estimate.high), bound=number(bound))
        )  # fmt: skip
    return sentences


def is_cheaper(one: Recipe, other: Recipe) -> bool:
    """Whether a recipe has a smaller model than another, or one of the same size and takes less time."""
    return _cost(one) < _cost(other)


def _cost(recipe: Recipe) -> tuple[float, float]:
    """Size of the model, then minutes; what is not recorded counts as most."""
    return tuple(v if math.isfinite(v) else math.inf for v in (recipe.parameters, recipe.minutes))  # type: ignore[return-value]


def _told(recipe: Recipe) -> Words:
    return say("{parameters} M parameters, {minutes}", parameters=number(recipe.parameters / 1e6)
               if math.isfinite(recipe.parameters) else "?", minutes=duration(60 * recipe.minutes))  # fmt: skip
