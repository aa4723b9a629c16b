"""`loralab show`: a run in, its facts, curves, scores and verdict out."""

from __future__ import annotations

import click

from loralab.cli.charts import print_curves
from loralab.cli.console import Console, common, pass_console
from loralab.cli.tables import print_scores
from loralab.report.facts import STATUS
from loralab.report.run_changes import changed_counts, count_words
from loralab.run.view import Run, open_run, stage_name
from loralab.words import Words, say


@click.command()
@click.argument("run", type=click.Path())
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document: run, status, manifest, scores, steps."
)
@common
@pass_console
def show(console: Console, run: str, as_json: bool) -> None:
    """Show a run: status, data, curves, scores with intervals, verdict."""
    found = open_run(run)
    if as_json:
        console.data(
            {
                "run": found.id, "status": found.status, "manifest": found.manifest,
                "scores": found.all_scores, "steps": found.record.steps(),
            }
        )  # fmt: skip
    else:
        _facts(found, console)
        print_curves(found, console)
        print_scores(found, console)
        _changes(found, console)
    console.next(_next(found))


def _facts(run: Run, console: Console) -> None:
    console.say(say("{run}: {status}", run=run.id, status=STATUS[run.status]))
    if not run.manifest:
        path = run.folder.manifest
        console.say(say("{path} is missing or damaged: model, engine and machine are not known", path=path))
    model, report = run.manifest.get("model", {}), run.data_report
    console.say(
        say(
            "model {name}, engine {engine}",
            name=model.get("name") or "?",
            engine=run.manifest.get("engine", {}).get("name") or "?",
        )
    )
    if report:
        console.say(
            say("data: {read} rows read, {kept} kept, {dropped} dropped, {cut} cut",
                read=report["read"], kept=report["kept"], dropped=sum(report["dropped"].values()), cut=report["cut"])
        )  # fmt: skip
    steps = run.record.steps()
    if steps:
        first, last = steps[0], steps[-1]
        console.say(
            say(
                "steps {n}: loss {first} to {last}",
                n=last["step"],
                first=_number(first["loss"]),
                last=_number(last["loss"]),
            )
        )
    if run.record.torn_bytes:
        console.say(say("the last event is torn ({n} bytes) and was passed over", n=run.record.torn_bytes))
    for event in run.record.of_kind("run_failed"):
        console.say(say("failed: {error}", error=event["error"]))


def _changes(run: Run, console: Console) -> None:
    """For each metric, how many answers changed from the first scored stage to the last."""
    stages, counts = changed_counts(run)
    if counts:
        first, last = map(stage_name, stages)
        console.say(say("changed answers, {first} to {last}:", first=first, last=last))
    for count in counts:
        console.say(say("  {count}", count=count_words(count)))


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4f}"


def _next(run: Run) -> Words:
    path = run.folder.path
    if run.status in ("interrupted", "stale"):
        return say("loralab resume {path}", path=path)
    return say("loralab report {path}", path=path)
