"""Configs and tokenizers with values that nobody expects: refused in words, or without effect; never a traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from doubles.hostile import NASTY, OBEYED
from doubles.model_folder import write_model
from loralab.config import make_config
from loralab.encode import read_template
from loralab.errors import UsageError
from loralab.model.folder import check_model_folder
from loralab.model.load import check_architecture
from loralab.model.shape import read_shape
from loralab.model.tokenizer import load_tokenizer


@pytest.fixture
def real(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be changed."""
    return shutil.copytree(tiny_model, tmp_path / "real")


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


ODD_VALUES = ["x", "", -1, 0, 10**9, 10**30, 1e308, True, [], [1], {}, {"a": 1}, NASTY]
KEYS = ["model_type", "architectures", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "head_dim", "max_position_embeddings", "rope_parameters", "rope_scaling", "torch_dtype", "dtype", "num_labels", "id2label",
        "tie_word_embeddings", "layer_types", "hidden_act", "quantization_config", "text_config", "auto_map", "eos_token_id"]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_odd_values_in_a_config_end_in_a_refusal_or_do_no_harm(real: Path, key: str) -> None:
    whole = (real / "config.json").read_text("utf-8")
    config = make_config([f"model.name={real}", "data.train=rows.jsonl"])
    for value in ODD_VALUES:
        (real / "config.json").write_text(json.dumps(json.loads(whole) | {key: value}), "utf-8")
        read_shape(real)
        try:
            check_model_folder(real, False)
            check_architecture(real, config, 10)
        except UsageError as error:
            assert error.exit_code == 2 and not OBEYED.search(error.text())


@pytest.mark.parametrize("key", ["num_hidden_layers", "num_labels", "num_experts"])
@pytest.mark.parametrize("part", ["", "text_config"])
def test_a_number_of_layers_that_would_never_be_built_is_refused(tmp_path: Path, key: str, part: str) -> None:
    folder = write_model(tmp_path / "model")
    change(folder / "config.json", **({part: {key: 10**9}} if part else {key: 10**9}))
    with pytest.raises(UsageError, match=f"config.json: {key} is above "):
        check_model_folder(folder, False)


TOKENIZERS: list[dict[str, Any]] = [
    {"added_tokens": value} for value in ("x", [1], [[1]], [{}], [{"id": "x", "content": "a"}], [{"id": 1, "content": 3}],
    [{"id": 10**30, "content": "a"}], [{"id": -1, "content": "a"}], {"a": 1}, [{"id": 5, "content": NASTY, "special": "x"}])
] + [{"model": 3}, {"model": {"type": "BPE", "vocab": [1], "merges": 3}}, {"pre_tokenizer": {"type": "Evil"}}, {"version": NASTY}]  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["TokenizersBackend", "Qwen2Tokenizer", "PreTrainedTokenizerFast", "LlamaTokenizer", NASTY]
)
def test_odd_tokenizers_end_in_a_refusal_or_do_no_harm(real: Path, kind: str) -> None:
    whole = (real / "tokenizer.json").read_text("utf-8")
    change(real / "tokenizer_config.json", tokenizer_class=kind)
    for odd in TOKENIZERS:
        (real / "tokenizer.json").write_text(json.dumps(json.loads(whole) | odd), "utf-8")
        try:
            load_tokenizer(real)
        except UsageError as error:
            assert not OBEYED.search(error.text())
    (real / "tokenizer.json").write_text(whole, "utf-8")
    for odd in ({"added_tokens_decoder": 3}, {"added_tokens_decoder": {"x": 1}}, {"extra_special_tokens": 3}, {"eos_token": [1]},
                {"chat_template": 3}, {"chat_template": [1]}, {"model_max_length": "x"}, {"init_inputs": {"a": 1}}):  # fmt: skip
        before = (real / "tokenizer_config.json").read_text("utf-8")
        change(real / "tokenizer_config.json", **odd)
        try:
            read_template(load_tokenizer(real))
        except UsageError as error:
            assert not OBEYED.search(error.text())
        (real / "tokenizer_config.json").write_text(before, "utf-8")
