"""Tokenizers: what the files say, and every way they cannot be loaded in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from loralab.errors import UsageError
from loralab.model.tokenizer import load_tokenizer


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_model, tmp_path / "model")


def add_token(folder: Path, content: str, number: int) -> None:
    path = folder / "tokenizer.json"
    document = json.loads(path.read_text("utf-8"))
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    document["added_tokens"].append({"id": number, "content": content, **flags})
    path.write_text(json.dumps(document), "utf-8")


def test_a_tokenizer_gives_back_what_it_took(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    text = "租房 law\n\t押金<|im_end|>"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text and ids[-1] == tokenizer.eos_token_id == 258


def test_added_tokens_of_the_file_are_there(folder: Path) -> None:
    add_token(folder, "<tool>", 259)
    tokenizer = load_tokenizer(folder)
    assert tokenizer("<tool>", add_special_tokens=False)["input_ids"] == [259]


def test_added_tokens_that_transformers_left_out_are_put_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers

    bare = transformers.AutoTokenizer.from_pretrained(folder)
    add_token(folder, "<tool>", 259)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *_, **__: bare)
    assert load_tokenizer(folder)("<tool>", add_special_tokens=False)["input_ids"] == [259]


def test_an_added_token_that_cannot_get_its_number_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers

    bare = transformers.AutoTokenizer.from_pretrained(folder)
    add_token(folder, "<tool>", 400)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *_, **__: bare)
    with pytest.raises(UsageError, match="<tool> cannot get its number 400"):
        load_tokenizer(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_damaged_file_is_refused(folder: Path, content: bytes) -> None:
    (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_tokenizer(folder)
    assert caught.value.exit_code == 2 and str(folder) in str(caught.value)


def test_an_unknown_kind_of_tokenizer_is_refused_by_file(folder: Path) -> None:
    """The tokenizers library raises a bare Exception."""
    path = folder / "tokenizer.json"
    document = json.loads(path.read_text("utf-8"))
    document["model"]["type"] = "NoSuchModel"
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(UsageError, match="the tokenizer cannot be loaded: data did not match") as caught:
        load_tokenizer(folder)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_tokenizer_config_of_a_wrong_type_is_not_blamed_on_another_file(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"tokenizer_class": 5}), "utf-8")
    with pytest.raises(UsageError) as caught:
        load_tokenizer(folder)
    assert str(caught.value).startswith(f"{folder}: the tokenizer cannot be loaded")
