"""Neutral passages: plain text in the model's own tokens, all of them or none."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loralab.encode.template import ChatTemplate, read_template
from loralab.evaluate.general.neutral import PASSAGES, neutral_rows, neutral_score_rows, num_unfit
from loralab.evaluate.general.rules import language_of
from loralab.evaluate.heldout import summarise
from loralab.evaluate.verdict import verdict
from loralab.model.tokenizer import load_tokenizer
from loralab.train import start as starting


@pytest.fixture(scope="module")
def template(tiny_model: Path) -> ChatTemplate:
    return read_template(load_tokenizer(tiny_model))


def test_half_are_chinese_and_half_english_and_none_is_twice() -> None:
    lines = [json.loads(line) for line in PASSAGES.read_text("utf-8").splitlines()]
    assert [line["language"] for line in lines].count("zh") == len(lines) / 2 == 6
    assert all(language_of(line["text"]) == line["language"] for line in lines)
    assert len({line["text"] for line in lines}) == len({line["id"] for line in lines}) == len(lines)


def test_every_token_but_the_first_counts(template: ChatTemplate) -> None:
    for row in neutral_rows(template):
        assert row.encoded.label_tokens == len(row.encoded.ids) - 1
        text = template.tokenizer.decode(list(row.encoded.ids))
        assert text in PASSAGES.read_text("utf-8") and "<|im_start|>" not in text


def test_a_text_is_opened_as_the_tokenizer_opens_it(template: ChatTemplate) -> None:
    class Opening:
        bos_token_id = 7

        def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
            return {"input_ids": [7] * add_special_tokens + list(text.encode())}

    other = ChatTemplate(Opening(), template.end_text, template.end_id, (), True)
    for row, bare in zip(neutral_rows(other), neutral_rows(template), strict=True):
        assert row.encoded.ids[0] == 7 and row.encoded.label_tokens == len(bare.encoded.ids)


def test_passages_that_a_model_cannot_read_whole_are_counted(template: ChatTemplate) -> None:
    rows = neutral_rows(template)
    lengths = sorted(len(row.encoded.ids) for row in rows)
    assert lengths[-1] <= 512, "in bytes too they are short"
    known = max(max(row.encoded.ids) for row in rows) + 1
    assert num_unfit(rows, None, known, None) == num_unfit(rows, lengths[-1], known, None) == 0
    assert num_unfit(rows, lengths[-3], known, None) == 2
    assert 0 < num_unfit(rows, None, known - 1, None) <= len(rows)
    assert num_unfit(rows, None, known, rows[0].encoded.ids[0]) >= 1


def test_the_score_is_over_tokens_with_its_perplexity(template: ChatTemplate) -> None:
    rows = neutral_rows(template)
    sums = [2.0 * row.encoded.label_tokens + (1 if i == 0 else 0) for i, row in enumerate(rows)]
    scores = summarise(neutral_score_rows(rows, sums))["general"]
    tokens = sum(row.encoded.label_tokens for row in rows)
    assert scores["neutral_loss"]["value"] == pytest.approx(2 + 1 / tokens)
    assert scores["neutral_perplexity"]["value"] == pytest.approx(math.exp(2 + 1 / tokens))
    assert scores["neutral_loss"]["n"] == len(rows)


def run_of(quick_config: Callable[..., Any], *overrides: str) -> Any:
    settings = (
        "train.max_steps=1",
        "train.epochs=null",
        "evaluate.general=true",
        "data.probes=0",
        "evaluate.answers=1",
    )
    return starting.train(quick_config(*settings, "evaluate.max_new_tokens=1", *overrides))


def test_a_run_measures_them_at_every_stage_and_says_how_they_went(quick_config: Callable[..., Any]) -> None:
    run = run_of(quick_config)
    before, after = (run.scores(stage)["general"]["neutral_loss"] for stage in ("before", "after"))
    assert before["n"] == after["n"] == 12 and before["value"] != after["value"]
    assert 0 < before["value"] < 2 * math.log(259), "a random model guesses among its tokens"
    (sentence,) = [str(words) for words in verdict(run) if "neutral passages" in str(words)]
    perplexity = run.scores("before")["general"]["neutral_perplexity"]["value"]
    assert f"perplexity {perplexity:.2f} (before)" in sentence and "n = 12" in sentence


def test_a_model_of_a_short_context_is_not_measured_and_that_is_said(
    quick_config: Callable[..., Any], tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "short"
    folder.mkdir()
    for file in tiny_model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    settings = json.loads((folder / "config.json").read_text()) | {"max_position_embeddings": 320}
    (folder / "config.json").write_text(json.dumps(settings))
    run = run_of(quick_config, f"model.name={folder}", "data.max_tokens=256")
    assert "neutral_loss" not in run.scores("after")["general"]
    (warning,) = [e for e in run.record.of_kind("warning") if e["code"] == "neutral_text_unfit"]
    assert "cannot read 2 of the 12 neutral passages whole (context: 320 tokens" in warning["message"]
    assert not any("neutral passages" in str(words) for words in verdict(run))
