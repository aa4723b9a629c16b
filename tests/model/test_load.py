"""The base model: frozen, in the number format asked for, and every way it cannot be loaded in words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loralab.errors import ResourceError, UsageError
from loralab.model.load import check_architecture, load_base, load_tuned, pick_dtype


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_model, tmp_path / "model")


def set_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_base_is_frozen_and_in_the_format_asked_for(
    tiny_model: Path, quick_config: Callable[..., Any], dtype: str
) -> None:
    model, name = load_base(tiny_model, quick_config(f"model.dtype={dtype}"), "cpu")
    assert name == dtype and {str(p.dtype) for p in model.parameters()} == {f"torch.{dtype}"}
    assert not model.training and not any(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("wanted", "device", "dtype"),
    [("auto", "cuda", "bfloat16"), ("auto", "cpu", "float32"), ("auto", "mps", "float32"), ("float32", "cuda", "float32")],
)  # fmt: skip
def test_number_format_by_device(wanted: str, device: str, dtype: str) -> None:
    assert pick_dtype(wanted, device) == dtype


def test_only_the_adapter_is_trained(tiny_model: Path, quick_config: Callable[..., Any]) -> None:
    tuned = load_tuned(tiny_model, quick_config("model.dtype=bfloat16"), "cpu")
    trained = {n: str(p.dtype) for n, p in tuned.model.named_parameters() if p.requires_grad}
    assert all("lora_" in name for name in trained) and set(trained.values()) == {"torch.float32"}


def test_loading_says_nothing(
    tiny_model: Path, quick_config: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    load_tuned(tiny_model, quick_config(), "cpu")
    assert capfd.readouterr() == ("", "")


def test_token_ids_beyond_the_embedding_are_refused(
    tiny_model: Path, quick_config: Callable[..., Any]
) -> None:
    check_architecture(tiny_model, quick_config(), 258)
    with pytest.raises(UsageError, match=r"token 259, but the embedding matrix \(vocab_size\) has 259 rows"):
        check_architecture(tiny_model, quick_config(), 259)


def test_an_unknown_architecture_is_refused(folder: Path, quick_config: Callable[..., Any]) -> None:
    set_config(folder, model_type="no-such-model")
    with pytest.raises(UsageError, match=r"config\.json cannot be used") as caught:
        check_architecture(folder, quick_config(), 1)
    assert "no-such-model" in str(caught.value)


def test_weights_that_cannot_be_read_are_refused(folder: Path, quick_config: Callable[..., Any]) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UsageError, match="weights cannot be loaded") as caught:
        load_base(folder, quick_config(), "cpu")
    assert caught.value.exit_code == 2


SHAPES = (
    r"model\.layers\.0\.mlp\.\w+\.weight is \[(48, 32|32, 48)\] in the weight files, "
    r"config\.json asks for \[(64, 32|32, 64)\] \(tensors that do not fit: 6\)"
)


@pytest.mark.parametrize("shards", [False, True])
def test_weights_of_another_shape_are_found_before_they_are_loaded(
    folder: Path, quick_config: Callable[..., Any], shards: bool
) -> None:
    if shards:
        (folder / "model.safetensors").rename(folder / "model-1-of-1.safetensors")
        names = tensor_names(folder / "model-1-of-1.safetensors")
        index = {"weight_map": dict.fromkeys(names, "model-1-of-1.safetensors")}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    check_architecture(folder, quick_config(), 10)
    set_config(folder, intermediate_size=64)
    with pytest.raises(UsageError, match=SHAPES):
        check_architecture(folder, quick_config(), 10)


def tensor_names(path: Path) -> list[str]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return list(file.keys())


def test_weights_of_another_shape_are_refused_by_name_when_only_loading_finds_them(
    folder: Path, quick_config: Callable[..., Any]
) -> None:
    """As with checkpoints whose tensors transformers renames or converts."""
    set_config(folder, intermediate_size=64)
    with pytest.raises(UsageError, match=SHAPES):
        load_base(folder, quick_config(), "cpu")


def test_tensors_that_transformers_converts_are_not_compared(
    folder: Path, quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import conversion_mapping
    from transformers.core_model_loading import Transpose, WeightConverter

    turned = [WeightConverter(r"mlp\.\w+_proj\.weight", r"mlp.x.weight", [Transpose(0, 1)])]
    monkeypatch.setattr(conversion_mapping, "get_model_conversion_mapping", lambda _: turned)
    set_config(folder, intermediate_size=64)
    check_architecture(folder, quick_config(), 10)


@pytest.mark.parametrize("kind", ["vit", "t5"])
def test_an_architecture_that_is_no_causal_language_model_is_refused(
    folder: Path, quick_config: Callable[..., Any], kind: str
) -> None:
    set_config(folder, model_type=kind)
    with pytest.raises(UsageError, match="AutoModelForCausalLM") as caught:
        check_architecture(folder, quick_config(), 1)
    assert str(caught.value).startswith(f"{folder / 'config.json'}: config.json cannot be used")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"hidden_size": "abc"}, "'hidden_size'.* expected int, got str"),
        ({"layer_types": 3}, "'layer_types'"),
        ({"dtype": "floof"}, "floof"),
        ({"hidden_size": -4}, "negative dimension -4"),
        ({"num_attention_heads": 0}, "division"),
        ({"hidden_act": "foo"}, "foo"),
    ],
)
def test_a_config_with_a_wrong_value_is_refused(
    folder: Path, quick_config: Callable[..., Any], values: dict[str, object], words: str
) -> None:
    set_config(folder, **values)
    with pytest.raises(UsageError, match=words) as caught:
        check_architecture(folder, quick_config(), 1)
    assert str(folder / "config.json") in str(caught.value)


def test_weights_that_lack_a_layer_are_refused(folder: Path, quick_config: Callable[..., Any]) -> None:
    """transformers fills what is missing with random numbers and only warns."""
    set_config(folder, num_hidden_layers=3, layer_types=["full_attention"] * 3, max_window_layers=3)
    with pytest.raises(UsageError, match=r"lack 12 tensors of this model, first model\.layers\.2\."):
        load_base(folder, quick_config(), "cpu")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried"
        ),
        RuntimeError("unable to mmap 505513520 bytes from file </m>: Cannot allocate memory (12)"),
        RuntimeError("MPS backend out of memory"),
    ],
    ids=["python", "cpu", "cpu-windows", "mmap", "mps"],
)
def test_too_little_memory_is_a_resource_error(
    tiny_model: Path, quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    import transformers

    def no_memory(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", no_memory)
    with pytest.raises(ResourceError, match="do not fit into memory") as caught:
        load_base(tiny_model, quick_config(), "cpu")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("error", [ImportError("no optimum"), AttributeError("x"), AssertionError("odd")])
def test_an_error_of_any_class_while_loading_is_about_the_weights(
    tiny_model: Path, quick_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    import transformers

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", fail)
    with pytest.raises(UsageError, match=f"weights cannot be loaded: {error}"):
        load_base(tiny_model, quick_config(), "cpu")
