"""A conversation in, token ids and the loss mask out: the one place where a loss mask is made.

The text is the tokenizer's own chat template, word for word. It is cut at the borders of the answers and
each part is tokenised for itself, as in generation, where the prompt is a text of its own; so the mask
covers exactly the answers and their end tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loralab.data.conversation import Conversation, Message
from loralab.data.reasons import BadRow
from loralab.encode.template import ChatTemplate
from loralab.words import say

MARK = re.compile("\ue000[0-9]+\ue001")


@dataclass(frozen=True)
class Piece:
    """A stretch of the template's text: trained on or not; `content` marks text that came from the row."""

    text: str
    trained: bool
    content: bool = False


@dataclass(frozen=True)
class Encoded:
    """Token ids (T,) and for each whether it is trained on (T,).

    What the template writes after the last trained token (a line break, say) predicts nothing and is left
    out. `agrees` tells whether the ids equal those of the whole text tokenised at once.
    """

    ids: tuple[int, ...]
    trained: tuple[bool, ...]
    agrees: bool = True

    @property
    def label_tokens(self) -> int:
        """How many tokens are trained on."""
        return sum(self.trained)

    def cut(self, max_tokens: int) -> Encoded:
        """The first `max_tokens` tokens."""
        return Encoded(self.ids[:max_tokens], self.trained[:max_tokens], self.agrees)


def encode(
    conversation: Conversation, template: ChatTemplate, answer_end: str, special_tokens: str
) -> Encoded:
    """Ids and mask of a conversation, uncut.

    `answer_end` is "template" or "pad" (the final answer is closed by the pad token, as the tutorial does);
    `special_tokens` is "refuse" (BadRow special_token_in_text) or "text" (encoded as ordinary characters).
    """
    found = _special_in(conversation, template)
    if found and special_tokens == "refuse":
        raise BadRow("special_token_in_text", say("the text holds the special token {token}", token=found))
    pieces = list(_pieces(conversation, template))
    assert "".join(p.text for p in pieces) == template.render(conversation.messages)
    whole = template.ids("".join(p.text for p in pieces))
    if found or template.segments_agree:
        ids, trained = _by_pieces(pieces, template, content_as_text=bool(found))
    else:
        ids, trained = _by_offsets(pieces, template)
    agrees = bool(found) or ids == whole
    if answer_end == "pad":
        ids, trained = _close_with_pad(ids, trained, template)
    last = max((i for i, t in enumerate(trained) if t), default=-1)
    return Encoded(tuple(ids[: last + 1]), tuple(trained[: last + 1]), agrees)


def encode_prompt(conversation: Conversation, template: ChatTemplate, special_tokens: str) -> list[int]:
    """Ids of everything before the final answer, with the template's opening of it: what a model is asked."""
    text = template.render(conversation.prompt, open_answer=True)
    if _special_in(conversation, template) and special_tokens == "text":
        spans = _content_spans(conversation.prompt, template, text, open_answer=True)
        pieces = _split(text, 0, len(text), spans, trained=False)
        return [i for p in pieces for i in template.ids(p.text, as_text=p.content)]
    return template.ids(text)


def _special_in(conversation: Conversation, template: ChatTemplate) -> str:
    found = (template.special_in(message.content) for message in conversation.messages)
    return next(filter(None, found), "")


def _pieces(conversation: Conversation, template: ChatTemplate) -> Iterator[Piece]:
    """The template's text in order, cut at the borders of each answer and its end token."""
    messages = conversation.messages
    full = template.render(messages)
    spans = _content_spans(messages, template, full)
    at = 0
    waiting: list[tuple[int, int]] = []
    for number, (message, span) in enumerate(zip(messages, spans, strict=True)):
        if message.role != "assistant":
            waiting.append(span)
            continue
        prompt = template.render(messages[:number], open_answer=True)
        opened = full.startswith(prompt) and at <= len(prompt) <= span[0]
        start = len(prompt) if opened else span[0]
        yield from _split(full, at, start, waiting, trained=False)
        yield from _split(full, start, span[1], [span], trained=True)
        if not full.startswith(template.end_text, span[1]):
            raise BadRow(
                "special_token_in_text",
                say("the chat template does not close this answer with its end token"),
            )
        at = span[1] + len(template.end_text)
        yield Piece(template.end_text, True)
        waiting = []
    if full[at:]:
        yield Piece(full[at:], False)


def _content_spans(
    messages: Sequence[Message], template: ChatTemplate, text: str, open_answer: bool = False
) -> list[tuple[int, int]]:
    """Where the content of each message stands in the template's text; raises BadRow if it does not.

    The template is rendered once more with marks for contents, so that its own words are known and a
    content such as "user" is not found in them. Where the contents change what the template writes
    (templates that leave out earlier reasoning), they are searched for in order.
    """
    marked = [Message(m.role, f"\ue000{number}\ue001") for number, m in enumerate(messages)]
    own = MARK.split(template.render(marked, open_answer))
    exact = len(own) == len(messages) + 1
    spans, at = [], 0
    for number, message in enumerate(messages):
        before, after = (own[number], own[number + 1]) if exact else ("", "")
        spellings = (message.content, message.content.strip())  # some templates trim
        spelling = next((s for s in spellings if text.startswith(before + s + after, at)), None)
        exact = exact and spelling is not None
        if spelling is None or not exact:
            spelling = spellings[0] if text.find(spellings[0], at) >= 0 else spellings[1]
            start = text.find(spelling, at)
        else:
            start = at + len(before)
        if start < 0:
            raise BadRow("wrong_type", say("the chat template changes the text of the row"))
        at = start + len(spelling)
        spans.append((start, at))
    return spans


def _split(
    text: str, start: int, stop: int, contents: Sequence[tuple[int, int]], trained: bool
) -> Iterator[Piece]:
    """The stretch of `text` from `start` to `stop` with the row's own contents marked."""
    at = start
    for first, last in contents:
        if first > at:
            yield Piece(text[at:first], trained)
        yield Piece(text[first:last], trained, content=True)
        at = last
    if at < stop:
        yield Piece(text[at:stop], trained)


def _by_pieces(
    pieces: Sequence[Piece], template: ChatTemplate, content_as_text: bool
) -> tuple[list[int], list[bool]]:
    """Tokenise each stretch of one kind for itself; contents apart where they must not be read as tokens."""
    ids: list[int] = []
    trained: list[bool] = []
    for text, is_trained, as_text in _stretches(pieces, content_as_text):
        part = template.ids(text, as_text=as_text)
        ids += part
        trained += [is_trained] * len(part)
    return ids, trained


def _stretches(pieces: Sequence[Piece], content_as_text: bool) -> Iterator[tuple[str, bool, bool]]:
    """(text, trained, as text) with neighbours of one kind joined."""
    kind: tuple[bool, bool] | None = None
    text = ""
    for piece in pieces:
        here = (piece.trained, piece.content and content_as_text)
        if here != kind and kind is not None:
            yield text, *kind
            text = ""
        kind, text = here, text + piece.text
    if kind is not None:
        yield text, *kind


def _by_offsets(pieces: Sequence[Piece], template: ChatTemplate) -> tuple[list[int], list[bool]]:
    """Tokenise the whole text; a token is trained if it starts in a trained stretch (tokenizers that mark word starts)."""
    text = "".join(p.text for p in pieces)
    encoded = template.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    flags: list[bool] = []
    for piece in pieces:
        flags += [piece.trained] * len(piece.text)
    trained = [flags[min(start, len(flags) - 1)] for start, _ in encoded["offset_mapping"]]
    return list(encoded["input_ids"]), trained


def _close_with_pad(
    ids: list[int], trained: list[bool], template: ChatTemplate
) -> tuple[list[int], list[bool]]:
    last = max(i for i, t in enumerate(trained) if t)
    assert ids[last] == template.end_id
    end_length = len(template.ids(template.end_text))
    keep = last + 1 - end_length
    return [*ids[:keep], template.pad_id], [*trained[:keep], True]
