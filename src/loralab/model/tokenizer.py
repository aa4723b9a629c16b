"""A model folder in, its tokenizer out; nothing of the model's own code is run unless the config allows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from loralab.errors import Problem, UsageError
from loralab.safe_text import first_line
from loralab.words import say


def load_tokenizer(folder: Path, trust_remote_code: bool = False) -> Any:
    """The fast tokenizer of a model folder; raises UsageError if it cannot be loaded."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust_remote_code, use_fast=True
        )
    except Exception as error:  # seam: the tokenizers library raises bare Exception, its users any other
        what = say("the tokenizer cannot be loaded: {reason}", reason=first_line(error))
        raise UsageError(Problem(what, str(_culprit(folder)))) from error
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(Problem(say("the tokenizer has no fast version (tokenizer.json)"), str(folder)))
    _add_missing_tokens(tokenizer, folder)
    tokenizer.model_max_length = 1 << 30  # its own limit only makes it print advice; data.max_tokens is ours
    return tokenizer


def _add_missing_tokens(tokenizer: Any, folder: Path) -> None:
    """Add the tokens of tokenizer.json that transformers left out.

    Some tokenizer classes rebuild themselves from vocabulary and merges and drop further added tokens;
    text with such a token would be encoded differently from what the file says, without a word.
    """
    from tokenizers import AddedToken

    listed = _listed_tokens(folder / "tokenizer.json")
    known = {token.content for token in tokenizer.added_tokens_decoder.values()}
    for entry in sorted((t for t in listed if t["content"] not in known), key=lambda t: int(t["id"])):
        flags = {k: bool(entry.get(k)) for k in ("single_word", "lstrip", "rstrip", "normalized", "special")}
        tokenizer.add_tokens([AddedToken(entry["content"], **flags)], special_tokens=flags["special"])
        if tokenizer.convert_tokens_to_ids(entry["content"]) != entry["id"]:
            raise UsageError(
                Problem(
                    say(
                        "the added token {token} cannot get its number {id}",
                        token=entry["content"],
                        id=entry["id"],
                    ),
                    str(folder / "tokenizer.json"),
                )
            )


def _listed_tokens(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return list(json.loads(path.read_text("utf-8")).get("added_tokens") or [])


def _culprit(folder: Path) -> Path:
    """tokenizer.json if it cannot be read by itself, else the folder."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    try:
        if path.is_file():
            Tokenizer.from_file(str(path))
    except (
        Exception
    ):  # seam: the library has no error class of its own; the caller has the first error to tell
        return path
    return folder
