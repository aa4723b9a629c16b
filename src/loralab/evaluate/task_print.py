"""A side and a task out of what it asked in, the parts of an evaluation fingerprint for that task alone out.

A run and an evaluation never have one fingerprint: a run asks questions of its own as well. What both asked of one
task can be told from their records all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loralab.evaluate.eval_record import Evaluation
from loralab.evaluate.general.stage import answer_tokens
from loralab.evaluate.general.task import GENERAL
from loralab.evaluate.side import Side
from loralab.run.view import Run

Parts = dict[str, Any]


def task_print(side: Side) -> tuple[Parts, Mapping[str, Any]]:
    """What was asked of the task `general`, the one task that runs and evaluations share, and how it was answered.

    The parts have the names of those of the whole fingerprint; the second value are the decoding settings.
    """
    source, decoding = side.source, dict(side.decoding)
    rows: Sequence[Mapping[str, Any]]
    if isinstance(source, Evaluation):
        rows, system, metrics = (
            source.answers,
            source.document.get("system"),
            [source.document["task_version"]],
        )
    else:
        rows, system, metrics = _of_run(source, side)
        longest = decoding.get("max_new_tokens")
        if isinstance(longest, int):
            decoding["max_new_tokens"] = answer_tokens(longest)
    told = {key: value for key, value in decoding.items() if key != "stop_token_ids"}
    parts = {
        "questions": [row["id"] for row in rows],
        "messages": [[system or "", row.get("question")] for row in rows],
        "references": [row["reference"] for row in rows],
        "decoding": told,
        "backend": (side.fingerprint.get("parts") or {}).get("backend"),
        "metrics": metrics,
    }
    return parts, decoding


def _of_run(run: Run, side: Side) -> tuple[list[dict[str, Any]], Any, list[str]]:
    """The run's rows of the task, the system message it asked them under, and the versions of the task's metrics."""
    rows = [row for row in run.predictions(side.stage) if row.get("set") == GENERAL.name]
    data = run.config.get("data")
    parts = side.fingerprint.get("parts") or {}
    prefix = f"{GENERAL.name}:"
    metrics = [
        str(name).removeprefix(prefix) for name in parts.get("metrics", ()) if str(name).startswith(prefix)
    ]
    return rows, data.get("system") if isinstance(data, dict) else None, metrics
