"""Rows in, encoded rows out; rows that do not fit the token limit are cut or dropped, and counted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from loralab.config.schema import DataConfig
from loralab.data.conversation import Dropped
from loralab.data.report import TokenCounts, line_of
from loralab.data.rows import PROBES, Rows
from loralab.data.split import dropped_row
from loralab.encode.batch import EncodeRules
from loralab.encode.encode import Encoded
from loralab.encode.store import TokenStore, encode_all
from loralab.encode.template import ChatTemplate
from loralab.errors import Problem, UsageError
from loralab.words import say


@dataclass(frozen=True)
class EncodedRows:
    """The rows that are kept, their tokens by row index, and the rows dropped on the way.

    Without a tokenizer `store` is None and every row is kept.
    """

    kept: Rows
    store: TokenStore | None = None
    limit: int = 0
    dropped: tuple[Dropped, ...] = ()

    def of(self, index: int) -> Encoded:
        """The tokens of the row with this index, cut at the limit."""
        assert self.store is not None
        encoded = self.store[index]
        return encoded.cut(self.limit) if len(encoded.ids) > self.limit else encoded

    def labels(self) -> npt.NDArray[np.int64] | None:
        """The tokens trained on (n,) by row index; None without a tokenizer."""
        return None if self.store is None else self.store.labels_within(self.limit)

    def largest_id(self) -> int:
        """The largest token id in any row; 0 without rows."""
        return self.store.largest_id if self.store else 0

    def disagreeing(self) -> Rows:
        """Rows with a token that would span question and answer if the text were tokenised at once."""
        return self.kept[:0] if self.store is None else self.kept.where(~self.store.agrees[self.kept.index])

    def cut(self, rows: Rows) -> Rows:
        """Those of `rows` that are cut."""
        return rows[:0] if self.store is None else rows.where(self.store.lengths[rows.index] > self.limit)

    def token_counts(self, rows: Rows) -> TokenCounts | None:
        """Lengths over `rows`, which are some of the kept ones."""
        if self.store is None:
            return None
        at = rows.index
        cut = self.store.lengths[at] > self.limit
        within = self.store.labels_within(self.limit)[at]
        lost = self.store.labels[at] - within
        ends = self.store.ends[at] - self.store.ends_within(self.limit)[at]
        lengths = np.minimum(self.store.lengths[at], self.limit)
        return TokenCounts(lengths, within, int(cut.sum()), int(lost[cut].sum()), int(ends[cut].sum()))

    def cut_lines(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """One line of data/cut.jsonl for each row that is cut."""
        assert self.store is not None
        for row in self.cut(rows):
            lost = int(self.store.labels[row.index] - self.of(row.index).label_tokens)
            length = int(self.store.lengths[row.index])
            yield {
                "file": row.file, "line": line_of(row.place), "id": row.id,
                "tokens": length, "kept_tokens": self.limit, "lost_label_tokens": lost,
            }  # fmt: skip


def encode_rows(rows: Rows, template: ChatTemplate, config: DataConfig) -> EncodedRows:
    """Encode every row; under on_long a row over max_tokens is cut at its answer's end or dropped.

    `rows` are all rows of their table in order. Raises UsageError if the template has no place for
    data.system, or special tokens are refused and it holds one.
    """
    if config.system:
        template.check_system()
        _refuse_special(config.system, template, config.special_tokens)
    rules = EncodeRules(config.answer_end, config.special_tokens, config.train_turns)
    system = (config.system or "").encode("utf-8")
    key = hashlib.sha256(rows.content_key() + system).digest()
    store = encode_all(rows.conversations(config.system), key, template, rules)
    faults = dict(_faults(rows, store, config))
    kept = rows.where(~np.isin(rows.index, list(faults)))
    return EncodedRows(kept, store, config.max_tokens, tuple(faults[i] for i in sorted(faults)))


def _refuse_special(system: str, template: ChatTemplate, special_tokens: str) -> None:
    """Blame data.system once, and not every row that it is put in front of."""
    token = template.special_in(system)
    if token and special_tokens == "refuse":
        advice = say("remove it from data.system, or set data.special_tokens: text")
        raise UsageError(
            Problem(say("the text holds the special token {token}", token=token), "data.system", next=advice)
        )


def _faults(rows: Rows, store: TokenStore, config: DataConfig) -> Iterator[tuple[int, Dropped]]:
    """(index, why) of each row that cannot be used at this limit."""
    part = rows.column("part")
    for index, bad in store.faults.items():
        if part[index] != PROBES or bad.reason != "no_answer_turn":  # a probe may lack its answer
            yield index, dropped_row(rows, index, bad.reason, bad.detail)
    limit = config.max_tokens
    long = np.flatnonzero((store.lengths > limit) & (part != PROBES))  # a probe is asked, not trained on
    if config.on_long != "cut":
        for index in map(int, long):
            length = int(store.lengths[index])
            detail = say("{length} tokens, data.max_tokens is {limit}", length=length, limit=limit)
            yield index, dropped_row(rows, index, "too_long", detail)
        return
    for index in map(int, long[store.labels_within(limit)[long] == 0]):
        detail = say(
            "the question alone has {length} tokens, data.max_tokens is {limit}: nothing is left to train on",
            length=store[index].trained.index(True), limit=limit,
        )  # fmt: skip
        yield index, dropped_row(rows, index, "no_label_token", detail)
