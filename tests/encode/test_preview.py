"""The preview of a mask says exactly what is trained on, in whole characters."""

from __future__ import annotations

import json
from itertools import groupby, pairwise
from typing import Any

import chat_templates as t
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.tiny_model import SPECIAL, make_tokenizer
from loralab.data.conversation import Conversation, Message
from loralab.encode import ChatTemplate, Encoded, encode, read_template
from loralab.encode.preview import KINDS, LEGEND, Part, Preview, parts, preview, recorded_previews
from loralab.words import LANGUAGES

PAD, START, END = SPECIAL
TEMPLATES = {
    "chatml": read_template(t.tokenizer()),
    "default system": read_template(t.tokenizer(t.DEFAULT_SYSTEM)),
    "merges": read_template(make_tokenizer([("Ċ", "Ċ"), ("a", "a"), ("Ċ", "a")])),
}
CHATML = TEMPLATES["chatml"]
# Letters, characters of two to four bytes, template words, and line ends that merge over a border.
TEXT = st.text("ab user律é😀\n", min_size=1, max_size=12).filter(str.strip).map(str.rstrip)
PAIRS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3)


def talk(pairs: list[tuple[str, str]]) -> Conversation:
    turns = [m for q, a in pairs for m in (Message("user", q), Message("assistant", a))]
    return Conversation(tuple(turns))


def of_kind(found: tuple[Part, ...], kind: str) -> list[str]:
    return [part.text for part in found if part.kind == kind]


def decode(encoded: Encoded, template: ChatTemplate) -> str:
    return str(template.tokenizer.decode(list(encoded.ids), clean_up_tokenization_spaces=False))


@pytest.mark.parametrize("name", TEMPLATES)
@given(pairs=PAIRS)
def test_trained_parts_are_the_answers_and_each_is_closed_by_its_end(
    name: str, pairs: list[tuple[str, str]]
) -> None:
    template = TEMPLATES[name]
    found = parts(encode(talk(pairs), template, "template", "refuse"), template)
    assert of_kind(found, "trained") == [answer for _, answer in pairs]
    assert of_kind(found, "end") == [END] * len(pairs)
    assert [part.kind for part in found] == ["seen", "trained", "end"] * len(pairs)


@given(PAIRS, st.integers(1, 300))
def test_the_parts_of_a_cut_row_joined_are_its_text(pairs: list[tuple[str, str]], length: int) -> None:
    encoded = encode(talk(pairs), CHATML, "template", "refuse").cut(length)
    found = parts(encoded, CHATML)
    assert "".join(part.text for part in found) == decode(encoded, CHATML)
    assert all(one.kind != other.kind for one, other in pairwise(found))


@given(PAIRS, st.integers(1, 300))
def test_every_trained_token_is_in_a_trained_or_end_part(pairs: list[tuple[str, str]], length: int) -> None:
    encoded = encode(talk(pairs), CHATML, "template", "refuse").cut(length)
    runs = groupby(zip(encoded.ids, encoded.trained, strict=True), key=lambda token: token[1])
    expected = [(flag, decode(Encoded(tuple(i for i, _ in run), ()), CHATML)) for flag, run in runs]
    joined = [
        (flag, "".join(part.text for part in run))
        for flag, run in groupby(parts(encoded, CHATML), key=lambda part: part.kind != "seen")
    ]
    assert joined == expected


@given(PAIRS)
def test_a_pad_token_that_closes_the_last_answer_is_its_end(pairs: list[tuple[str, str]]) -> None:
    found = parts(encode(talk(pairs), CHATML, "pad", "refuse"), CHATML)
    assert of_kind(found, "end") == [END] * (len(pairs) - 1) + [PAD]


def test_an_end_token_that_a_row_spells_out_is_text() -> None:
    encoded = encode(talk([("q", f"a{END}b{PAD}")]), CHATML, "template", "text")
    assert parts(encoded, CHATML)[1:] == (Part(f"a{END}b{PAD}", "trained"), Part(END, "end"))


def test_an_answer_whose_end_is_cut_off_has_no_end_part() -> None:
    whole = encode(talk([("q", "answer")]), CHATML, "template", "refuse")
    assert of_kind(parts(whole, CHATML), "end") == [END]
    assert parts(whole.cut(len(whole.ids) - 1), CHATML)[-1] == Part("answer", "trained")


def test_a_tokenizer_that_drops_a_space_at_the_start_of_a_text_loses_none_here() -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    base = Tokenizer(models.WordLevel({word: i for i, word in enumerate(("[unk]", "▁a", "▁b"))}, "[unk]"))
    base.pre_tokenizer = pre_tokenizers.Metaspace()
    base.decoder = decoders.Metaspace()
    base.add_special_tokens([AddedToken(END, special=True)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, eos_token=END)
    template = ChatTemplate(tokenizer, END, tokenizer.eos_token_id, (END,), True)
    encoded = Encoded((1, 2, 1, tokenizer.eos_token_id), (False, True, True, True))
    assert tokenizer.decode([2, 1]) == "b a"
    assert parts(encoded, template) == (Part("a", "seen"), Part(" b a", "trained"), Part(END, "end"))


def test_a_row_of_no_tokens_has_no_parts() -> None:
    assert parts(Encoded((), ()), CHATML) == ()


@given(PAIRS, st.integers(1, 300))
def test_a_preview_counts_what_is_kept_and_what_is_cut(pairs: list[tuple[str, str]], length: int) -> None:
    whole = encode(talk(pairs), CHATML, "template", "refuse")
    shown = preview("f:1", whole.cut(length), len(whole.ids), CHATML)
    assert shown.tokens + shown.cut_tokens == len(whole.ids)
    assert shown.cut_tokens == max(0, len(whole.ids) - length)
    assert shown.trained == sum(whole.trained[:length])
    assert (shown.place, shown.parts) == ("f:1", parts(whole.cut(length), CHATML))


def test_the_legend_has_each_kind_once_in_both_languages() -> None:
    assert sorted(kind for _, kind in LEGEND) == ["end", "seen", "trained"]
    assert len({words.text(language) for words, _ in LEGEND for language in LANGUAGES}) == 6


previews = st.builds(
    Preview,
    place=st.text(),
    tokens=st.integers(0, 10**6),
    trained=st.integers(0, 10**6),
    parts=st.lists(st.builds(Part, st.text(), st.sampled_from(KINDS)), max_size=5).map(tuple),
    cut_tokens=st.integers(0, 10**6),
)


@given(st.lists(previews, max_size=4))
def test_a_record_gives_the_previews_back(found: list[Preview]) -> None:
    document = json.loads(json.dumps({"rows": [one.to_dict() for one in found]}))
    assert recorded_previews(document) == tuple(found)


@pytest.mark.parametrize(
    "document", [{}, {"rows": 1}, {"rows": [1]}, {"rows": [{"place": "a"}]}, {"rows": [{"tokens": "x"}]}]
)
def test_a_damaged_record_has_no_previews(document: dict[str, Any]) -> None:
    assert recorded_previews(document) == ()
