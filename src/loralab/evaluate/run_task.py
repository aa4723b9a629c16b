"""A model and a task in, answers and scores in a folder out; broken off anywhere, it goes on where it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from loralab.config.schema import Config
from loralab.engine.base import TextGenerator
from loralab.engine.generate import LocalGenerator
from loralab.engine.server import ServerGenerator
from loralab.errors import Problem, UsageError
from loralab.evaluate.eval_folder import FIELDS, AnswerLog, EvalFolder, Row, as_prediction
from loralab.evaluate.eval_identity import refuse_differences, surroundings_changed
from loralab.evaluate.prepare_task import Prepared, Request, Tell, Watch, prepare
from loralab.evaluate.scoring import score_answers
from loralab.evaluate.stage import Asker
from loralab.evaluate.task_scores import Scores, scores_document
from loralab.model.attach import attach_adapter
from loralab.model.load import load_base
from loralab.model.memory import naming_what_needs_less
from loralab.model.small_files import read_object
from loralab.run.files import write_json, write_json_lines
from loralab.run.lock import RunLock
from loralab.words import say


@dataclass(frozen=True)
class Evaluated:
    """A finished evaluation. `asked` counts the questions answered by this call; `left_out` those beyond the limit."""

    folder: EvalFolder
    scores: Scores
    total: int
    asked: int
    left_out: int


def evaluate_task(request: Request, watch: Watch | None = None) -> Evaluated:
    """Ask a task's questions and score the answers; what `out` holds of the same evaluation is not asked again.

    A finished evaluation is left as it is. Raises UsageError (model, adapter, or `out` holds another
    evaluation), DataError (questions) and ResourceError (memory, disk). After any error or interruption, the
    same call goes on.
    """
    watch = watch or Watch()
    prepared = prepare(request, watch)
    folder = EvalFolder(request.out.absolute())
    stored = _same_evaluation(folder, prepared)
    if stored and folder.is_finished:
        watch.tell(say("{path} is finished: nothing to do", path=folder.path))
        return _evaluated(folder, prepared, _read_scores(folder), asked=0)
    with folder.made(), _writing_alone(folder, watch.tell):
        _same_evaluation(folder, prepared)
        return _go_on(folder, prepared, watch)


def _go_on(folder: EvalFolder, prepared: Prepared, watch: Watch) -> Evaluated:
    if torn := folder.cut_torn_line():
        watch.tell(say("{n} bytes of a torn last answer were cut off", n=torn))
    rows, damaged = folder.read_partial({q.id for q in prepared.questions})
    if damaged:
        watch.tell(
            say("{n} lines of partial.jsonl cannot be read: what they answered is asked again", n=damaged)
        )
    missing = len(prepared.questions) - len(rows)
    if rows:
        watch.tell(
            say("{there} of {total} answers are there already, {missing} are missing",
                there=len(rows), total=len(prepared.questions), missing=missing)
        )  # fmt: skip
        for words in surroundings_changed(folder.read_document() or {}, prepared.document) if missing else ():
            watch.tell(say("warning: {message}", message=words))
    if missing:
        with naming_what_is_smaller(str(folder.path)):
            generator = _generator(prepared, watch.tell)
            if not rows:
                write_json(folder.document, prepared.document)
            _ask(folder, prepared, generator, rows, watch)
    ordered = [rows[question.id] for question in prepared.questions]
    write_json_lines(folder.predictions, ordered)
    result = score_answers(prepared.request.task, prepared.items, [as_prediction(row) for row in ordered])
    for words in result.warnings:
        watch.tell(say("warning: {message}", message=words))
    scores = scores_document(result)
    write_json(folder.scores, scores)
    return _evaluated(folder, prepared, scores, asked=missing)


def _evaluated(folder: EvalFolder, prepared: Prepared, scores: Scores, asked: int) -> Evaluated:
    counts = prepared.document["questions"]
    return Evaluated(folder, scores, counts["asked"], asked, counts["count"] - counts["asked"])


def _read_scores(folder: EvalFolder) -> Scores:
    value, problem = read_object(folder.path, folder.scores.name)
    if problem:
        raise UsageError(problem)
    return value


def _same_evaluation(folder: EvalFolder, prepared: Prepared) -> dict[str, Any] | None:
    """What was asked before in this folder; None if it holds no answer yet, whatever was meant to be asked."""
    stored = folder.read_document()
    if stored is None or not (folder.is_finished or folder.has_answers):
        return None
    refuse_differences(stored, prepared.document, folder.document, goes_on=not folder.is_finished)
    return stored


@contextlib.contextmanager
def _writing_alone(folder: EvalFolder, tell: Tell) -> Iterator[None]:
    lock = RunLock(folder.lock)
    try:
        if lock.stale:
            tell(say("the lock of a process that is gone was removed"))
        yield
    finally:
        lock.release()


# ------------------------------------------------------------------------------------------- asking


def _ask(
    folder: EvalFolder, prepared: Prepared, generator: TextGenerator, rows: dict[str, Row], watch: Watch
) -> None:
    """Answer the missing questions; each answer goes into `rows` and the log when it is there."""
    asker = _asker(prepared, generator)
    bare = {item.id: item.question for item in prepared.items}
    log = AnswerLog(folder.partial)

    def record(prediction: dict[str, Any]) -> None:
        row = {name: prediction[name] for name in FIELDS} | {"question": bare[prediction["id"]]}
        log.append(row)
        rows[row["id"]] = row
        watch.on_answer(len(rows), len(prepared.questions), row["seconds"])

    try:
        asker.answer_all(rows, record, log.sync)
    finally:
        log.close()


def _asker(prepared: Prepared, generator: TextGenerator) -> Asker:
    decoding = prepared.decoding
    return Asker(
        tuple(prepared.questions), tuple(prepared.prompts), prepared.template, generator,
        decoding["max_new_tokens"], tuple(decoding["stop_token_ids"]),
    )  # fmt: skip


def _generator(prepared: Prepared, tell: Tell) -> TextGenerator:
    """The server, or the model in this process."""
    server = prepared.request.server
    if prepared.served and server:
        return ServerGenerator(prepared.served, server.in_flight, server.patience, tell)
    return _load(prepared)


def _load(prepared: Prepared) -> TextGenerator:
    """The model on its device, adapter attached, behind the seam of generators."""
    subject = prepared.request.subject
    model, _ = load_base(prepared.located.folder, Config(model=subject.model), prepared.device)
    rows, largest = model.get_input_embeddings().weight.shape[0], max(map(max, prepared.prompts))
    if largest >= rows:
        raise UsageError(
            Problem(
                say("the questions use token {token}, but the embedding matrix (vocab_size) has {rows} rows",
                    token=largest, rows=rows),
                str(prepared.located.folder),
                say("the tokenizer and the weights do not belong together"),
            )
        )  # fmt: skip
    if subject.adapter:
        model = attach_adapter(model, subject.adapter)
    pad = prepared.template.tokenizer.pad_token_id
    pad_id = prepared.template.end_id if pad is None else int(pad)  # any token does, it is masked
    return LocalGenerator(model, prepared.device, pad_id, prepared.decoding["batch_rows"])


def naming_what_is_smaller(where: str) -> AbstractContextManager[None]:
    """Turn an out-of-memory error of the block into a ResourceError that says what needs less."""
    return naming_what_needs_less(
        where,
        say("the answers so far are saved; batches are part of what is compared"),
        say("set --batch-rows or --max-new-tokens lower, with another --out"),
    )
