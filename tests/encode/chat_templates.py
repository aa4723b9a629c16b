"""Tokenizers for tests: the byte-level one of the tiny model with other chat templates, and one that marks words."""

from __future__ import annotations

from typing import Any

from doubles.tiny_model import CHATML, SPECIAL, make_tokenizer

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
CLOSES_LAST = CHATML.replace("<|im_end|>", "{% if loop.last or m.role == 'user' %}<|im_end|>{% endif %}")
REFUSES_SOME = BODY.replace("CONTENT", "raise_exception('no') if 'user' in m.content else m.content") + OPEN
ASKS_LATE = (
    "{% if add_generation_prompt and messages | length > 2 %}{{ raise_exception('late') }}{% endif %}"
    + CHATML
)
REACTS = (
    BODY.replace("CONTENT", "('long: ' if m.content | length > 5 and m.role == 'user' else '') + m.content")
    + OPEN
)  # what it writes depends on the contents
TWICE = BODY.replace("CONTENT", "m.content + m.content if m.role == 'system' else m.content") + OPEN
SYSTEM_LATE = (
    "{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.role }}\n"
    "{% if loop.last and messages[0].role == 'system' %}{{ messages[0].content }}\n{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}" + OPEN
)
OPENS_THINKING = CHATML.replace("assistant\n{%", "assistant\n<think>\n{%")


def tokenizer(template: str | None = CHATML, added: tuple[str, ...] = ()) -> Any:
    """A tokenizer with this template and these added tokens, which are not flagged as special."""
    from tokenizers import AddedToken

    made = make_tokenizer()
    made.add_tokens([AddedToken(token, special=False, normalized=False) for token in added])
    made.chat_template = template
    return made


def words_tokenizer() -> Any:
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
    made = PreTrainedTokenizerFast(tokenizer_object=base, eos_token="<|im_end|>", pad_token=SPECIAL[0])
    made.chat_template = CHATML.replace("<|im_start|>", "")
    return made


def custom_tokenizer() -> Any:
    """A class with code of its own, as model folders may bring along: it reads capital letters as small ones."""
    from transformers import PreTrainedTokenizerFast

    class Lower(PreTrainedTokenizerFast):  # type: ignore[misc]
        def __call__(self, text: str, **settings: Any) -> Any:
            return super().__call__(text.lower(), **settings)

    made = Lower(
        tokenizer_object=make_tokenizer().backend_tokenizer, eos_token="<|im_end|>", pad_token=SPECIAL[0]
    )
    made.chat_template = CHATML
    return made
