"""A run in, the parts that its summary and its model card share out: verdict, scores, data, settings as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from loralab.evaluate.verdict import verdict
from loralab.report.facts import STATUS, status_notes
from loralab.report.markdown_text import bullets, code_cell, plain, table
from loralab.report.private import file_name, value_without_folders, without_folders
from loralab.report.tables import Setting, data_counts, data_files, reasons, score_table
from loralab.report.text import NONE, amount, number
from loralab.run.view import Run, stage_name
from loralab.words import Words, say


def spoken(words: Words, language: str) -> str:
    """A sentence that may hold texts of the run, without folders of this machine."""
    return plain(without_folders(words.text(language)))


def heading(words: Words, language: str, level: int = 2) -> str:
    """A heading of our own."""
    return f"{'#' * level} {plain(words.text(language))}"


def status_lines(run: Run, language: str) -> list[str]:
    """The status of a run and what it has to say for itself if it did not finish."""
    return [plain(STATUS[run.status].text(language)), *(spoken(w, language) for w in status_notes(run))]


def verdict_list(run: Run, language: str) -> str:
    """The sentences that say whether it got better."""
    return bullets(spoken(words, language) for words in verdict(run))


def scores(run: Run, language: str, wanted: Sequence[str] | None = None) -> str:
    """A row for each metric, a column for each stage (of those wanted); nothing if none was scored."""
    found = score_table(run)
    columns = [i for i, stage in enumerate(found.stages) if wanted is None or stage in wanted]
    if not columns:
        return plain(say("Nothing was scored.").text(language))
    names = [plain(stage_name(found.stages[i]).text(language)) for i in columns]
    rows = [
        [
            _metric(row.task, row.metric, row.lower_is_better, language),
            *(score_cell(row.cells[i], row.share, language) for i in columns),
        ]
        for row in found.rows
        if any(row.cells[i] is not None for i in columns)
    ]
    return table([plain(say("task and metric").text(language)), *names], rows)


def _metric(task: str, metric: str, lower_is_better: bool, language: str) -> str:
    note = f" ({plain(say('lower is better').text(language))})" if lower_is_better else ""
    return code_cell(f"{task}/{metric}") + note


def score_cell(cell: dict[str, Any] | None, share: bool, language: str) -> str:
    """A value with its interval, n, chance and share without an answer, as far as they are recorded."""
    if cell is None:
        return NONE
    return plain(", ".join(_parts(cell, share, language)))


def _parts(cell: dict[str, Any], share: bool, language: str) -> Iterator[str]:
    low, high = cell.get("low"), cell.get("high")
    interval = f" [{amount(low, share)}, {amount(high, share)}]" if None not in (low, high) else ""
    yield amount(cell.get("value"), share) + interval
    if cell.get("n") is not None:
        yield f"n = {number(cell['n'])}"
    if cell.get("floor") is not None:
        yield f"{say('chance').text(language)} {amount(cell['floor'], share)}"
    if cell.get("abstention"):
        yield f"{say('no answer').text(language)} {amount(cell['abstention'], True)}"


def data_lines(run: Run, language: str) -> str:
    """What became of the rows: counts, and those dropped and repaired by reason."""
    report = run.data_report
    if not report:
        return plain(say("The run has no data report.").text(language))
    counts = [(name.text(language), count) for name, count in data_counts(report)]
    if "train_rows" in (ready := run.last("data_ready")):
        counts.append((say("Training rows").text(language), ready["train_rows"]))
    for title, key in ((say("Dropped, by reason"), "dropped"), (say("Repaired, by reason"), "repaired")):
        counts += [(f"{title.text(language)}: {reason}", count) for reason, count in reasons(report, key)]
    head = [plain(say("Rows").text(language)), plain(say("count").text(language))]
    return table(head, [[plain(name), plain(number(count))] for name, count in counts], numbers_from=1)


def file_table(run: Run, language: str) -> str:
    """The data files by their names, with rows and sha256; nothing if the record names none."""
    found = data_files(run)
    if not found:
        return plain(say("The manifest names no files.").text(language))
    head = [plain(words.text(language)) for words in (say("file"), say("rows"))]
    rows = [
        [code_cell(file_name(str(f.get("path", "")))), plain(number(f.get("rows"))), code_cell(str(f.get("sha256") or ""))]
        for f in found
    ]  # fmt: skip
    return table([*head, "sha256"], rows)


def setting_rows(settings: Sequence[Setting]) -> list[list[str]]:
    """Key, value and default of each setting; files and folders by their names."""
    return [
        [code_cell(s.key), code_cell(value_without_folders(s.value)), code_cell(s.default)] for s in settings
    ]
