"""Model folders that lack something: each refusal names the file, without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from doubles.model_folder import model_files, safetensors, write_model
from loralab.errors import UsageError
from loralab.model.folder import check_model_folder, weight_files
from loralab.model.weights import tensor_shapes

SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
CODE = {"AutoConfig": "configuration_x.XConfig", "AutoModelForCausalLM": "modeling_x.XForCausalLM"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", model_files(SHARDS))


def problems(folder: Path, need: str = "all", trust: bool = False) -> list[str]:
    with pytest.raises(UsageError) as caught:
        check_model_folder(folder, trust, need)  # type: ignore[arg-type]
    return [p.text() for p in caught.value.problems]


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


# ---------------------------------------------------------------------------------------- whole folders


def test_a_whole_folder_passes(folder: Path) -> None:
    check_model_folder(folder, trust_remote_code=False)
    assert weight_files(folder) == [folder / "model.safetensors"]


def test_a_whole_folder_of_shards_passes(sharded: Path) -> None:
    check_model_folder(sharded, trust_remote_code=False)
    assert weight_files(sharded) == [sharded / name for name in SHARDS]


def test_the_single_file_wins_over_an_index_as_in_transformers(sharded: Path) -> None:
    (sharded / "model.safetensors").write_bytes(safetensors("a"))
    (sharded / SHARDS[0]).unlink()
    check_model_folder(sharded, trust_remote_code=False)
    assert weight_files(sharded) == [sharded / "model.safetensors"]


def test_the_tokenizer_needs_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    check_model_folder(folder, False, "tokenizer")
    assert len(problems(folder)) == 1


@pytest.mark.parametrize("files", [["vocab.json", "merges.txt"], ["tokenizer.model"], ["spiece.model"]])
def test_other_kinds_of_tokenizer(folder: Path, files: list[str]) -> None:
    (folder / "tokenizer.json").unlink()
    for name in files:
        (folder / name).write_text("{}")
    check_model_folder(folder, trust_remote_code=False)


def test_no_check_imports_torch(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")
    change(folder / "config.json", auto_map=CODE)
    program = (
        "import sys; from pathlib import Path; from loralab.model.folder import check_model_folder\n"
        "from loralab.errors import UsageError\n"
        f"folder = Path({str(folder)!r})\n"
        "check_model_folder(folder, False, 'tokenizer')\n"
        "try: check_model_folder(folder, False)\n"
        "except UsageError: print(sorted({'torch', 'transformers'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert result.stdout == "[]\n"


# ------------------------------------------------------------------------------------------ small files


def test_no_config(folder: Path) -> None:
    (folder / "config.json").unlink()
    (problem,) = problems(folder)
    assert problem.startswith(f"{folder}: has no config.json: it is not a model folder")


def test_a_folder_above_the_model(folder: Path) -> None:
    (problem,) = problems(folder.parent)
    assert f"next: model.name={folder}" in problem


def test_an_adapter_is_not_a_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/base"}')
    (problem,) = problems(tmp_path)
    assert "is an adapter, not a model" in problem
    assert f"next: model.name=owner/base lora.init={tmp_path}" in problem


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"]
)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[: len(data) // 2] if len(data) > 2 else b"{", "is cut off: the JSON does not end"),
        (lambda data: b"", "is empty"),
        (lambda data: b"[1]", "must hold a JSON object"),
        (lambda data: b'{"a": 1,,}', "is not valid JSON"),
        (lambda data: b'{"a": "\xff"}', "is not UTF-8 text"),
        (lambda data: LFS, "is a git-lfs pointer"),
    ],
)
def test_a_broken_small_file_is_named(
    folder: Path, name: str, spoil: Callable[[bytes], bytes], message: str
) -> None:
    (folder / name).write_bytes(spoil((folder / name).read_bytes()))
    (problem,) = problems(folder, "tokenizer")
    assert problem.startswith(str(folder / name))
    assert message in problem


@pytest.mark.parametrize("end", range(1, 40))
def test_a_config_cut_anywhere_is_cut_off(folder: Path, end: int) -> None:
    data = (folder / "config.json").read_bytes()
    (folder / "config.json").write_bytes(data[:end])
    assert any("config.json:1: is cut off" in p for p in problems(folder))


def test_no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (problem,) = problems(folder)
    assert "has no tokenizer: neither tokenizer.json" in problem


def test_half_a_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "vocab.json")
    (problem,) = problems(folder)
    assert problem == f"{folder / 'merges.txt'}: tokenizer file is missing"


# ---------------------------------------------------------------------------------------------- weights


def test_every_missing_shard_is_named(sharded: Path) -> None:
    for name in SHARDS:
        (sharded / name).unlink()
    found = problems(sharded)
    assert [p.splitlines()[0] for p in found] == [
        f"{sharded / name}: weight file is missing" for name in SHARDS
    ]
    assert all("next: " in p for p in found)


def test_shards_without_their_index(sharded: Path) -> None:
    (sharded / "model.safetensors.index.json").unlink()
    (problem,) = problems(sharded)
    assert "model.safetensors.index.json is missing" in problem


@pytest.mark.parametrize(
    "value", ['{"weight_map": {}}', "{}", '{"weight_map": {"a": 1}}', '{"weight_map": "x"}']
)
def test_an_index_that_names_no_files(sharded: Path, value: str) -> None:
    (sharded / "model.safetensors.index.json").write_text(value)
    (problem,) = problems(sharded)
    assert "has no weight_map" in problem


@pytest.mark.parametrize(
    "name", ["../secret.safetensors", "/etc/passwd", "a/../../x.safetensors", "..\\x.safetensors"]
)
def test_an_index_that_leaves_the_folder(sharded: Path, name: str) -> None:
    (sharded.parent / "secret.safetensors").write_bytes(safetensors("a"))
    change(sharded / "model.safetensors.index.json", weight_map={"a": name, "b": SHARDS[0]})
    (problem,) = problems(sharded)
    assert f"outside of the model folder: {name}" in problem


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (problem,) = problems(folder)
    assert "has no weights: neither model.safetensors nor model.safetensors.index.json" in problem


def test_pickle_weights_are_refused_with_the_way_out(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    (problem,) = problems(folder)
    assert "has only pickle weights (pytorch_model.bin)" in problem
    assert f'save_pretrained(sys.argv[2])" {folder} {folder}-safetensors, then copy' in problem


@pytest.mark.parametrize("cut", [0, 3, 8, 20, -1])
def test_cut_weights_are_refused(folder: Path, cut: int) -> None:
    data = safetensors("a", "b")
    (folder / "model.safetensors").write_bytes(data[:cut])
    (problem,) = problems(folder)
    assert problem.startswith(str(folder / "model.safetensors"))
    assert "cut off" in problem or "is not a safetensors file" in problem


@pytest.mark.parametrize(
    "data",
    [
        safetensors("a") + b"more",
        b"<!doctype html><html>Not Found</html>",
        (2).to_bytes(8, "little") + b"[]",
        (14).to_bytes(8, "little") + b'{"a": {"x":1}}',
        (2**62).to_bytes(8, "little") + b"{}",
    ],
)
def test_weights_that_are_something_else(folder: Path, data: bytes) -> None:
    (folder / "model.safetensors").write_bytes(data)
    (problem,) = problems(folder)
    assert "damaged" in problem or "is not a safetensors file" in problem


def test_a_pointer_instead_of_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(LFS)
    (problem,) = problems(folder)
    assert "is a git-lfs pointer" in problem
    assert f"next: git -C {folder} lfs pull" in problem


# ------------------------------------------------------------------------------------------------ links


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    (folder / name).rename(folder.parent / name)
    (folder / name).symlink_to(folder.parent / name)
    (problem,) = problems(folder)
    assert problem.startswith(f"{folder / name}: is a link that leads out of the model folder")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_link_to_nothing_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).symlink_to("gone")
    assert any(f"{folder / name}: is a link to a file that does not exist" in p for p in problems(folder))


def test_links_within_the_folder_and_a_link_to_it_are_fine(folder: Path) -> None:
    (folder / "files").mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).rename(folder / "files" / name)
        (folder / name).symlink_to(Path("files") / name)
    (folder.parent / "link").symlink_to(folder)
    check_model_folder(folder.parent / "link", trust_remote_code=False)


def test_the_layout_of_the_hugging_face_cache_is_fine(folder: Path, tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--owner--name"
    snapshot = repository / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for file in list(folder.iterdir()):
        file.rename(repository / "blobs" / file.name)
        (snapshot / file.name).symlink_to(os.path.relpath(repository / "blobs" / file.name, snapshot))
    check_model_folder(snapshot, trust_remote_code=False)
    (snapshot / "config.json").unlink()
    (tmp_path / "config.json").write_text("{}")
    (snapshot / "config.json").symlink_to(tmp_path / "config.json")
    (problem,) = problems(snapshot)
    assert "leads out of the model folder" in problem


# ------------------------------------------------------------------------------------------ remote code


def test_a_known_architecture_loads_without_its_code(folder: Path) -> None:
    change(folder / "config.json", auto_map=CODE)
    change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization_x.XTokenizer", None]})
    check_model_folder(folder, trust_remote_code=False)


def test_an_architecture_of_its_own_needs_the_setting(folder: Path) -> None:
    change(folder / "config.json", model_type="x_of_my_own", auto_map=CODE)
    (problem,) = problems(folder)
    assert "the architecture x_of_my_own is defined by Python code in the model folder" in problem
    assert "model.trust_remote_code=true" in problem


def test_an_architecture_without_a_folder_in_transformers_is_still_known(folder: Path) -> None:
    change(folder / "config.json", model_type="qwen2_5_vl_text")
    check_model_folder(folder, trust_remote_code=False)


@pytest.mark.parametrize(
    ("model_type", "message"),
    [
        ("x_of_my_own", "does not know the architecture x_of_my_own"),
        ("", "no model_type"),
        ("../llama", "does not know"),
    ],
)
def test_an_unknown_architecture_without_code(folder: Path, model_type: str, message: str) -> None:
    change(folder / "config.json", model_type=model_type)
    (problem,) = problems(folder)
    assert message in problem


def test_allowed_code_has_to_be_there(folder: Path) -> None:
    change(folder / "config.json", model_type="x_of_my_own", auto_map=CODE)
    (folder / "configuration_x.py").write_text("")
    (problem,) = problems(folder, trust=True)
    assert problem == f"{folder / 'modeling_x.py'}: is missing, the model's config names it"
    (folder / "modeling_x.py").write_text("")
    check_model_folder(folder, trust_remote_code=True)


def test_a_tokenizer_of_its_own_needs_the_setting(folder: Path) -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    known = next(t for t in CONFIG_MAPPING_NAMES if t not in TOKENIZER_MAPPING_NAMES)
    change(folder / "config.json", model_type=known)
    change(
        folder / "tokenizer_config.json", tokenizer_class="XTokenizer",
        auto_map={"AutoTokenizer": ["tokenization_x.XTokenizer", None]},
    )  # fmt: skip
    (problem,) = problems(folder)
    assert "the tokenizer is defined by Python code" in problem
    change(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    check_model_folder(folder, trust_remote_code=False)


# ------------------------------------------------------------------------------------- quantised models


@pytest.mark.parametrize("need", ["all", "tokenizer"])
@pytest.mark.parametrize(
    ("settings", "method"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptq"),
        ({"quant_method": "awq"}, "awq"),
        ({"quant_method": "fp8"}, "fp8"),
        ({"load_in_4bit": True}, "load_in_4bit"),
    ],
)
def test_a_quantised_model_is_refused_before_anything_loads(
    folder: Path, settings: dict[str, object], method: str, need: str
) -> None:
    change(folder / "config.json", quantization_config=settings)
    (problem,) = problems(folder, need)
    assert problem.startswith(f"{folder / 'config.json'}: the model is quantised ({method})")
    assert "next: use the unquantised model" in problem


def test_a_text_model_quantised_inside_another_is_refused(folder: Path) -> None:
    change(folder / "config.json", text_config={"quantization_config": {"quant_method": "mxfp4"}})
    assert "quantised (mxfp4)" in problems(folder)[0]


@pytest.mark.parametrize("value", [None, {}])
def test_an_empty_quantization_config_is_no_quantised_model(folder: Path, value: object) -> None:
    change(folder / "config.json", quantization_config=value)
    check_model_folder(folder, trust_remote_code=False)


# ------------------------------------------------------------------------------------ shapes of tensors


def test_shapes_are_read_from_all_shards(sharded: Path) -> None:
    assert tensor_shapes(sharded) == {"tensor0": (1,), "tensor1": (1,)}


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 8, b"\x02" + b"\0" * 7 + b"[]", b"\x02" + b"\0" * 7 + b"{x"]
)
def test_shapes_of_a_file_without_a_header_are_left_out(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    assert tensor_shapes(folder) == {}
