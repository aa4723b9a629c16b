"""A run in, its summary in Markdown out: what stands in an issue or a message, without folders of this machine."""

from __future__ import annotations

from loralab.report.card_base import base_of
from loralab.report.facts import cost, data_names
from loralab.report.markdown_parts import (
    data_lines,
    heading,
    scores,
    setting_rows,
    status_lines,
    verdict_list,
)
from loralab.report.markdown_text import bullets, code, plain, table
from loralab.report.private import without_folders
from loralab.report.run_cost import hardware
from loralab.report.tables import Warned, settings, warnings
from loralab.report.text import moment
from loralab.run.view import Run
from loralab.words import say


def build_markdown(run: Run, language: str = "en") -> str:
    """Verdict, scores with intervals, cost, data, changed settings and warnings of a run.

    Texts of the run are escaped: none becomes a link, a call of a person, HTML or another cell. Paths of this
    machine are cut to their last part, and what the environment holds as a secret is struck out.
    """
    parts = [
        f"{heading(say('Report of a fine-tuning run'), language)} {code(run.id)}",
        _about(run, language),
        heading(say("Verdict"), language, 3), verdict_list(run, language),
        heading(say("Scores"), language, 3), scores(run, language),
        heading(say("Cost"), language, 3), _cost(run, language),
        heading(say("Data"), language, 3), data_lines(run, language),
        heading(say("Settings"), language, 3), _settings(run, language),
        heading(say("Warnings"), language, 3), _warnings(run, language),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _about(run: Run, language: str) -> str:
    versions = run.manifest.get("versions")
    version = str(versions.get("loralab", "")) if isinstance(versions, dict) else ""
    facts = [
        (say("status"), " – ".join(status_lines(run, language))),
        (say("model"), code(base_of(run).name)),
        (say("data"), code(data_names(run))),
        (say("started"), plain(moment(run.manifest.get("created")))),
    ]
    return bullets(
        [*(f"{plain(name.text(language))}: {value}" for name, value in facts), f"loralab: {code(version)}"]
    )


def _cost(run: Run, language: str) -> str:
    found = [*cost(run, language), (say("hardware").text(language), hardware(run))]
    return bullets(f"{plain(name)}: {plain(value)}" for name, value in found if value)


def _settings(run: Run, language: str) -> str:
    every = settings(run)
    if not every:
        return plain(say("The run has no readable config.").text(language))
    changed = [setting for setting in every if setting.changed]
    count = plain(say("{count} settings differ from the defaults", count=len(changed)).text(language))
    head = [plain(words.text(language)) for words in (say("key"), say("this run"), say("default"))]
    return f"{count}\n\n{table(head, setting_rows(changed))}" if changed else count


def _warnings(run: Run, language: str) -> str:
    found = warnings(run, language)
    if not found:
        return plain(say("none").text(language))
    return bullets(_warning(warned) for warned in found)


def _warning(warned: Warned) -> str:
    times = f" (× {warned.times})" if warned.times > 1 else ""
    name = f"{code(warned.code)}: " if warned.code else ""
    return f"{name}{plain(without_folders(warned.message))}{times}"
