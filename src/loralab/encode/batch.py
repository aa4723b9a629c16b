"""Conversations in, their token ids and masks out, many at once: what `encode` gives for each, in less time.

A row costs as many calls of the chat template as it has trained answers, and one. What the template itself
writes around contents is asked once for each order of roles. The texts of many rows are tokenised in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from loralab.data.conversation import Conversation, Message
from loralab.data.reasons import BadRow
from loralab.encode.encode import Encoded, encode, finish, flags_at, join, special_in, stretches
from loralab.encode.pieces import Piece, Rendering, cut_pieces, own_words, trained_turns
from loralab.encode.template import ChatTemplate
from loralab.encode.tokens import Tokens, is_plain

ROWS_AT_ONCE = 64  # enough to outweigh the cost of a call, few enough to stop soon
CHARACTERS_AT_ONCE = 1 << 20  # that the template writes: each trained answer has a text that asks for it

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class EncodeRules:
    """The settings on which ids and mask depend, see `encode`: template|pad, refuse|text, all|last."""

    answer_end: str = "template"
    special_tokens: str = "refuse"
    turns: str = "all"


def encode_many(
    conversations: Iterable[Conversation], template: ChatTemplate, rules: EncodeRules
) -> Iterator[Encoded | BadRow]:
    """What `encode` returns, or the BadRow that it raises, for each conversation in order.

    Raises UsageError if answers are to be closed with a pad token and the tokenizer has none.
    """
    batch = Batch(template, rules)
    for part in parts(conversations):
        yield from batch.encode(part)


def parts(conversations: Iterable[Conversation]) -> Iterator[list[Conversation]]:
    """The conversations in lists that are right for one call of `Batch.encode`."""
    part: list[Conversation] = []
    characters = 0
    for conversation in conversations:
        part.append(conversation)
        answers = sum(m.role == "assistant" for m in conversation.messages)
        characters += (1 + answers) * sum(len(m.content) for m in conversation.messages)
        if len(part) == ROWS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield part
            part, characters = [], 0
    if part:
        yield part


@dataclass(frozen=True, slots=True)
class _Asked:
    """A row before the template was asked: its messages, the trained ones, whether special tokens stand in it."""

    messages: Sequence[Message]
    answers: Sequence[int]
    found: bool


@dataclass(frozen=True, slots=True)
class _Cut:
    """A row before it is tokenised: the template's text, its pieces, and the stretches to tokenise for themselves.

    `compared` are the pairs of texts that tell whether the stretches give the ids of the whole text.
    """

    text: str
    pieces: Sequence[Piece]
    stretches: Sequence[tuple[str, bool, bool]]
    compared: Sequence[Sequence[str]]


class Batch:
    """Encodes lists of conversations. It may be used from several threads at the same time."""

    def __init__(self, template: ChatTemplate, rules: EncodeRules) -> None:
        self._template, self._rules = template, rules
        self._closing: Sequence[int] = ()
        if rules.answer_end == "pad":
            template.pad_id  # noqa: B018  # raises UsageError before the first row
            self._closing = template.ids(template.end_text)
        self._tokens = Tokens(template) if is_plain(template.tokenizer) else None
        if self._tokens and rules.special_tokens == "text" and not self._tokens.prepare_literal():
            self._tokens = None
        self._borders = self._tokens.borders if self._tokens else None
        self._own: dict[tuple[str, ...], list[str] | BadRow] = {}

    @property
    def one_by_one(self) -> bool:
        """Whether rows are encoded one after the other, as the tokenizer does not allow more."""
        return self._tokens is None

    def encode(self, conversations: Sequence[Conversation]) -> list[Encoded | BadRow]:
        """What `encode` returns or raises for each."""
        if self._tokens is None:
            return _each(self._alone, conversations)
        asked = _each(self._ask, conversations)
        cut = _each(self._cut, self._render(asked))
        return self._tokenise(cut, self._tokens)

    def _alone(self, conversation: Conversation) -> Encoded:
        rules = self._rules
        return encode(conversation, self._template, rules.answer_end, rules.special_tokens, rules.turns)

    def _ask(self, conversation: Conversation) -> _Asked:
        found = special_in(conversation, self._template, self._rules.special_tokens)
        return _Asked(conversation.messages, trained_turns(conversation, self._rules.turns), bool(found))

    def _render(self, asked: Sequence[_Asked | BadRow]) -> list[tuple[_Asked, Rendering] | BadRow]:
        rows = [row for row in asked if isinstance(row, _Asked)]
        texts = iter(self._template.render_many([row.messages for row in rows]))
        before = [row.messages[:n] for row in rows for n in row.answers if n]
        prompts = iter(self._template.render_many(before, open_answer=True))

        def rendering(row: _Asked) -> tuple[_Asked, Rendering]:
            text, asking = next(texts), {n: next(prompts) if n else "" for n in row.answers}
            whole, own = _good(text), _good(self._own_words(tuple(m.role for m in row.messages)))
            return row, Rendering(whole, own, {n: _good(prompt) for n, prompt in asking.items()})

        return _each(rendering, asked)

    def _own_words(self, roles: tuple[str, ...]) -> list[str] | BadRow:
        if roles not in self._own:
            self._own[roles] = _each(lambda r: own_words(r, self._template), [roles])[0]
        return self._own[roles]

    def _cut(self, rendered: tuple[_Asked, Rendering]) -> _Cut:
        row, rendering = rendered
        pieces = list(cut_pieces(row.messages, rendering, self._template))
        if not (row.found or self._template.segments_agree):
            return _Cut(rendering.text, pieces, (), ())
        alone = list(stretches(pieces, content_as_text=row.found))
        return _Cut(rendering.text, pieces, alone, () if row.found else self._compared(alone))

    def _compared(self, alone: Sequence[tuple[str, bool, bool]]) -> Sequence[Sequence[str]]:
        """Texts of which each list, joined, must have the ids of its parts joined."""
        texts = [(text, trained) for text, trained, _ in alone]
        return self._borders.windows(texts) if self._borders else [[text for text, _ in texts]]

    def _tokenise(self, cut: Sequence[_Cut | BadRow], tokens: Tokens) -> list[Encoded | BadRow]:
        rows = [row for row in cut if isinstance(row, _Cut)]
        alone = [text for row in rows for text, _, as_text in row.stretches if not as_text]
        compared = [texts for row in rows for texts in row.compared]
        ids = tokens.ids(chain(alone, *compared, map("".join, compared)))
        starts = tokens.ids_and_starts([row.text for row in rows if not row.stretches])

        def encoded(row: _Cut) -> Encoded:
            if not row.stretches:
                whole, at = starts[row.text]
                return finish(whole, flags_at(at, row.pieces), True, self._template, self._closing)
            both = join(
                (tokens.literal_ids(text) if as_text else ids[text], flag)
                for text, flag, as_text in row.stretches
            )
            agrees = all(ids["".join(texts)] == [i for t in texts for i in ids[t]] for texts in row.compared)
            return finish(*both, agrees, self._template, self._closing)

        return _each(encoded, cut)


def _each(function: Callable[[A], B], items: Sequence[A | BadRow]) -> list[B | BadRow]:
    """The function's result for each item; a BadRow among the items, or that it raises, takes the place."""
    results: list[B | BadRow] = []
    for item in items:
        try:
            results.append(item if isinstance(item, BadRow) else function(item))
        except BadRow as bad:
            results.append(BadRow(bad.reason, bad.detail))  # without the traceback, which holds all rows
    return results


def _good(value: A | BadRow) -> A:
    if isinstance(value, BadRow):
        raise BadRow(value.reason, value.detail)
    return value
