"""A run or an evaluation in, what it took and on what out: the columns that stand beside scores in a comparison."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from loralab.evaluate.eval_record import Evaluation
from loralab.evaluate.side import Side
from loralab.report.facts import model_name, peak_bytes, wall_seconds
from loralab.report.text import duration, number, size
from loralab.run.numbers import to_float
from loralab.run.view import Run
from loralab.words import Words, say


@dataclass(frozen=True)
class RunCost:
    """What a run or an evaluation took; None where it is not recorded.

    `tokens` are all tokens of a run's steps, `minutes` its own steps alone, `wall_minutes` with loading, answers
    and everything else. An evaluation trains nothing: it has `answer_tokens` and `answer_seconds`.
    """

    model: str
    rank: int | None
    trainable: int | None
    steps: int | None
    tokens: int | None
    label_tokens: int | None
    minutes: float | None
    wall_minutes: float | None
    peak_bytes: int | None
    hardware: str
    kind: Literal["run", "eval"] = "run"
    answer_tokens: int | None = None
    answer_seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def side_cost(side: Side) -> RunCost:
    """What the run, or the evaluation, of a side took."""
    return run_cost(side.source) if isinstance(side.source, Run) else eval_cost(side.source)


def eval_cost(found: Evaluation) -> RunCost:
    """What the answers of an evaluation took; of the hardware its record names the device."""
    return RunCost(
        model=found.base_name, rank=None, trainable=None, steps=None, tokens=None, label_tokens=None, minutes=None,
        wall_minutes=None, peak_bytes=None, hardware=str(found.document.get("device") or ""), kind="eval",
        answer_tokens=_total(found.answers, "answer_tokens"),
        answer_seconds=math.fsum(to_float(row["seconds"]) for row in found.answers),
    )  # fmt: skip


def run_cost(run: Run) -> RunCost:
    """What a run took, from its record."""
    steps = run.record.steps()
    lora = run.config.get("lora")
    wall = wall_seconds(run)
    seconds = [value for value in run.record.values("seconds") if math.isfinite(value)]
    peak = peak_bytes(run)
    return RunCost(
        model=model_name(run), rank=_whole(lora.get("rank") if isinstance(lora, dict) else None),
        trainable=_whole(run.last("model_ready").get("trainable")), steps=len(steps),
        tokens=_total(steps, "tokens"), label_tokens=_total(steps, "label_tokens"),
        minutes=sum(seconds) / 60 if seconds else None, wall_minutes=wall / 60 if math.isfinite(wall) else None,
        peak_bytes=int(peak) if math.isfinite(peak) else None, hardware=hardware(run),
    )  # fmt: skip


def hardware(run: Run) -> str:
    """The device that trained: the GPUs, else the processor with its cores; nothing if not recorded."""
    found = run.manifest.get("hardware")
    if not isinstance(found, dict):
        return ""
    gpus = found.get("gpus")
    names = [str(gpu.get("name")) for gpu in gpus if isinstance(gpu, dict)] if isinstance(gpus, list) else []
    device = str(run.last("model_ready").get("device") or ("cuda" if names else "cpu"))
    if names and not device.startswith("cpu"):
        return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in Counter(names).items())
    processor, cores = found.get("processor") or found.get("cpu") or "CPU", found.get("cores")
    return f"{processor}, {cores} cores" if cores else str(processor)


def cost_rows(costs: Sequence[RunCost], language: str) -> list[tuple[str, list[str]]]:
    """(name, a text for each run) of what is recorded for any of them."""
    columns = [dict(_facts(cost, language)) for cost in costs]
    names = list(columns[0]) if columns else []
    rows = [(name, [column[name] or "–" for column in columns]) for name in names]
    return [(name, cells) for name, cells in rows if any(cell != "–" for cell in cells)]


def _facts(cost: RunCost, language: str) -> Iterator[tuple[str, str]]:
    told: list[tuple[Words, str]] = [
        (say("base model"), cost.model),
        (say("adapter rank"), _number(cost.rank)),
        (say("trained parameters"), _number(cost.trainable)),
        (say("optimizer steps"), _number(cost.steps)),
        (say("tokens trained on"), _number(cost.tokens)),
        (say("label tokens"), _number(cost.label_tokens)),
        (say("training time"), _time(cost.minutes, language)),
        (say("time in all"), _time(cost.wall_minutes, language)),
        (say("peak memory"), size(cost.peak_bytes) if cost.peak_bytes else ""),
        (say("tokens of the answers (loralab eval)"), _number(cost.answer_tokens)),
        (say("time for the answers (loralab eval)"), _seconds(cost.answer_seconds, language)),
        (say("hardware"), cost.hardware),
    ]
    yield from ((name.text(language), value) for name, value in told)


def different_hardware(labels: Sequence[str], costs: Sequence[RunCost]) -> list[Words]:
    """A mark for each side that was not made on the hardware of the first: its times are no comparison.

    A run and an evaluation have no times in common, and call their hardware by other names.
    """
    first = costs[0]
    return [
        say("{run} was made on other hardware than {baseline}: minutes and memory do not compare",
            run=label, baseline=labels[0])
        for label, cost in zip(labels[1:], costs[1:], strict=True)
        if cost.kind == first.kind and cost.hardware != first.hardware
    ]  # fmt: skip


def _total(steps: Sequence[Any], name: str) -> int | None:
    values = [value for event in steps if math.isfinite(value := to_float(event.get(name)))]
    return int(sum(values)) if values else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: int | None) -> str:
    return "" if value is None else number(value)


def _time(minutes: float | None, language: str) -> str:
    return "" if minutes is None else _seconds(60 * minutes, language)


def _seconds(seconds: float | None, language: str) -> str:
    return "" if seconds is None else duration(seconds).text(language)
