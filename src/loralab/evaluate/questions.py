"""Probe and test rows in, the frozen question set of a run out, with the fingerprint that makes runs comparable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from loralab.data.conversation import Conversation, Row


@dataclass(frozen=True)
class Question:
    """A question that every stage answers. `seen`: the row is trained on too."""

    id: str
    set: Literal["probe", "test", "general"]
    seen: bool
    conversation: Conversation

    @property
    def question(self) -> str:
        """The text asked last."""
        return self.conversation.question

    @property
    def reference(self) -> str:
        """The answer of the data."""
        return self.conversation.answer


def freeze_questions(
    probe_rows: Iterable[Row],
    test_rows: Iterable[Row],
    seen: Collection[str],
    system: str | None,
    answers: int,
) -> tuple[Question, ...]:
    """The probes, then the first `answers` test rows; a row that is both is asked once.

    `seen` are ids of probes that are trained on too.
    """
    probes = [_question(row, "probe", row.id in seen, system) for row in probe_rows]
    asked = {q.id for q in probes}
    tests = [
        _question(row, "test", False, system) for row in islice(test_rows, answers) if row.id not in asked
    ]
    return (*probes, *tests)


def _question(row: Row, kind: Literal["probe", "test"], seen: bool, system: str | None) -> Question:
    return Question(row.id, kind, seen, row.conversation.with_system(system))


def fingerprint(
    questions: Sequence[Question],
    decoding: dict[str, Any],
    backend: str,
    metrics: Sequence[str],
    template: str,
) -> dict[str, Any]:
    """A hash of everything that has to be equal for two runs' scores to be compared, with its parts.

    The chat template's hash stands beside it: runs of different model families may be compared, marked.
    """
    parts = {
        "questions": _hash([q.id for q in questions]),
        "messages": _hash([[[m.role, m.content] for m in q.conversation.prompt] for q in questions]),
        "references": _hash([q.reference for q in questions]),
        "decoding": _hash(decoding),
        "backend": backend,
        "metrics": sorted(metrics),
    }
    return {"hash": _hash(parts), "parts": parts, "template": _hash(template)}


def _hash(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
