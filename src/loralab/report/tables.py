"""A run in, the rows of the page's tables out: scores, data, settings, environment, warnings, checkpoints."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loralab.config.render import to_dict
from loralab.config.schema import Config
from loralab.evaluate.direction import direction
from loralab.evaluate.units import is_share
from loralab.run.events import Event
from loralab.run.view import Run
from loralab.words import Words, recorded, say

UNSET = object()


# --------------------------------------------------------------------------------------------- scores


@dataclass(frozen=True)
class ScoreRow:
    """One metric of one task: a cell for each stage, None where it was not scored."""

    task: str
    metric: str
    lower_is_better: bool
    cells: tuple[dict[str, Any] | None, ...]

    @property
    def share(self) -> bool:
        """Whether its values are read in per cent."""
        return is_share(self.task, self.metric)


@dataclass(frozen=True)
class ScoreTable:
    """The scored stages in the order of time, and a row for each metric."""

    stages: tuple[str, ...]
    rows: tuple[ScoreRow, ...]


def score_table(run: Run) -> ScoreTable:
    """The scores of all stages."""
    scores = {stage: found for stage in run.stages if (found := run.scores(stage))}
    names = dict.fromkeys((t, m) for found in scores.values() for t in found for m in found[t])
    rows = [
        ScoreRow(t, m, direction(m) < 0, tuple(found.get(t, {}).get(m) for found in scores.values()))
        for t, m in names
    ]
    return ScoreTable(tuple(scores), tuple(rows))


# ----------------------------------------------------------------------------------------------- data


COUNTS = {
    "read": say("rows read"),
    "kept": say("rows kept"),
    "cut": say("rows cut to data.max_tokens"),
    "cut_answers": say("of these, answers that lost their end"),
    "duplicates": say("further copies of a row"),
    "conflicts": say("questions with more than one answer"),
    "overlap": say("training rows that ask a test or probe question"),
}
TOKENS = {
    "median": say("median"),
    "p95": say("95th percentile"),
    "max": say("longest"),
    "total": say("all tokens"),
    "label_total": say("label tokens"),
    "cut_labels": say("label tokens cut off"),
    "cut_ends": say("end tokens cut off"),
}


def data_counts(report: dict[str, Any]) -> list[tuple[Words, Any]]:
    """(name, count) of what data/report.json counts, in the order a reader asks."""
    return [(name, report[key]) for key, name in COUNTS.items() if key in report]


def reasons(report: dict[str, Any], key: str) -> list[tuple[str, Any]]:
    """(reason, count) under `dropped` or `repaired`, the largest first."""
    found = report.get(key)
    return sorted(found.items(), key=lambda item: -int(item[1] or 0)) if isinstance(found, dict) else []


def token_counts(report: dict[str, Any]) -> list[tuple[Words, Any]]:
    """(name, count) of the token lengths; empty if the data were read without a model."""
    found = report.get("tokens") or {}
    return [(name, found[key]) for key, name in TOKENS.items() if key in found]


def data_files(run: Run) -> list[dict[str, Any]]:
    """The data files: of data/report.json, else of the manifest."""
    return _records(run.data_report.get("files")) or _records(run.manifest.get("data_files"))


# ------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True)
class Setting:
    """One key of the config with its value and the default, both as they are written."""

    key: str
    value: str
    default: str
    changed: bool


def settings(run: Run) -> list[Setting]:
    """Every key of the run's config; those that differ from the defaults first."""
    if not run.config:
        return []
    default = dict(flatten(to_dict(Config()), depth=2))
    found = [_setting(key, value, default.get(key, UNSET)) for key, value in flatten(run.config, depth=2)]
    return sorted(found, key=lambda setting: not setting.changed)


def _setting(key: str, value: Any, default: Any) -> Setting:
    known = default is not UNSET
    return Setting(key, written(value), written(default) if known else "", not known or value != default)


def written(value: Any) -> str:
    """A value as people write it in a config."""
    if value is None:
        return "null"
    if value == "":
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(written, value)) or "[]"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


# ---------------------------------------------------------------------------------------- environment


def environment(manifest: dict[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    """(name, its keys and values) of every part of the manifest that has no section of its own.

    Parts that this version does not know are shown too. Single values come first, under "run".
    """
    rest = {key: value for key, value in manifest.items() if key != "data_files"}
    if isinstance(model := rest.get("model"), dict):
        rest["model"] = {key: value for key, value in model.items() if key != "weights"}
    single = [(key, value) for key, value in rest.items() if not isinstance(value, (dict, list))]
    parts = [(key, list(flatten(value))) for key, value in rest.items() if isinstance(value, (dict, list))]
    return [part for part in (("run", single), *parts) if part[1]]


def flatten(value: Any, prefix: str = "", depth: int = 99) -> Iterator[tuple[str, Any]]:
    """(dotted key, single value) of nested values; lists of single values stay whole."""
    if isinstance(value, dict) and value and depth:
        for key, inner in value.items():
            yield from flatten(inner, f"{prefix}.{key}" if prefix else str(key), depth - 1)
    elif isinstance(value, list) and any(isinstance(inner, (dict, list)) for inner in value):
        for index, inner in enumerate(value):
            yield from flatten(inner, f"{prefix}[{index}]", depth - 1)
    else:
        yield prefix, value


@dataclass(frozen=True)
class Warned:
    """A warning, and how often it was given."""

    code: str
    message: str
    times: int


def warnings(run: Run, language: str) -> list[Warned]:
    """What went wrong beside the training: warnings, trackers that failed, torn parts of the record."""
    said = [("record", words.text(language)) for words in torn(run)]
    said += [(str(e.get("code", "")), recorded(e).text(language)) for e in run.record.of_kind("warning")]
    said += [("sink_failed", _sink(e).text(language)) for e in run.record.of_kind("sink_failed")]
    return [Warned(code, message, times) for (code, message), times in Counter(said).items()]


def torn(run: Run) -> Iterator[Words]:
    """The parts of the record that could not be read."""
    if run.record.torn_bytes:
        torn_bytes = run.record.torn_bytes
        yield say("the last line of events.jsonl is torn; {bytes} bytes were passed over", bytes=torn_bytes)
    for name, lines in run.unreadable.items():
        yield say("{file}: lines that could not be read: {lines}", file=name, lines=lines)


def _sink(event: Event) -> Words:
    return say(
        "{sink} stopped: {error}; events it did not get: {lost}",
        sink=event.get("sink"), error=event.get("error"), lost=event.get("events_lost"),
    )  # fmt: skip


def checkpoints(run: Run) -> list[Event]:
    """The last event of each checkpoint, by step."""
    return [e for _, e in sorted({e["step"]: e for e in run.record.of_kind("checkpoint")}.items())]


# ---------------------------------------------------------------------------------------------- again


def repeat_command(run: Run) -> str:
    """The command that makes this run again."""
    return f"loralab train {shlex.quote(str(short_path(run.folder.config)))}"


def resume_command(run: Run) -> str:
    """The command that goes on with this run."""
    return f"loralab resume {shlex.quote(str(short_path(run.folder.path)))}"


def short_path(path: Path) -> Path:
    """The path as seen from the working folder, if it lies below."""
    here = Path(os.path.abspath(os.curdir))  # noqa: PTH100  (resolve() would follow links that the user sees)
    return path.relative_to(here) if path.is_relative_to(here) else path


@dataclass(frozen=True)
class Sheet:
    """Like records as a table: every key that one of them has is a column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def sheet(records: Any) -> Sheet:
    """The table of a list of records."""
    found = _records(records)
    columns = tuple(dict.fromkeys(key for record in found for key in record))
    return Sheet(columns, tuple(tuple(record.get(key) for key in columns) for record in found))


def weights(run: Run) -> Sheet:
    """The model's weight files."""
    model = run.manifest.get("model")
    return sheet(model.get("weights") if isinstance(model, dict) else None)


def _records(value: Any) -> list[dict[str, Any]]:
    return [record for record in value if isinstance(record, dict)] if isinstance(value, list) else []
