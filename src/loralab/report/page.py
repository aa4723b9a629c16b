"""A run in, its report out: one HTML page that needs no network, no script and no second file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loralab.encode.preview import LEGEND, recorded_previews
from loralab.evaluate.side import first_and_last
from loralab.evaluate.verdict import verdict
from loralab.report import answers, curves, facts, tables
from loralab.report.changed import score_text
from loralab.report.compare_page import verdict_style
from loralab.report.data_tables import stretches
from loralab.report.render import render_page
from loralab.report.run_changes import general_check, general_sentence, run_changes
from loralab.run.files import write_text
from loralab.run.view import Run

OPEN_QUESTIONS = 12
RESUMABLE = ("interrupted", "failed", "stale")


def build_report(run: Run, language: str = "en") -> str:
    """The run's page. Parts that the run lacks, as after a kill, are said to be missing.

    Everything that comes from the run is escaped: answers of a model are text of strangers.
    """
    return render_page(
        "page.html.j2", ("page.css",), language,
        open_questions=OPEN_QUESTIONS, figures=curves.figures(run, language),
        answers=answers.collect(run), **head_values(run, language), **part_values(run, language),
    )  # fmt: skip


def write_report(run: Run, language: str = "en") -> Path:
    """Write the page into the run folder; its path. Raises ResourceError if it cannot be written."""
    write_text(run.folder.report, build_report(run, language))
    return run.folder.report


def head_values(run: Run, language: str) -> dict[str, Any]:
    """What part_about.html.j2 shows."""
    return {
        "run": run,
        "status": facts.STATUS[run.status].text(language),
        "status_notes": [words.text(language) for words in facts.status_notes(run)],
        "resume_command": tables.resume_command(run) if run.status in RESUMABLE else "",
        "created": run.manifest.get("created"),
        "model": facts.model_name(run),
        "data": facts.data_names(run),
    }


def part_values(run: Run, language: str) -> dict[str, Any]:
    """What the other files part_*.html.j2 show, without the answers."""
    sides = first_and_last(run)
    general = general_check(run, sides)
    return {
        "cost": facts.cost(run, language),
        "verdict": [words.text(language) for words in verdict(run)],
        "changed": run_changes(sides),
        "general": general,
        "general_sentence": general_sentence(general) if general else "",
        "score_text": score_text,
        "verdict_style": verdict_style,
        "scores": tables.score_table(run),
        "report": run.data_report,
        "files": tables.data_files(run),
        "previews": recorded_previews(run.data_preview),
        "legend": LEGEND,
        "stretches": stretches,
        "tables": tables,
        "settings": tables.settings(run),
        "environment": tables.environment(run.manifest),
        "warnings": tables.warnings(run, language),
        "checkpoints": tables.checkpoints(run),
        "best": run.last("best"),
        "data_sheet": tables.sheet(run.manifest.get("data_files")),
        "weight_sheet": tables.weights(run),
    }
