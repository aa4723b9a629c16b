"""A benchmark of a few short questions, whose scorer looks at the length of an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from loralab.data.conversation import Conversation, Message
from loralab.evaluate.tasks.base import Answered, Item, RowScore, Task

WORDS = ("合同", "押金", "借条", "遗嘱", "劳动", "抚养")


def write_questions(path: Path, count: int = 13) -> Path:
    """A question a line, of different lengths."""
    rows = [{"id": f"q{i}", "input": f"{i}. {WORDS[i % 6] * (1 + 5 * i % 7)}？", "output": "答" * (i % 3)} for i in range(count)]  # fmt: skip
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def read(path: Path) -> list[Item]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [
        Item(r["id"], Conversation((Message("user", f"只答一句。\n{r['input']}"),)), r["input"], r["output"])
        for r in rows
    ]


def score(rows: Sequence[Answered]) -> list[RowScore]:
    return [
        RowScore(
            None if row.reference == "答" else (len(row.answer) % 5) / 4,
            abstained=not row.answer,
            lenient=1.0,
            extra={"finished": float(row.data["finish_reason"] == "stop")},
        )
        for row in rows
    ]


TOY = Task("toy", "accuracy", "toy/1", read, score, floor=lambda references: 0.25, max_new_tokens=6)
