"""A run in, the head of the page out: status, model, data, time, and the few numbers of what it cost."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from loralab.report.text import duration, number, size
from loralab.run.events import Event
from loralab.run.numbers import parse_time, to_float
from loralab.run.view import Run
from loralab.words import Words, say

STATUS = {
    "finished": say("finished"),
    "failed": say("failed"),
    "interrupted": say("interrupted"),
    "running": say("running"),
    "stale": say("stale"),
}


def status_notes(run: Run) -> list[Words]:
    """What a run that did not finish has to say for itself."""
    if run.status == "failed":
        event = run.last("run_failed")
        at = say("where: {place}", place=event["where"]) if event.get("where") else None
        return [say("{error}", error=event.get("error", "")), *([at] if at else [])]
    if run.status == "interrupted":
        event = run.last("run_interrupted")
        return [say("stopped by {signal} at step {step}", signal=event.get("signal"), step=event.get("step"))]
    if run.status == "stale":
        return [say("the process that wrote this run is gone without a word; what it had recorded is shown")]
    if run.status == "running":
        return [say("the run is not over; this page shows what was recorded when it was written")]
    return []


def model_name(run: Run) -> str:
    """The model's name: the folder's own name for a local one."""
    names = [_dict(source.get("model")).get("name") for source in (run.manifest, run.config)]
    name = str(names[0] or names[1] or "")
    return PurePath(name).name if name.startswith("/") or "\\" in name else name


def data_names(run: Run) -> str:
    """The names of the data files."""
    files = [f for f in _list(run.manifest.get("data_files")) if isinstance(f, dict)]
    paths = [f.get("path", "") for f in files] or _list(_dict(run.config.get("data")).get("train"))
    names = list(dict.fromkeys(PurePath(str(path)).name for path in paths))
    return ", ".join(names[:4]) + (f" (+{len(names) - 4})" if len(names) > 4 else "")


def wall_seconds(run: Run) -> float:
    """The run's own count if it finished in one go, else the sessions from first to last event."""
    finished = run.last("run_finished")
    if "seconds" in finished and not run.record.of_kind("run_resumed"):
        return to_float(finished["seconds"])
    spans = [session_seconds(session) for session in sessions(run.record.events)]
    return sum(spans) if spans else math.nan


def sessions(events: Sequence[Event]) -> list[list[Event]]:
    """The events, cut before every resume."""
    found: list[list[Event]] = []
    for event in events:
        if not found or event["kind"] == "run_resumed":
            found.append([])
        found[-1].append(event)
    return found


def session_seconds(events: Sequence[Event]) -> float:
    """Seconds from the first to the last event; a stretch in which the clock was set back does not count."""
    times = [time for event in events if (time := parse_time(event.get("time"))) is not None]
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(times)]
    return sum(gap for gap in gaps if gap > 0)


def cost(run: Run, language: str) -> list[tuple[str, str]]:
    """(name, value) of what the run took; what is not recorded is left out."""
    return [(name.text(language), value) for name, value in _cost(run, language) if value]


def _cost(run: Run, language: str) -> Iterator[tuple[Words, str]]:
    record = run.record
    seconds = wall_seconds(run)
    yield say("Wall time"), duration(seconds).text(language) if math.isfinite(seconds) else ""
    done, planned = number(len(record.steps())), run.last("plan").get("steps")
    of_planned = say("{done} of {planned}", done=done, planned=number(planned)).text(language)
    yield say("Steps"), of_planned if planned else done
    yield say("Training rows"), _number(run.last("data_ready").get("train_rows"))
    model = run.last("model_ready")
    yield say("Trained parameters"), _share(model.get("trainable"), model.get("parameters"), language)
    peak = peak_bytes(run)
    yield say("Peak memory"), size(peak) if math.isfinite(peak) else ""
    speeds = speeds_of(run)
    yield say("Tokens per second, median"), number(statistics.median(speeds)) if speeds else ""
    device = [str(model[key]) for key in ("device", "dtype") if model.get(key)]
    yield say("Device"), ", ".join(device)


def peak_bytes(run: Run) -> float:
    """The largest memory of any step; not a number if none is recorded."""
    return max((peak for peak in run.record.values("peak_bytes") if peak > 0), default=math.nan)


def speeds_of(run: Run) -> list[float]:
    """The tokens per second of every step that has both numbers."""
    pairs = zip(run.record.values("tokens"), run.record.values("seconds"), strict=True)
    speeds = [tokens / seconds for tokens, seconds in pairs if seconds > 0]
    return [speed for speed in speeds if math.isfinite(speed)]


def _share(part: Any, whole: Any, language: str) -> str:
    if not part or not whole:
        return _number(part)
    share = number(100 * to_float(part) / to_float(whole))
    return say("{part} ({share} %)", part=number(part), share=share).text(language)


def _number(value: Any) -> str:
    return "" if value is None else number(value)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
