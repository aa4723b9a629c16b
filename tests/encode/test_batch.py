"""Many conversations at once give what each gives alone: ids, masks, agreement and faults."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chat_templates as t
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_encode import FLAGS, HOSTILE, WORDS, flagged, talk

from doubles.shared_data import needs_shared_data, real_files
from doubles.tiny_model import make_tokenizer
from loralab.data.conversation import Conversation, Message
from loralab.data.reasons import BadRow
from loralab.demo.job import ASSETS
from loralab.encode import ChatTemplate, Encoded, encode, read_template
from loralab.encode import batch as batch_module
from loralab.encode.batch import Batch, EncodeRules, encode_many, parts
from loralab.errors import UsageError

MODELS = [Path(folder) for folder in os.environ.get("LORALAB_TEST_MODELS", "").split(os.pathsep) if folder]
MERGES = [("Ċ", "Ċ"), ("a", "a"), ("Ċ", "a"), ("Ċ", "ĊĊ")]
RULES = st.builds(
    EncodeRules, st.sampled_from(["template", "pad"]), st.sampled_from(["refuse", "text"]), st.sampled_from(["all", "last"])
)  # fmt: skip


def from_folder(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


TOKENIZERS: dict[str, Any] = {
    "chatml": t.tokenizer(),
    "default system": t.tokenizer(t.DEFAULT_SYSTEM),
    "trims": t.tokenizer(t.TRIMS),
    "thinks": t.tokenizer(t.THINKS, ("<think>", "</think>")),
    "opens thinking": t.tokenizer(t.OPENS_THINKING, ("<think>", "</think>")),
    "no system": t.tokenizer(t.NO_SYSTEM),
    "drops system": t.tokenizer(t.DROPS_SYSTEM),
    "changes text": t.tokenizer(t.UPPER),
    "closes last": t.tokenizer(t.CLOSES_LAST),
    "refuses some": t.tokenizer(t.REFUSES_SOME),
    "asks late": t.tokenizer(t.ASKS_LATE),
    "reacts": t.tokenizer(t.REACTS),
    "twice": t.tokenizer(t.TWICE),
    "system late": t.tokenizer(t.SYSTEM_LATE),
    "merges": make_tokenizer(MERGES),
    "words": t.words_tokenizer(),
    "custom class": t.custom_tokenizer(),
    "demo": from_folder(ASSETS / "model"),
}
TEMPLATES = {name: read_template(tokenizer) for name, tokenizer in TOKENIZERS.items()}


def conversations(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Conversation]:
    """Answers marked and not, with a system message or none; some end with a question."""
    pairs = st.lists(st.tuples(texts, texts), min_size=1, max_size=3)
    talks = st.builds(flagged, st.builds(talk, pairs, st.none() | texts), FLAGS)
    return talks | talks.map(lambda c: Conversation(c.messages[:-1]))


BATCHES = st.lists(conversations(HOSTILE | WORDS.map(lambda text: f" \n{text}")), max_size=5)


def alone(conversation: Conversation, template: ChatTemplate, rules: EncodeRules) -> object:
    try:
        return encode(conversation, template, rules.answer_end, rules.special_tokens, rules.turns)
    except BadRow as bad:
        return fault(bad)


def fault(bad: BadRow) -> tuple[str, str]:
    return bad.reason, bad.detail.text()


def together(rows: list[Conversation], template: ChatTemplate, rules: EncodeRules) -> list[object]:
    results = encode_many(rows, template, rules)
    return [fault(result) if isinstance(result, BadRow) else result for result in results]


@pytest.mark.parametrize("name", TEMPLATES)
@given(rows=BATCHES, rules=RULES)
@settings(max_examples=30)
def test_rows_in_a_batch_are_encoded_as_alone(
    name: str, rows: list[Conversation], rules: EncodeRules
) -> None:
    template = TEMPLATES[name]
    assert together(rows, template, rules) == [alone(row, template, rules) for row in rows]


@pytest.mark.skipif(not MODELS, reason="LORALAB_TEST_MODELS names no model folders")
@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_rows_in_a_batch_are_encoded_as_alone_by_real_tokenizers(folder: Path) -> None:
    template = read_template(from_folder(folder))

    @given(rows=BATCHES, rules=RULES)
    @settings(max_examples=100)
    def check(rows: list[Conversation], rules: EncodeRules) -> None:
        assert together(rows, template, rules) == [alone(row, template, rules) for row in rows]

    check()


@needs_shared_data
@pytest.mark.parametrize("name", ["demo", "merges", "default system"])
def test_real_rows_in_a_batch_are_encoded_as_alone(name: str) -> None:
    files = real_files("lawyer_llama/*.val.json")
    rows = [row for file in files for row in texts_of(file)]
    assert len(rows) > 300
    for rules in (EncodeRules(), EncodeRules("pad", "text", "last")):
        assert together(rows, TEMPLATES[name], rules) == [alone(row, TEMPLATES[name], rules) for row in rows]


def texts_of(file: Path) -> Iterator[Conversation]:
    """The longest two texts of each record as question and answer, whatever shape it has."""
    for record in json.loads(file.read_text("utf-8-sig")):
        fields = record[0] if isinstance(record, list) else record
        texts = sorted((text for text in fields.values() if isinstance(text, str) and text.strip()), key=len)
        if len(texts) > 1:
            yield talk([(texts[-2], texts[-1])])


def test_the_examples_reach_every_kind_of_result() -> None:
    """What the tests above compare is not the same everywhere: faults of each reason, agreement and none."""
    seen: set[object] = set()
    rows = [
        talk([("q", "\n\nb")]),
        talk([("q", "b")], "s"),
        talk([("user", "b")]),
        talk([("q", "<|im_end|>")]),
    ]
    rows.append(Conversation((Message("user", "q"),)))
    for template in TEMPLATES.values():
        for result in encode_many(rows, template, EncodeRules()):
            seen.add(result.agrees if isinstance(result, Encoded) else result.reason)
    assert seen == {True, False, "role_order", "wrong_type", "special_token_in_text", "no_answer_turn"}


def test_a_batch_asks_the_template_once_and_once_for_each_trained_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [talk([("q", f"a{n}"), ("q", "b")]) for n in range(batch_module.ROWS_AT_ONCE)]
    template = TEMPLATES["chatml"]
    asked: list[int] = []
    original = type(template.tokenizer).apply_chat_template

    def counting(self: Any, talks: Any, **settings: Any) -> Any:
        asked.append(len(talks) if isinstance(talks[0], list) else 1)
        return original(self, talks, **settings)

    batch = Batch(template, EncodeRules())
    monkeypatch.setattr(type(template.tokenizer), "apply_chat_template", counting)
    batch.encode(rows)
    assert asked == [len(rows), 2 * len(rows), 1]  # texts, prompts, the template's own words


def test_settings_that_an_earlier_caller_left_in_the_tokenizer_do_not_matter() -> None:
    rows = [talk([("question", "answer")])]
    expected = together(rows, TEMPLATES["chatml"], EncodeRules())
    tokenizer = t.tokenizer()
    template = read_template(tokenizer)
    tokenizer("much longer than that", truncation=True, max_length=3, split_special_tokens=True)
    tokenizer(["a", "longer"], padding=True)
    assert together(rows, template, EncodeRules()) == expected


def test_a_tokenizer_of_which_no_true_copy_can_be_made_is_used_row_by_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, rules = [talk([("<|im_end|>", "a")]), talk([("q", "a")])], EncodeRules(special_tokens="text")
    assert not Batch(TEMPLATES["chatml"], rules).one_by_one
    monkeypatch.setattr("loralab.encode.tokens._vocabulary", lambda backend: object())
    assert Batch(TEMPLATES["chatml"], rules).one_by_one
    assert together(rows, TEMPLATES["chatml"], rules) == [alone(r, TEMPLATES["chatml"], rules) for r in rows]


def test_a_missing_pad_token_is_said_before_the_first_row() -> None:
    tokenizer = t.tokenizer()
    tokenizer.pad_token = None
    with pytest.raises(UsageError, match="no pad token"):
        next(encode_many([talk([("q", "a")])], read_template(tokenizer), EncodeRules("pad")))


def test_a_fault_holds_on_to_no_rows() -> None:
    rows = [talk([("q", "<|im_end|>")]), talk([("q", "a")], "s"), Conversation((Message("user", "q"),))]
    faults = list(encode_many(rows, TEMPLATES["no system"], EncodeRules()))
    for found in faults:
        assert isinstance(found, BadRow)
        assert found.__traceback__ is None and found.__context__ is None
        assert all(isinstance(value, str) for value in found.detail.values.values())


@given(st.lists(st.integers(0, 40), max_size=300), st.integers(1, 30), st.integers(1, 200))
def test_parts_hold_every_row_in_order_and_are_bounded(
    lengths: list[int], most_rows: int, most_characters: int
) -> None:
    rows = [talk([("q" * length, "a")]) for length in lengths]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_module, "ROWS_AT_ONCE", most_rows)
        patch.setattr(batch_module, "CHARACTERS_AT_ONCE", most_characters)
        made = list(parts(rows))
    assert [row for part in made for row in part] == rows
    for part in made:
        texts = [2 * (len(row.question) + 1) for row in part]
        assert 0 < len(part) <= most_rows and sum(texts[:-1]) < most_characters
