"""Frozen questions and a generator in, predictions of one stage out, each recorded as an event when it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loralab.encode.encode import encode_prompt
from loralab.encode.template import ChatTemplate
from loralab.engine.base import Answer, TextGenerator, Tick
from loralab.evaluate.questions import Question

Prediction = dict[str, Any]
Record = Callable[[Prediction], None]


@dataclass(frozen=True)
class Asker:
    """Everything that is the same at every stage: questions, their token ids, decoding, generator."""

    questions: tuple[Question, ...]
    prompts: tuple[tuple[int, ...], ...]
    template: ChatTemplate
    generator: TextGenerator
    max_new_tokens: int
    stop_ids: tuple[int, ...]

    def answer_all(self, done: Mapping[str, Prediction], record: Record, tick: Tick) -> list[Prediction]:
        """The predictions of all questions in their order; of those in `done` the ones that are there.

        All are put to the generator, so that an interrupted stage ends as an uninterrupted one.
        """
        result = dict(done)
        order = sorted(range(len(self.questions)), key=lambda i: (-len(self.prompts[i]), i))
        known = {place for place, i in enumerate(order) if self.questions[i].id in result}
        prompts = [self.prompts[i] for i in order]
        for answer in self.generator.generate(prompts, self.max_new_tokens, self.stop_ids, tick, known):
            prediction = self._prediction(order[answer.index], answer)
            if prediction["id"] not in result:
                record(prediction)
                result[prediction["id"]] = prediction
        return [result[question.id] for question in self.questions]

    def _prediction(self, index: int, answer: Answer) -> Prediction:
        question = self.questions[index]
        text = self.template.tokenizer.decode(list(answer.ids), skip_special_tokens=True)
        return {
            "id": question.id, "set": question.set, "seen": question.seen,
            "question": question.question, "answer": text, "reference": question.reference,
            "prompt_tokens": len(self.prompts[index]), "answer_tokens": len(answer.ids),
            "finish_reason": answer.finish_reason, "seconds": round(answer.seconds, 4),
        }  # fmt: skip


def make_asker(
    questions: Sequence[Question],
    template: ChatTemplate,
    generator: TextGenerator,
    *,
    max_new_tokens: int,
    stop_ids: Sequence[int],
    special_tokens: str,
) -> Asker:
    """An Asker with the questions' prompts encoded once."""
    prompts = tuple(tuple(encode_prompt(q.conversation, template, special_tokens)) for q in questions)
    return Asker(
        tuple(questions),
        prompts,
        template,
        generator,
        max_new_tokens,
        tuple(sorted(set(stop_ids))),
    )


def stop_ids(template: ChatTemplate, answer_end: str) -> list[int]:
    """Tokens that end an answer: the template's end token, the tokenizer's, and the one that closes trained answers."""
    ids = {template.end_id}
    if template.tokenizer.eos_token_id is not None:
        ids.add(int(template.tokenizer.eos_token_id))
    if answer_end == "pad":
        ids.add(template.pad_id)
    return sorted(ids)
