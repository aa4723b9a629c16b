"""Files of repositories on both hubs: what is taken, kept, checked, refused, said."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from doubles.hubs import COMMIT, GATED, REPOSITORY, HubDouble
from loralab.errors import ResourceError, UsageError
from loralab.hub import files as files_module
from loralab.hub.base import HubFailed, Meter, Progress, RemoteFile, root_reason
from loralab.hub.files import HUBS, get_files, list_files, select, size

WEIGHTS = "model.safetensors"


def fetch(
    name: str,
    source: str,
    revision: str | None = None,
    patterns: Sequence[str] = ("*",),
    progress: Progress | None = None,
    to: Path | None = None,
) -> Path:
    """The folder with the files of a repository."""
    hub = HUBS[source]  # type: ignore[index]
    listing = list_files(hub, name, revision)
    listing = replace(listing, files=select(listing.files, patterns))
    return get_files(hub, name, listing, to, Meter(listing.files, progress))


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder that are not a client's own."""
    names = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in names.items() if not name.startswith(".")}


def test_to_a_folder(hub: HubDouble, source: str, tmp_path: Path) -> None:
    assert fetch(REPOSITORY, source, to=tmp_path / "mine") == tmp_path / "mine"
    assert contents(tmp_path / "mine") == hub.files


def test_a_second_fetch_sends_no_file_again(hub: HubDouble, source: str) -> None:
    first = fetch(REPOSITORY, source)
    assert len(hub.sent(WEIGHTS)) == 1
    assert fetch(REPOSITORY, source) == first
    assert len(hub.sent(WEIGHTS)) == 1


def test_only_a_missing_file_is_sent_again(hub: HubDouble, source: str) -> None:
    folder = fetch(REPOSITORY, source)
    for path in {(folder / WEIGHTS).resolve(), folder / WEIGHTS}:
        path.unlink()
    fetch(REPOSITORY, source)
    assert contents(folder) == hub.files
    assert (len(hub.sent(WEIGHTS)), len(hub.sent("tokenizer.json"))) == (2, 1)


def test_a_cached_file_of_the_wrong_size_is_replaced(hub: HubDouble, source: str) -> None:
    folder = fetch(REPOSITORY, source)
    (folder / WEIGHTS).write_bytes(b"cut off")
    assert contents(fetch(REPOSITORY, source)) == hub.files


def test_a_revision_is_asked_for(hub: HubDouble, source: str) -> None:
    assert fetch(REPOSITORY, source, COMMIT).name == COMMIT
    with pytest.raises(HubFailed, match="revision"):
        fetch(REPOSITORY, source, "v9")


def test_progress_counts_all_bytes_once_and_nothing_is_printed(
    hub: HubDouble, source: str, capfd: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[str, int, int]] = []
    fetch(REPOSITORY, source, progress=lambda *call: calls.append(call))
    total = sum(map(len, hub.files.values()))
    assert {call[2] for call in calls} == {total}
    assert [call[1] for call in calls] == sorted(call[1] for call in calls)
    assert calls[-1][1] == total
    assert {call[0] for call in calls} == set(hub.files)
    assert capfd.readouterr() == ("", "")


# ------------------------------------------------------------------------------------------- refusing


@pytest.mark.parametrize("path", [WEIGHTS, "config.json"])
def test_a_damaged_download_is_deleted_and_named(
    hub: HubDouble, source: str, path: str, tmp_path: Path
) -> None:
    hub.spoilt = {path}
    with pytest.raises(UsageError, match=f"(?s){path}.*damaged.*deleted"):
        fetch(REPOSITORY, source, to=tmp_path / "mine")
    assert path not in contents(tmp_path / "mine")
    hub.spoilt = set()
    assert contents(fetch(REPOSITORY, source, to=tmp_path / "mine")) == hub.files


def test_a_damaged_download_does_not_stay_in_the_cache(huggingface: HubDouble, tmp_path: Path) -> None:
    huggingface.spoilt = {WEIGHTS}
    with pytest.raises(UsageError, match="damaged"):
        fetch(REPOSITORY, "huggingface")
    left = [p.name for p in (tmp_path / "huggingface").rglob("*") if p.is_file()]
    assert hashlib.sha256(huggingface.files[WEIGHTS]).hexdigest() not in left
    huggingface.spoilt = set()
    assert contents(fetch(REPOSITORY, "huggingface")) == huggingface.files


def test_a_folder_file_of_the_right_size_and_wrong_content_is_replaced(
    hub: HubDouble, source: str, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / WEIGHTS).write_bytes(bytes(len(hub.files[WEIGHTS])))
    assert contents(fetch(REPOSITORY, source, to=tmp_path / "mine")) == hub.files


def test_a_listing_that_leaves_the_folder_is_refused(hub: HubDouble, source: str, tmp_path: Path) -> None:
    hub.files["../evil.json"] = b"{}"
    with pytest.raises(HubFailed, match=r"not safe to write: \.\./evil\.json"):
        fetch(REPOSITORY, source, patterns=("*.json", "*/*.json"), to=tmp_path / "mine")
    assert not (tmp_path / "evil.json").exists()
    assert hub.sent("config.json") == []


def test_no_such_repository(hub: HubDouble, source: str) -> None:
    with pytest.raises(HubFailed, match=r"(?s)owner/other.*no (such repository|repository of this name)"):
        fetch("owner/other", source)


def test_a_gated_repository_says_to_log_in(huggingface: HubDouble) -> None:
    with pytest.raises(HubFailed, match=r"(?s)licence.*hf auth login"):
        fetch(GATED, "huggingface")


@pytest.mark.parametrize("name", ["model", "a/b/c", "../model", "owner/", "owner/mo del"])
def test_a_name_that_is_no_repository_is_not_asked_for(hub: HubDouble, source: str, name: str) -> None:
    with pytest.raises(HubFailed, match="owner/name"):
        fetch(name, source)
    assert hub.requests == []


def test_a_revision_that_leaves_the_cache_is_not_asked_for(hub: HubDouble, source: str) -> None:
    with pytest.raises(HubFailed, match="no branch, tag or commit"):
        fetch(REPOSITORY, source, "../../elsewhere")
    assert hub.requests == []


def test_a_hub_that_hangs_is_given_up(hub: HubDouble, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.hang_seconds = 1.0
    monkeypatch.setattr(files_module, "ANSWER_SECONDS", 0.3)
    with pytest.raises(HubFailed, match="no answer in"):
        fetch(REPOSITORY, source)


def test_a_small_disk_is_noticed_before_the_download(
    hub: HubDouble, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(ResourceError, match=r"not enough disk space: .* 100 B free"):
        fetch(REPOSITORY, source)
    assert hub.sent("config.json") == []


def test_a_full_disk_does_not_matter_to_what_is_there(
    hub: HubDouble, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fetch(REPOSITORY, source)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    assert fetch(REPOSITORY, source) == first


def test_a_folder_that_cannot_be_written_is_a_resource_error(
    hub: HubDouble, source: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot be written"):
        fetch(REPOSITORY, source, to=tmp_path / "file" / "mine")


# ------------------------------------------------------------------------------------ secrets, telemetry


@pytest.mark.parametrize("name", [REPOSITORY, "owner/other"])
def test_a_token_goes_to_the_hub_and_nowhere_else(
    hub: HubDouble, source: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    variable = "HF_TOKEN" if source == "huggingface" else "MODELSCOPE_API_TOKEN"
    monkeypatch.setenv(variable, "hf_verysecret")
    message = ""
    try:
        fetch(name, source)
    except UsageError as error:
        message = repr(error) + error.text()
    assert hub.requests[0].headers["Authorization"] == "Bearer hf_verysecret"
    assert "verysecret" not in message
    assert not any(b"verysecret" in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_no_request_serves_statistics(huggingface: HubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", False)
    fetch(REPOSITORY, "huggingface")
    assert constants.HF_HUB_DISABLE_TELEMETRY
    assert all(REPOSITORY in r.path for r in huggingface.requests)


def test_modelscope_gets_no_lasting_session_id(modelscope: HubDouble) -> None:
    fetch(REPOSITORY, "modelscope")
    first, modelscope.requests = modelscope.requests[0].headers["User-Agent"], []
    fetch(REPOSITORY, "modelscope")
    assert "session_id" in first
    assert modelscope.requests[0].headers["User-Agent"] != first


# ------------------------------------------------------------------------------------------ small parts


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*.json", {"a.json"}), ("x/*.json", {"x/a.json"}), ("*/*", {"x/a.json", "x/b.csv"}), ("a.json", {"a.json"}),
        ("**/a.json", {"a.json", "x/a.json", "x/y/a.json"}), ("x/**", {"x/a.json", "x/b.csv", "x/y/a.json"}),
        ("x?a.json", set()), ("[ab].json", {"a.json"}), ("A.json", set()),
    ],
)  # fmt: skip
def test_a_star_stays_in_its_folder(pattern: str, matches: set[str]) -> None:
    files = [RemoteFile(path, 1) for path in ("a.json", "x/a.json", "x/b.csv", "x/y/a.json")]
    assert {f.path for f in select(files, [pattern])} == matches


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (15_231_233_024, "15.2 GB"), (10**17, "100000 TB")],
)
def test_sizes_for_people(num_bytes: int, text: str) -> None:
    assert size(num_bytes) == text


def test_the_meter_never_passes_a_files_size_and_takes_bytes_back() -> None:
    seen: list[int] = []
    meter = Meter([RemoteFile("a", 10), RemoteFile("b", 5)], lambda _, done, __: seen.append(done))
    for num_bytes in (8, 8, -10, 3):
        meter.add("a", num_bytes)
    meter.finish("b")
    meter.finish("a")
    meter.reach("a", 4)
    assert seen == [8, 10, 0, 3, 8, 15, 9]
    assert meter.done_bytes == 9


def test_the_reason_of_a_failure_is_the_systems_own_words() -> None:
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as error:
            raise RuntimeError("https://hub/?token=secret") from error
    except RuntimeError as error:
        assert root_reason(error) == "Connection refused"
    assert root_reason(RuntimeError("https://hub/?token=secret")) == "RuntimeError"
