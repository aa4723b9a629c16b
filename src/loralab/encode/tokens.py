"""Many texts in, their token ids out: a tokenizer as several threads may use it at the same time.

The tokenizer's Rust part is called directly and none of its settings is changed; it computes outside
of Python's lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loralab.encode.borders import borders_of
from loralab.encode.template import ChatTemplate


class Tokens:
    """Token ids of texts, equal to `ChatTemplate.ids`, for tokenizers of which `is_plain` holds.

    `borders` tells in little time whether stretches give the ids of the whole text; None if nothing does.
    """

    def __init__(self, template: ChatTemplate) -> None:
        self._template = template
        template.ids("")  # takes back what an earlier caller set: truncation, padding, special tokens as text
        self._backend = template.tokenizer.backend_tokenizer
        self.borders = borders_of(self._backend, template.end_text)
        self._literal: Any = None

    def prepare_literal(self) -> bool:
        """Make `literal_ids` work; False if that cannot be done for this tokenizer.

        Special tokens as text are a setting of the whole tokenizer, so a copy is made for it.
        """
        from tokenizers import Tokenizer

        copy = Tokenizer.from_str(self._backend.to_str())
        copy.encode_special_tokens = True
        self._literal = copy if _vocabulary(copy) == _vocabulary(self._backend) else None
        return self._literal is not None

    def ids(self, texts: Iterable[str]) -> dict[str, list[int]]:
        """The ids of each different text."""
        different = list(dict.fromkeys(texts))
        encodings = self._backend.encode_batch_fast(different, add_special_tokens=False)
        return {text: encoding.ids for text, encoding in zip(different, encodings, strict=True)}

    def ids_and_starts(self, texts: Iterable[str]) -> dict[str, tuple[list[int], list[int]]]:
        """The ids of each different text and the character at which each token starts."""
        different = list(dict.fromkeys(texts))
        encodings = self._backend.encode_batch(different, add_special_tokens=False)
        starts = ([start for start, _ in e.offsets] for e in encodings)
        return {t: (e.ids, at) for t, e, at in zip(different, encodings, starts, strict=True)}

    def literal_ids(self, text: str) -> list[int]:
        """The ids of a text in which special tokens are ordinary characters; `prepare_literal` comes first."""
        parts = self._template.apart(text)
        encodings = self._literal.encode_batch_fast(parts, add_special_tokens=False)
        return [i for encoding in encodings for i in encoding.ids]


def is_plain(tokenizer: Any) -> bool:
    """Whether a tokenizer is the Rust one as it is, so that its class adds nothing to what that gives.

    A class of a model folder's own code may override how it is called, and some tokenizers have no Rust part.
    """
    from transformers import PreTrainedTokenizerFast

    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        return False
    names = ("__call__", "_encode_plus", "_convert_encoding", "apply_chat_template", "get_chat_template")
    return all(getattr(type(tokenizer), name) is getattr(PreTrainedTokenizerFast, name) for name in names)


def _vocabulary(backend: Any) -> tuple[int, dict[int, str]]:
    """How many tokens there are, and those that were added, by number: what a copy has been seen to lose."""
    added = backend.get_added_tokens_decoder()
    return backend.get_vocab_size(), {number: token.content for number, token in added.items()}
