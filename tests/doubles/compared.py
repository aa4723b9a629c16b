"""Run folders with given scores, to be compared: no model, no training, only what a reader needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from loralab.evaluate.heldout import summarise
from loralab.run.files import dump_json, write_json, write_json_lines, write_text
from loralab.run.view import Run, open_run

PARTS: dict[str, Any] = {
    "questions": "q1", "messages": "m1", "references": "r1", "decoding": "d1", "backend": "local",
    "metrics": ["exact_match/1", "rouge_l/1"],
}  # fmt: skip
Values = Mapping[str, Sequence[float]]


def score_rows(
    values: Values, weights: Sequence[float] | None = None, ids: Sequence[str] | None = None
) -> list[Any]:
    """Rows of {"task/metric": values}: the i-th value is that of the i-th id."""
    return [
        {"task": name.partition("/")[0], "metric": name.partition("/")[2],
         "id": ids[i] if ids else f"q{i}", "value": value, "weight": weights[i] if weights else 1}
        for name, found in values.items() for i, value in enumerate(found)
    ]  # fmt: skip


def write_run(
    folder: Path, values: Values, *, stage: str = "after", rows: Sequence[Any] | None = None,
    parts: Mapping[str, Any] | None = None, template: str = "chatml", gpu: str = "Some GPU",
    losses: Sequence[float] = (2.0, 1.5, 1.25), answer: str = "answer",
) -> Run:  # fmt: skip
    """A finished run that scored these values at a stage; written into a folder that may hold other stages."""
    found = {**PARTS, **(parts or {})}
    manifest = {
        "format": 1, "id": folder.name, "model": {"name": "some/model"}, "decoding": {"max_new_tokens": 512},
        "hardware": {"processor": "Some CPU", "cores": 4, "gpus": [{"name": gpu}]},
        "evaluation_fingerprint": {"hash": dump_json(found), "parts": found, "template": template},
    }  # fmt: skip
    write_json(folder / "manifest.json", manifest)
    write_text(folder / "config.yaml", yaml.safe_dump({"lora": {"rank": 8}}))
    events: list[dict[str, Any]] = [
        {"kind": "run_started"},
        {"kind": "model_ready", "trainable": 1234, "device": "cuda:0"},
    ]
    events += [
        {"kind": "step", "step": i + 1, "epoch": 1, "loss": loss, "tokens": 100, "label_tokens": 60, "seconds": 30.0,
         "peak_bytes": 2**30}
        for i, loss in enumerate(losses)
    ]  # fmt: skip
    events += [{"kind": "held_out", "step": len(losses), "epoch": 1, "loss": 1.75, "tokens": 10}]
    events += [{"kind": "run_finished", "reason": "done", "seconds": 120.0}]
    lines = [
        dump_json({"seq": i, "time": "2026-11-25T03:01:02.345Z", **event}) for i, event in enumerate(events)
    ]
    write_text(folder / "events.jsonl", "".join(line + "\n" for line in lines))
    mine = list(rows) if rows is not None else score_rows(values)
    write_json_lines(folder / "scores" / f"{stage}.rows.jsonl", mine)
    write_json(folder / "scores" / f"{stage}.json", summarise(mine))
    write_json_lines(folder / "predictions" / f"{stage}.jsonl", [_prediction(i, answer) for i in _ids(mine)])
    return open_run(folder)


def _ids(rows: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(row["id"] for row in rows))


def _prediction(row_id: str, answer: str) -> dict[str, Any]:
    return {
        "id": row_id, "set": "test", "seen": False, "question": f"question {row_id}?", "answer": f"{answer} {row_id}",
        "reference": f"reference {row_id}", "finish_reason": "stop",
    }  # fmt: skip
