"""The loss mask covers exactly the answers and their end tokens, whatever the conversation and the template."""

from __future__ import annotations

from dataclasses import replace

import chat_templates as t
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.tiny_model import SPECIAL, make_tokenizer
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
REACTING = {
    name: read_template(t.tokenizer(name)) for name in (t.REACTS, t.DROPS_SYSTEM, t.TWICE, t.SYSTEM_LATE)
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


def flagged(conversation: Conversation, flags: list[bool]) -> Conversation:
    """The conversation with its answers marked as trained or not, in order; those without a flag are trained."""
    waiting = iter(flags)
    marked = (
        replace(m, trained=next(waiting, True)) if m.role == "assistant" else m for m in conversation.messages
    )
    return Conversation(tuple(marked))


FLAGS = st.lists(st.booleans(), max_size=3)


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


# ----------------------------------------------------------------------------------- which answers are trained


@pytest.mark.parametrize("turns", ["all", "last"])
@pytest.mark.parametrize("name", ["chatml", "default system", "merges"])
@given(conversation=conversations(WORDS), flags=FLAGS)
def test_only_answers_that_are_marked_as_trained_and_their_end_tokens_are_trained(
    name: str, turns: str, conversation: Conversation, flags: list[bool]
) -> None:
    template, marked = TEMPLATES[name], flagged(conversation, flags)
    expected = [m.content + END for m in marked.messages if m.role == "assistant" and m.trained]
    if not expected:
        with pytest.raises(BadRow, match="no_answer_turn"):
            encode(marked, template, "template", "refuse", turns)
        return
    encoded = encode(marked, template, "template", "refuse", turns)
    assert trained_stretches(encoded, template) == (expected if turns == "all" else expected[-1:])
    assert encoded.trained[-1]
    assert template.render(marked.messages).startswith(template.tokenizer.decode(encoded.ids))


@given(conversation=conversations(HOSTILE), flags=FLAGS)
def test_which_answers_are_trained_does_not_change_what_is_read(
    conversation: Conversation, flags: list[bool]
) -> None:
    every = encode(conversation, CHATML_TEMPLATE, "template", "text")
    some = flagged(conversation, [*flags, True, True, True][:3])
    if any(m.trained for m in some.messages if m.role == "assistant"):
        encoded = encode(some, CHATML_TEMPLATE, "template", "text")
        assert encoded.ids == every.ids[: len(encoded.ids)]


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("mode", ["refuse", "text"])
@given(data=st.data())
@settings(max_examples=40)
def test_before_the_only_trained_answer_stands_its_prompt(name: str, mode: str, data: st.DataObject) -> None:
    conversation = data.draw(conversations(WORDS if mode == "refuse" else HOSTILE))
    encoded = encode(conversation, TEMPLATES[name], "template", mode, "last")
    prompt = encode_prompt(conversation, TEMPLATES[name], mode)
    assert list(encoded.ids[: len(prompt)]) == prompt
    assert encoded.label_tokens == len(encoded.ids) - len(prompt)


def test_a_conversation_without_any_answer_has_nothing_to_train_on() -> None:
    with pytest.raises(BadRow, match="no_answer_turn"):
        encode(Conversation((Message("user", "q"),)), CHATML_TEMPLATE, "template", "refuse")


def test_an_answer_that_the_template_does_not_close_can_be_read_but_not_trained() -> None:
    template = read_template(t.tokenizer(t.CLOSES_LAST))
    conversation = talk([("q", "a"), ("q", "b")])
    with pytest.raises(BadRow, match="does not close this answer"):
        encode(conversation, template, "template", "refuse")
    encoded = encode(conversation, template, "template", "refuse", "last")
    assert trained_stretches(encoded, template) == ["b" + END]


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


@pytest.mark.parametrize("template", [t.REACTS, t.DROPS_SYSTEM, t.TWICE, t.SYSTEM_LATE])
@given(conversation=conversations(HOSTILE))
def test_where_a_template_reacts_to_the_text_an_answer_is_found_or_the_row_refused(
    template: str, conversation: Conversation
) -> None:
    made = REACTING[template]
    try:
        encoded = encode(conversation, made, "template", "text")
    except BadRow as bad:
        assert bad.reason in ("wrong_type", "special_token_in_text")
    else:
        assert trained_stretches(encoded, made) == [a + END for a in answers(conversation)]


def test_answers_are_found_though_a_template_reacts_to_the_text() -> None:
    conversation = talk([("question", "answer"), ("further", "user")])
    encoded = encode(conversation, REACTING[t.REACTS], "template", "refuse")
    assert trained_stretches(encoded, REACTING[t.REACTS]) == ["answer" + END, "user" + END]
    for text, said in (("system", "changes the text"), ("user", "changes the text")):
        with pytest.raises(BadRow, match=said):
            encode(talk([("q", "a")], text), REACTING[t.DROPS_SYSTEM], "template", "refuse")
    with pytest.raises(BadRow, match="whose place is unclear"):
        encode(talk([("answer", "answer"), ("x", "y")]), REACTING[t.REACTS], "template", "refuse")


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


@given(conversations(WORDS), FLAGS)
def test_the_pad_token_closes_the_last_answer_that_is_trained(
    conversation: Conversation, flags: list[bool]
) -> None:
    marked = flagged(conversation, [*flags, True, True, True][:3])
    if not any(m.trained for m in marked.messages if m.role == "assistant"):
        return
    usual = encode(marked, CHATML_TEMPLATE, "template", "refuse")
    padded = encode(marked, CHATML_TEMPLATE, "pad", "refuse")
    assert padded.ids == (*usual.ids[:-1], CHATML_TEMPLATE.pad_id)
    assert padded.trained == usual.trained


def test_the_pad_token_takes_the_place_of_all_that_closes_an_answer() -> None:
    tokenizer = make_tokenizer([("!", ".")])
    tokenizer.chat_template = t.CHATML.replace("<|im_end|>", ".<|im_end|>")
    template = read_template(tokenizer)
    for answer, left in (
        ("b", "b"),
        ("b!", "b!."),
    ):  # the second joins with the point, which then has to stay
        usual = encode(talk([("a", answer)]), template, "template", "refuse")
        padded = encode(talk([("a", answer)]), template, "pad", "refuse")
        assert trained_stretches(usual, template) == [f"{answer}.{END}"]
        assert trained_stretches(padded, template) == [left + SPECIAL[0]]


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


def test_a_tokenizer_whose_stretches_differ_from_the_whole() -> None:
    template = read_template(t.words_tokenizer())
    assert not template.segments_agree
    encoded = encode(talk([("q x", "ab x"), ("x", "ab")]), template, "template", "refuse")
    text = template.render(talk([("q x", "ab x"), ("x", "ab")]).messages)
    assert list(encoded.ids) == template.ids(text)[: len(encoded.ids)]
    assert sum(encoded.trained[i] for i, token in enumerate(encoded.ids) if token == template.end_id) == 2
    assert encoded.agrees
