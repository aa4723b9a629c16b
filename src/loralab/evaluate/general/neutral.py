"""Passages that have nothing to do with the run's data in, rows whose loss tells what tuning cost elsewhere out.

They are short texts of everyday things, six in Chinese and six in English, without chat template. A model that
unlearns what it knew finds them less likely. Their loss is that of the model's own tokens: two models of different
tokenizers cannot be compared by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from loralab.encode.encode import Encoded
from loralab.encode.template import ChatTemplate
from loralab.engine.base import TokenRow
from loralab.evaluate.general.task import GENERAL
from loralab.run.files import read_json_lines

PASSAGES = Path(__file__).with_name("neutral.jsonl")
METRIC: Final = "neutral_loss"
VERSION = "neutral_loss/1"


@cache
def passages() -> tuple[tuple[str, str], ...]:
    """(id, text) of each passage."""
    return tuple((line["id"], line["text"]) for line in read_json_lines(PASSAGES))


def neutral_rows(template: ChatTemplate) -> tuple[TokenRow, ...]:
    """The passages as plain text, opened as the tokenizer opens a text; every token but the first counts."""
    opening = _opening(template.tokenizer)
    rows = []
    for name, text in passages():
        ids = (*opening, *template.ids(text))
        rows.append(TokenRow(name, Encoded(ids, (False, *(True for _ in ids[1:])))))
    return tuple(rows)


def _opening(tokenizer: Any) -> tuple[int, ...]:
    """The token that the tokenizer writes before every text, where it has one."""
    first = list(tokenizer("")["input_ids"])[:1]
    return tuple(first) if first == [tokenizer.bos_token_id] else ()


def num_unfit(
    rows: Sequence[TokenRow], context_tokens: int | None, vocabulary_rows: int, unknown_id: int | None
) -> int:
    """How many rows a model cannot read whole: longer than its context, or with tokens that it does not know."""
    return sum(
        not row.encoded.label_tokens
        or (context_tokens is not None and len(row.encoded.ids) > context_tokens)
        or max(row.encoded.ids) >= vocabulary_rows
        or unknown_id in row.encoded.ids
        for row in rows
    )


def neutral_score_rows(rows: Sequence[TokenRow], sums: Sequence[float]) -> list[dict[str, Any]]:
    """One row for each passage: its mean token loss, weighted by its tokens."""
    return [
        {
            "task": GENERAL.name, "metric": METRIC, "id": row.id,
            "value": total / row.encoded.label_tokens, "weight": row.encoded.label_tokens,
        }
        for row, total in zip(rows, sums, strict=True)
    ]  # fmt: skip
