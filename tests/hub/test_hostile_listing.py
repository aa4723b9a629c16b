"""A hub that lists files to be written elsewhere, or whose address holds a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.hubs import REPOSITORY, HubDouble
from loralab.errors import UsageError
from loralab.hub.base import HubFailed
from loralab.hub.data import parse
from loralab.hub.files import is_inside
from loralab.model.fetch import fetch


@pytest.mark.parametrize(
    "path", ["/elsewhere/evil.json", "a/../../evil.json", "..\\evil.json", "evil\0.json", "..", "a/.."]
)
def test_a_file_that_would_be_written_elsewhere_is_refused_before_any_is_sent(
    hub: HubDouble, source: str, tmp_path: Path, path: str
) -> None:
    hub.files[path] = b"{}"
    with pytest.raises(HubFailed, match="not safe to write"):
        fetch(REPOSITORY, source, patterns=("**",), to=tmp_path / "mine")
    assert hub.sent("config.json") == [] and not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("path", ["a", "a/b", "a/...", "..a", "a b\n"])
def test_other_odd_names_stay_inside(path: str) -> None:
    assert is_inside(path)


def test_the_password_of_a_mirror_is_not_said(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT"):
        monkeypatch.setenv(variable, "http://me:s3cr3t@127.0.0.1:9")
    monkeypatch.setattr("loralab.hub.files.ANSWER_SECONDS", 0.5)
    with pytest.raises(HubFailed) as caught:
        fetch(REPOSITORY, source)
    assert "s3cr3t" not in str(caught.value) + caught.value.text("zh")


@pytest.mark.parametrize("scheme", ["file", "ftp", "s3", "http"])
def test_the_password_of_an_address_is_not_said(scheme: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(f"{scheme}://me:s3cr3t@host/a.json")
    assert "s3cr3t" not in str(caught.value)
