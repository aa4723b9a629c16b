"""A planned job and a session in; the model is loaded and the loop runs to its end."""

from __future__ import annotations

import time

from loralab.engine.base import Engine
from loralab.engine.generate import LocalGenerator
from loralab.model.load import TunedModel, load_tuned, pick_device, pick_dtype
from loralab.model.memory_plan import adapter_numbers
from loralab.model.placement import IN_TURN, placement_words, places_of
from loralab.run.view import Run
from loralab.train.asking import announce_answers, make_stages
from loralab.train.checkpoint import Checkpoint
from loralab.train.disk_need import disk_need, free_disk_bytes
from loralab.train.disk_need import warning_of as warning_of_disk
from loralab.train.engine_choice import Choice, Material, choose_engine, record_engine
from loralab.train.environment import slow_format
from loralab.train.evaluate_stage import Stages
from loralab.train.job import Job
from loralab.train.loop import Loop
from loralab.train.memory import naming_the_knobs
from loralab.train.memory_need import MemoryNeed, memory_need, peak_estimate, warning_of
from loralab.train.ranks.base import Alone, Ranks
from loralab.train.session import Session
from loralab.train.sharding import Sharding, settle_sharding
from loralab.train.stop import StopRequest
from loralab.train.update import make_optimizer
from loralab.words import Words, say


def execute(
    session: Session, job: Job, checkpoint: Checkpoint | None, stop: StopRequest, ranks: Ranks | None = None
) -> None:
    """Load the model and run the loop from a checkpoint, or from the start; `ranks` are the processes that share it."""
    ranks = ranks or Alone()
    began = time.monotonic()
    job.prepared.refuse(job.config.data)
    job.prepared.refuse_without_training_rows()
    job.refuse_choice()
    _announce_data(session, job)
    with stop.anywhere():
        device = pick_device()  # takes the time that importing torch takes
    need, sharding = _plan(session, job, ranks)
    ranks.prepare(session, job, sharding.is_split)
    if words := warning_of(need):
        session.warn("memory_may_not_suffice", words)
    if words := slow_format(pick_dtype(job.config.model.dtype, device), device):
        session.warn("slow_number_format", words)
    numbers = None if isinstance(need, Words) else adapter_numbers(need.shape, need.demand.kind)
    if numbers is not None:
        _look_at_disk(session, job, numbers, checkpoint)
    stop.in_step()
    with stop.anywhere():
        tuned = load_tuned(
            job.located.folder, job.config, device, ranks.sharing if sharding.is_split else None
        )
    if numbers is None:
        _look_at_disk(session, job, tuned.trainable, checkpoint)
    choice = _choose_engine(session, job, tuned, need, stop)
    generator = LocalGenerator(
        tuned.model, tuned.device, job.pad_id, job.config.evaluate.batch_rows, tuned.shard
    )
    stages = make_stages(session, job, tuned, stop, choice.engine, generator)
    loop = _loop(session, job, tuned, stop, choice.engine, stages, ranks)
    if job.config.train.warmup_steps >= loop.order.total_steps:
        steps = loop.order.total_steps
        session.warn(
            "warmup_never_ends",
            say("train.warmup_steps is {warmup}, the run has {steps} steps: the learning rate never reaches its peak",
                warmup=job.config.train.warmup_steps, steps=steps),
        )  # fmt: skip
    _announce_model(session, job, tuned, choice)
    if job.config.model.device_map is not None:
        _announce_placement(session, tuned)
    announce_answers(session, job, generator)
    session.emit(
        "plan", steps=loop.order.total_steps, seconds_estimate=None,
        peak_bytes_estimate=peak_estimate(
            job.config, job.located.folder, job.prepared, choice.engine.name, choice.arrangement, sharding.over
        ),
    )  # fmt: skip
    if checkpoint:
        loop.go_on_from(checkpoint)
    ranks.begin(tuned, loop.optimizer, choice.engine)
    with naming_the_knobs(f"step {loop.step}"):
        loop.run()
    session.emit("run_finished", reason=loop.reason, seconds=round(time.monotonic() - began, 3))
    session.status = "finished"


def _plan(session: Session, job: Job, ranks: Ranks) -> tuple[MemoryNeed | Words, Sharding]:
    """What each process needs, and whether the base is split over them."""
    folder, prepared = job.located.folder, job.prepared
    need = memory_need(job.config, folder, prepared, processes=ranks.local_world)
    sharding = settle_sharding(session, job.config, need, ranks)
    if sharding.is_split:
        need = memory_need(job.config, folder, prepared, processes=ranks.local_world, shards=sharding.over)
    return need, sharding


def _look_at_disk(session: Session, job: Job, numbers: int, checkpoint: Checkpoint | None) -> None:
    """Warn, or refuse, if what is free does not suffice for what the run will write."""
    questions, folder = len(job.prepared.questions) + len(job.general), session.folder.path
    need = disk_need(job.config, job.order, numbers, questions, checkpoint.step if checkpoint else 0)
    if words := warning_of_disk(need, free_disk_bytes(folder), folder):
        session.warn("disk_may_not_suffice", words)


def _choose_engine(
    session: Session, job: Job, tuned: TunedModel, need: MemoryNeed | Words, stop: StopRequest
) -> Choice:
    """The engine, checked on rows of the first step, and written into the manifest."""
    run, rows = Run(session.folder), job.prepared.token_rows(job.prepared.epoch)
    step_rows = [rows[i] for i in job.order.rows_of(1)]
    with naming_the_knobs("step 0"), stop.anywhere():
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


def _announce_placement(session: Session, tuned: TunedModel) -> None:
    places = places_of(tuned.model.get_base_model())
    note, cost = placement_words(places)
    session.emit("note", code="placement", places=places, **note.to_dict())
    if cost:
        session.warn(IN_TURN, cost)


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
    stages: Stages,
    ranks: Ranks,
) -> Loop:
    config, rows = job.config, job.prepared.epoch
    optimizer = make_optimizer(tuned.model, config.train)
    token_rows = job.prepared.token_rows(rows)
    return Loop(session, config, tuned, engine, stages, job.order, rows, token_rows, stop, optimizer, ranks)
