"""A conversation and what its chat template makes of it in, the text cut into pieces out: trained on or not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from loralab.data.conversation import Conversation, Message
from loralab.data.reasons import BadRow
from loralab.encode.template import ChatTemplate
from loralab.words import say

MARK = re.compile("\ue000[0-9]+\ue001")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the template's text: trained on or not; `content` marks text that came from the row."""

    text: str
    trained: bool
    content: bool = False


@dataclass(frozen=True, slots=True)
class Rendering:
    """What the template wrote: the whole text, its own words in it, and the text that asks for each trained answer.

    `prompts` are keyed by the number of the answer's message; empty where nothing stands before the answer.
    """

    text: str
    own: Sequence[str]
    prompts: Mapping[int, str]


def trained_turns(conversation: Conversation, turns: str) -> list[int]:
    """Numbers of the messages that are trained on: with `turns` "all" or "last" of those that are marked so.

    Raises BadRow (no_answer_turn) if there is none.
    """
    found = [n for n, m in enumerate(conversation.messages) if m.role == "assistant" and m.trained]
    if not found:
        raise BadRow("no_answer_turn", say("the conversation has no answer that is trained on"))
    return found if turns == "all" else found[-1:]


def own_words(roles: Sequence[str], template: ChatTemplate, open_answer: bool = False) -> list[str]:
    """What the template itself writes around the contents of turns with these roles: one part more than turns.

    It is rendered with marks for contents, so that a content such as "user" is not taken for a word of the
    template. The whole text is the only part where it does not write each content once and in order.
    """
    marked = [
        Message(role, _mark(number))  # type: ignore[arg-type]  # roles of messages
        for number, role in enumerate(roles)
    ]
    text = template.render(marked, open_answer)
    in_order = MARK.findall(text) == [m.content for m in marked]
    return MARK.split(text) if in_order else [text]


def render_row(messages: Sequence[Message], answers: Sequence[int], template: ChatTemplate) -> Rendering:
    """Ask the template for all that the pieces of a conversation need; `answers` are the trained turns.

    Raises BadRow (role_order) for turns that the template refuses.
    """
    text = template.render(messages)
    own = own_words([m.role for m in messages], template)
    prompts = {n: template.render(messages[:n], open_answer=True) if n else "" for n in answers}
    return Rendering(text, own, prompts)


def cut_pieces(messages: Sequence[Message], rendering: Rendering, template: ChatTemplate) -> Iterator[Piece]:
    """The template's text in order, cut at the borders of each trained answer and its end token.

    What the template writes before an answer is part of it only if a model has to write it. Raises BadRow if
    the template changes a content, or does not close a trained answer.
    """
    text = rendering.text
    spans = content_spans(messages, rendering.own, text, template)
    at = 0
    waiting: list[Span] = []
    for number, span in enumerate(spans):
        prompt = rendering.prompts.get(number)
        if prompt is None:
            waiting.append(span)
            continue
        opened = bool(prompt) and text.startswith(prompt) and at <= len(prompt) <= span[0]
        start = len(prompt) if opened else span[0]
        yield from split(text, at, start, waiting, trained=False)
        yield from split(text, start, span[1], [span], trained=True)
        if not text.startswith(template.end_text, span[1]):
            raise BadRow(
                "special_token_in_text",
                say("the chat template does not close this answer with its end token"),
            )
        at = span[1] + len(template.end_text)
        yield Piece(template.end_text, True)
        waiting = []
    yield from split(text, at, len(text), waiting, trained=False)


def content_spans(
    messages: Sequence[Message],
    own: Sequence[str],
    text: str,
    template: ChatTemplate,
    open_answer: bool = False,
) -> list[Span]:
    """Where the content of each message stands in the template's text; raises BadRow where that is not certain.

    `own` are the template's words for these roles. Where they do not fit, because the contents change what
    the template writes, it is asked with a mark for one content after the other.
    """
    spans = _between(own, [m.content for m in messages], text)
    if spans is None:
        spans = [
            _span_alone(messages, number, text, template, open_answer) for number in range(len(messages))
        ]
        if any(stop > start for (_, stop), (start, _) in pairwise(spans)):
            raise _unclear()
    return spans


def _between(own: Sequence[str], contents: Sequence[str], text: str) -> list[Span] | None:
    """The places of contents in a text of `own` words and contents in turn; None if it is none."""
    if len(own) != len(contents) + 1 or not text.startswith(own[0]):
        return None
    spans, at = [], len(own[0])
    for content, after in zip(contents, own[1:], strict=True):
        spellings = (content, content.strip())  # some templates trim
        spelling = next((s for s in spellings if text.startswith(s + after, at)), None)
        if spelling is None:
            return None
        spans.append((at, at + len(spelling)))
        at += len(spelling) + len(after)
    return spans if at == len(text) else None


def _span_alone(
    messages: Sequence[Message], number: int, text: str, template: ChatTemplate, open_answer: bool
) -> Span:
    """The place of one content: where the mark stands that is put for it, or the only place where it stands."""
    content = messages[number].content
    marked = [replace(m, content=_mark(n)) if n == number else m for n, m in enumerate(messages)]
    own = MARK.split(template.render(marked, open_answer))
    spelling = content if content in text else content.strip()
    if len(own) != 2 or not spelling or spelling not in text:
        raise BadRow("wrong_type", say("the chat template changes the text of the row"))
    if spans := _between(own, [content], text):
        return spans[0]
    start = text.find(spelling)
    if start != text.rfind(spelling):
        raise _unclear()
    return start, start + len(spelling)


def _mark(number: int) -> str:
    return f"\ue000{number}\ue001"


def _unclear() -> BadRow:
    return BadRow(
        "wrong_type", say("the chat template reacts to the text of the row, whose place is unclear")
    )


def split(text: str, start: int, stop: int, contents: Sequence[Span], trained: bool) -> Iterator[Piece]:
    """The stretch of `text` from `start` to `stop` with the row's own contents marked."""
    at = start
    for first, last in contents:
        if first > at:
            yield Piece(text[at:first], trained)
        yield Piece(text[first:last], trained, content=True)
        at = last
    if at < stop:
        yield Piece(text[at:stop], trained)
