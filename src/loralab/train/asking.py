"""A planned job and a loaded model in, what evaluates it at each stage out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loralab.engine.base import Engine, TokenRow
from loralab.engine.generate import LocalGenerator
from loralab.evaluate.general.neutral import neutral_rows, num_unfit
from loralab.evaluate.general.stage import answer_tokens
from loralab.evaluate.questions import Question
from loralab.evaluate.stage import Asker, make_asker, stop_ids
from loralab.model.load import TunedModel
from loralab.train.evaluate_stage import Stages
from loralab.train.job import Job
from loralab.train.session import Session
from loralab.train.stop import StopRequest
from loralab.words import say


def make_stages(
    session: Session,
    job: Job,
    tuned: TunedModel,
    stop: StopRequest,
    engine: Engine,
    generator: LocalGenerator,
) -> Stages:
    """Held-out rows by the engine, questions by the generator, and the neutral passages if they can be read."""
    prepared, rows = job.prepared, job.prepared.epoch
    return Stages(
        session, _askers(job, generator), engine, prepared.token_rows(prepared.split.test),
        rows.take(np.unique(rows.index)).conversations(), stop, prepared.near, _neutral(session, job, tuned),
    )  # fmt: skip


def announce_answers(session: Session, job: Job, generator: LocalGenerator) -> None:
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
        max_new_tokens=max_new_tokens, stop_ids=stop_ids(job.template, config.data.answer_end),
        special_tokens=config.data.special_tokens,
    )  # fmt: skip
