"""Token ids with their loss mask in, stretches of text out that say what is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, get_args

from loralab.encode.encode import Encoded
from loralab.encode.template import ChatTemplate
from loralab.words import Words, say

Kind = Literal["trained", "seen", "end"]
KINDS = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text of one kind.

    "trained" is what the loss looks at, "end" the trained token that closes an answer, "seen" all else.
    """

    text: str
    kind: Kind


LEGEND: tuple[tuple[Words, Kind], ...] = (
    (say("trained on"), "trained"),
    (say("end of an answer, trained on"), "end"),
    (say("only read"), "seen"),
)


@dataclass(frozen=True, slots=True)
class Preview:
    """A row as it is trained on: its place, its tokens, those trained on, and those left out by the cut."""

    place: str
    tokens: int
    trained: int
    parts: tuple[Part, ...]
    cut_tokens: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The row for a JSON record."""
        parts = [{"kind": part.kind, "text": part.text} for part in self.parts]
        return {
            "place": self.place, "tokens": self.tokens, "trained": self.trained, "cut_tokens": self.cut_tokens, "parts": parts,
        }  # fmt: skip


def recorded_previews(document: Mapping[str, Any]) -> tuple[Preview, ...]:
    """The previews of a record; what is not as `to_dict` writes it is none."""
    try:
        return tuple(
            Preview(str(row["place"]), int(row["tokens"]), int(row["trained"]),
                    tuple(Part(str(part["text"]), part["kind"]) for part in row["parts"] if part["kind"] in KINDS),
                    int(row["cut_tokens"]))
            for row in document["rows"]
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return ()


def preview(place: str, encoded: Encoded, length: int, template: ChatTemplate) -> Preview:
    """The preview of a row whose uncut length is `length` tokens."""
    tokens = len(encoded.ids)
    return Preview(place, tokens, encoded.label_tokens, parts(encoded, template), length - tokens)


def parts(encoded: Encoded, template: ChatTemplate) -> tuple[Part, ...]:
    """The text of a row in order, cut where the kind of its tokens changes.

    Neighbouring tokens of one kind are decoded together, so that a character whose bytes lie in several
    tokens is whole; the texts joined are the text of all tokens. Where a row is cut inside a character, the
    last text ends with U+FFFD.
    """
    kinds = _kinds(encoded, template)
    found, start = [], 0
    for kind, group in groupby(kinds):
        stop = start + sum(1 for _ in group)
        found.append(Part(_text(encoded.ids, start, stop, template.tokenizer), kind))
        start = stop
    return tuple(found)


def _kinds(encoded: Encoded, template: ChatTemplate) -> Iterator[Kind]:
    """The kind of each token. The pad token closes an answer only where nothing trained follows it."""
    pad = template.tokenizer.pad_token_id
    following = (*encoded.trained, False)[1:]
    for token, trained, next_trained in zip(encoded.ids, encoded.trained, following, strict=True):
        closes = token == template.end_id or (token == pad and not next_trained)
        yield "seen" if not trained else "end" if closes else "trained"


def _text(ids: Sequence[int], start: int, stop: int, tokenizer: Any) -> str:
    """The text of ids[start:stop] within the whole: some tokenizers drop a space at the start of a text."""
    alone = _decode(ids[start:stop], tokenizer)
    before = _decode(ids[max(0, start - 1) : start], tokenizer)
    together = _decode(ids[max(0, start - 1) : stop], tokenizer)
    return together.removeprefix(before) if together.startswith(before) else alone


def _decode(ids: Sequence[int], tokenizer: Any) -> str:
    text = tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return str(text)
