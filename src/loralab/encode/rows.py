"""Rows in, encoded rows out; rows that do not fit the token limit are cut or dropped, and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from loralab.config.schema import DataConfig
from loralab.data.conversation import Dropped, Row
from loralab.data.reasons import BadRow
from loralab.data.report import TokenCounts
from loralab.encode.encode import Encoded, encode
from loralab.encode.template import ChatTemplate
from loralab.errors import Problem, UsageError
from loralab.words import say


@dataclass
class EncodedRows:
    """Encoded rows by row id, those dropped on the way, and the counts for the report."""

    kept: list[Row] = field(default_factory=list)
    encoded: dict[str, Encoded] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    disagree: list[str] = field(default_factory=list)

    def token_counts(self, rows: Sequence[Row]) -> TokenCounts:
        """Lengths over `rows`, which are some of the kept ones."""
        ids = {row.id for row in rows}
        cut = sum(1 for row_id in self.cut if row_id in ids)
        encoded = [self.encoded[row.id] for row in rows]
        return TokenCounts([len(e.ids) for e in encoded], sum(e.label_tokens for e in encoded), cut, cut)


def encode_rows(rows: Sequence[Row], template: ChatTemplate, config: DataConfig) -> EncodedRows:
    """Encode every row; under on_long a row over max_tokens is cut at its answer's end or dropped.

    Raises UsageError if the template has no place for data.system, or special tokens are refused and it holds one.
    """
    if config.system:
        template.check_system()
        _refuse_special(config.system, template, config.special_tokens)
    result = EncodedRows()
    for row in rows:
        try:
            conversation = row.conversation.with_system(config.system)
            encoded = encode(conversation, template, config.answer_end, config.special_tokens)
            short = _fit(encoded, config)
        except BadRow as bad:
            result.dropped.append(Dropped(row.file, row.place, bad.reason, bad.detail, row.plain()))
            continue
        if short is not encoded:
            result.cut.append(row.id)
        if not encoded.agrees:
            result.disagree.append(row.place)
        result.kept.append(row)
        result.encoded[row.id] = short
    return result


def _refuse_special(system: str, template: ChatTemplate, special_tokens: str) -> None:
    """Blame data.system once, and not every row that it is put in front of."""
    token = template.special_in(system)
    if token and special_tokens == "refuse":
        advice = say("remove it from data.system, or set data.special_tokens: text")
        raise UsageError(
            Problem(say("the text holds the special token {token}", token=token), "data.system", next=advice)
        )


def _fit(encoded: Encoded, config: DataConfig) -> Encoded:
    length = len(encoded.ids)
    if length <= config.max_tokens:
        return encoded
    if config.on_long != "cut":
        detail = say("{length} tokens, data.max_tokens is {limit}", length=length, limit=config.max_tokens)
        raise BadRow("too_long", detail)
    short = encoded.cut(config.max_tokens)
    if not short.label_tokens:
        question = encoded.trained.index(True)
        detail = say(
            "the question alone has {length} tokens, data.max_tokens is {limit}: nothing is left to train on",
            length=question, limit=config.max_tokens,
        )  # fmt: skip
        raise BadRow("no_label_token", detail)
    return short
