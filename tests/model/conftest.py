"""Both hubs on this machine, with caches and logins in a temporary folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles.hubs import ANSWERS, HubDouble
from doubles.model_folder import model_files

ENDPOINTS = {"huggingface": "HF_ENDPOINT", "modelscope": "MODELSCOPE_ENDPOINT"}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting, cache or login of the machine's user; no hub but the doubles."""
    from huggingface_hub import constants

    for name in (
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "HF_TOKEN",
        "LORALAB_HUB",
        "MODELSCOPE_API_TOKEN",
        "http_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    for variable in ENDPOINTS.values():
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "modelscope"))
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "modelscope-home"))
    monkeypatch.setattr("modelscope_hub._download.DOWNLOAD_INTEGRITY_RETRY_BACKOFF", 0.01)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "huggingface"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


def _serve(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    with HubDouble(ANSWERS[name], model_files()) as double:
        monkeypatch.setenv(ENDPOINTS[name], double.url)
        yield double


@pytest.fixture
def huggingface(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    yield from _serve("huggingface", monkeypatch)


@pytest.fixture
def modelscope(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    yield from _serve("modelscope", monkeypatch)


@pytest.fixture(params=["huggingface", "modelscope"])
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def hub(source: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    """The double of the hub that `source` names."""
    yield from _serve(source, monkeypatch)
