"""A run in, its report out: one HTML page that needs no network, no script and no second file."""

from __future__ import annotations

import base64
import hashlib
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from loralab.evaluate.verdict import verdict
from loralab.report import answers, curves, facts, tables, text
from loralab.run.files import write_text
from loralab.run.view import Run, stage_name
from loralab.words import Words, say

OPEN_QUESTIONS = 12
RESUMABLE = ("interrupted", "failed", "stale")


def build_report(run: Run, language: str = "en") -> str:
    """The run's page. Parts that the run lacks, as after a kill, are said to be missing.

    Everything that comes from the run is escaped: answers of a model are text of strangers.
    """
    style = _resource("page.css")
    return _template().render(
        say=partial(_say, language), spoken=partial(_spoken, language), language=language,
        style=Markup(style), style_hash=_hash(style), run=run,
        open_questions=OPEN_QUESTIONS, **_head(run, language), **_body(run, language),
    )  # fmt: skip


def write_report(run: Run, language: str = "en") -> Path:
    """Write the page into the run folder; its path. Raises ResourceError if it cannot be written."""
    write_text(run.folder.report, build_report(run, language))
    return run.folder.report


def _head(run: Run, language: str) -> dict[str, Any]:
    return {
        "status": facts.STATUS[run.status].text(language),
        "status_notes": [words.text(language) for words in facts.status_notes(run)],
        "resume_command": tables.resume_command(run) if run.status in RESUMABLE else "",
        "created": run.manifest.get("created"),
        "model": facts.model_name(run),
        "data": facts.data_names(run),
        "cost": facts.cost(run, language),
        "verdict": [words.text(language) for words in verdict(run)],
    }


def _body(run: Run, language: str) -> dict[str, Any]:
    found = answers.collect(run)
    return {
        "scores": tables.score_table(run),
        "figures": curves.figures(run, language),
        "answers": found,
        "report": run.data_report,
        "files": tables.data_files(run),
        "tables": tables,
        "settings": tables.settings(run),
        "environment": tables.environment(run.manifest),
        "warnings": tables.warnings(run, dict(found.unreadable), language),
        "checkpoints": tables.checkpoints(run),
        "best": run.last("best"),
        "data_sheet": tables.sheet(run.manifest.get("data_files")),
        "weight_sheet": tables.weights(run),
    }


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    environment.filters |= {
        "number": text.number, "size": text.size, "moment": text.moment,
        "duration": text.duration, "stage": stage_name, "written": tables.written,
    }  # fmt: skip
    return environment.from_string(_resource("page.html.j2"))


def _say(language: str, template: str, **values: object) -> str:
    return say(template, **values).text(language)


def _spoken(language: str, words: Words) -> str:
    return words.text(language)


def _shown(value: Any) -> Any:
    """The last step before escaping: characters that a page cannot hold become visible."""
    return value if isinstance(value, Markup) else text.visible(str(value))


def _hash(style: str) -> str:
    """The style sheet's hash for the content security policy, which lets no other style in."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")


def _resource(name: str) -> str:
    return resources.files("loralab.report").joinpath(name).read_text("utf-8")
