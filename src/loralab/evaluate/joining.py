"""Questions and predictions in, the prediction of each question out: by id, else by text, never by position."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from loralab.data.conversation import text_key
from loralab.errors import DataError, Problem
from loralab.evaluate.predictions import Prediction
from loralab.evaluate.tasks.base import Item
from loralab.evaluate.tasks.rows import refuse
from loralab.words import say

NAMED = 10  # missing questions
EXCERPT = 30  # characters of a question

Joined = list[Prediction | None]


def join(items: Sequence[Item], predictions: Sequence[Prediction]) -> Joined:
    """The prediction of each item, None where there is none.

    If all predictions have ids of which some are items' ids, the ids decide, and the questions that stand beside
    them have to agree. Else the text asked decides: equal to the question, then equal but for spaces, punctuation
    and width, then containing it, as a prompt in a chat template does. Questions that are alike go to the
    predictions in order of appearance, those with the same options first.
    Raises DataError for predictions that belong to no item.
    """
    numbers = {item.id: number for number, item in enumerate(items)}
    if all(p.id is not None for p in predictions) and any(p.id in numbers for p in predictions):
        return _by_id(items, numbers, predictions)
    return _by_text(items, predictions)


def refuse_missing(items: Sequence[Item], joined: Joined, path: Path) -> None:
    """Raise DataError that names the items without a prediction, if there are any."""
    missing = [item for item, prediction in zip(items, joined, strict=True) if prediction is None]
    if not missing:
        return
    names = ", ".join(f"{item.id} ({_excerpt(item.question)})" for item in missing[:NAMED])
    if len(missing) > NAMED:
        names += ", ..."
    what = say(
        "{n} of {all} questions have no prediction: {names}", n=len(missing), all=len(items), names=names
    )
    advice = say("answer the rest, or count them as wrong with --missing wrong")
    raise DataError(Problem(what, str(path), next=advice))


def _by_id(items: Sequence[Item], numbers: dict[str, int], predictions: Sequence[Prediction]) -> Joined:
    joined: Joined = [None] * len(items)
    problems = []
    for prediction in predictions:
        number = numbers.get(prediction.id or "")
        if number is None:
            problems.append(
                Problem(
                    say("the id {id!r} is none of the questions' ids", id=prediction.id), prediction.place
                )
            )
        elif not _agree(items[number], prediction):
            what = say("the question of the id {id!r} is another one in the questions file", id=prediction.id)
            problems.append(Problem(what, prediction.place))
        else:
            joined[number] = prediction
    refuse(problems)
    return joined


def _agree(item: Item, prediction: Prediction) -> bool:
    """Whether a prediction's question may be the item's; one of them may hold more of the prompt."""
    if prediction.question is None:
        return True
    asked = text_key(prediction.question)
    return any(
        key in asked or asked in key
        for key in (text_key(item.question), text_key(item.conversation.question))
    )


def _by_text(items: Sequence[Item], predictions: Sequence[Prediction]) -> Joined:
    joined: Joined = [None] * len(items)
    left: list[Prediction] = list(predictions)
    for key in (str.strip, text_key):
        left = _equal(items, left, joined, key)
    left = _containing(items, left, joined)
    refuse(_foreign(prediction) for prediction in left)
    return joined


def _foreign(prediction: Prediction) -> Problem:
    if prediction.question is None:
        if prediction.id is not None:
            return Problem(
                say("the id {id!r} is none of the questions' ids", id=prediction.id), prediction.place
            )
        return Problem(
            say("has neither an id nor a question, so that it cannot be told what it answers"),
            prediction.place,
        )
    what = say("answers a question that is not (or no more often) in the questions file: {text}",
               text=_excerpt(prediction.question))  # fmt: skip
    return Problem(what, prediction.place)


def _equal(
    items: Sequence[Item], predictions: Iterable[Prediction], joined: Joined, key: Callable[[str], str]
) -> list[Prediction]:
    """Join those whose question has the key of a free item's question or prompt; return the others."""
    free: dict[str, list[int]] = defaultdict(list)
    for number, item in enumerate(items):
        for text in {key(item.question), key(item.conversation.question)}:
            free[text].append(number)
    left = []
    for prediction in predictions:
        candidates = free.get(key(prediction.question), []) if prediction.question is not None else []
        if not _take(items, candidates, prediction, joined):
            left.append(prediction)
    return left


def _containing(items: Sequence[Item], predictions: Iterable[Prediction], joined: Joined) -> list[Prediction]:
    """Join those whose question contains a free item's; return the others.

    Of several items it is the one that ends last, as examples stand before the question; then the longest.
    """
    texts = [(item.question.strip(), number) for number, item in enumerate(items)]
    left = []
    for prediction in predictions:
        asked = prediction.question or ""
        ends = {
            number: (at + len(text), len(text))
            for text, number in texts
            if text and joined[number] is None and (at := asked.rfind(text)) >= 0
        }
        best = max(ends.values(), default=None)
        if not _take(items, [n for n, end in ends.items() if end == best], prediction, joined):
            left.append(prediction)
    return left


def _take(items: Sequence[Item], candidates: Sequence[int], prediction: Prediction, joined: Joined) -> bool:
    """Give the prediction to a free candidate, one with the same options if there is one."""
    free = [number for number in candidates if joined[number] is None]
    if not free:
        return False
    options = prediction.data.get("choices")
    same = [number for number in free if options and items[number].data.get("choices") == options]
    joined[(same or free)[0]] = prediction
    return True


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[:EXCERPT]}..."
