"""Events in, what a tracker draws out: points of curves, and the answers of a stage as captioned texts.

Trackers keep one value per key and step, and a value once given cannot be taken back. So a stage's
answers and scores, and held-out losses, are held until the run has moved on (next step, next stage, end):
a stage repeated after a resume replaces what is held. A second stage at the same step, such as `after`
behind the last epoch, takes the next free step of its key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from loralab.run.events import Event

TEXTS_PER_KEY = 100
STEP_FIELDS = ("loss", "grad_norm", "learning_rate", "epoch")
ENDINGS = ("run_finished", "run_failed", "run_interrupted")


@dataclass(frozen=True)
class Points:
    """Values of curves at one step; a value may be NaN or infinite."""

    step: int
    values: dict[str, float]


@dataclass(frozen=True)
class Answers:
    """Up to TEXTS_PER_KEY texts under one key at one step, each with its caption."""

    key: str
    step: int
    texts: tuple[tuple[str, str], ...]


Mark = Points | Answers


class Curves:
    """Turns a stream of events in force into marks; give it every event in order, then ask for `rest`."""

    def __init__(self) -> None:
        self._step = 0
        self._stage = ""
        self._held_out: dict[int, float] = {}
        self._scores: dict[str, float] = {}
        self._answers: dict[str, Event] = {}
        self._numbers: dict[str, int] = {}
        self._last_step: dict[str, int] = {}

    def take(self, event: Event) -> list[Mark]:
        """The marks that this event brings forth."""
        kind = event["kind"]
        if kind == "step":
            marks = self.rest()
            self._step = int(event["step"])
            return [*marks, Points(self._step, step_values(event))]
        if kind in ENDINGS:
            return self.rest()
        if kind == "held_out" and (loss := number(event.get("loss"))) is not None:
            self._held_out[int(event["step"])] = loss
        if kind in ("stage_started", "scored", "prediction"):
            return self._take_stage(event)
        return []

    def rest(self) -> list[Mark]:
        """The marks still held."""
        held_out: list[Mark] = [
            Points(step, {"heldout/loss": loss}) for step, loss in sorted(self._held_out.items())
        ]
        self._held_out.clear()
        return held_out + self._leave_stage()

    def _take_stage(self, event: Event) -> list[Mark]:
        marks = self._leave_stage() if event["stage"] != self._stage else []
        self._stage = event["stage"]
        if event["kind"] == "prediction":
            self._answers[event["id"]] = event
            self._numbers.setdefault(event["id"], len(self._numbers) + 1)
        elif event["kind"] == "scored" and (value := number(event.get("value"))) is not None:
            self._scores[f"scores/{event['task']}/{event['metric']}"] = value
        return marks

    def _leave_stage(self) -> list[Mark]:
        marks: list[Mark] = [
            Points(self._free_step(key), {key: value}) for key, value in self._scores.items()
        ]
        chunks: dict[int, list[tuple[str, str]]] = {}
        for identity, event in sorted(self._answers.items(), key=lambda item: self._numbers[item[0]]):
            question = self._numbers[identity]
            texts = chunks.setdefault((question - 1) // TEXTS_PER_KEY, [])
            texts.append((f"{self._stage} · question {question}", answer_text(event)))
        for chunk, texts in chunks.items():
            key = f"answers/{chunk * TEXTS_PER_KEY + 1}-{(chunk + 1) * TEXTS_PER_KEY}"
            marks.append(Answers(key, self._free_step(key), tuple(texts)))
        self._scores, self._answers, self._stage = {}, {}, ""
        return marks

    def _free_step(self, key: str) -> int:
        step = max(self._step, self._last_step.get(key, -1) + 1)
        self._last_step[key] = step
        return step


def in_force(events: Iterable[Event]) -> list[Event]:
    """The events that count: a resume drops everything recorded beyond the step it goes on from."""
    kept: list[tuple[int, Event]] = []
    step = 0
    for event in events:
        if event["kind"] == "run_resumed":
            step = int(event["from_step"])
            kept = [(at, earlier) for at, earlier in kept if at <= step]
        elif event["kind"] == "step":
            step = int(event["step"])
        kept.append((step, event))
    return [event for _, event in kept]


def step_values(event: Event) -> dict[str, float]:
    """The points of a step event under `train/`; absent and null fields have none."""
    values = {name: number(event.get(name)) for name in STEP_FIELDS}
    tokens, seconds = number(event.get("tokens")), number(event.get("seconds"))
    values["tokens_per_second"] = tokens / seconds if tokens is not None and seconds else None
    peak_bytes = number(event.get("peak_bytes"))
    values["peak_memory_gib"] = None if peak_bytes is None else peak_bytes / 2**30
    return {f"train/{name}": value for name, value in values.items() if value is not None}


def number(value: Any) -> float | None:
    """A number of an event as a float; the strings "NaN", "Infinity" and "-Infinity" become what they say."""
    return None if value is None else float(value)


def answer_text(event: Event) -> str:
    """Question, answer and reference of a prediction as one text, in characters that UTF-8 can hold."""
    parts = [f"[{part}]\n{event.get(part) or ''}" for part in ("question", "answer", "reference")]
    return clean("\n\n".join(parts))


def clean(text: str) -> str:
    """`text` with lone surrogates, which no tracker can store, as question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
