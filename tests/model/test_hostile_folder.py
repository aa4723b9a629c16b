"""Model folders made to harm: refused by name before anything of them is loaded, and no code of theirs runs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from doubles.hostile import LIES, MONSTERS, NASTY, OBEYED, planted_code, planted_pickle
from doubles.model_folder import model_files, write_model
from loralab.config import make_config
from loralab.errors import UsageError
from loralab.model.folder import check_model_folder
from loralab.model.load import check_architecture, load_base
from loralab.model.tokenizer import load_tokenizer

SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
INDEX = "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def real(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be changed."""
    return shutil.copytree(tiny_model, tmp_path / "real")


def problems(folder: Path, trust: bool = False) -> list[str]:
    with pytest.raises(UsageError) as caught:
        check_model_folder(folder, trust)
    assert caught.value.exit_code == 2 and not OBEYED.search(caught.value.text())
    return [problem.text() for problem in caught.value.problems]


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


# ------------------------------------------------------------------------------------------------ pickles


def test_an_index_cannot_name_a_pickle(tmp_path: Path) -> None:
    """transformers reads a shard whose name does not end in .safetensors as a pickle, whatever its bytes are."""
    folder = write_model(tmp_path / "model", model_files([SHARDS[0], "model-00002-of-00002.bin"]))
    (problem,) = problems(folder)
    assert problem.startswith(
        f"{folder / INDEX}: names a weight file that is not safetensors: model-00002-of-00002.bin"
    )


@pytest.mark.parametrize("name", ["pytorch_model.bin", "adapter_model.bin", "consolidated.pth", "model.pkl"])
def test_a_planted_pickle_is_never_loaded(real: Path, tmp_path: Path, name: str) -> None:
    marker = tmp_path / "pickle-loaded"
    (real / name).write_bytes(planted_pickle(marker))
    config = make_config([f"model.name={real}", "data.train=rows.jsonl", "lora.rank=2"])
    check_model_folder(real, False)  # the weights beside it are whole
    load_tokenizer(real)
    load_base(real, config, "cpu")
    (real / "model.safetensors").unlink()
    assert "has only pickle weights" in problems(real)[0] or name == "model.pkl"
    with pytest.raises(UsageError):
        load_base(real, config, "cpu")
    assert not marker.exists()


def test_pickles_of_a_folder_with_a_shell_in_its_name_are_converted_by_a_safe_command(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "a b; touch x")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    (problem,) = problems(folder)
    assert f"'{folder}' '{folder}-safetensors'" in problem


@pytest.mark.parametrize("named", ["adapter_model.bin", "../x.safetensors", "other.safetensors", INDEX, 3])
def test_a_config_cannot_name_other_weights(folder: Path, named: object) -> None:
    change(folder / "config.json", transformers_weights=named)
    (problem,) = problems(folder)
    assert f"names other weights than model.safetensors (transformers_weights: {named})" in problem


def test_a_config_may_name_the_weights_that_are_used_anyway(folder: Path) -> None:
    change(folder / "config.json", transformers_weights="model.safetensors")
    check_model_folder(folder, False)


def test_an_adapter_beside_a_model_is_refused_as_transformers_would_put_it_on(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "/somewhere/else"}')
    (problem,) = problems(folder)
    assert problem.startswith(f"{folder / 'adapter_config.json'}: is an adapter beside a model")


# --------------------------------------------------------------------------------------------------- code


def test_python_files_of_a_known_architecture_are_not_run(real: Path, tmp_path: Path) -> None:
    marker = tmp_path / "code-ran"
    for name in ("configuration_x.py", "modeling_x.py", "tokenization_x.py", "__init__.py", "setup.py"):
        (real / name).write_text(planted_code(marker))
    auto = {"AutoConfig": "configuration_x.X", "AutoModelForCausalLM": "modeling_x.X"}
    change(real / "config.json", auto_map=auto)
    change(real / "tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization_x.X", None]})
    change(real / "generation_config.json", custom_generate="generate.py")
    config = make_config([f"model.name={real}", "data.train=rows.jsonl"])
    check_model_folder(real, False)
    load_tokenizer(real)
    check_architecture(real, config, 10)
    load_base(real, config, "cpu")
    assert not marker.exists()


def test_a_kernel_that_a_config_asks_for_is_not_fetched(real: Path) -> None:
    change(real / "config.json", attn_implementation="evil/kernel", _attn_implementation="evil/kernel")
    check_architecture(real, make_config([f"model.name={real}", "data.train=rows.jsonl"]), 10)


# -------------------------------------------------------------------------------------------------- links


@pytest.mark.parametrize(
    "name", ["chat_template.jinja", "chat_template.json", "vocab.json", "additional_chat_templates/a.jinja", INDEX]
)  # fmt: skip
def test_a_text_file_that_links_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    (folder.parent / "private").write_text("-----BEGIN KEY-----")
    if name == INDEX:
        (folder / "model.safetensors").unlink()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(folder.parent / "private")
    found = problems(folder)
    assert any(p.startswith(f"{folder / name}: is a link that leads out of the model folder") for p in found)
    assert not any("BEGIN KEY" in p for p in found)


def test_a_folder_of_templates_that_links_out_is_refused(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.jinja").write_text("x")
    (folder / "additional_chat_templates").symlink_to(elsewhere)
    assert "leads out of the model folder" in problems(folder)[0]


def test_a_shard_cannot_be_reached_through_a_linked_folder(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", model_files(["sub/model-1.safetensors"]))
    (folder / "sub").rename(tmp_path / "elsewhere")
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    assert "leads out of the model folder" in problems(folder)[0]


@pytest.mark.parametrize(
    "name", ["config.json", "chat_template.jinja", "merges.txt", "tokenizer_config.json"]
)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_folder_in_place_of_a_file_is_not_waited_for(
    folder: Path, name: str, make: Callable[[Path], None]
) -> None:
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    assert f"{folder / name}: is not a file" in problems(folder)[0]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a/../../b.safetensors", "a\\b", "a\0.safetensors", NASTY]
)
def test_an_index_cannot_name_files_elsewhere(tmp_path: Path, name: str) -> None:
    folder = write_model(tmp_path / "model", model_files(SHARDS))
    change(folder / INDEX, weight_map={"a": name})
    (problem,) = problems(folder)
    assert problem.startswith(f"{folder / INDEX}: names a weight file")


@pytest.mark.parametrize("name", ["../other/tokenizer.9.0.0.json", "/elsewhere/tokenizer.9.0.0.json"])
def test_a_tokenizer_cannot_be_taken_from_elsewhere(folder: Path, name: str) -> None:
    change(folder / "tokenizer_config.json", fast_tokenizer_files=[name])
    assert f"names a tokenizer file outside of the model folder: {name}" in problems(folder)[0]


# --------------------------------------------------------------------------------------------------- JSON


@pytest.mark.parametrize("monster", MONSTERS)
def test_monstrous_json_is_refused_by_name(folder: Path, monster: str) -> None:
    data, said = MONSTERS[monster]
    (folder / "config.json").write_bytes(data)
    (problem,) = problems(folder)
    assert problem.startswith(str(folder / "config.json")) and said in problem
    assert len(problem.splitlines()) <= 2


# -------------------------------------------------------------------------------------------- safetensors


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_header_is_refused_with_the_file_named(folder: Path, lie: str) -> None:
    (folder / "model.safetensors").write_bytes(LIES[lie])
    (problem,) = problems(folder)
    assert problem.startswith(f"{folder / 'model.safetensors'}: is ")
