"""A config in, a finished run out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loralab.config.render import to_yaml
from loralab.config.schema import Config
from loralab.engine.generate import LocalGenerator
from loralab.evaluate.general.neutral import VERSION as NEUTRAL_VERSION
from loralab.evaluate.general.stage import VERSION
from loralab.evaluate.heldout import METRIC_VERSIONS
from loralab.evaluate.questions import fingerprint
from loralab.evaluate.stage import stop_ids
from loralab.model.describe import describe_model
from loralab.model.folder import weight_files
from loralab.model.placement import refuse_sharing
from loralab.run.files import write_json, write_text
from loralab.run.folder import RunFolder, create_run_folder
from loralab.run.view import Run, open_run
from loralab.safe_text import without_users
from loralab.track.sink import Sink
from loralab.train.engine_choice import UNDECIDED
from loralab.train.execute import execute
from loralab.train.go_on import telling_how_to_go_on
from loralab.train.job import Job, plan_job, run_name
from loralab.train.manifest import make_manifest
from loralab.train.previews import write_previews
from loralab.train.ranks.base import Alone, Ranks
from loralab.train.session import Session
from loralab.train.sharding import refuse_unsplittable
from loralab.train.stop import StopRequest

SinkMaker = Callable[[RunFolder, dict[str, Any], Config], Sequence[Sink]]


def train(
    config: Config,
    *,
    command: Sequence[str] = ("loralab", "train"),
    make_sinks: SinkMaker = lambda folder, manifest, config: (),
    stop: StopRequest | None = None,
    ranks: Ranks | None = None,
) -> Run:
    """Train, evaluate and record one run; returns its reader.

    `ranks` are the processes that share it, of which this one keeps the record.
    Raises UsageError (config, model), DataError (rows), ResourceError (memory, disk), RunFailed (diverged)
    and Interrupted. Whatever happens after the folder is made is in its events.
    """
    ranks, stop = ranks or Alone(), stop or StopRequest()
    refuse_sharing(config.model, ranks.world)
    refuse_unsplittable(config, ranks.world)
    command = [without_users(word) for word in command]  # it is recorded
    with stop.anywhere():
        job = plan_job(config)
    config = job.config
    folder = create_run_folder(Path(config.run.dir).absolute(), run_name(config))
    write_text(folder.config, to_yaml(config))
    job.prepared.write(folder.data)
    write_previews(job.prepared, job.template, folder.data)
    manifest = _manifest(folder, job, command) | {"ranks": ranks.facts}
    write_json(folder.manifest, manifest)
    with Session(folder, make_sinks(folder, manifest, config)) as session, telling_how_to_go_on(folder):
        session.emit("run_started", run=folder.path.name, command=list(command))
        execute(session, job, None, stop, ranks)
    return open_run(folder.path)


def _manifest(folder: RunFolder, job: Job, command: Sequence[str]) -> dict[str, Any]:
    config, located = job.config, job.located
    weights = weight_files(located.folder)
    decoding = {
        "do_sample": False,
        "max_new_tokens": config.evaluate.max_new_tokens,
        "stop_token_ids": stop_ids(job.template, config.data.answer_end),
        "batch_rows": config.evaluate.batch_rows,
    }
    template_text = str(job.template.tokenizer.chat_template)
    return make_manifest(
        folder, config, command,
        model=describe_model(config.model.name, located.origin, located.revision, located.folder, weights),
        files=job.prepared.report.files,
        evaluation=fingerprint(
            (*job.prepared.questions, *job.general), _comparable(decoding), LocalGenerator.name,
            (*METRIC_VERSIONS, *([VERSION, NEUTRAL_VERSION] if job.general else [])), template_text,
        ),
        decoding=decoding,
        engine=UNDECIDED,
    )  # fmt: skip


def _comparable(decoding: dict[str, Any]) -> dict[str, Any]:
    """Decoding without the numbers of the stop tokens, which belong to the template, whose hash stands apart."""
    return {key: value for key, value in decoding.items() if key != "stop_token_ids"}
