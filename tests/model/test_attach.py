"""Adapters of other programs: every tensor has its place, or the refusal says which has none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doubles.tiny_model import write_tiny_model
from loralab.config.schema import Config, ModelConfig
from loralab.errors import UsageError
from loralab.model.adapter_folder import check_adapter_folder
from loralab.model.attach import attach_adapter
from loralab.model.describe import describe_adapter
from loralab.model.load import load_base

Make = Callable[..., Path]


def base(folder: Path) -> Any:
    return load_base(folder, Config(model=ModelConfig(name=str(folder))), "cpu")[0]


@pytest.fixture
def make(tiny_model: Path, tmp_path: Path) -> Make:
    """make(setting=value, ...): a folder as PEFT itself saves it, with random weights in both factors."""

    def make(**settings: Any) -> Path:
        import torch
        from peft import LoraConfig, get_peft_model

        wanted = {
            "r": 2,
            "lora_alpha": 4,
            "target_modules": ["q_proj", "down_proj"],
            "task_type": "CAUSAL_LM",
        }
        model = get_peft_model(base(tiny_model), LoraConfig(**{**wanted, **settings}))
        generator = torch.Generator().manual_seed(3)
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.data = torch.randn(parameter.shape, generator=generator)
        folder = tmp_path / "adapter"
        model.save_pretrained(folder, save_embedding_layers=False)
        return folder

    return make


def logits(model: Any) -> Any:
    import torch

    with torch.inference_mode():
        return model(input_ids=torch.arange(20)[None]).logits


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes))


@pytest.mark.parametrize(
    "settings",
    [{}, {"use_rslora": True}, {"rank_pattern": {"q_proj": 5}, "alpha_pattern": {"q_proj": 9}},
     {"target_modules": r".*\.1\..*(q|v)_proj"}, {"target_modules": "all-linear"}, {"modules_to_save": ["norm"]}],
    ids=lambda s: ",".join(s) or "plain",
)  # fmt: skip
def test_it_computes_what_peft_computes(make: Make, tiny_model: Path, settings: dict[str, Any]) -> None:
    import torch
    from peft import PeftModel

    folder = make(**settings)
    check_adapter_folder(folder)
    mine = attach_adapter(base(tiny_model), folder)
    assert torch.equal(logits(mine), logits(PeftModel.from_pretrained(base(tiny_model), folder)))
    assert not torch.equal(logits(mine), logits(base(tiny_model)))
    assert not mine.training and not any(p.requires_grad for p in mine.parameters())


def test_modules_of_another_architecture_are_named(make: Make, tiny_model: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make()
    path = folder / "adapter_model.safetensors"
    save_file({k.replace("self_attn.q_proj", "attn.c_attn"): v for k, v in load_file(path).items()}, path)
    edit(folder, target_modules=["c_attn", "down_proj"], base_model_name_or_path="some/gpt2")
    with pytest.raises(UsageError, match=r"\(2 of 4\): model.layers.0.attn.c_attn") as refused:
        attach_adapter(base(tiny_model), folder)
    assert "made for some/gpt2" in str(refused.value) and "down_proj" not in str(refused.value)


def test_layers_that_a_smaller_model_lacks_are_named(make: Make, tmp_path: Path) -> None:
    small = write_tiny_model(tmp_path / "small", layers=1)
    with pytest.raises(UsageError, match=r"model\.layers\.1\.mlp\.down_proj"):
        attach_adapter(base(small), make())


def test_settings_that_name_no_layer_are_refused(make: Make, tiny_model: Path) -> None:
    folder = make()
    edit(folder, target_modules=["c_attn"])
    with pytest.raises(UsageError, match="c_attn"):
        attach_adapter(base(tiny_model), folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"r": 3}, r"lora_A.weight is \[2, \d+\] in the adapter, this model asks for \[3, \d+\]"),
        ({"target_modules": ["q_proj", "down_proj", "k_proj"]}, "lacks 4 tensors that its settings ask for, first .*k_proj"),
        ({"target_modules": ["q_proj"]}, "holds 4 tensors that its settings have no place for, first .*down_proj"),
        ({"future_option": {"x": 1}}, "future_option .* the installed PEFT does not know"),
        ({"target_modules": 3}, "cannot be used"),
    ],
)  # fmt: skip
def test_tensors_and_settings_that_do_not_belong_together_are_refused(
    make: Make, tiny_model: Path, changes: dict[str, Any], words: str
) -> None:
    folder = make()
    edit(folder, **changes)
    with pytest.raises(UsageError, match=words):
        attach_adapter(base(tiny_model), folder)


def test_unknown_settings_that_are_off_do_no_harm(make: Make, tiny_model: Path) -> None:
    folder = make()
    edit(folder, future_option=False, other_option=None, peft_version="99.0")
    attach_adapter(base(tiny_model), folder)


def test_what_is_wrong_with_a_folder_is_said_without_torch(make: Make, tmp_path: Path) -> None:
    whole = make()
    weights = "adapter_model.safetensors"

    def broken(name: str, change: Callable[[Path], object]) -> Path:
        folder = shutil.copytree(whole, tmp_path / name)
        change(folder)
        return folder

    cases = [
        (tmp_path / "absent", "folder does not exist"),
        (broken("a", lambda f: (f / "adapter_config.json").unlink()), "not an adapter folder"),
        (broken("b", lambda f: (f / "adapter_config.json").write_text("{")), "cut off"),
        (broken("c", lambda f: (f / weights).unlink()), "weight file is missing"),
        (broken("d", lambda f: (f / weights).rename(f / "adapter_model.bin")), "only pickle weights"),
        (
            broken("e", lambda f: (f / weights).write_bytes((f / weights).read_bytes()[:-3])),
            "cut off or damaged",
        ),
        (broken("g", lambda f: edit(f, peft_type="IA3")), "kind IA3"),
    ]
    for folder, words in cases:
        with pytest.raises(UsageError, match=words):
            check_adapter_folder(folder)


def test_an_adapter_is_described_by_its_hashes(make: Make) -> None:
    from loralab.run.files import sha256

    folder = make()
    edit(folder, base_model_name_or_path="some/base")
    described = describe_adapter(folder)
    assert described["base"] == "some/base" and described["folder"] == str(folder)
    assert described["weights"][0]["sha256"] == sha256(folder / "adapter_model.safetensors")
    assert [f["path"] for f in described["files"]] == ["adapter_config.json"]
