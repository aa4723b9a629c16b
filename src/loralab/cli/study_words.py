"""A study's forecast or summary in, tables and sentences on stderr out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from loralab.cli.console import Console
from loralab.cli.tables import print_table
from loralab.report.text import duration, number
from loralab.safe_text import visible
from loralab.study.forecast import CellForecast
from loralab.study.page import status_text
from loralab.study.plan import Plan
from loralab.study.results import Recipe
from loralab.study.summary import Summary, counted, spread_text
from loralab.train.memory_need import GIB, MemoryNeed
from loralab.words import Words, say


def tell_summary(summary: Summary, console: Console) -> None:
    """States, recipes, what to know before the numbers, and what follows from them."""
    if console.loudness < 0:
        return
    for standing in summary.results.standings:
        reason = standing.brief
        state = say("{state}: {reason}", state=status_text(standing), reason=reason) if reason else status_text(standing)  # fmt: skip
        console.say(say("{cell}: {state}", cell=visible(standing.cell.label), state=state))
    console.say(counted(summary.counts))
    if summary.results.recipes:
        print_table(_recipes(summary, console.language), console)
    if summary.results.unlike:
        console.say(say("These runs are unlike: their numbers do not measure the same thing."))
    for words in (*summary.marks, *summary.advice.sentences):
        console.say(words)


def _recipes(summary: Summary, language: str) -> Any:
    metric = "/".join(summary.results.metric)
    heads = [say("recipe"), say("{metric}", metric=metric), say("seeds"), say("to the best"), say("M parameters"),
             say("training"), say("GiB")]  # fmt: skip
    money = [say("money, {currency}", currency=summary.plan.price.currency)] if summary.plan.price else []
    table = _table([*heads, *money], language)
    for recipe in summary.results.recipes:
        price = [_number(recipe.money)] if summary.plan.price else []
        table.add_row(*map(_plain, [*_cells(recipe, summary, language), *price]))
    return table


def _cells(recipe: Recipe, summary: Summary, language: str) -> list[str]:
    estimate = recipe.estimate
    found = summary.advice.difference(recipe)
    score = _interval(estimate.value, estimate.low, estimate.high) + f" n={estimate.n}"
    spread = spread_text(recipe)
    seeds = f"{recipe.num_seeds} ({spread})" if spread else str(recipe.num_seeds)
    verdict = found.verdict.text(language) if found else "-"
    minutes = duration(60 * recipe.minutes).text(language) if math.isfinite(recipe.minutes) else number(None)
    return [
        recipe.label, score, seeds, verdict, _number(recipe.parameters / 1e6), minutes,
        _number(recipe.peak_bytes / GIB),
    ]  # fmt: skip


def _interval(value: float, low: float | None, high: float | None) -> str:
    return number(value) if low is None else f"{number(value)} [{number(low)}, {number(high)}]"


def _number(value: float) -> str:
    return number(value if math.isfinite(value) else None)


def tell_forecast(forecasts: Sequence[CellForecast], plan: Plan, console: Console) -> None:
    """The cells with what each needs, what will not fit or begin, and the sums of what is left to do."""
    if console.loudness < 0:
        return
    print_table(_forecasts(forecasts, plan, console.language), console)
    for one in forecasts:
        label = visible(one.planned.cell.label)
        if one.error:
            console.say(
                say("{cell} cannot begin: {reason}", cell=label, reason=one.error.text(console.language))
            )
        elif one.fits is False:
            assert isinstance(one.need, MemoryNeed)
            console.say(
                say("{cell} may not fit on this machine ({device})", cell=label, device=one.need.demand.device)
            )  # fmt: skip
    _tell_sums([one for one in forecasts if one.standing.state != "finished"], len(forecasts), plan, console)


def _forecasts(forecasts: Sequence[CellForecast], plan: Plan, language: str) -> Any:
    heads = [say("cell"), say("state"), say("GiB needed"), say("GiB free"), say("training")]
    money = [say("money, {currency}", currency=plan.price.currency)] if plan.price else []
    table = _table([*heads, *money], language)
    for one in forecasts:
        need, free = "-", "-"
        if isinstance(one.need, MemoryNeed):
            need = f"{one.need.plan.total_bytes / GIB:.2f}"
            free = "-" if one.need.free_bytes is None else f"{one.need.free_bytes / GIB:.2f}"
        time = "-" if one.seconds is None else duration(one.seconds).text(language)
        price = [number(one.money)] if plan.price else []
        state = status_text(one.standing).text(language)
        table.add_row(*map(_plain, [one.planned.cell.label, state, need, free, time, *price]))
    return table


def _tell_sums(left: Sequence[CellForecast], all_cells: int, plan: Plan, console: Console) -> None:
    measured = [one for one in left if one.seconds is not None]
    console.say(say("{left} of {all} cells are left to train", left=len(left), all=all_cells))
    if measured:
        console.say(
            say("training steps of {n} of them: {time}; loading, answers and checkpoints come on top",
                n=len(measured), time=duration(sum(one.seconds or 0.0 for one in measured)))
        )  # fmt: skip
    if measured and plan.price:
        money = number(float(sum(one.money or 0.0 for one in measured)))
        console.say(
            say("money for these steps: {money} {currency}", money=money, currency=plan.price.currency)
        )
    if len(measured) < len(left):
        console.say(
            say("no time is known for {n} of them: --calibrate loads the models and takes three steps",
                n=len(left) - len(measured))
        )  # fmt: skip
    if plan.search and plan.search.method == "halving":
        console.say(
            say("only the rungs that are there by now are counted: which cells go on is not known before")
        )


def _table(heads: Sequence[Words], language: str) -> Any:
    from rich.table import Table

    table = Table(title=None, box=None, pad_edge=False)
    for i, words in enumerate(heads):
        table.add_column(words.text(language), justify="right" if i else "left")
    return table


def _plain(text: str) -> Any:
    """Text of a run, in which brackets are no markup."""
    from rich.text import Text

    return Text(visible(text))
