"""Figures: what is in them, what is said of them, and what is not drawn."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from page_reader import Page

from doubles.made_run import Recipe, make_step
from loralab.report import build_report
from loralab.report.curves import epoch_starts, figures, smooth, tokens_per_second


def titles(recipe: Recipe, folder: Path) -> list[str]:
    return [figure.title for figure in figures(recipe.write(folder), "en")]


def test_four_figures_of_which_the_loss_is_drawn_in_two_sizes(recipe: Recipe, run_folder: Path) -> None:
    run = recipe.write(run_folder)
    drawn = figures(run, "en")
    assert [f.title for f in drawn] == ["Loss", "Gradient norm", "Learning rate", "Speed"]
    assert [f.wide is not None for f in drawn] == [True, False, False, False]
    assert Page(build_report(run)).elements["svg"] == 5


def test_loss_has_every_step_its_mean_and_the_held_out_loss(recipe: Recipe, run_folder: Path) -> None:
    loss = figures(recipe.write(run_folder), "en")[0]
    assert [style for style, _ in loss.legend] == ["each", "mean", "held"]
    held = dict(loss.summary[1].numbers)
    assert held == {"first": 2.75, "last": 1.996, "lowest, step 40": 1.996, "highest, step 0": 2.75}
    assert loss.wide is not None
    assert (
        re.findall("<title>(held-out loss.*?)</title>", loss.wide)[-1]
        == "held-out loss, optimizer step 40: 1.996"
    )


def test_a_loss_that_is_no_number_leaves_a_marked_gap(recipe: Recipe, run_folder: Path) -> None:
    recipe.lost = (7, 8, 9, 30)
    run = recipe.write(run_folder)
    loss = figures(run, "en")[0]
    assert loss.summary[0].missing == "no finite number at step 7–9, 30 (shaded)"
    assert loss.narrow.count('class="gap"') == 2
    line = re.search('class="line each" d="(.*?)"', loss.narrow)
    assert line and line[1].count("M") == 3 and "nan" not in line[1].lower()
    text = Page(build_report(run)).text
    assert (
        text.count("no finite number at step 7–9, 30 (shaded)") == 3
    )  # caption, and both pictures' descriptions


def test_a_run_whose_every_loss_is_lost_is_still_drawn(recipe: Recipe, run_folder: Path) -> None:
    recipe.lost = range(1, 41)
    loss = figures(recipe.write(run_folder), "en")[0]
    assert loss.summary[0].numbers == ()
    assert "step 1–40" in loss.summary[0].missing


def test_one_step_is_enough_for_a_page(recipe: Recipe, run_folder: Path) -> None:
    recipe.num_steps = 1
    assert titles(recipe, run_folder) == ["Loss", "Gradient norm", "Learning rate", "Speed"]


def test_steps_that_a_resume_made_void_are_not_drawn(recipe: Recipe, run_folder: Path) -> None:
    again = {**make_step(40, 40), "loss": 9.5}
    recipe.extra_events = [{"kind": "run_resumed", "from_step": 39}, again]
    loss = figures(recipe.write(run_folder), "en")[0]
    assert dict(loss.summary[0].numbers)["last"] == 9.5


def test_a_gradient_that_explodes_gets_a_logarithmic_axis(recipe: Recipe, run_folder: Path) -> None:
    calm = figures(recipe.write(run_folder), "en")[1].narrow
    recipe.extra_events = [{**make_step(41, 40), "grad_norm": 4e4}]
    wild = figures(recipe.write(run_folder), "en")[1].narrow
    assert "logarithmic" not in calm and "before clipping, logarithmic" in wild
    assert re.findall('text-anchor="end">([^<]*)<', wild)[:-1] == ["1", "10", "100", "1,000", "10,000"]


def test_figures_without_a_number_are_left_out(
    recipe: Recipe, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = [{"kind": "step", "step": s, "epoch": 1, "loss": 2.0, "grad_norm": None} for s in (1, 2)]
    monkeypatch.setattr(recipe, "events", lambda: iter(bare))
    assert titles(recipe, run_folder) == ["Loss"]


@pytest.mark.parametrize(
    "epochs",
    [[1, 1, 2, 2, 3], [0, 0, 1, 1, 2], [0.5, 1.0, 1.5, 2.0, 2.5], [0.50000001, 1.00000000001, 1.5, 2.0, 2.5]],
)
def test_epochs_start_where_the_count_or_the_fraction_says(epochs: list[float]) -> None:
    steps = [{"step": step, "epoch": epoch} for step, epoch in enumerate(epochs, 1)]
    assert epoch_starts(steps) == [(2.5, 2), (4.5, 3)]


def test_steps_without_an_epoch_have_no_marks() -> None:
    assert epoch_starts([{"step": 1}, {"step": 2}]) == []


def test_smoothing_is_the_mean_of_what_is_there() -> None:
    values = [(1.0, 1.0), (2.0, math.nan), (3.0, 3.0), (4.0, 8.0)]
    result = [y for _, y in smooth(values, 3)]
    assert math.isnan(result[1])
    assert [result[0], result[2], result[3]] == [1.0, 5.5, 5.5]


@pytest.mark.parametrize(
    ("event", "speed"), [({"tokens": 300, "seconds": 1.5}, 200.0), ({"tokens": 300, "seconds": 0}, math.nan)]
)
def test_tokens_per_second(event: dict[str, Any], speed: float) -> None:
    assert tokens_per_second(event) == pytest.approx(speed, nan_ok=True)
