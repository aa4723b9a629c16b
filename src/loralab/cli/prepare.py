"""`loralab prepare`: a config or a data file in, a folder with the cleaned and split rows for any tool out."""

from __future__ import annotations

from pathlib import Path

import click

from loralab.cli.console import Console, common, pass_console
from loralab.cli.data_config import config_of, template_of
from loralab.cli.data_words import tell_data
from loralab.cli.downloads import progress_lines
from loralab.errors import Problem, UsageError
from loralab.train.job import refuse_unavailable
from loralab.train.prepare import prepare as prepare_data
from loralab.train.prepared_files import write_prepared
from loralab.words import say

LEFT_BY_BAD_ROWS = {"report.json", "dropped.jsonl", "split.json", "cut.jsonl"}


@click.command()
@click.argument("path", metavar="CONFIG|DATA_FILE")
@click.argument("overrides", nargs=-1, metavar="[section.key=value ...]")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="FOLDER", help="Folder for the files; new or empty.")  # fmt: skip
@click.option("--model", type=click.Path(), help="Model folder or name: with its tokenizer rows that do not fit are left out too.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common
@pass_console
def prepare(
    console: Console, path: str, overrides: tuple[str, ...], out: Path, model: str | None, as_json: bool
) -> None:
    """Write the cleaned, split rows as JSON lines in messages format, with their report.

    FOLDER gets train.jsonl, test.jsonl, probes.jsonl, report.json, dropped.jsonl and split.json. Texts are
    never cut. Exit code 3: bad rows; then the report, the dropped rows and the split alone are written.
    """
    config, notes = config_of(path, overrides, model, progress_lines(console))
    refuse_unavailable(config)
    if out.is_dir() and {p.name for p in out.iterdir()} - LEFT_BY_BAD_ROWS:
        raise UsageError(Problem(say("is not empty"), str(out), next=say("choose another folder")))
    template, missing = template_of(config)
    if missing:
        raise missing
    prepared = prepare_data(config, template).noting(notes)
    prepared.write(out)
    prepared.refuse(config.data)
    prepared.refuse_without_training_rows()
    counts = write_prepared(prepared, config.data, out)
    if as_json:
        console.data({"folder": str(out), "rows": counts, "data": prepared.report.to_dict()})
    else:
        tell_data(prepared, template, config, console)
    for name, number in counts.items():
        if number:
            console.say(say("{path}: {n} rows", path=out / f"{name}.jsonl", n=number))
    console.next(say("loralab check {path}", path=out / "train.jsonl"))
