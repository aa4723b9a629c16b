"""Fixtures: both hubs on this machine, with caches and logins in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from doubles.hubs import ANSWERS, HubDouble
from doubles.model_folder import model_files

__all__ = ["data_hub", "hub", "huggingface", "modelscope", "own_home", "source"]

ENDPOINTS = {"huggingface": "HF_ENDPOINT", "modelscope": "MODELSCOPE_ENDPOINT"}
FOREIGN = (
    "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "LORALAB_HUB", "MODELSCOPE_API_TOKEN", "http_proxy",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting, cache or login of the machine's user; no hub but the doubles; no pause between tries."""
    from huggingface_hub import constants

    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for variable in ENDPOINTS.values():
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "modelscope"))
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "modelscope-home"))
    monkeypatch.setattr("modelscope_hub._download.DOWNLOAD_INTEGRITY_RETRY_BACKOFF", 0.01)
    monkeypatch.setattr("modelscope_hub._download_control._DownloadControl.sleep", lambda *_: None)
    monkeypatch.setattr("loralab.hub.resume.PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "huggingface"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


def _serve(
    name: str, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], kind: str = "model"
) -> Iterator[HubDouble]:
    with HubDouble(ANSWERS[name], files, kind) as double:
        monkeypatch.setenv(ENDPOINTS[name], double.url)
        yield double


@pytest.fixture
def huggingface(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    yield from _serve("huggingface", monkeypatch, model_files())


@pytest.fixture
def modelscope(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    yield from _serve("modelscope", monkeypatch, model_files())


@pytest.fixture(params=["huggingface", "modelscope"])
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def hub(source: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    """The double of the hub that `source` names, with a model."""
    yield from _serve(source, monkeypatch, model_files())


@pytest.fixture
def data_hub(source: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    """The double of the hub that `source` names, with data whose files have unlike columns."""
    files = {
        "train.jsonl": b"".join(b'{"input": "%d", "output": "yes"}\n' % i for i in range(100)),
        "extra/qa.jsonl": b'{"question": "1", "answer": "no"}\n',
        "extra/exam.json": b'[{"A": 1}]',
        "README.md": b"# data\n",
        ".gitattributes": b"*.jsonl filter=lfs\n",
    }
    yield from _serve(source, monkeypatch, files, "dataset")
