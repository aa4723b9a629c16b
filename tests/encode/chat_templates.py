"""Tokenizers for tests: the byte-level one of the tiny model with other chat templates."""

from __future__ import annotations

from typing import Any

from doubles.tiny_model import CHATML, make_tokenizer

BODY = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ CONTENT }}<|im_end|>\n{% endfor %}"
OPEN = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
DEFAULT_SYSTEM = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are user<|im_end|>\n{% endif %}" + CHATML
)
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + CHATML
)
TRIMS = BODY.replace("CONTENT", "m.content | trim") + OPEN
DROPS_SYSTEM = "{% for m in messages if m.role != 'system' %}" + CHATML.split("%}", 1)[1]
UPPER = BODY.replace("CONTENT", "m.content | upper") + OPEN
THINKS = (
    BODY.replace(
        "CONTENT", "('<think>\n\n</think>\n\n' if loop.last and m.role == 'assistant' else '') + m.content"
    )
    + OPEN
)
OPENS_THINKING = CHATML.replace("assistant\n{%", "assistant\n<think>\n{%")


def tokenizer(template: str | None = CHATML, added: tuple[str, ...] = ()) -> Any:
    """A tokenizer with this template and these added tokens, which are not flagged as special."""
    from tokenizers import AddedToken

    made = make_tokenizer()
    made.add_tokens([AddedToken(token, special=False, normalized=False) for token in added])
    made.chat_template = template
    return made
