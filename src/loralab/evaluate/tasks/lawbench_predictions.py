"""A prediction file of LawBench in, its answers out: what was asked, what was said, the reference.

The file is one JSON object: {"0": {"origin_prompt": ..., "prediction": ..., "refr": ...}, "1": ...}.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from loralab.data.records import open_records
from loralab.errors import DataError, Problem
from loralab.evaluate.tasks.rows import refuse
from loralab.words import Words, say

FAR = 10  # a number beyond twice the answers and these is none of a file numbered from 0
FORM = '{"0": {"origin_prompt": "…", "prediction": "…", "refr": "…"}}'


class Prediction(NamedTuple):
    """One answer of a prediction file. `prompt` is what was asked, with whatever template stands around it."""

    key: str
    prompt: str
    prediction: str
    reference: str


def read_predictions(path: Path, whole: bool = True) -> list[Prediction]:
    """The answers of a LawBench prediction file, in the order of their numbers, else of the file.

    A prompt that is a list of messages becomes their texts, joined by newlines. Raises DataError for any other
    file, for an answer that is no text (as NaN), and, if `whole`, where a number from 0 to the last is missing.
    """
    entries = _entries(path)
    problems = [p for key, value in entries.items() if (p := _wrong(path, key, value))]
    problems += _gaps(path, entries) if whole else []
    refuse(problems)
    return [
        Prediction(key, _prompt(v["origin_prompt"]) or "", v["prediction"], v["refr"])
        for key, v in sorted(entries.items(), key=_order if _numbered(entries) else _as_written)
    ]


def _entries(path: Path) -> dict[str, Any]:
    records = list(open_records(path)[1])
    refuse(Problem(record.fault.detail, record.place) for record in records if record.fault)
    value = records[0].value if len(records) == 1 else None
    if not isinstance(value, dict) or not value:
        raise DataError(
            Problem(
                say("is no prediction file of LawBench"),
                str(path),
                next=say("write one JSON object such as {form}", form=FORM),
            )
        )
    return value


def _wrong(path: Path, key: str, value: object) -> Problem | None:
    what: Words | None = None
    if not isinstance(value, dict):
        what = say("is no object with origin_prompt, prediction and refr")
    else:
        missing = [name for name in ("prediction", "refr") if not isinstance(value.get(name), str)]
        missing += ["origin_prompt"] if _prompt(value.get("origin_prompt")) is None else []
        if missing:
            what = say("holds no text {missing}", missing=", ".join(missing))
    return Problem(say("answer {key} {problem}", key=repr(key), problem=what), str(path)) if what else None


def _prompt(value: object) -> str | None:
    """The text of a prompt; None for what is none."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        return None
    turns = [turn.get("prompt") if isinstance(turn, dict) else None for turn in value]
    texts = [text for text in turns if isinstance(text, str)]
    return "\n".join(texts) if len(texts) == len(turns) else None


def _numbered(entries: Mapping[str, Any]) -> bool:
    return all(key.isascii() and key.isdigit() and len(key) < 19 for key in entries)


def _order(entry: tuple[str, Any]) -> int:
    return int(entry[0])


def _as_written(entry: tuple[str, Any]) -> int:
    return 0  # sorting keeps the order of equals


def _gaps(path: Path, entries: Mapping[str, Any]) -> list[Problem]:
    """One problem for each number below the largest for which there is no answer; LawBench numbers from 0."""
    if not _numbered(entries):
        return []
    last = max(int(key) for key in entries)
    if last >= 2 * len(entries) + FAR:
        return [Problem(say("its answers are not numbered from 0"), str(path))]
    missing = sorted(set(range(last + 1)) - {int(key) for key in entries})
    return [
        Problem(say("answer {key} {problem}", key=repr(str(n)), problem=say("is missing")), str(path))
        for n in missing
    ]
