"""Folders of `loralab eval` with given answers, to be compared: no model, only what a reader needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loralab.data.conversation import Conversation, Message
from loralab.evaluate.eval_folder import as_prediction
from loralab.evaluate.questions import Question, fingerprint
from loralab.evaluate.scoring import score_answers
from loralab.evaluate.task_scores import scores_document
from loralab.evaluate.tasks.all import find_task
from loralab.evaluate.tasks.base import Item
from loralab.run.files import write_json, write_json_lines

Asked = tuple[str, str, str]  # id, question, reference


def write_evaluation(
    folder: Path, task: str, asked: Sequence[Asked], answers: Sequence[str], *, system: str | None = None,
    decoding: Mapping[str, Any] | None = None, backend: str = "local", template: str = "chatml", device: str = "cpu",
    model: str = "some/model", adapter: str | None = None, count: int | None = None, version: str | None = None,
) -> Path:  # fmt: skip
    """A finished evaluation of these questions with these answers; returns its folder."""
    found = find_task(task)
    used = {
        "do_sample": False,
        "max_new_tokens": found.max_new_tokens,
        "stop_token_ids": [7],
        "batch_rows": 8,
    }
    used |= decoding or {}
    talks = [
        Conversation((Message("user", question), Message("assistant", reference))).with_system(system)
        for _, question, reference in asked
    ]
    questions = [Question(a[0], "test", False, talk) for a, talk in zip(asked, talks, strict=True)]
    told = {key: value for key, value in used.items() if key != "stop_token_ids"}
    metrics = [f"{found.name} {found.metric} {found.version}"]
    write_json(
        folder / "eval.json",
        {
            "format": 1, "task": task, "metric": found.metric, "task_version": version or found.version,
            "questions": {"path": "/no/such/file", "sha256": "0" * 64, "count": count or len(asked), "asked": len(asked)},
            "model": {"name": model}, "adapter": {"folder": adapter} if adapter else None, "system": system,
            "decoding": used, "device": device,
            "fingerprint": fingerprint(questions, told, backend, metrics, template),
        },
    )  # fmt: skip
    rows = [
        {"id": i, "question": question, "answer": answer, "reference": reference, "prompt_tokens": 20,
         "answer_tokens": len(answer), "finish_reason": "stop", "seconds": 0.5}
        for (i, question, reference), answer in zip(asked, answers, strict=True)
    ]  # fmt: skip
    write_json_lines(folder / "partial.jsonl", rows)
    write_json_lines(folder / "predictions.jsonl", rows)
    items = [Item(i, Conversation((Message("user", q),)), q, r) for i, q, r in asked]
    write_json(
        folder / "scores.json", scores_document(score_answers(found, items, [as_prediction(r) for r in rows]))
    )
    return folder
