"""Where a model is looked for, in which order, and what is said when it is nowhere."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from doubles.hubs import COMMIT, REPOSITORY, HubDouble
from doubles.model_folder import model_files, write_model
from loralab.config.schema import ModelConfig, Source
from loralab.errors import UsageError
from loralab.model.locate import locate

NO_HUB = "http://127.0.0.1:9"


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def refusal(model: ModelConfig) -> str:
    with pytest.raises(UsageError) as caught:
        locate(model)
    return caught.value.text()


def without_hub(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hub's host exist, and nobody listen there; do not wait for the client's retries."""
    monkeypatch.setenv("HF_ENDPOINT" if source == "huggingface" else "MODELSCOPE_ENDPOINT", NO_HUB)
    monkeypatch.setattr("loralab.hub.files.ANSWER_SECONDS", 0.2)


# ------------------------------------------------------------------------------------- local folders


@pytest.mark.parametrize("where", ["auto", "local"])
def test_a_folder_is_taken_as_it_is(huggingface: HubDouble, where: Source, tmp_path: Path) -> None:
    located = locate(ModelConfig(name=str(tmp_path / "work"), source=where))
    assert (located.folder, located.origin, located.revision) == (tmp_path / "work", "local", None)
    assert huggingface.requests == []


def test_a_name_like_a_repository_is_first_a_folder_of_the_working_folder(huggingface: HubDouble) -> None:
    write_model(Path(REPOSITORY))
    assert locate(ModelConfig(name=REPOSITORY)).folder == Path(REPOSITORY).absolute()
    assert huggingface.requests == []
    assert locate(ModelConfig(name=REPOSITORY, source="huggingface")).origin == "huggingface"


@pytest.mark.parametrize("name", ["./owner/model", "/owner/model", "~/owner/model", "../owner/model"])
def test_a_path_never_goes_to_a_hub(huggingface: HubDouble, name: str) -> None:
    message = refusal(ModelConfig(name=name))
    assert "does not exist" in message
    assert "next: " in message
    assert huggingface.requests == []


def test_a_local_name_never_goes_to_a_hub(huggingface: HubDouble) -> None:
    assert "folder" in refusal(ModelConfig(name=REPOSITORY, source="local"))
    assert huggingface.requests == []


def test_the_part_of_a_path_that_is_wrong_is_named(tmp_path: Path) -> None:
    message = refusal(ModelConfig(name=str(tmp_path / "modles" / "qwen")))
    assert f"{tmp_path / 'modles'} does not exist" in message


def test_a_misspelt_folder_is_suggested(tmp_path: Path) -> None:
    write_model(tmp_path / "qwen2.5-0.5b")
    assert f"did you mean model.name={tmp_path / 'qwen2.5-0.5b'}?" in refusal(
        ModelConfig(name=str(tmp_path / "qwen2-0.5b"))
    )


def test_a_file_is_not_a_model_folder(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_text("")
    assert "is a file" in refusal(ModelConfig(name=str(tmp_path / "model.gguf")))


# ------------------------------------------------------------------------------------------------ hubs


def test_the_hub_is_hugging_face_unless_the_environment_names_another(
    huggingface: HubDouble, modelscope: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert locate(ModelConfig(name=REPOSITORY)).origin == "huggingface"
    monkeypatch.setenv("LORALAB_HUB", "modelscope")
    assert locate(ModelConfig(name=REPOSITORY)).origin == "modelscope"
    assert locate(ModelConfig(name=REPOSITORY, source="huggingface")).origin == "huggingface"
    monkeypatch.setenv("LORALAB_HUB", "huggingfaces")
    assert "LORALAB_HUB: is 'huggingfaces', must be one of" in refusal(ModelConfig(name=REPOSITORY))


def test_a_check_of_data_takes_the_small_files_only(hub: HubDouble, source: str) -> None:
    located = locate(ModelConfig(name=REPOSITORY, source=source), "tokenizer")
    assert names(located.folder) == set(model_files()) - {"model.safetensors"}
    assert hub.sent("model.safetensors") == []
    assert "model.safetensors" in names(locate(ModelConfig(name=REPOSITORY, source=source)).folder)


def test_code_is_taken_only_where_the_config_allows_it(hub: HubDouble, source: str) -> None:
    hub.files["modeling_x.py"] = b"print()"
    assert "modeling_x.py" not in names(locate(ModelConfig(name=REPOSITORY, source=source)).folder)
    allowed = ModelConfig(name=REPOSITORY, source=source, trust_remote_code=True)
    assert "modeling_x.py" in names(locate(allowed).folder)


def test_progress_reaches_the_caller(hub: HubDouble, source: str) -> None:
    calls: list[tuple[str, int, int]] = []
    locate(ModelConfig(name=REPOSITORY, source=source), progress=lambda *call: calls.append(call))
    assert calls[-1][1] == calls[-1][2] > 0


# ------------------------------------------------------------------------------------- no connection


def test_a_missing_model_says_every_place_and_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", NO_HUB)
    started = time.monotonic()
    assert refusal(ModelConfig(name=REPOSITORY)).splitlines() == [
        "owner/model: model not found",
        f"  looked for: folder {tmp_path}/work/owner/model: {tmp_path}/work/owner does not exist;"
        f" then on Hugging Face ({NO_HUB}): cannot be reached: Connection refused",
        "  next: loralab fetch owner/model --source modelscope; or, where there is a connection,"
        " loralab fetch owner/model --to FOLDER, and copy the folder here",
    ]
    assert time.monotonic() - started < 5


def test_a_name_that_no_hub_has(huggingface: HubDouble) -> None:
    message = refusal(ModelConfig(name="owner/other"))
    assert "has no repository of this name, or it is private" in message
    assert "next: hf auth login, then loralab fetch owner/other" in message


def test_a_word_without_an_owner(huggingface: HubDouble) -> None:
    message = refusal(ModelConfig(name="qwen"))
    assert "not of the form owner/name" in message
    assert huggingface.requests == []


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_the_variable_that_keeps_from_asking_is_named(
    huggingface: HubDouble, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    message = refusal(ModelConfig(name=REPOSITORY))
    assert f"not asked, {variable} is set" in message
    assert f"next: unset {variable}, then loralab fetch" in message
    assert huggingface.requests == []


def test_an_earlier_download_serves_without_a_connection(
    hub: HubDouble, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ModelConfig(name=REPOSITORY, source=source)
    first = locate(model)
    without_hub(source, monkeypatch)
    assert locate(model) == first


def test_an_earlier_download_of_small_files_serves_small_needs_alone(
    hub: HubDouble, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ModelConfig(name=REPOSITORY, source=source)
    first = locate(model, "tokenizer")
    without_hub(source, monkeypatch)
    assert locate(model, "tokenizer") == first
    message = refusal(model)
    assert "cannot be reached" in message
    assert f"the copy in {first.folder} is not complete: has no weights" in message


def test_an_earlier_download_serves_offline(huggingface: HubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    first = locate(ModelConfig(name=REPOSITORY))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    huggingface.requests.clear()
    assert locate(ModelConfig(name=REPOSITORY)) == first
    assert huggingface.requests == []


def test_a_commit_on_disk_is_not_asked_for_again(hub: HubDouble, source: str) -> None:
    model = ModelConfig(name=REPOSITORY, source=source, revision=COMMIT)
    first = locate(model, "tokenizer")
    hub.requests.clear()
    assert locate(model, "tokenizer") == first
    assert hub.requests == []
    assert locate(model) == first
    assert len(hub.sent("model.safetensors")) == 1
