"""A conversation in, token ids and the loss mask out: the one place where a loss mask is made.

The text is the tokenizer's own chat template, word for word. It is cut at the borders of the answers and
each part is tokenised for itself, as in generation, where the prompt is a text of its own; so the mask
covers exactly the answers and their end tokens. `encode_many` in batch.py gives the same for many rows, faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from loralab.data.conversation import Conversation
from loralab.data.reasons import BadRow
from loralab.encode.pieces import (
    Piece,
    content_spans,
    cut_pieces,
    own_words,
    render_row,
    split,
    trained_turns,
)
from loralab.encode.template import ChatTemplate
from loralab.words import say

Tokens = tuple[list[int], list[bool]]


@dataclass(frozen=True, slots=True)
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
    conversation: Conversation,
    template: ChatTemplate,
    answer_end: str,
    special_tokens: str,
    turns: str = "all",
) -> Encoded:
    """Ids and mask of a conversation, uncut.

    `answer_end` is "template" or "pad" (the last trained answer is closed by the pad token, as the tutorial
    does); `special_tokens` is "refuse" (BadRow special_token_in_text) or "text" (encoded as ordinary
    characters); `turns` is "all" or "last" of the answers that are marked as trained. An answer that is not
    trained on is context, its end token too. Raises BadRow for a row that cannot be used.
    """
    found = special_in(conversation, template, special_tokens)
    answers = trained_turns(conversation, turns)
    rendering = render_row(conversation.messages, answers, template)
    pieces = list(cut_pieces(conversation.messages, rendering, template))
    assert "".join(p.text for p in pieces) == rendering.text
    if found or template.segments_agree:
        parts = stretches(pieces, content_as_text=bool(found))
        ids, trained = join((template.ids(text, as_text), flag) for text, flag, as_text in parts)
    else:
        encoded = template.tokenizer(rendering.text, add_special_tokens=False, return_offsets_mapping=True)
        ids = list(encoded["input_ids"])
        trained = flags_at([start for start, _ in encoded["offset_mapping"]], pieces)
    agrees = bool(found) or ids == template.ids(rendering.text)
    return finish(
        ids, trained, agrees, template, template.ids(template.end_text) if answer_end == "pad" else ()
    )


def encode_prompt(conversation: Conversation, template: ChatTemplate, special_tokens: str) -> list[int]:
    """Ids of everything before the final answer, with the template's opening of it: what a model is asked."""
    messages = conversation.prompt
    text = template.render(messages, open_answer=True)
    if special_tokens != "text" or not special_in(conversation, template, special_tokens):
        return template.ids(text)
    own = own_words([m.role for m in messages], template, open_answer=True)
    spans = content_spans(messages, own, text, template, open_answer=True)
    pieces = split(text, 0, len(text), spans, trained=False)
    return [i for p in pieces for i in template.ids(p.text, as_text=p.content)]


def special_in(conversation: Conversation, template: ChatTemplate, special_tokens: str) -> str:
    """The first special token that stands in a conversation, else ""; raises BadRow if it is to be refused."""
    found = (template.special_in(message.content) for message in conversation.messages)
    token = next(filter(None, found), "")
    if token and special_tokens == "refuse":
        raise BadRow("special_token_in_text", say("the text holds the special token {token}", token=token))
    return token


def stretches(pieces: Iterable[Piece], content_as_text: bool) -> Iterator[tuple[str, bool, bool]]:
    """(text, trained, as text) with neighbours of one kind joined.

    Contents stand apart where special tokens in them must not be read as such.
    """
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


def join(parts: Iterable[tuple[Sequence[int], bool]]) -> Tokens:
    """Ids and flags of (ids, trained) one after the other."""
    ids: list[int] = []
    trained: list[bool] = []
    for part, flag in parts:
        ids += part
        trained += [flag] * len(part)
    return ids, trained


def flags_at(starts: Sequence[int], pieces: Iterable[Piece]) -> list[bool]:
    """Whether each token is trained: that is where it starts (for tokenizers that mark the starts of words)."""
    flags: list[bool] = []
    for piece in pieces:
        flags += [piece.trained] * len(piece.text)
    return [flags[min(start, len(flags) - 1)] for start in starts]


def finish(
    ids: list[int], trained: list[bool], agrees: bool, template: ChatTemplate, closing: Sequence[int]
) -> Encoded:
    """Leave out what follows the last trained token; `closing` there, if not empty, is replaced by the pad token."""
    length = len(trained) - trained[::-1].index(True)
    if not closing:
        return Encoded(tuple(ids[:length]), tuple(trained[:length]), agrees)
    assert ids[length - 1] == template.end_id
    keep = length - len(closing)
    if ids[keep:length] != list(closing):
        keep = length - 1  # the answer has joined with what the template writes before its end token
    return Encoded((*ids[:keep], template.pad_id), (*trained[:keep], True), agrees)
