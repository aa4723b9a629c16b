"""A config in, a finished run out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from loralab.config.render import to_yaml
from loralab.config.schema import Config, ModelConfig, Source
from loralab.data.sources import pinned
from loralab.encode.template import ChatTemplate, read_template
from loralab.engine.base import Engine, TokenRow
from loralab.engine.generate import LocalGenerator
from loralab.errors import Problem, UsageError
from loralab.evaluate.general.neutral import VERSION as NEUTRAL_VERSION
from loralab.evaluate.general.neutral import neutral_rows, num_unfit
from loralab.evaluate.general.stage import VERSION, answer_tokens, general_questions
from loralab.evaluate.heldout import METRIC_VERSIONS
from loralab.evaluate.questions import Question, fingerprint
from loralab.evaluate.stage import Asker, make_asker, stop_ids
from loralab.model.adapter import trainable
from loralab.model.describe import describe_model
from loralab.model.folder import check_model_folder, weight_files
from loralab.model.load import TunedModel, check_architecture, load_tuned, pick_device, pick_dtype
from loralab.model.locate import Located, locate
from loralab.model.nf4 import refuse_nf4
from loralab.model.tokenizer import load_tokenizer
from loralab.run.files import write_json, write_text
from loralab.run.folder import RunFolder, create_run_folder
from loralab.run.view import Run, open_run
from loralab.track.sink import Sink
from loralab.train.checkpoint import Checkpoint
from loralab.train.choice_check import refuse_choice
from loralab.train.engine_choice import (
    UNDECIDED,
    Choice,
    Material,
    choose_engine,
    record_engine,
    refuse_unsupported,
)
from loralab.train.environment import slow_format
from loralab.train.evaluate_stage import Stages
from loralab.train.loop import Loop
from loralab.train.manifest import make_manifest
from loralab.train.memory import naming_the_knobs
from loralab.train.memory_need import MemoryNeed, find_device, memory_need, peak_estimate, warning_of
from loralab.train.order import StepOrder, plan_steps
from loralab.train.prepare import Prepared, data_names, prepare
from loralab.train.session import Session
from loralab.train.stop import StopRequest
from loralab.words import Words, say

SinkMaker = Callable[[RunFolder, dict[str, Any], Config], Sequence[Sink]]


@dataclass(frozen=True)
class Job:
    """All that is known before weights are loaded."""

    config: Config
    located: Located
    template: ChatTemplate
    prepared: Prepared

    @property
    def general(self) -> tuple[Question, ...]:
        """The general prompts, if they are asked."""
        data = self.config.data
        return general_questions(data.system) if self.config.evaluate.general else ()

    @property
    def pad_id(self) -> int:
        """What padding is filled with; any token does, it is masked."""
        pad = self.template.tokenizer.pad_token_id
        return self.template.end_id if pad is None else int(pad)

    @property
    def order(self) -> StepOrder:
        """Which rows each step trains on."""
        return plan_steps(len(self.prepared.epoch), self.config.train)

    def refuse_choice(self) -> None:
        """Raise UsageError if the adapter could never be chosen, or training stopped, as the config asks."""
        prepared, config = self.prepared, self.config
        refuse_choice(config, self.order, len(prepared.split.test), (*prepared.questions, *self.general))


def train(
    config: Config,
    *,
    command: Sequence[str] = ("loralab", "train"),
    make_sinks: SinkMaker = lambda folder, manifest, config: (),
    stop: StopRequest | None = None,
) -> Run:
    """Train, evaluate and record one run; returns its reader.

    Raises UsageError (config, model), DataError (rows), ResourceError (memory, disk), RunFailed (diverged)
    and Interrupted. Whatever happens after the folder is made is in its events.
    """
    job = plan_job(config)
    config = job.config
    folder = create_run_folder(Path(config.run.dir).absolute(), run_name(config))
    write_text(folder.config, to_yaml(config))
    job.prepared.write(folder.data)
    manifest = _manifest(folder, job, command)
    write_json(folder.manifest, manifest)
    with Session(folder, make_sinks(folder, manifest, config)) as session:
        session.emit("run_started", run=folder.path.name, command=list(command))
        execute(session, job, None, stop or StopRequest())
    return open_run(folder.path)


def plan_job(config: Config, run: Run | None = None) -> Job:
    """Find the model, read and encode the data, and check all that can be checked without weights.

    `run` is the one that goes on, if one does.
    """
    refuse_unavailable(config)
    located = locate(config.model)
    data, notes = pinned(config.data)
    config = replace(config, model=_resolved(config.model, located), data=data)
    check_model_folder(located.folder, config.model.trust_remote_code, "all")
    refuse_unsupported(run, config, located.folder)
    template = read_template(load_tokenizer(located.folder, config.model.trust_remote_code))
    prepared = prepare(config, template).noting(notes)
    check_architecture(located.folder, config, prepared.encoded.largest_id())
    return Job(config, located, template, prepared)


def _resolved(model: ModelConfig, located: Located) -> ModelConfig:
    """The model as it was found: its folder, or the hub and the commit, so that the config finds the same again."""
    if located.origin == "local":
        if model.revision:
            raise UsageError(
                Problem(
                    say("model.revision has no effect on a local folder"),
                    str(located.folder),
                    next=say("remove it"),
                )
            )
        return replace(model, name=str(located.folder))
    source: Source = "modelscope" if located.origin == "modelscope" else "huggingface"
    return replace(model, source=source, revision=located.revision or model.revision)


def refuse_unavailable(config: Config) -> None:
    """Values that the config knows and this version cannot do are an error, never ignored."""
    wanted = {
        "model.shard=fsdp": config.model.shard == "fsdp",
        "track.tensorboard=true": config.track.tensorboard,
    }
    problems = [
        Problem(say("{setting} is not part of this version", setting=k)) for k, v in wanted.items() if v
    ]
    if problems:
        raise UsageError(*problems)
    refuse_nf4(config, find_device())


def run_name(config: Config) -> str:
    """run.name, or model and data."""
    model = config.model.name.rstrip("/").rpartition("/")[2]
    return config.run.name or f"{model}-{data_names(config)}"


# ------------------------------------------------------------------------------------------- running


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


def execute(session: Session, job: Job, checkpoint: Checkpoint | None, stop: StopRequest) -> None:
    """Load the model and run the loop from a checkpoint, or from the start."""
    began = time.monotonic()
    job.prepared.refuse(job.config.data)
    job.prepared.refuse_without_training_rows()
    job.refuse_choice()
    _announce_data(session, job)
    need = memory_need(job.config, job.located.folder, job.prepared)
    if words := warning_of(need):
        session.warn("memory_may_not_suffice", words)
    device = pick_device()
    if words := slow_format(pick_dtype(job.config.model.dtype, device), device):
        session.warn("slow_number_format", words)
    tuned = load_tuned(job.located.folder, job.config, device)
    choice = _choose_engine(session, job, tuned, need, stop)
    generator = LocalGenerator(tuned.model, tuned.device, job.pad_id, job.config.evaluate.batch_rows)
    loop = _loop(session, job, tuned, stop, choice.engine, generator)
    if job.config.train.warmup_steps >= loop.order.total_steps:
        steps = loop.order.total_steps
        session.warn(
            "warmup_never_ends",
            say("train.warmup_steps is {warmup}, the run has {steps} steps: the learning rate never reaches its peak",
                warmup=job.config.train.warmup_steps, steps=steps),
        )  # fmt: skip
    _announce_model(session, job, tuned, choice)
    _announce_answers(session, job, generator)
    session.emit(
        "plan", steps=loop.order.total_steps, seconds_estimate=None,
        peak_bytes_estimate=peak_estimate(
            job.config, job.located.folder, job.prepared, choice.engine.name, choice.arrangement
        ),
    )  # fmt: skip
    if checkpoint:
        loop.go_on_from(checkpoint)
    with naming_the_knobs(f"step {loop.step}"):
        loop.run()
    session.emit("run_finished", reason=loop.reason, seconds=round(time.monotonic() - began, 3))
    session.status = "finished"


def _choose_engine(
    session: Session, job: Job, tuned: TunedModel, need: MemoryNeed | Words, stop: StopRequest
) -> Choice:
    """The engine, checked on rows of the first step, and written into the manifest."""
    run, rows = Run(session.folder), job.prepared.token_rows(job.prepared.epoch)
    step_rows = [rows[i] for i in job.order.rows_of(1)]
    with naming_the_knobs("step 0"):
        choice = choose_engine(run, Material(tuned, job.config, step_rows, job.pad_id, stop.in_step, need))
    record_engine(run, choice)
    return choice


def _announce_model(session: Session, job: Job, tuned: TunedModel, choice: Choice) -> None:
    session.emit(
        "model_ready", parameters=tuned.parameters, trainable=tuned.trainable, dtype=tuned.dtype,
        device=tuned.device, engine=choice.engine.name, engine_reason=str(choice.reason),
        engine_facts=choice.facts,
    )  # fmt: skip
    for code, words in choice.warnings:
        session.warn(code, words)
    if job.config.train.engine != "plain" and choice.reason not in [words for _, words in choice.warnings]:
        words = say("engine {name}: {reason}", name=choice.engine.name, reason=choice.reason)
        session.emit("note", code="engine", **words.to_dict())


def _announce_answers(session: Session, job: Job, generator: LocalGenerator) -> None:
    """Which of its two ways the generator goes, if it will be asked at all; both give the same tokens."""
    config = job.config
    if not config.evaluate.stages:
        return
    reason = generator.why_forward(config.data.max_tokens + config.evaluate.max_new_tokens)
    if reason:
        words = say("answers come from the model's own forward, which is slower: {reason}", reason=reason)
    else:
        words = say("answers come from the fast decoder")
    session.emit("note", code="answering", **words.to_dict())


def _announce_data(session: Session, job: Job) -> None:
    report, split = job.prepared.report, job.prepared.split
    for code, words in job.prepared.warnings:
        session.warn(code, words)
    tokens = report.tokens.to_dict() if report.tokens else {}
    session.emit(
        "data_ready", train_rows=len(job.prepared.epoch), test_rows=len(split.test), probes=len(split.probes),
        dropped=sum(report.dropped.values()), cut=report.tokens.cut if report.tokens else 0, tokens=tokens,
    )  # fmt: skip


def _loop(
    session: Session,
    job: Job,
    tuned: TunedModel,
    stop: StopRequest,
    engine: Engine,
    generator: LocalGenerator,
) -> Loop:
    import torch

    config, prepared = job.config, job.prepared
    rows = prepared.epoch
    stages = Stages(
        session, _askers(job, generator), engine, prepared.token_rows(prepared.split.test),
        rows.take(np.unique(rows.index)).conversations(), stop, prepared.near, _neutral(session, job, tuned),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(
        list(trainable(tuned.model).values()), lr=config.train.learning_rate, betas=(0.9, 0.999), eps=1e-8,
        weight_decay=config.train.weight_decay, foreach=False,
    )  # fmt: skip
    return Loop(
        session, config, tuned, engine, stages, job.order, rows, prepared.token_rows(rows), stop, optimizer
    )


def _neutral(session: Session, job: Job, tuned: TunedModel) -> tuple[TokenRow, ...]:
    """The neutral passages, if the general check is on; all of them or none, so that their loss is of one text."""
    if not job.config.evaluate.general:
        return ()
    rows = neutral_rows(job.template)
    context_tokens = getattr(tuned.model.config.get_text_config(), "max_position_embeddings", None)
    vocabulary_rows = tuned.model.get_input_embeddings().weight.shape[0]
    unfit = num_unfit(rows, context_tokens, vocabulary_rows, job.template.tokenizer.unk_token_id)
    if not unfit:
        return rows
    session.warn(
        "neutral_text_unfit",
        say("this model cannot read {unfit} of the {all} neutral passages whole (context: {context} tokens, or letters"
            " that its vocabulary lacks): the perplexity of neutral text is not measured in this run",
            unfit=unfit, all=len(rows), context=context_tokens or "?"),
    )  # fmt: skip
    return ()


def _askers(job: Job, generator: LocalGenerator) -> list[Asker]:
    """Who asks the run's own questions, and who the general prompts, whose answers are short."""
    longest = job.config.evaluate.max_new_tokens
    sets = [(job.prepared.questions, longest), (job.general, answer_tokens(longest))]
    return [_asker(job, generator, questions, limit) for questions, limit in sets if questions]


def _asker(job: Job, generator: LocalGenerator, questions: Sequence[Question], max_new_tokens: int) -> Asker:
    config = job.config
    return make_asker(
        questions, job.template, generator,
        batch_rows=config.evaluate.batch_rows, max_new_tokens=max_new_tokens,
        stop_ids=stop_ids(job.template, config.data.answer_end), special_tokens=config.data.special_tokens,
    )  # fmt: skip
