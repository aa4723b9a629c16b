"""Axes and a seed in, the cells of a search out: drawn by Optuna, and for halving those of each rung from the one before.

Nothing but the seed and the cells' own folders decides what comes next, so that a search that was broken off goes on
as if it had not been.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from loralab.config.load import SECTIONS
from loralab.config.schema import Config
from loralab.extras import need
from loralab.study.axes import NUMBER, Axis
from loralab.study.cells import Given, Planned, make_cell, plan_cell, values_of, with_distinct_labels
from loralab.study.plan import Plan
from loralab.study.schema import Search

DRAWS = 20  # at most so many for each cell: axes of few values repeat themselves
DIGITS = 4  # of a drawn number, so that its label is its value

ScoreOf = Callable[[Planned], float | None]  # None while the cell is not over, not a number if it failed


@dataclass(frozen=True)
class Drawn:
    """Cells of a search, and how many draws repeated one of them and were drawn again."""

    cells: tuple[Planned, ...]
    drawn_again: int


def draw(plan: Plan) -> Drawn:
    """`trials` different cells, the same ones for the same axes and seed.

    Raises UsageError if Optuna is not installed, or if a drawn value does not fit.
    """
    assert plan.search
    optuna = _optuna()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=plan.search.seed))
    found: dict[str, Planned] = {}
    again = 0
    for _ in range(DRAWS * plan.search.trials):
        trial = study.ask()
        one = plan_cell(plan.base, [_given(axis, trial) for axis in plan.axes], plan.place)
        again += one.cell.id in found
        found.setdefault(one.cell.id, one)
        if len(found) == plan.search.trials:
            break
    return Drawn(tuple(with_distinct_labels(list(found.values()))), again)


def _optuna() -> Any:
    need("search", "optuna", extra="search")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _given(axis: Axis, trial: Any) -> Given:
    """The value of an axis in one draw."""
    if axis.range is None:
        return axis.choices[trial.suggest_categorical(axis.key, list(range(len(axis.choices))))]
    low, high, log = axis.range.low, axis.range.high, axis.range.log
    if _is_whole(axis.key):
        text = str(trial.suggest_int(axis.key, math.ceil(low), math.floor(high), log=log))
    else:
        text = f"{trial.suggest_float(axis.key, low, high, log=log):.{DIGITS}g}"
    return axis.key, yaml.ScalarNode(NUMBER, text), axis.where


def _is_whole(key: str) -> bool:
    """Whether the key takes whole numbers."""
    section, _, name = key.partition(".")
    hint = typing.get_type_hints(SECTIONS[section])[name]
    return hint is int or int in typing.get_args(hint)


# ------------------------------------------------------------------------------------------- halving


def halving(plan: Plan, drawn: Sequence[Planned], score_of: ScoreOf, lower_is_better: bool) -> list[Planned]:
    """All cells of the rungs that there are by now: the first one, and each whose rung below is over.

    A cell of a higher rung is trained anew: its learning rate falls over its own length, as in any run of that
    length. A cell that failed goes no further.
    """
    assert plan.search
    rung, found = list(drawn), []
    for number in range(plan.search.rungs):
        cells = [_at_rung(one, plan.base, plan.search, number) for one in rung]
        found += cells
        if number == plan.search.rungs - 1:
            break
        scores = [score_of(cell) for cell in cells]
        if None in scores:
            break
        rung = _best(rung, [math.nan if s is None else s for s in scores], plan.search.keep_one_in, lower_is_better)  # fmt: skip
        if not rung:
            break
    return with_distinct_labels(found)


def _best(rung: Sequence[Planned], scores: Sequence[float], keep_one_in: int, lower: bool) -> list[Planned]:
    """The best of those that did not fail, in the order of the draw; of equals the earlier one."""
    order = sorted(
        (i for i, score in enumerate(scores) if math.isfinite(score)),
        key=lambda i: scores[i] if lower else -scores[i],
    )
    kept = sorted(order[: math.ceil(len(rung) / keep_one_in)])
    return [rung[i] for i in kept]


def _at_rung(one: Planned, base: Config, search: Search, number: int) -> Planned:
    """The cell with the length of training of a rung; on the last one that of the base."""
    share = search.keep_one_in ** (search.rungs - 1 - number)
    train = one.config.train
    if base.train.max_steps is not None:
        train = replace(train, max_steps=max(1, math.ceil(base.train.max_steps / share)))
        key = "train.max_steps"
    else:
        assert base.train.epochs is not None
        train = replace(train, epochs=float(f"{base.train.epochs / share:.{DIGITS}g}"))
        key = "train.epochs"
    config = replace(one.config, train=train)
    values = {**one.cell.values, **values_of(config, [key])}
    return Planned(make_cell(values), config, one.where)
