"""Adapter folders made to harm: refused by name, not unpickled, and no module that they name is imported."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doubles.hostile import LIES, MONSTERS, planted_code, planted_pickle
from doubles.model_folder import safetensors, write_model
from loralab.config import make_config
from loralab.errors import UsageError
from loralab.model.adapter import add_adapter, check_settings
from loralab.model.adapter_folder import check_adapter_folder
from loralab.model.attach import attach_adapter
from loralab.model.load import load_base


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_model(
        tmp_path / "adapter",
        {
            "adapter_config.json": b'{"r": 8, "target_modules": ["q_proj"]}',
            "adapter_model.safetensors": safetensors("a"),
        },
    )


CHECKS: list[Callable[[Path], object]] = [
    check_adapter_folder,
    lambda path: check_settings(path, make_config(["model.name=a/b", "data.train=x", "lora.rank=8"]).lora),
]


@pytest.mark.parametrize("check", CHECKS, ids=["eval --adapter", "lora.init"])
@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_an_adapter_that_links_out_of_its_folder_is_refused(
    adapter: Path, check: Callable[[Path], object], name: str
) -> None:
    (adapter / name).rename(adapter.parent / name)
    (adapter / name).symlink_to(adapter.parent / name)
    with pytest.raises(UsageError, match=f"{name}: is a link that leads out"):
        check(adapter)


@pytest.mark.parametrize("check", CHECKS, ids=["eval --adapter", "lora.init"])
def test_an_adapter_of_pickles_is_refused_and_not_loaded(
    adapter: Path, check: Callable[[Path], object], tmp_path: Path
) -> None:
    marker = tmp_path / "pickle-loaded"
    (adapter / "adapter_model.bin").write_bytes(planted_pickle(marker))
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"has only pickle weights \(adapter_model.bin\)"):
        check(adapter)
    assert not marker.exists()


@pytest.mark.parametrize("check", CHECKS, ids=["eval --adapter", "lora.init"])
@pytest.mark.parametrize("monster", ["deep", "deep object", "long number"])
def test_monstrous_settings_of_an_adapter_are_refused(
    adapter: Path, check: Callable[[Path], object], monster: str
) -> None:
    (adapter / "adapter_config.json").write_bytes(MONSTERS[monster][0])
    with pytest.raises(UsageError, match=MONSTERS[monster][1]):
        check(adapter)


ODD: list[dict[str, Any]] = [
    {"r": "8"}, {"r": -1}, {"r": []}, {"r": None}, {"r": 1e300}, {"lora_alpha": {}}, {"target_modules": "("}, {"target_modules": [[1]]},
    {"target_modules": {"a": 1}}, {"rank_pattern": [1]}, {"alpha_pattern": "x"}, {"layers_to_transform": "x"}, {"bias": 7},
    {"init_lora_weights": {"a": 1}}, {"modules_to_save": 3}, {"use_dora": "x"}, {"task_type": [1]}, {"lora_dropout": "x"},
    {"layer_replication": [[0, 10**9]]}, {"megatron_config": {"a": 1}, "megatron_core": "planted_module"}, {"loftq_config": 3},
    {"runtime_config": 3}, {"target_parameters": 3}, {"exclude_modules": "("}, {"inference_mode": "x", "peft_type": 3},
]  # fmt: skip


def test_odd_settings_of_an_adapter_end_in_a_refusal_or_in_the_same_adapter(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft import LoraConfig, get_peft_model

    marker = tmp_path / "code-ran"
    (tmp_path / "planted_module.py").write_text(planted_code(marker))
    monkeypatch.syspath_prepend(tmp_path)
    config = make_config([f"model.name={tiny_model}", "data.train=rows.jsonl"])
    folder = tmp_path / "adapter"
    base = load_base(tiny_model, config, "cpu")[0]
    get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(
        folder, save_embedding_layers=False
    )
    whole = (folder / "adapter_config.json").read_text("utf-8")
    refused = []
    for settings in ODD:
        (folder / "adapter_config.json").write_text(json.dumps(json.loads(whole) | settings), "utf-8")
        try:
            attach_adapter(load_base(tiny_model, config, "cpu")[0], folder)
        except UsageError as error:
            assert str(folder) in str(error)
            refused.append(settings)
    assert {"r": -1} in refused and {"target_modules": "("} in refused and len(refused) > len(ODD) / 2
    assert "planted_module" not in sys.modules and not marker.exists()


def test_training_from_an_adapter_does_not_read_its_other_settings(tiny_model: Path, adapter: Path) -> None:
    config = make_config(
        [
            f"model.name={tiny_model}",
            "data.train=x",
            "lora.rank=8",
            "lora.targets=[q_proj]",
            f"lora.init={adapter}",
        ]
    )
    (adapter / "adapter_config.json").write_text(
        '{"r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "bias": [1]}'
    )
    with pytest.raises(UsageError, match="the adapter has bias"):
        add_adapter(load_base(tiny_model, config, "cpu")[0], config.lora, 0)


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_adapter_is_refused_with_the_file_named(tmp_path: Path, lie: str) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(LIES[lie])
    with pytest.raises(UsageError, match=r"adapter_model\.safetensors: is "):
        check_adapter_folder(tmp_path)
