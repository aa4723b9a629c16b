"""Adapters: seeded, in float32, and at home in PEFT."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doubles.tiny_model import write_tiny_model
from doubles.tuned import fill_b
from loralab.errors import UsageError
from loralab.model.adapter import load_adapter, save_adapter, trainable
from loralab.model.load import TunedModel, check_architecture, load_tuned

SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture
def tuned(tiny_model: Path, quick_config: Callable[..., Any]) -> TunedModel:
    return load_tuned(tiny_model, quick_config(), "cpu")


def weights(tuned: TunedModel) -> dict[str, Any]:
    return {n: p.detach().clone() for n, p in trainable(tuned.model).items()}


def test_every_target_of_every_layer_gets_an_adapter(tuned: TunedModel) -> None:
    names = set(trainable(tuned.model))
    assert len(names) == 2 * 2 * 7
    for layer in range(2):
        for target in SEVEN:
            assert any(f"layers.{layer}." in n and f".{target}.lora_A" in n for n in names)
    assert tuned.trainable == sum(p.numel() for p in trainable(tuned.model).values())
    assert tuned.parameters == sum(p.numel() for n, p in tuned.model.named_parameters() if "lora_" not in n)


def test_a_fresh_adapter_changes_nothing_and_comes_from_the_seed_alone(
    tiny_model: Path, quick_config: Callable[..., Any], tuned: TunedModel
) -> None:
    import torch

    before = torch.random.get_rng_state()
    torch.manual_seed(7)
    again = load_tuned(tiny_model, quick_config(), "cpu")
    assert all(torch.equal(weights(tuned)[n], w) for n, w in weights(again).items())
    other = load_tuned(tiny_model, quick_config("train.seed=1"), "cpu")
    assert any(not torch.equal(weights(tuned)[n], w) for n, w in weights(other).items())
    assert all((w == 0).all() == ("lora_B" in n) for n, w in weights(tuned).items())
    ids = torch.tensor([[1, 2, 3, 4]])
    with torch.no_grad(), tuned.model.disable_adapter():
        base = tuned.model(input_ids=ids).logits
    with torch.no_grad():
        assert torch.equal(tuned.model(input_ids=ids).logits, base)
    torch.random.set_rng_state(before)


def test_making_an_adapter_leaves_the_global_generator_alone(
    tiny_model: Path, quick_config: Callable[..., Any]
) -> None:
    import torch

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_tuned(tiny_model, quick_config(), "cpu")
    assert torch.equal(torch.rand(1), expected)


def test_a_saved_adapter_loads_in_peft_and_gives_the_same_logits(
    tuned: TunedModel, tiny_model: Path, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    fill_b(tuned.model)
    save_adapter(tuned.model, tmp_path / "adapter", 0.1, "owner/name")
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert settings["r"] == 4 and settings["lora_alpha"] == 16 and settings["lora_dropout"] == 0.1
    assert settings["base_model_name_or_path"] == "owner/name" and settings["target_modules"] == sorted(SEVEN)
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    theirs = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.no_grad():
        assert torch.allclose(theirs(input_ids=ids).logits, tuned.model(input_ids=ids).logits, atol=1e-6)


def test_the_same_adapter_is_the_same_bytes(tuned: TunedModel, tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_adapter(tuned.model, tmp_path / name, 0.1, "m")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_training_can_start_from_an_adapter(
    tuned: TunedModel, tiny_model: Path, quick_config: Callable[..., Any], tmp_path: Path
) -> None:
    import torch

    fill_b(tuned.model)
    save_adapter(tuned.model, tmp_path / "start", 0.1, "m")
    started = load_tuned(tiny_model, quick_config(f"lora.init={tmp_path / 'start'}"), "cpu")
    assert all(torch.equal(weights(tuned)[n], w) for n, w in weights(started).items())


def test_an_adapter_with_other_settings_names_each_difference(
    tuned: TunedModel, tiny_model: Path, quick_config: Callable[..., Any], tmp_path: Path
) -> None:
    save_adapter(tuned.model, tmp_path / "start", 0.1, "m")
    config = quick_config(
        f"lora.init={tmp_path / 'start'}", "lora.rank=8", "lora.alpha=3", "lora.targets=[q_proj]"
    )
    with pytest.raises(UsageError) as caught:
        load_tuned(tiny_model, config, "cpu")
    text = str(caught.value)
    assert all(word in text for word in ("lora.rank 4", "says 8", "lora.alpha 16", "lora.targets"))


def test_an_adapter_of_another_model_is_refused(
    tuned: TunedModel, quick_config: Callable[..., Any], tmp_path: Path
) -> None:
    save_adapter(tuned.model, tmp_path / "start", 0.1, "m")
    other = write_tiny_model(tmp_path / "three", layers=3)
    with pytest.raises(UsageError, match=r"lacks 14 tensors .* first .*layers.2"):
        load_tuned(other, quick_config(f"lora.init={tmp_path / 'start'}"), "cpu")


@pytest.mark.parametrize("damage", ["missing", "torn"])
def test_an_adapter_that_cannot_be_read_is_refused(tuned: TunedModel, tmp_path: Path, damage: str) -> None:
    save_adapter(tuned.model, tmp_path, 0.1, "m")
    path = tmp_path / "adapter_model.safetensors"
    data = path.read_bytes()
    path.unlink()
    if damage == "torn":
        path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UsageError, match="the adapter cannot be read"):
        load_adapter(tuned.model, tmp_path)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ("[q_proj,qproj]", ["match no layer of this model: qproj", "down_proj", "lora.targets=[q_proj]"]),
        ("[lm_head]", ["tied to the input embeddings"]),
        ("[norm]", ["match no layer"]),
    ],
)
def test_targets_that_cannot_carry_an_adapter_are_refused_before_weights_load(
    tiny_model: Path, quick_config: Callable[..., Any], targets: str, words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        check_architecture(tiny_model, quick_config(f"lora.targets={targets}"), 10)
    assert caught.value.exit_code == 2 and all(word in str(caught.value) for word in words)


def test_a_head_of_its_own_can_carry_an_adapter(quick_config: Callable[..., Any], tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "untied", tied=False)
    config = quick_config(f"model.name={folder}", "lora.targets=[lm_head]")
    check_architecture(folder, config, 10)
    assert len(trainable(load_tuned(folder, config, "cpu").model)) == 2


@pytest.mark.parametrize(("stabilised", "factor"), [("false", 4.0), ("true", 8.0)])
def test_the_scaling_in_force_is_the_one_of_the_config(
    tiny_model: Path, quick_config: Callable[..., Any], stabilised: str, factor: float
) -> None:
    config = quick_config(f"lora.rank_stabilised={stabilised}")
    model = load_tuned(tiny_model, config, "cpu").model
    assert {
        m.scaling["default"] for m in model.modules() if isinstance(getattr(m, "scaling", None), dict)
    } == {factor}


def start_adapter(tuned: TunedModel, folder: Path, drop: tuple[str, ...] = (), **values: object) -> str:
    """An adapter to start from with keys of its settings dropped or changed; the override that names it."""
    save_adapter(tuned.model, folder, 0.1, "m")
    path = folder / "adapter_config.json"
    settings = json.loads(path.read_text("utf-8")) | values
    path.write_text(json.dumps({k: v for k, v in settings.items() if k not in drop}), "utf-8")
    return f"lora.init={folder}"


def test_settings_that_an_older_peft_did_not_write_have_its_defaults(
    tuned: TunedModel, tiny_model: Path, quick_config: Callable[..., Any], tmp_path: Path
) -> None:
    init = start_adapter(
        tuned, tmp_path / "old", ("use_rslora", "use_dora", "rank_pattern", "alpha_pattern", "bias")
    )
    check_architecture(tiny_model, quick_config(init), 10)
    load_tuned(tiny_model, quick_config(init), "cpu")
    with pytest.raises(UsageError, match=r"lora\.rank_stabilised False, the config says True"):
        check_architecture(tiny_model, quick_config(init, "lora.rank_stabilised=true"), 10)


def test_a_missing_rank_is_the_default_of_peft(
    tuned: TunedModel, tiny_model: Path, quick_config: Callable[..., Any], tmp_path: Path
) -> None:
    init = start_adapter(tuned, tmp_path / "old", ("r", "lora_alpha"))
    with pytest.raises(UsageError, match=r"lora\.rank 8, the config says 4") as caught:
        check_architecture(tiny_model, quick_config(init), 10)
    assert "lora.alpha 8" in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "3", "null", '"r"'])
def test_adapter_settings_that_are_no_object_are_refused(
    tuned: TunedModel, tiny_model: Path, quick_config: Callable[..., Any], tmp_path: Path, text: str
) -> None:
    init = start_adapter(tuned, tmp_path / "start")
    (tmp_path / "start" / "adapter_config.json").write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"adapter_config\.json: must hold a JSON object"):
        check_architecture(tiny_model, quick_config(init), 10)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rank_pattern", {"q_proj": 8}), ("alpha_pattern", {"q_proj": 32}), ("use_dora", True), ("bias", "all"),
        ("modules_to_save", ["lm_head"]), ("peft_type", "LOHA"), ("alora_invocation_tokens", [1]),
    ],
)  # fmt: skip
def test_an_adapter_of_a_kind_that_loralab_does_not_train_is_refused(
    tuned: TunedModel,
    tiny_model: Path,
    quick_config: Callable[..., Any],
    tmp_path: Path,
    key: str,
    value: object,
) -> None:
    init = start_adapter(tuned, tmp_path / "start", **{key: value})
    with pytest.raises(UsageError, match=f"the adapter has {key} ") as caught:
        check_architecture(tiny_model, quick_config(init), 10)
    assert len(caught.value.problems) == 1 and caught.value.exit_code == 2


@pytest.mark.parametrize(("key", "value"), [("rank_pattern", {}), ("bias", None), ("modules_to_save", [])])
def test_an_empty_setting_is_none(
    tuned: TunedModel,
    tiny_model: Path,
    quick_config: Callable[..., Any],
    tmp_path: Path,
    key: str,
    value: object,
) -> None:
    check_architecture(tiny_model, quick_config(start_adapter(tuned, tmp_path / "s", **{key: value})), 10)
