"""A model folder in, its tokenizer out; nothing of the model's own code is run unless the config allows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loralab.errors import Problem, UsageError
from loralab.words import say


def load_tokenizer(folder: Path, trust_remote_code: bool = False) -> Any:
    """The fast tokenizer of a model folder; raises UsageError if it cannot be loaded."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust_remote_code, use_fast=True
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        raise UsageError(
            Problem(say("the tokenizer cannot be loaded: {reason}", reason=_first_line(error)), str(folder))
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(Problem(say("the tokenizer has no fast version (tokenizer.json)"), str(folder)))
    return tokenizer


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
