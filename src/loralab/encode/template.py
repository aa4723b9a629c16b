"""A tokenizer in, what its chat template does around an answer out: the end token, and what it adds by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loralab.data.conversation import Message
from loralab.data.reasons import BadRow
from loralab.errors import Problem, UsageError
from loralab.hub.base import within
from loralab.words import say

SYSTEM, QUESTION, ANSWER = "S.!", "Q?", "A."
PATIENCE_SECONDS = 20.0  # for one short conversation, which takes milliseconds


@dataclass(frozen=True)
class ChatTemplate:
    """A tokenizer with its chat template.

    `end_text` is what the template writes after an answer up to and including the end token `end_id`;
    `special` are the tokens that may not stand in a row's text.
    """

    tokenizer: Any
    end_text: str
    end_id: int
    special: tuple[str, ...]
    segments_agree: bool

    def render(self, messages: Sequence[Message], open_answer: bool = False) -> str:
        """The text of a conversation; `open_answer` adds what the template writes before an answer.

        Raises BadRow (role_order) for turns that the template refuses.
        """
        try:
            return render(self.tokenizer, messages, open_answer)
        except UsageError as error:
            raise BadRow("role_order", error.problems[0].what) from None

    def render_many(
        self, conversations: Sequence[Sequence[Message]], open_answer: bool = False
    ) -> list[str | BadRow]:
        """What `render` gives or raises for each conversation, in one call where the template refuses none."""
        if not conversations:
            return []
        plain = [_plain(messages) for messages in conversations]
        try:
            texts = self.tokenizer.apply_chat_template(
                plain, tokenize=False, add_generation_prompt=open_answer
            )
        except _refusals():
            return [self._text_or_fault(messages, open_answer) for messages in conversations]
        return list(map(str, texts))

    def _text_or_fault(self, messages: Sequence[Message], open_answer: bool) -> str | BadRow:
        try:
            return self.render(messages, open_answer)
        except BadRow as bad:
            return bad

    def check_system(self) -> None:
        """Raise UsageError if the template has no place for a system message."""
        text = render(self.tokenizer, [Message("system", SYSTEM), Message("user", QUESTION)], True)
        if SYSTEM not in text:
            raise UsageError(Problem(say("the chat template leaves out the system message"), "data.system"))

    def special_in(self, text: str) -> str:
        """The first special token that stands in a text; empty if there is none."""
        return next((token for token in self.special if token in text), "")

    def ids(self, text: str, as_text: bool = False) -> list[int]:
        """Token ids of a text; with `as_text` special tokens written in it are ordinary characters."""
        if not as_text:
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        ids: list[int] = []
        for part in self.apart(text):
            ids += self.tokenizer(part, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def apart(self, text: str) -> list[str]:
        """The text cut inside each token that is not flagged as special, which a tokenizer always reads as one."""
        added = self.tokenizer.added_tokens_decoder.values()
        tokens = [
            t.content for t in added if not t.special and t.content in self.special and t.content in text
        ]
        cuts = [f"(?<={re.escape(t[0])})(?={re.escape(t[1:])})" for t in tokens if len(t) > 1]
        return re.split("|".join(cuts), text) if cuts else [text]

    @property
    def pad_id(self) -> int:
        """The pad token; raises UsageError if the tokenizer has none."""
        if self.tokenizer.pad_token_id is None:
            raise UsageError(Problem(say("the tokenizer has no pad token, which data.answer_end: pad needs")))
        return int(self.tokenizer.pad_token_id)

    def default_system(self) -> str:
        """What the template writes before the first question when the row has no system message."""
        text = render(self.tokenizer, [Message("user", QUESTION)], open_answer=True)
        return text[: text.find(QUESTION)]


def read_template(tokenizer: Any) -> ChatTemplate:
    """Learn a tokenizer's template from one short conversation.

    Raises UsageError if there is no chat template, it has no end token that could be trained, or it does not come
    to an end: a template is a program of strangers, which transformers keeps from files and network, not from loops.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise UsageError(
            Problem(
                say("the model's tokenizer has no chat template"),
                str(getattr(tokenizer, "name_or_path", "")),
                next=say("choose an instruct (chat) model, or add chat_template.jinja to the model folder"),
            )
        )
    talk = [Message("user", QUESTION), Message("assistant", ANSWER)]
    text = _render_soon(tokenizer, talk)
    if ANSWER not in text:
        raise UsageError(Problem(say("the chat template leaves out the answer")))
    suffix = text[text.rindex(ANSWER) + len(ANSWER) :]
    ids = list(tokenizer(suffix, add_special_tokens=False)["input_ids"])
    special_ids = special_token_ids(tokenizer)
    end = next((i for i, token in enumerate(ids) if token in special_ids), None)
    if end is None:
        raise UsageError(Problem(say("the chat template writes no end token after an answer")))
    token = tokenizer.convert_ids_to_tokens(ids[end])
    end_text = suffix[: suffix.index(token) + len(token)]
    special = {tokenizer.convert_ids_to_tokens(i) for i in special_ids}
    prompt = render(tokenizer, talk[:1], open_answer=True)
    special |= _emitted(tokenizer, prompt + text)
    template = ChatTemplate(tokenizer, end_text, ids[end], tuple(sorted(filter(str.strip, special))), True)
    apart = template.ids(prompt) + template.ids(text[len(prompt) :]) if text.startswith(prompt) else []
    return ChatTemplate(tokenizer, end_text, ids[end], template.special, apart == template.ids(text))


def special_token_ids(tokenizer: Any) -> set[int]:
    """Ids of the tokens that the tokenizer flags as special."""
    flagged = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return flagged | set(tokenizer.all_special_ids)


def _emitted(tokenizer: Any, text: str) -> set[str]:
    """Added tokens, special or not, that the template itself writes, such as <think>."""
    return {token.content for token in tokenizer.added_tokens_decoder.values() if token.content in text}


def render(tokenizer: Any, messages: Sequence[Message], open_answer: bool = False) -> str:
    """The template's text for messages; raises UsageError if the template refuses them."""
    plain = _plain(messages)
    try:
        return str(tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=open_answer))
    except _refusals() as error:
        roles = ", ".join(m.role for m in messages)
        raise UsageError(
            Problem(say("the chat template refuses turns {roles}: {reason}", roles=roles, reason=str(error)))
        ) from None


def _render_soon(tokenizer: Any, messages: Sequence[Message]) -> str:
    """`render`, or UsageError if it is not done in time."""
    try:
        return within(PATIENCE_SECONDS, lambda: render(tokenizer, messages))
    except TimeoutError:
        what = say("the chat template has not come to an end within {n} s", n=int(PATIENCE_SECONDS))
        where = str(getattr(tokenizer, "name_or_path", ""))
        raise UsageError(Problem(what, where, next=say("choose a model from a source you trust"))) from None


def _plain(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in messages]


def _refusals() -> tuple[type[Exception], ...]:
    """What a template raises by itself, or because it was written for other turns: any error of its expressions."""
    from jinja2.exceptions import TemplateError

    return (
        TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError, MemoryError,
    )  # fmt: skip
