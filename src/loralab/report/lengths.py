"""Lengths of rows in tokens in, a histogram with the limit that rows are cut at out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from loralab.report.charts import Axis, round_step, tick_text

Bin = tuple[int, int, int]  # first length, last length, rows
ABOUT_BINS = 40
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 40.0, 36.0
SLOT = 62.0  # width of a bar that is not to scale, with the room around it
FAR = 1.5  # a limit that lies further out than so many times the longest bar is said, not drawn


def length_bins(lengths: npt.ArrayLike, max_tokens: int) -> tuple[Bin, ...]:
    """(first length, last length, rows) of about 40 equal bins, of which one ends at `max_tokens`.

    The last one ends at the longest row. The longest 1 % of the rows may lie in wider bins, so that a few of
    them do not press all the others together. `lengths` (n,) are those before rows are cut; the counts add up
    to n.
    """
    values = np.asarray(lengths, np.int64)
    if not len(values):
        return ()
    longest = int(values.max())
    usual = int(np.quantile(values, 0.99, method="higher"))
    limited = max_tokens < longest
    span = max(usual, max_tokens) if limited and max_tokens <= 2 * usual else usual
    width = max(1, int(round_step(max(span, 1) / ABOUT_BINS)))
    first = max_tokens % width or width
    lasts = list(range(first, max(first + 1, span) + width, width))
    lasts += [max_tokens] if max_tokens > lasts[-1] else []
    lasts = [*(last for last in lasts if last < longest), longest]
    counts = np.bincount(np.searchsorted(lasts, values), minlength=len(lasts))
    return tuple(zip([0, *(last + 1 for last in lasts)], lasts, counts.tolist(), strict=False))


@dataclass(frozen=True)
class Bar:
    """One bin in pixels; `over` the limit or not. Bars that are not to scale have a label of their own."""

    x: float
    y: float
    width: float
    height: float
    bin: Bin
    over: bool
    label: str = ""


@dataclass(frozen=True)
class Histogram:
    """Bars over axes, in pixels; `limit` is the place of the limit if it lies in the picture."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    axis: tuple[float, float, float]  # left, right, bottom
    limit: float | None


def draw_histogram(bins: Sequence[Bin], max_tokens: int, width: int, height: int) -> Histogram:
    """The picture of at least one bin."""
    usual = list(takewhile(lambda b: _length(b) <= _usual(bins), bins))
    tail = bins[len(usual) :]
    end = usual[-1][1]
    reach = max_tokens if not tail and end < max_tokens <= FAR * end else end
    x = Axis(0.0, float(max(1, reach)), LEFT, width - RIGHT - SLOT * len(tail))
    y = Axis(0.0, float(max(1, *(count for *_, count in bins))), height - BOTTOM, TOP)
    ticks = [t for t in x.ticks(max(3, round((x.end - x.start) / 65))) if t == round(t)]
    counts = [t for t in y.ticks(6) if t == round(t)]
    return Histogram(
        width, height, (*_bars(usual, x, y, max_tokens), *_tail(tail, x, y, max_tokens)),
        tuple((x.place(t), tick_text(t, ticks)) for t in ticks),
        tuple((y.place(t), tick_text(t, counts)) for t in counts),
        (x.start, width - RIGHT, y.start), _limit(tail, x, max_tokens),
    )  # fmt: skip


def _usual(bins: Sequence[Bin]) -> int:
    """The width of a bin that is to scale: the first may be narrower than the second."""
    return max(_length(b) for b in bins[:2])


def _length(item: Bin) -> int:
    return item[1] - item[0] + 1


def _bars(bins: Sequence[Bin], x: Axis, y: Axis, max_tokens: int) -> Iterator[Bar]:
    for low, high, count in bins:
        start, stop, top = x.place(max(0, low - 1)), x.place(high), y.place(count)
        air = min(1.0, (stop - start) / 5)
        yield Bar(start, top, stop - start - air, y.start - top, (low, high, count), low > max_tokens)


def _tail(bins: Sequence[Bin], x: Axis, y: Axis, max_tokens: int) -> Iterator[Bar]:
    for number, (low, high, count) in enumerate(bins):
        start, top = x.end + number * SLOT + SLOT / 4, y.place(count)
        last = number == len(bins) - 1
        label = f"> {low - 1:,}" if last else f"≤ {high:,}"
        yield Bar(start, top, SLOT / 2, y.start - top, (low, high, count), low > max_tokens, label)


def _limit(tail: Sequence[Bin], x: Axis, max_tokens: int) -> float | None:
    borders = {low - 1: x.end + number * SLOT for number, (low, *_) in enumerate(tail)}
    if max_tokens in borders:
        return borders[max_tokens]
    return x.place(max_tokens) if max_tokens <= x.high else None
