"""Runs and what a browser asked for in, pages and parts of pages out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from loralab.board.answers import SHOWS, AnswerPage, Query
from loralab.board.files import list_files
from loralab.board.markdown import to_html
from loralab.board.summary import Summary
from loralab.evaluate.comparison import Comparison
from loralab.report.changed import score_text
from loralab.report.compare_page import compare_values
from loralab.report.facts import STATUS
from loralab.report.page import head_values, part_values
from loralab.report.render import render
from loralab.report.text import duration
from loralab.run.events import Record
from loralab.run.view import Run
from loralab.words import Words, say

STATUS_WORDS = {**STATUS, "unreadable": say("unreadable"), "empty": say("empty")}
STEPS_OF_SPEED = 20
LOG_BYTES = 40_000  # of the end of log.txt
PARTS = ("verdict", "scores", "general", "changed", "data", "settings", "environment", "repeat")
SHOWN = {
    "all": say("all"), "fixed": say("fixed, or better"), "broken": say("broken, or worse"),
    "worst": say("worst first"), "probe": say("probes"),
}  # fmt: skip
SCRIPT_WORDS = {
    "step": say("optimizer step"), "epoch": say("epoch"), "time": say("time"), "tokens": say("tokens trained on"),
    "values": say("values"), "no_number": say("no finite number (shaded)"), "reset": say("whole run"),
    "keys": say("Arrow keys move the mark, + and - zoom, 0 shows the whole run."), "log": say("logarithmic"),
    "lost": say("The board does not answer any more."), "left": say("{duration} left", duration="{duration}"),
    "of": say("{done} of {planned}", done="{done}", planned="{planned}"), "selected": say("{n} chosen", n="{n}"),
    "first_look": say("A first look: {n} steps, evenly spread over the record, which is being read.", n="{n}"), "pending": say("{n} runs are still being read", n="{n}"),
}  # fmt: skip


def runs_page(rows: Sequence[Summary], pending: int, folder: Path, language: str) -> str:
    """The table of runs."""
    return render(
        "board/runs.html.j2", language, folder=str(folder), **_common(language), **_table(rows, pending)
    )


def table_rows(rows: Sequence[Summary], pending: int, language: str) -> dict[str, Any]:
    """What a page that is open needs to bring its table up to date."""
    html = render("board/rows.html.j2", language, **_table(rows, pending))
    return {"html": html, "pending": pending, "running": sum(row.status == "running" for row in rows)}


def run_page(run: Run, language: str) -> str:
    """One run."""
    return _run_page(run, state(run, language), run_parts(run, language), language)


def run_page_to_fill(run: Run, language: str) -> str:
    """The page of a run whose record is long and still to be read: the browser asks for all that depends on it."""
    about = Markup(render("part_about.html.j2", language, **head_values(run, language)))
    return _run_page(run, None, {"about": about, **dict.fromkeys(PARTS, Markup())}, language)


def _run_page(run: Run, now: dict[str, Any] | None, parts: Mapping[str, Markup], language: str) -> str:
    return render(
        "board/run.html.j2", language, tab="run", state=now, state_json=json.dumps(now), parts=parts, log=log_end(run),
        **_common(language), **head_values(run, language),
    )  # fmt: skip


def run_parts(run: Run, language: str) -> dict[str, Markup]:
    """The parts of a run's page that change when something other than a step happens, by name."""
    values = head_values(run, language) | part_values(run, language)
    empty = () if values["general"] else ("general",)
    made = {
        name: Markup() if name in empty else Markup(render(f"part_{name}.html.j2", language, **values))
        for name in PARTS
    }
    return {"about": Markup(render("part_about.html.j2", language, **values)), **made}


def state(run: Run, language: str) -> dict[str, Any]:
    """What changes with every step: status, progress, the time that is left; `others` with all other events."""
    record = run.record
    steps, planned = record.steps(), run.last("plan").get("steps") or 0
    left = _seconds_left(record, planned) if run.status == "running" else math.nan
    return {
        "seq": record.events[-1]["seq"] if record.events else -1,
        "others": next((e["seq"] for e in reversed(record.events) if e["kind"] != "step"), -1),
        "status": run.status, "done": int(steps[-1]["step"]) if steps else 0, "planned": planned,
        "left": duration(left).text(language) if math.isfinite(left) else "",
    }  # fmt: skip


def _seconds_left(record: Record, planned: int) -> float:
    """By the last steps; the evaluations that are to come are not in it."""
    recent, steps = record.values("seconds")[-STEPS_OF_SPEED:], record.steps()
    return (planned - int(steps[-1]["step"])) * sum(recent) / len(recent) if steps else math.nan


def log_end(run: Run) -> str:
    """The end of log.txt."""
    try:
        with run.folder.log.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - LOG_BYTES))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def answers_page(run: Run, query: Query, found: AnswerPage, language: str) -> str:
    """The answers of a run side by side."""
    return render(
        "board/answers.html.j2", language, tab="answers", query=query, found=found, shows=[(s, SHOWN[s]) for s in SHOWS],
        to_html=to_html, score_text=score_text, **_common(language), **head_values(run, language),
    )  # fmt: skip


def files_page(run: Run, language: str) -> str:
    """The files of a run."""
    return render(
        "board/files.html.j2", language, tab="files", entries=list_files(run.folder.path),
        **_common(language), **head_values(run, language),
    )  # fmt: skip


def compared_page(comparison: Comparison, names: Sequence[str], language: str) -> str:
    """Runs beside each other; `names` are those of the address."""
    return render(
        "board/compare.html.j2",
        language,
        run_names=names,
        names_json=json.dumps(names),
        **_common(language),
        **compare_values(comparison, language),
    )


def message_page(title: Words, sentences: Sequence[str], links: Mapping[str, str], language: str) -> str:
    """A page that says why there is nothing to see; `links` are words by address."""
    return render(
        "board/message.html.j2", language, title=title.text(language), sentences=sentences, links=links,
        **_common(language),
    )  # fmt: skip


def _common(language: str) -> dict[str, Any]:
    words = {key: words.text(language) for key, words in SCRIPT_WORDS.items()}
    return {"script_words": json.dumps(words | {"language": language}, ensure_ascii=False)}


def _table(rows: Sequence[Summary], pending: int) -> dict[str, Any]:
    return {"rows": rows, "pending": pending, "status_words": STATUS_WORDS, "isfinite": math.isfinite}
