"""A run in, the sentences that say whether it was trained for too long out.

Over-fitting shows where the loss of held-out rows turns and rises while the training loss goes on falling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loralab.evaluate.statistics import FEW
from loralab.run.events import Event
from loralab.run.view import Run
from loralab.words import Words, say

WINDOW = 20  # steps over which training loss is averaged
FEWEST = 4  # steps of training loss from which its course can be told
BY_LOSS = "heldout_loss"  # as events and evaluate.best_by call what adapters are chosen by
DIGITS = 3  # of a loss in a sentence; what they do not tell apart is called the same
Point = tuple[int, float]  # step, loss


@dataclass(frozen=True)
class Curve:
    """Held-out losses by step, two or more, all finite."""

    points: tuple[Point, ...]

    @property
    def lowest(self) -> Point:
        """The point of the lowest loss, the later one of equals, as the adapter is chosen."""
        return min(self.points, key=lambda point: (point[1], -point[0]))

    @property
    def fall(self) -> float:
        """From the first loss to the lowest, as the digits shown tell; 0 or more."""
        return _shown(self.points[0][1]) - _shown(self.lowest[1])

    @property
    def rise(self) -> float:
        """From the lowest loss to the last, as the digits shown tell; 0 or more."""
        return _shown(self.points[-1][1]) - _shown(self.lowest[1])

    @property
    def stretch(self) -> tuple[int, int]:
        """The steps between which training is looked at: from the turn on, or all where there is none."""
        return (self.lowest if self.rise else self.points[0])[0], self.points[-1][0]


def overfit(run: Run) -> list[Words]:
    """How held-out and training loss went, which step adapter/ holds, and what few test rows can show.

    Losses are natural logarithms a label token. Where the held-out loss was measured fewer than two times, it
    is said that nothing can be said. Rows are not paired here: no sentence claims that a rise is significant.
    """
    course = {step: loss for step, loss in _losses(run.record.held_out()) if step >= 0}
    finite = tuple((step, loss) for step, loss in sorted(course.items()) if math.isfinite(loss))
    if len(finite) < 2:
        words = say(
            "Nothing can be said about over-fitting: the held-out loss needs two measurements and has {n}.",
            n=len(finite),
        )
        return [words, *_not_finite(len(course) - len(finite)), *_early_end(run)]
    curve = Curve(finite)
    return [
        _course(curve), *_not_finite(len(course) - len(finite)), *_training(run, curve), *_early_end(run),
        *_adapter(run, curve), *few_rows(run),
    ]  # fmt: skip


def _losses(events: Sequence[Event]) -> list[Point]:
    """Step and loss of the events that have both; a loss may be "NaN" or the like."""
    found = []
    for event in events:
        step, loss = event.get("step"), event.get("loss")
        if isinstance(step, int) and (
            isinstance(loss, (int, float)) or loss in ("NaN", "Infinity", "-Infinity")
        ):
            found.append((step, float(loss)))
    return found


def _shown(loss: float) -> float:
    return round(loss, DIGITS)


def _text(loss: float) -> str:
    return f"{loss:.{DIGITS}f}"


def _not_finite(count: int) -> list[Words]:
    words = say("{n} measurements of the held-out loss are not finite numbers and are left out.", n=count)
    return [words] if count else []


# --------------------------------------------------------------------------------------------- held-out loss


def _course(curve: Curve) -> Words:
    """Where the held-out loss was lowest, and what it did before and after."""
    first, low, last = curve.points[0], curve.lowest, curve.points[-1]
    if curve.rise and curve.fall:
        return say(
            "Held-out loss fell from {first} (step {start}) to {low} (step {step}) and then rose by {rise} to {last} "
            "(step {end}).",
            first=_text(first[1]), start=first[0], low=_text(low[1]), step=low[0],
            rise=_text(curve.rise), last=_text(last[1]), end=last[0],
        )  # fmt: skip
    if curve.rise:
        return say(
            "Held-out loss did not fall: {low} (step {step}) is its lowest, then it rose by {rise} to {last} (step {end}).",
            low=_text(low[1]), step=low[0], rise=_text(curve.rise), last=_text(last[1]), end=last[0],
        )  # fmt: skip
    return _no_rise(curve)


def _no_rise(curve: Curve) -> Words:
    first, last = curve.points[0], curve.points[-1]
    ends = {
        "first": _text(first[1]),
        "start": first[0],
        "last": _text(last[1]),
        "end": last[0],
    }
    if not curve.fall:
        return say("Held-out loss ended where it began: {first} (step {start}), {last} (step {end}).", **ends)
    if _shown(curve.points[-2][1]) > _shown(last[1]):
        return say(
            "Held-out loss was still falling when it was last measured: {first} (step {start}) to {last} (step {end}). "
            "No over-fitting is to be seen.",
            **ends,
        )
    return say(
        "Held-out loss fell from {first} (step {start}) to {last} (step {end}) and had come to a halt by then. "
        "No over-fitting is to be seen.",
        **ends,
    )


# --------------------------------------------------------------------------------------------- training loss


def _training(run: Run, curve: Curve) -> list[Words]:
    """The training loss at both ends of the stretch, and what it means beside a rise of the held-out loss."""
    start, end = curve.stretch
    steps = [point for point in _losses(run.record.steps()) if math.isfinite(point[1])]
    within = [loss for step, loss in steps if start < step <= end]
    earlier = [loss for step, loss in steps if step <= start]
    # from the very start on there is nothing earlier: the first half stands against the second
    window = min(WINDOW, len(within), len(earlier)) if earlier else min(WINDOW, len(within) // 2)
    if not window:
        return [say("There is no training loss to set beside it.")]
    before, after = _mean((earlier or within[:window])[-window:]), _mean(within[-window:])
    words = say(
        "Training loss in the same stretch: {before} to {after} (means of {n} steps).",
        before=_text(before), after=_text(after), n=window,
    )  # fmt: skip
    if not curve.rise:
        return [words]
    if window < FEWEST:
        return [words, say("That is too few steps to tell over-fitting from chance.")]
    return [words, _meaning(_shown(before), _shown(after))]


def _mean(losses: Sequence[float]) -> float:
    return sum(losses) / len(losses)


def _meaning(before: float, after: float) -> Words:
    if after < before:
        return say(
            "Better on what it trains on, worse on what it does not: over-fitting. "
            "Fewer epochs, a lower learning rate or more data help."
        )
    return say(
        "Training loss did not fall either: a learning rate that is too high is likelier than over-fitting."
    )


# ------------------------------------------------------------------------------------------- what was chosen


def _early_end(run: Run) -> list[Words]:
    """Where and why training ended early, unless it has gone on since."""
    last: Event = next((e for e in reversed(run.record.events) if e["kind"] == "step" or _ends_early(e)), {})
    if not _ends_early(last):
        return []
    return [
        say(
            "Training ended early after step {step} of {total}: {n} evaluations of {metric} in a row were no better "
            "than the best before.",
            step=last.get("stopped_at"), total=last.get("total_steps"), n=last.get("evaluations"),
            metric=last.get("metric"),
        )
    ]  # fmt: skip


def _ends_early(event: Event) -> bool:
    return event.get("kind") == "note" and event.get("code") == "early_stop"


def _adapter(run: Run, curve: Curve) -> list[Words]:
    """Which step adapter/ holds; until it is written, which step is the best so far."""
    chosen, low, best = _chosen(run), curve.lowest[0], run.last("best")
    metric = best.get("metric", BY_LOSS)
    if chosen is None:
        return _best_so_far(best.get("step"), metric)
    if chosen == low:
        return [say("adapter/ holds step {step}, where the held-out loss was lowest.", step=chosen)]
    trained = tuple(point for point in curve.points if point[0] > 0)
    if trained and chosen == Curve(trained).lowest[0]:  # the state before training is never chosen
        return [
            say("adapter/ holds step {step}, the best of the trained ones: the model without it had a lower loss.",
                step=chosen)
        ]  # fmt: skip
    if metric != BY_LOSS and chosen == best.get("step"):
        return [
            say("adapter/ holds step {chosen}, where {metric} was best (evaluate.best_by); the held-out loss was lowest"
                " at step {step}.", chosen=chosen, metric=metric, step=low)
        ]  # fmt: skip
    return [
        say("adapter/ holds step {chosen}, not step {step} where the held-out loss was lowest (evaluate.best_by).",
            chosen=chosen, step=low)
    ]  # fmt: skip


def _best_so_far(step: object, metric: str) -> list[Words]:
    if step is None:
        return []
    if metric == BY_LOSS:
        return [say("adapter/ is not written yet; the best step so far is {step}.", step=step)]
    words = say("adapter/ is not written yet; the best step so far, by {metric}, is {step}.",
                metric=metric, step=step)  # fmt: skip
    return [words]


def _chosen(run: Run) -> int | None:
    """The step that was written to adapter/ after the last training step; None if that is still to come."""
    for event in reversed(run.record.events):
        if event["kind"] == "step":
            return None
        if event["kind"] == "note" and isinstance(event.get("step"), int):
            return int(event["step"])
    return None


def few_rows(run: Run) -> list[Words]:
    """That the run has few test rows, and what such a loss can show; nothing where it has enough."""
    rows = run.last("data_ready").get("test_rows")
    if not isinstance(rows, int) or rows >= FEW:
        return []
    return [
        say(
            "Held-out loss is over {n} test rows, which is few: a large rise can be trusted, a small one and the "
            "exact step of the turn can not.",
            n=rows,
        )
    ]
