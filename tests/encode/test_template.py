"""What is learnt from a chat template, and templates that cannot be trained with."""

from __future__ import annotations

import chat_templates as t
import pytest

from doubles.tiny_model import CHATML, SPECIAL
from loralab.data.conversation import Message
from loralab.data.reasons import BadRow
from loralab.encode import read_template
from loralab.errors import EXIT_USAGE, UsageError


def test_the_end_of_an_answer() -> None:
    template = read_template(t.tokenizer())
    assert template.end_text == "<|im_end|>"
    assert template.end_id == template.tokenizer.eos_token_id
    assert template.segments_agree
    assert set(template.special) == set(SPECIAL)


def test_an_end_token_after_other_text() -> None:
    template = read_template(t.tokenizer(CHATML.replace("<|im_end|>", " .<|im_end|>")))
    assert template.end_text == " .<|im_end|>"


def test_tokens_that_the_template_emits_are_special_and_blank_ones_are_not() -> None:
    template = read_template(t.tokenizer(t.OPENS_THINKING, ("<think>", "</think>", "\n", "  ")))
    assert set(template.special) == {*SPECIAL, "<think>"}


@pytest.mark.parametrize(
    ("text", "opening"), [(CHATML, "<|im_start|>user\n"), (t.NO_SYSTEM, "<|im_start|>user\n")]
)
def test_what_stands_before_the_first_question(text: str, opening: str) -> None:
    assert read_template(t.tokenizer(text)).default_system() == opening


def test_the_default_system_prompt_is_shown() -> None:
    opening = read_template(t.tokenizer(t.DEFAULT_SYSTEM)).default_system()
    assert opening == "<|im_start|>system\nYou are user<|im_end|>\n<|im_start|>user\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "has no chat template"), (CHATML.replace("<|im_end|>", ""), "writes no end token after an answer"),
        ("{% for m in messages %}{{ m.role }}{% endfor %}", "leaves out the answer"),
        ("{{ raise_exception('never') }}", "refuses turns user, assistant: never"),
        ("{% for m in messages %}", "refuses turns user, assistant"), ("{{ 1 + 'a' }}", "refuses turns user, assistant"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_used(text: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read_template(t.tokenizer(text))
    assert caught.value.exit_code == EXIT_USAGE
    assert caught.value.text("zh")


def test_a_system_message_needs_a_place() -> None:
    read_template(t.tokenizer()).check_system()
    read_template(t.tokenizer(t.TRIMS)).check_system()
    for text, said in ((t.NO_SYSTEM, "System role not supported"), (t.DROPS_SYSTEM, "leaves out the system")):
        with pytest.raises(UsageError, match=said):
            read_template(t.tokenizer(text)).check_system()


def test_turns_that_are_refused_are_the_fault_of_the_row() -> None:
    template = read_template(t.tokenizer(t.NO_SYSTEM))
    with pytest.raises(BadRow, match="role_order"):
        template.render([Message("system", "s"), Message("user", "q")])


def test_a_pad_token_is_needed_only_when_it_is_used() -> None:
    tokenizer = t.tokenizer()
    assert read_template(tokenizer).pad_id == tokenizer.pad_token_id
    tokenizer.pad_token = None
    with pytest.raises(UsageError, match="no pad token"):
        _ = read_template(tokenizer).pad_id
