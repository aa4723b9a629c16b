"""A conversation in, token ids and the loss mask out: the one place where a loss mask is made.

The text is the tokenizer's own chat template, word for word. It is cut at the borders of the answers and
each part is tokenised for itself, as in generation, where the prompt is a text of its own; so the mask
covers exactly the answers and their end tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loralab.data.conversation import Conversation
from loralab.data.reasons import BadRow
from loralab.encode.template import ChatTemplate
from loralab.words import say


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
        pieces = _split_contents(text, [m.content for m in conversation.prompt], trained=False)
        return [i for p in pieces for i in template.ids(p.text, as_text=p.content)]
    return template.ids(text)


def _special_in(conversation: Conversation, template: ChatTemplate) -> str:
    for message in conversation.messages:
        for token in template.special:
            if token in message.content:
                return token
    return ""


def _pieces(conversation: Conversation, template: ChatTemplate) -> Iterator[Piece]:
    """The template's text in order, cut at the borders of each answer and its end token."""
    messages = conversation.messages
    full = template.render(messages)
    at = 0
    waiting: list[str] = []
    for number, message in enumerate(messages):
        if message.role != "assistant":
            waiting.append(message.content)
            continue
        prompt = template.render(messages[:number], open_answer=True)
        start = len(prompt) if full.startswith(prompt) else _find(full, message.content, at)
        stop = _find(full, message.content, start) + len(message.content)
        yield from _split_contents(full[at:start], waiting, trained=False)
        yield from _split_contents(full[start:stop], [message.content], trained=True)
        if not full.startswith(template.end_text, stop):
            raise BadRow(
                "special_token_in_text",
                say("the chat template does not close this answer with its end token"),
            )
        at = stop + len(template.end_text)
        yield Piece(template.end_text, True)
        waiting = []
    if full[at:]:
        yield Piece(full[at:], False)


def _find(text: str, content: str, start: int) -> int:
    at = text.find(content, start)
    if at < 0:
        raise BadRow("wrong_type", say("the chat template changes the text of the row"))
    return at


def _split_contents(text: str, contents: Sequence[str], trained: bool) -> Iterator[Piece]:
    """A stretch of text with the row's own contents marked."""
    at = 0
    for content in contents:
        start = _find(text, content, at)
        if start > at:
            yield Piece(text[at:start], trained)
        yield Piece(content, trained, content=True)
        at = start + len(content)
    if at < len(text):
        yield Piece(text[at:], trained)


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
