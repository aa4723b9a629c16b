"""A comparison in, its score against what the runs cost as charts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from loralab.evaluate.comparison import Comparison, MetricRow
from loralab.report.compare_curves import style_of
from loralab.report.front import pareto_front
from loralab.report.run_cost import RunCost, side_cost
from loralab.report.scatter import NARROW, WIDE, Dot, Scatter, draw_scatter, drawn
from loralab.run.numbers import to_float
from loralab.words import Words, say

GIBIBYTE = 2.0**30
COSTS = (("minutes", say("training time, minutes"), 1.0), ("peak_bytes", say("peak memory, GiB"), GIBIBYTE))


@dataclass(frozen=True)
class CostPlot:
    """A chart in two sizes with its title, and its runs as (style, label)."""

    title: str
    legend: Sequence[tuple[str, str]]
    wide: Markup
    narrow: Markup


def cost_plots(comparison: Comparison, language: str) -> list[CostPlot]:
    """The first metric of the comparison that two runs have, against each cost that two of them have."""
    row = next((row for row in comparison.rows if sum(cell is not None for cell in row.cells) > 1), None)
    if row is None:
        return []
    costs = [side_cost(side) for side in comparison.sides]
    made = [_plot(comparison, row, costs, cost, language) for cost in COSTS]
    return [plot for plot in made if plot]


def _plot(
    comparison: Comparison,
    row: MetricRow,
    costs: Sequence[RunCost],
    cost: tuple[str, Words, float],
    language: str,
) -> CostPlot | None:
    name, axis, unit = cost
    paths = list(dict.fromkeys(side.path for side in comparison.sides))
    cells = [cell or {} for cell in row.cells]
    places = [to_float(getattr(found, name)) / unit for found in costs]
    values = [to_float(cell.get("value")) for cell in cells]
    front = pareto_front(list(zip(places, values, strict=True)), row.lower_is_better)
    dots = [
        Dot(side.label, style_of(paths.index(side.path)), places[i], values[i], cells[i].get("low"), cells[i].get("high"),
            i in front)
        for i, side in enumerate(comparison.sides)
    ]  # fmt: skip
    if len(drawn(dots)) < 2:
        return None
    metric = f"{row.task} {row.metric}"
    title = say("{metric} against {cost}", metric=metric, cost=axis).text(language)
    chart = Scatter(f"cost-{name}", title, axis.text(language), metric, dots)
    return CostPlot(
        title,
        [(dot.style, dot.name) for dot in drawn(dots)],
        draw_scatter(chart, *WIDE),
        draw_scatter(chart, *NARROW),
    )
