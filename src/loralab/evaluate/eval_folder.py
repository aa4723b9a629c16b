"""An output folder in, what of an evaluation is there already out; answers in, lines of partial.jsonl out.

eval.json      what was asked of whom; written first, never changed
partial.jsonl  an answer a line, appended as they come, on disk within a second
predictions.jsonl, scores.json   written at the end, whole; their presence means that nothing is left to do
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loralab.errors import Problem, ResourceError, UsageError
from loralab.evaluate.predictions import Prediction
from loralab.run.files import dump_json, fsync_folder, read_rows, writing
from loralab.words import Words, say

FORMAT = 1
FSYNC_SECONDS = 0.5
FIELDS: dict[str, type | tuple[type, ...]] = {
    "id": str, "question": str, "answer": str, "reference": str, "prompt_tokens": int, "answer_tokens": int,
    "finish_reason": str, "seconds": (int, float),
}  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True)
class EvalFolder:
    """The paths below an output folder."""

    path: Path

    @property
    def document(self) -> Path:
        """What was asked of whom."""
        return self.path / "eval.json"

    @property
    def partial(self) -> Path:
        """The answers as they came."""
        return self.path / "partial.jsonl"

    @property
    def predictions(self) -> Path:
        """The answers in the order of the questions."""
        return self.path / "predictions.jsonl"

    @property
    def scores(self) -> Path:
        """The scores."""
        return self.path / "scores.json"

    @property
    def lock(self) -> Path:
        """Held by the one writer."""
        return self.path / "LOCK"

    @property
    def is_finished(self) -> bool:
        """Whether both final files are there; the scores are written last."""
        return self.predictions.is_file() and self.scores.is_file()

    @property
    def has_answers(self) -> bool:
        """Whether partial.jsonl has a whole line: what it was an answer to must then stay as it is."""
        return self.partial.is_file() and b"\n" in self.partial.read_bytes()

    def read_document(self) -> dict[str, Any] | None:
        """What was asked before; None in a folder that no evaluation has written to.

        Raises UsageError for files that no eval.json explains, a damaged one, and one of a newer version.
        """
        if not self.document.is_file():
            self._refuse_foreign()
            return None
        try:
            value = json.loads(self.document.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise self._refused(say("cannot be read: {reason}", reason=error)) from None
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise self._refused(say("was not written by this version of loralab eval"))
        return value

    def _refuse_foreign(self) -> None:
        found = [p.name for p in (self.partial, self.predictions, self.scores) if p.exists()]
        if found:
            what = say("holds {names} but no eval.json that says what was asked", names=", ".join(found))
            raise UsageError(Problem(what, str(self.path), next=say("choose another folder with --out")))

    def _refused(self, what: Words) -> UsageError:
        return UsageError(Problem(what, str(self.document), next=say("choose another folder with --out")))

    @contextlib.contextmanager
    def made(self) -> Iterator[None]:
        """The folder exists in the block; one made for it is taken away again if the block fails with nothing in it.

        Raises ResourceError if it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = say("cannot be written: {reason}", reason=error.strerror)
            raise ResourceError(
                Problem(what, str(self.path), next=say("choose another folder with --out"))
            ) from error
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):  # it holds something
                self.path.rmdir()
            raise

    def cut_torn_line(self) -> int:
        """Cut off what a kill left of the last line of partial.jsonl; returns its bytes."""
        data = self.partial.read_bytes() if self.partial.is_file() else b""
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            with writing(self.partial):
                os.truncate(self.partial, whole)
        return len(data) - whole

    def read_partial(self, ids: Collection[str]) -> tuple[dict[str, Row], int]:
        """The answers that are there by id, the first of each, and how many lines are none to these questions."""
        rows, damaged = read_rows(self.partial, lambda row: is_answer(row) and row["id"] in ids)
        return {row["id"]: row for row in reversed(rows)}, damaged


def is_answer(row: Mapping[str, Any]) -> bool:
    """Whether a line holds an answer with all that belongs to it."""
    return all(isinstance(row.get(name), kind) for name, kind in FIELDS.items())


def as_prediction(row: Row) -> Prediction:
    """An answer as `loralab score` reads it from predictions.jsonl."""
    data = {"finish_reason": row["finish_reason"]}
    return Prediction(row["answer"], "", row["id"], row["question"], row["reference"], data)


class AnswerLog:
    """Appends answers to partial.jsonl, whose last line is whole; `sync` is to be called often."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsynced = False
        self._last_fsync = time.monotonic()
        with writing(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            fsync_folder(path.parent)

    def append(self, row: Row) -> None:
        """Write one answer, whole or not at all. Raises ResourceError when the disk does not take it."""
        line = (dump_json(row) + "\n").encode("utf-8")
        with writing(self.path):
            size = os.fstat(self._descriptor).st_size
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                os.ftruncate(self._descriptor, size)
                raise
        self._unsynced = True
        self.sync()

    def sync(self) -> None:
        """Bring what was written to disk if that is due."""
        if self._unsynced and time.monotonic() - self._last_fsync >= FSYNC_SECONDS:
            with writing(self.path):
                os.fsync(self._descriptor)
            self._unsynced, self._last_fsync = False, time.monotonic()

    def close(self) -> None:
        """Sync and close."""
        try:
            with writing(self.path):
                os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
