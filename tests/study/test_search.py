"""Searches: the same draw for the same seed, and rungs that follow from what has finished."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

import pytest

from doubles.studies import BASE, WriteStudy
from loralab.study.cells import Planned
from loralab.study.plan import Plan, load_study
from loralab.study.search import draw, halving

AXES = "axes:\n  lora.rank: {low: 2, high: 64, log: true}\n  train.learning_rate: {low: 1e-5, high: 1e-3, log: true}\n  lora.dropout: [0, 0.1]\n"
HALVING = "search: {method: halving, trials: 9, keep_one_in: 3, rungs: 3, seed: 1}\n"


def ids(planned: list[Planned]) -> list[str]:
    return [one.cell.id for one in planned]


def test_a_draw_is_that_of_its_seed_and_stays_within_the_axes(write_study: WriteStudy) -> None:
    plans = [load_study(write_study(f"{AXES}search: {{trials: 12, seed: {seed}}}\n")) for seed in (5, 5, 6)]
    first, again, other = (draw(plan).cells for plan in plans)
    assert first == again and set(ids(list(first))).isdisjoint(ids(list(other)))
    assert len({one.cell.id for one in first}) == 12
    for one in first:
        assert 2 <= one.config.lora.rank <= 64 and 1e-5 <= one.config.train.learning_rate <= 1e-3
        assert one.cell.values["train.learning_rate"] == one.config.train.learning_rate
    assert len({one.config.lora.dropout for one in first}) == 2


def test_a_longer_search_begins_with_the_cells_of_a_shorter_one(write_study: WriteStudy) -> None:
    short, long = (draw(load_study(write_study(f"{AXES}search: {{trials: {n}}}\n"))).cells for n in (4, 9))
    assert ids(list(long))[:4] == ids(list(short))


def test_draws_that_repeat_a_cell_are_counted_and_end(write_study: WriteStudy) -> None:
    drawn = draw(load_study(write_study("axes: {lora.rank: [2, 8]}\nsearch: {trials: 5}\n")))
    assert len(drawn.cells) == 2 and drawn.drawn_again == 20 * 5 - 2


def test_without_optuna_the_extra_is_named(write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    from loralab.errors import UsageError

    with pytest.raises(UsageError, match=r"loralab\[search\]"):
        draw(load_study(write_study(AXES + "search: {trials: 2}\n")))


# ------------------------------------------------------------------------------------------- halving


def loss(one: Planned) -> float:
    """What training would give: it depends on the rank alone."""
    return abs(math.log2(one.config.lora.rank) - 4)


def rungs(plan: Plan, score: Callable[[Planned], float | None]) -> list[Planned]:
    return halving(plan, draw(plan).cells, score, lower_is_better=True)


@pytest.mark.parametrize(
    ("length", "lengths"), [("epochs: 3", (0.3333, 1.0, 3.0)), ("max_steps: 100", (12, 34, 100))]
)
def test_the_best_of_each_rung_train_longer(
    write_study: WriteStudy, length: str, lengths: tuple[float, ...]
) -> None:
    plan = load_study(write_study(AXES + HALVING, BASE.replace("1e-2", f"1e-2, {length}")))
    found = rungs(plan, loss)
    key = length.partition(":")[0]
    by_length = {x: [o for o in found if getattr(o.config.train, key) == x] for x in lengths}
    assert [len(by_length[x]) for x in lengths] == [9, 3, 1]
    assert len(found) == 13 and len(set(ids(found))) == 13
    worst = max(loss(o) for o in by_length[lengths[1]])
    assert sum(loss(o) < worst for o in by_length[lengths[0]]) <= 2
    assert loss(by_length[lengths[2]][0]) == min(loss(o) for o in found)


def test_a_finalist_is_the_run_that_a_grid_would_make(write_study: WriteStudy) -> None:
    plan = load_study(write_study(AXES + HALVING))
    final = rungs(plan, loss)[-1]
    assert final.config.train.epochs == plan.base.train.epochs
    assert final.config in [one.config for one in draw(plan).cells]


def test_no_rung_begins_before_the_one_below_is_over(write_study: WriteStudy) -> None:
    plan = load_study(write_study(AXES + HALVING))
    last = draw(plan).cells[-1].config.lora
    assert len(rungs(plan, lambda one: None if one.config.lora == last else loss(one))) == 9


def test_a_search_that_is_broken_off_anywhere_comes_to_the_same_cells(write_study: WriteStudy) -> None:
    """Cells finish in any order, and nothing but what has finished is remembered."""
    plan = load_study(write_study(AXES + HALVING))
    drawn = draw(plan).cells
    whole = [one.cell.id for one in halving(plan, drawn, loss, lower_is_better=True)]
    orders = [broken_off(plan, drawn, Random(seed)) for seed in range(3)]
    assert all(sorted(order) == sorted(whole) for order in orders)
    assert any(order != whole for order in orders)


def broken_off(plan: Plan, drawn: Sequence[Planned], random: Random) -> list[str]:
    """The ids of the cells in the order in which they finish."""
    finished: dict[str, float] = {}

    def open_cells() -> list[Planned]:
        found = halving(plan, drawn, lambda one: finished.get(one.cell.id), lower_is_better=True)
        return [one for one in found if one.cell.id not in finished]

    while left := open_cells():
        one = random.choice(left)
        finished[one.cell.id] = loss(one)
    return list(finished)


def test_a_cell_that_failed_goes_no_further(write_study: WriteStudy) -> None:
    plan = load_study(write_study(AXES + HALVING))
    assert len(rungs(plan, lambda one: math.nan)) == 9
    best = min(draw(plan).cells, key=loss).config.lora
    found = rungs(plan, lambda one: math.nan if one.config.lora == best else loss(one))
    assert [one.config.lora == best for one in found].count(True) == 1 and len(found) == 13
