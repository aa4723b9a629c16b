"""What the fast engine takes on, and the reason it gives for each model that it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from doubles.families import FAMILIES, make_base
from loralab.config import Config
from loralab.engine.fast.support import unsupported, unsupported_type
from loralab.model.load import TunedModel, quiet

Tuned = Callable[..., tuple[TunedModel, Config]]


def reason(model: Any, config: Config) -> str | None:
    words = unsupported(model, config)
    return None if words is None else words.text()


def with_peft(settings: Any, family: str = "llama-biases") -> Any:
    from peft import get_peft_model

    with quiet():
        return get_peft_model(make_base(family), settings)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_the_tests_is_taken_on(tuned_family: Tuned, family: str) -> None:
    tuned, config = tuned_family(family)
    assert reason(tuned.model, config) is None


def test_part_of_the_targets_is_taken_on(tuned_family: Tuned) -> None:
    tuned, config = tuned_family("qwen2", "lora.targets=[q_proj,down_proj]", "lora.rank_stabilised=true")
    assert reason(tuned.model, config) is None


def test_an_unknown_architecture_is_named(engine_config: Callable[..., Config]) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import GPT2Config, GPT2LMHeadModel

    base = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=2))
    model = get_peft_model(base, LoraConfig(r=2, target_modules=["c_proj"], fan_in_fan_out=True))
    expected = "the fast engine does not know the architecture GPT2LMHeadModel"
    assert reason(model, engine_config()) == expected


def test_code_that_came_with_a_model_is_not_trusted_by_its_name(tuned_family: Tuned) -> None:
    tuned, config = tuned_family("qwen2")
    base = tuned.model.get_base_model()
    base.__class__ = type("Qwen2ForCausalLM", (type(base),), {"__module__": "transformers_modules.theirs"})
    assert "does not know the architecture" in str(reason(tuned.model, config))


def test_a_window_shorter_than_the_rows_is_refused(tuned_family: Tuned) -> None:
    tuned, config = tuned_family("mistral-window", "data.max_tokens=401")
    assert reason(tuned.model, config) == "the model looks back 400 tokens, rows may have 401"
    _, config = tuned_family("mistral-window", "data.max_tokens=400")
    assert reason(tuned.model, config) is None


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("hidden_act", "gelu", "hidden_act gelu"), ("attention_dropout", 0.1, "attention_dropout 0.1"),
        ("rope_parameters", {"rope_type": "dynamic"}, "rope_type dynamic"),
        ("quantization_config", {"quant_method": "gptq"}, "quantization_config {'quant_method': 'gptq'}"),
    ],
)  # fmt: skip
def test_settings_of_the_base_model_are_named(
    tuned_family: Tuned, key: str, value: Any, expected: str
) -> None:
    tuned, config = tuned_family("qwen2")
    setattr(tuned.model.get_base_model().config, key, value)
    assert reason(tuned.model, config) == f"the fast engine does not compute {expected}"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"use_dora": True}, "compute use_dora True"), ({"bias": "all"}, "compute bias all"),
        ({"modules_to_save": ["lm_head"]}, "compute modules_to_save ['lm_head']"),
        ({"lora_bias": True}, "compute lora_bias True"),
        ({"target_modules": ["q_proj", "embed_tokens"]}, "train base_model.model.model.embed_tokens.lora_embedding_A.default"),
    ],
)  # fmt: skip
def test_settings_of_the_adapter_are_named(
    engine_config: Callable[..., Config], settings: dict[str, Any], expected: str
) -> None:
    from peft import LoraConfig

    model = with_peft(LoraConfig(**{"r": 2, "target_modules": ["q_proj"], **settings}))
    assert reason(model, engine_config()) == f"the fast engine does not {expected}"


def test_another_kind_of_adapter_is_refused(engine_config: Callable[..., Config]) -> None:
    from peft import IA3Config

    model = with_peft(IA3Config(target_modules=["q_proj", "down_proj"], feedforward_modules=["down_proj"]))
    assert "does not compute peft_type IA3" in str(reason(model, engine_config()))


def test_a_layer_of_another_class_is_refused(tuned_family: Tuned) -> None:
    import torch

    class Quantised(torch.nn.Linear):
        pass

    tuned, config = tuned_family("qwen2")
    tuned.model.get_base_model().model.layers[1].mlp.up_proj.base_layer.__class__ = Quantised
    expected = "the fast engine does not compute layers.1.mlp.up_proj Quantised"
    assert reason(tuned.model, config) == expected


def test_merged_or_switched_off_adapters_are_refused(tuned_family: Tuned) -> None:
    tuned, config = tuned_family("qwen2")
    tuned.model.merge_adapter()
    assert "layers.0.self_attn.q_proj" in str(reason(tuned.model, config))
    tuned.model.unmerge_adapter()
    assert reason(tuned.model, config) is None
    with tuned.model.disable_adapter():
        assert "layers.0.self_attn.q_proj" in str(reason(tuned.model, config))


def test_weights_of_the_base_that_are_trained_too_are_refused(tuned_family: Tuned) -> None:
    tuned, config = tuned_family("qwen2")
    tuned.model.get_base_model().model.norm.weight.requires_grad_(True)
    assert reason(tuned.model, config) == "the fast engine does not train base_model.model.model.norm.weight"


@pytest.mark.parametrize(
    ("model_type", "device", "expected"),
    [
        ("qwen2", "cpu", None), ("qwen3", "cuda", None), ("llama", "cpu", None), ("mistral", "cpu", None),
        ("gpt2", "cpu", "the fast engine does not know the architecture GPT2LMHeadModel"),
        ("own", "cpu", "the fast engine does not know the architecture own"),
        ("qwen2", "mps", "the fast engine does not compute device mps"),
    ],
)  # fmt: skip
def test_what_is_known_before_weights_are_loaded(model_type: str, device: str, expected: str | None) -> None:
    found = unsupported_type(model_type, device)
    assert expected == (None if found is None else str(found))
