"""Charts as text: they fit, lose no point and no peak, mark what is missing, and are the same each time."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.made_run import Recipe
from loralab.report.charts import Chart, Line, Point
from loralab.report.text_curves import Canvas, draw_text, text_charts, width
from loralab.run.events import Record


def chart_of(*lines: Line, log: bool = False) -> Chart:
    return Chart("loss", "Loss", "", "optimizer step", "nats", lines, log=log)


def only(values: list[float], first: int = 1) -> Chart:
    return chart_of(Line("loss", "only", [(float(x), y) for x, y in enumerate(values, first)]))


def plot(lines: list[str]) -> list[str]:
    """What stands right of the value axis, row by row."""
    return [line.partition("|")[2] for line in lines if "|" in line]


def axis(lines: list[str]) -> str:
    """The line below the plot, from the first column on."""
    return next(line for line in lines if line.lstrip().startswith("+")).partition("+")[2]


NUMBERS = st.one_of(
    st.floats(-1e6, 1e6), st.floats(0.5, 4), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 2.0])
)
LINES = st.lists(NUMBERS, min_size=1, max_size=120)


@settings(max_examples=60)
@given(
    values=LINES,
    mean=st.booleans(),
    columns=st.integers(30, 140),
    rows=st.integers(3, 20),
    plain=st.booleans(),
)
def test_whatever_the_values_a_chart_fits_and_is_the_same_each_time(
    values: list[float], mean: bool, columns: int, rows: int, plain: bool
) -> None:
    points: list[Point] = [(float(x), y) for x, y in enumerate(values)]
    lines = [Line("train loss", "each", points), *([Line("mean of 5 steps", "mean", points)] if mean else [])]
    chart = chart_of(*lines, Line("held-out loss", "held", points[::7], dots=True))
    drawn = draw_text(chart, Canvas(columns, rows, plain))
    assert drawn == draw_text(chart, Canvas(columns, rows, plain))
    assert max(map(width, drawn)) <= columns and len(plot(drawn)) == rows
    gutter = next(line.index("|") for line in drawn if "|" in line)
    assert len(axis(drawn)) == columns - gutter - 1
    assert not plain or all(line.isascii() for line in drawn)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0], [2.0], [2.0, 2.0], [float(x * x) for x in range(50)]])
def test_a_line_is_drawn_from_the_first_step_to_the_last(values: list[float], plain: bool) -> None:
    lines = draw_text(only(values), Canvas(40, 8, plain))
    rows, last = plot(lines), len(axis(lines)) - 1
    filled = {column for row in rows for column, sign in enumerate(row) if sign != " "}
    assert filled == set(range(max(filled) + 1)), "there is a hole"
    assert max(filled) == (last if len(values) > 1 else 0)


def test_a_picture() -> None:
    """Down, a step that is lost, up again."""
    lines = draw_text(only([4.0, 2.0, 1.0, math.nan, 2.0, 3.0]), Canvas(25, 6, ascii_only=True))
    assert "\n".join(lines) == PICTURE


PICTURE = """\
Loss (nats)
* loss
4 |*            :
  | *           :
  |  **         :     ***
2 |    *        :   **
  |     ***     :
  |        *    :
  +-------------x--------
   1   optimizer step   6
x loss: no finite number
at step 4; 1 in all"""


def test_a_value_stands_in_the_row_that_is_labelled_with_it() -> None:
    lines = draw_text(only([1.0, 2.0, 3.0]), Canvas(30, 9, ascii_only=True))
    labelled = {line.partition("|")[0].strip(): line.partition("|")[2] for line in lines if "|" in line}
    assert labelled["1"][0] == "*" and labelled["3"].endswith("*")
    assert "*" in labelled["2"][10:16]


def test_no_peak_is_lost_among_ten_thousand_steps() -> None:
    values = [2.0 + x % 7 / 100 for x in range(10_000)]
    values[6_000], values[2_000] = 9.0, 0.5
    points = [(float(x), y) for x, y in enumerate(values)]
    chart = chart_of(Line("train loss", "each", points), Line("mean", "mean", [(x, 2.0) for x, _ in points]))
    rows = plot(draw_text(chart, Canvas(103, 10)))
    assert rows[0].strip() == "░" and 0.55 < rows[0].index("░") / 100 < 0.65
    assert rows[-1].strip() == "░" and 0.15 < rows[-1].index("░") / 100 < 0.25


def test_the_mean_is_a_line_and_what_was_measured_a_shade_behind_it(recipe: Recipe, run_folder: Path) -> None:
    charts = text_charts(recipe.write(run_folder).record, "en")
    assert [chart.key for chart in charts] == ["loss", "gradient"]
    lines = draw_text(charts[0], Canvas(80, 10))
    assert lines[:2] == [
        "Loss (nats per label token)",
        "░ train loss  ⠒ mean of 5 steps  o held-out loss",
    ]
    drawn = "".join(plot(lines))
    assert drawn.count("o") == 3 and "░" in drawn and any("\u2800" < sign <= "\u28ff" for sign in drawn)


def test_the_first_and_the_last_step_stand_below_the_ends_of_the_axis(
    recipe: Recipe, run_folder: Path
) -> None:
    recipe.num_steps = 1234
    loss, norm = text_charts(recipe.write(run_folder).record, "en")
    for chart, first in ((loss, "0"), (norm, "1")):
        lines = draw_text(chart, Canvas(80, 6))
        below = lines[-1]
        assert below.split() == [first, "optimizer", "step", "1,234"] and len(below) == 80
        assert below.index(first) == lines[-2].index("+") + 1


def test_a_step_without_a_number_breaks_the_line_and_is_marked_and_told(
    recipe: Recipe, run_folder: Path
) -> None:
    recipe.lost = (7, 8, 9, 30)
    loss, norm = text_charts(recipe.write(run_folder).record, "en")
    lines = draw_text(loss, Canvas(83, 8))
    marks = [column for column, sign in enumerate(axis(lines)) if sign == "x"]
    steps = [40 * column / (len(axis(lines)) - 1) for column in marks]
    assert steps == pytest.approx([7, 8, 9, 30], abs=0.5)
    for row in plot(lines):
        assert {row[column] for column in marks} == {":"}
    assert lines[-1] == "x train loss: no finite number at step 7-9, 30; 4 in all"
    assert "x" not in axis(draw_text(norm, Canvas(83, 8)))


def test_one_lost_step_among_many_in_a_column_is_still_marked() -> None:
    points = [(float(x), math.nan if x == 500 else 2.0 + x % 3) for x in range(1001)]
    lines = draw_text(chart_of(Line("train loss", "each", points)), Canvas(60, 6))
    assert axis(lines).count("x") == 1 and axis(lines)[28] == "x" and ":" not in "".join(plot(lines))
    assert lines[-1] == "x train loss: no finite number at step 500; 1 in all"


def test_a_run_whose_every_loss_is_lost_has_no_values_at_its_axis(recipe: Recipe, run_folder: Path) -> None:
    lines = draw_text(only([math.nan, math.inf, -math.inf]), Canvas(40, 5))
    assert all(line.startswith("|") for line in lines if "|" in line)
    assert set("".join(plot(lines))) <= {":", " "} and axis(lines).count("x") == 3
    assert "step 1-3; 3 in all" in " ".join(lines[-2:])


def test_many_gaps_are_counted_and_the_first_are_named() -> None:
    values = [math.nan if x % 2 else 1.0 for x in range(20)]
    assert " ".join(draw_text(only(values, first=0), Canvas(90, 5))[-1:]).endswith(
        "at step 1, 3, 5, ...; 10 in all"
    )


def test_a_norm_that_explodes_is_drawn_over_powers_of_ten() -> None:
    lines = draw_text(
        chart_of(Line("n", "only", [(1.0, 0.5), (2.0, 1.0), (3.0, 4000.0)]), log=True), Canvas(40, 12)
    )
    labels = [line.partition("|")[0].strip() for line in lines if "|" in line]
    assert [label for label in labels if label] == ["1,000", "100", "10", "1"]


def test_chinese_words_take_two_columns_each(recipe: Recipe, run_folder: Path) -> None:
    recipe.lost = (3,)
    for chart in text_charts(recipe.write(run_folder).record, "zh"):
        lines = draw_text(chart, Canvas(36, 5), "zh")
        assert max(map(width, lines)) <= 36
        assert "优化步" in "".join(lines) and "step" not in "".join(lines)
    assert width("损失 a") == 6


def test_nothing_recorded_is_no_chart() -> None:
    assert text_charts(Record(()), "en") == []
    assert [
        c.key for c in text_charts(Record(({"kind": "held_out", "seq": 0, "step": 0, "loss": 2.0},)), "en")
    ] == ["loss"]
