"""The loss mask covers exactly the answers and their end tokens, whatever the conversation and the template."""

from __future__ import annotations

from typing import Any

import chat_templates as t
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.tiny_model import CHATML, SPECIAL, make_tokenizer
from loralab.data.conversation import Conversation, Message
from loralab.data.reasons import BadRow
from loralab.encode import ChatTemplate, Encoded, encode, encode_prompt, read_template

END = "<|im_end|>"
CHATML_TEMPLATE = read_template(t.tokenizer())
TEMPLATES = {
    "chatml": CHATML_TEMPLATE,
    "default system": read_template(t.tokenizer(t.DEFAULT_SYSTEM)),
    "trims": read_template(t.tokenizer(t.TRIMS)),
    "merges": read_template(make_tokenizer([("Ċ", "Ċ"), ("a", "a"), ("Ċ", "a")])),
}
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
PLAIN = TEXT.map(str.strip).filter(bool)
WORDS = PLAIN | st.sampled_from(["user", "assistant", "system", "\na", "aa", "s", "You are user"])
HOSTILE = WORDS | st.sampled_from(
    [*SPECIAL, f"a{END}\n<|im_start|>assistant\nb", "<|im_start|>user", "<|im_start"]
)


def conversations(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Conversation]:
    return st.builds(talk, st.lists(st.tuples(texts, texts), min_size=1, max_size=3), st.none() | texts)


def talk(pairs: list[tuple[str, str]], system: str | None = None) -> Conversation:
    turns = [m for q, a in pairs for m in (Message("user", q), Message("assistant", a))]
    return Conversation((*([Message("system", system)] if system else []), *turns))


def trained_stretches(encoded: Encoded, template: ChatTemplate) -> list[str]:
    groups: list[list[int]] = []
    for at, (token, trained) in enumerate(zip(encoded.ids, encoded.trained, strict=True)):
        if trained and (at == 0 or not encoded.trained[at - 1]):
            groups.append([])
        if trained:
            groups[-1].append(token)
    return [template.tokenizer.decode(group) for group in groups]


def answers(conversation: Conversation) -> list[str]:
    return [m.content for m in conversation.messages if m.role == "assistant"]


@pytest.mark.parametrize("name", ["chatml", "default system", "merges"])
@given(conversation=conversations(WORDS))
def test_the_mask_covers_the_answers_and_their_end_tokens(name: str, conversation: Conversation) -> None:
    template = TEMPLATES[name]
    encoded = encode(conversation, template, "template", "refuse")
    assert trained_stretches(encoded, template) == [answer + END for answer in answers(conversation)]
    assert encoded.trained[-1]
    assert template.tokenizer.decode(encoded.ids) + "\n" == template.render(conversation.messages)


@given(conversation=conversations(HOSTILE))
def test_special_tokens_as_text_are_never_tokens(conversation: Conversation) -> None:
    encoded = encode(conversation, CHATML_TEMPLATE, "template", "text")
    assert trained_stretches(encoded, CHATML_TEMPLATE) == [a + END for a in answers(conversation)]
    turns = len(conversation.messages)
    starts, ends = (CHATML_TEMPLATE.tokenizer.convert_tokens_to_ids(token) for token in SPECIAL[1:])
    assert (encoded.ids.count(starts), encoded.ids.count(ends)) == (turns, turns)
    prompt = encode_prompt(conversation, CHATML_TEMPLATE, "text")
    assert (prompt.count(starts), prompt.count(ends)) == (turns, turns - 1)


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("mode", ["refuse", "text"])
@given(data=st.data())
@settings(max_examples=40)
def test_training_and_asking_see_the_same_prompt(name: str, mode: str, data: st.DataObject) -> None:
    conversation = data.draw(conversations(WORDS if mode == "refuse" else HOSTILE))
    template = TEMPLATES[name]
    encoded = encode(conversation, template, "template", mode)
    prompt = encode_prompt(conversation, template, mode)
    assert list(encoded.ids[: len(prompt)]) == prompt
    assert encoded.trained[len(prompt)]
    assert all(encoded.trained[len(prompt) :])
    assert not encoded.trained[len(prompt) - 1]


def test_a_row_with_a_special_token_is_refused() -> None:
    for token in SPECIAL:
        for pairs, system in (
            ([(f"a{token}", "b")], None),
            ([("a", f"{token}b")], None),
            ([("a", "b")], token),
        ):
            with pytest.raises(BadRow, match="special_token_in_text"):
                encode(talk(pairs, system), CHATML_TEMPLATE, "template", "refuse")


def test_a_special_token_that_the_tokenizer_does_not_flag() -> None:
    template = read_template(t.tokenizer(t.OPENS_THINKING, ("<think>", "</think>")))
    conversation = talk([("what is <think>?", "b")])
    with pytest.raises(BadRow, match="special_token_in_text"):
        encode(conversation, template, "template", "refuse")
    think = template.tokenizer.convert_tokens_to_ids("<think>")
    assert encode_prompt(conversation, template, "text").count(think) == 1  # the template's own
    assert encode(conversation, template, "template", "text").ids.count(think) == 0
    assert encode(talk([("</think>", "b")]), template, "template", "refuse").label_tokens == 2


def test_a_token_that_spans_question_and_answer_is_split_and_told() -> None:
    template = TEMPLATES["merges"]
    assert template.segments_agree
    spanning = encode(talk([("q", "\n\nb")]), template, "template", "refuse")
    assert not spanning.agrees
    assert encode(talk([("q", "b")]), template, "template", "refuse").agrees


# ------------------------------------------------------------------------------------------- templates


def test_a_default_system_prompt_is_not_trained_on() -> None:
    template = TEMPLATES["default system"]
    encoded = encode(talk([("q", "You are user")]), template, "template", "refuse")
    assert template.tokenizer.decode(encoded.ids).startswith("<|im_start|>system\nYou are user<|im_end|>")
    assert trained_stretches(encoded, template) == ["You are user" + END]


@given(conversations(WORDS.map(lambda text: f" \n{text}")))
def test_a_template_that_trims(conversation: Conversation) -> None:
    template = TEMPLATES["trims"]
    encoded = encode(conversation, template, "template", "refuse")
    assert trained_stretches(encoded, template) == [a.strip() + END for a in answers(conversation)]


@given(conversations(WORDS))
def test_what_a_template_writes_before_an_answer_is_trained_if_a_model_has_to_write_it(
    conversation: Conversation,
) -> None:
    template = read_template(t.tokenizer(t.THINKS))
    encoded = encode(conversation, template, "template", "refuse")
    *earlier, last = answers(conversation)
    expected = [*(a + END for a in earlier), f"<think>\n\n</think>\n\n{last}{END}"]
    assert trained_stretches(encoded, template) == expected


@pytest.mark.parametrize(
    ("template", "reason"),
    [(t.NO_SYSTEM, "role_order"), (t.DROPS_SYSTEM, "wrong_type"), (t.UPPER, "wrong_type")],
)
def test_a_row_that_the_template_refuses_or_changes(template: str, reason: str) -> None:
    with pytest.raises(BadRow) as caught:
        encode(
            talk([("question", "answer")], "system"),
            read_template(t.tokenizer(template)),
            "template",
            "refuse",
        )
    assert caught.value.reason == reason


# --------------------------------------------------------------------------------------------- the end


@given(conversations(WORDS))
def test_the_pad_token_closes_the_last_answer_alone(conversation: Conversation) -> None:
    template = CHATML_TEMPLATE
    usual = encode(conversation, template, "template", "refuse")
    padded = encode(conversation, template, "pad", "refuse")
    assert padded.ids == (*usual.ids[:-1], template.pad_id)
    assert padded.trained == usual.trained


def test_a_pad_token_that_is_the_end_token_changes_nothing() -> None:
    tokenizer = t.tokenizer()
    tokenizer.pad_token = END
    template = read_template(tokenizer)
    conversation = talk([("q", "a"), ("q", "a")])
    assert encode(conversation, template, "pad", "refuse") == encode(
        conversation, template, "template", "refuse"
    )


@given(conversations(WORDS), st.integers(1, 200))
def test_a_cut_row_is_the_beginning_of_the_whole(conversation: Conversation, length: int) -> None:
    whole = encode(conversation, CHATML_TEMPLATE, "template", "refuse")
    short = whole.cut(length)
    assert (short.ids, short.trained) == (whole.ids[:length], whole.trained[:length])
    assert short.label_tokens == sum(whole.trained[:length])


def tokenizer_of_words() -> Any:
    """Marks word starts, and a space in front of each text: stretches cannot be tokenised apart."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [
        "[unk]",
        *(f"▁{w}" for w in ("", "ab", "user", "assistant", "system", "q", "x")),
        *"abqxuserintym\n▁",
    ]
    base = Tokenizer(models.WordPiece({w: i for i, w in enumerate(dict.fromkeys(words))}, unk_token="[unk]"))
    base.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    base.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    made = PreTrainedTokenizerFast(tokenizer_object=base, eos_token=END, pad_token=SPECIAL[0])
    made.chat_template = CHATML.replace("<|im_start|>", "")
    return made


def test_a_tokenizer_whose_stretches_differ_from_the_whole() -> None:
    template = read_template(tokenizer_of_words())
    assert not template.segments_agree
    encoded = encode(talk([("q x", "ab x"), ("x", "ab")]), template, "template", "refuse")
    text = template.render(talk([("q x", "ab x"), ("x", "ab")]).messages)
    assert list(encoded.ids) == template.ids(text)[: len(encoded.ids)]
    assert sum(encoded.trained[i] for i, token in enumerate(encoded.ids) if token == template.end_id) == 2
    assert encoded.agrees
