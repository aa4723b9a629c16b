"""A download that breaks off goes on where it broke: in one process, and after the process was killed."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from doubles.hub_fixtures import ENDPOINTS
from doubles.hubs import ANSWERS, DATA, REPOSITORY, HubDouble, storage
from doubles.model_folder import model_files
from loralab.errors import ResourceError, UsageError
from loralab.hub.base import HubFailed, Progress
from loralab.hub.data import fetch_data
from loralab.hub.resume import TRIES
from loralab.model.fetch import fetch

LARGE = {"model": "model.safetensors", "dataset": "train.jsonl"}
SIZE = 100_000
BYTES = random.Random(1).randbytes(SIZE)
SCHEME = {"huggingface": "hf", "modelscope": "modelscope"}


@pytest.fixture(params=["model", "dataset"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def big(source: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    """A hub whose repository has one large file."""
    files = {**(model_files() if kind == "model" else {}), LARGE[kind]: BYTES}
    with HubDouble(ANSWERS[source], files, kind) as double:
        monkeypatch.setenv(ENDPOINTS[source], double.url)
        yield double


def get(hub: HubDouble, source: str, progress: Progress | None = None, to: Path | None = None) -> Path:
    """The large file, on disk."""
    if hub.kind == "model":
        folder = fetch(REPOSITORY, source, progress=progress, to=to).folder  # type: ignore[arg-type]
        return folder / LARGE["model"]
    return fetch_data(f"{SCHEME[source]}://{DATA}/{LARGE['dataset']}", progress)[0].path


def starts(hub: HubDouble) -> list[int]:
    """The byte from which each request asked for the large file."""
    asked = [text or "bytes=0-" for text in hub.ranges_of(LARGE[hub.kind])]
    return [int(text.removeprefix("bytes=").removesuffix("-")) for text in asked]


def halves(times: int) -> list[int]:
    """Where a download stands after each of so many breaks, in the middle of what was left."""
    found = [0]
    for _ in range(times):
        found.append(found[-1] + (SIZE - found[-1]) // 2)
    return found


# ------------------------------------------------------------------------------------- in one process


@pytest.mark.parametrize("times", [1, 9])  # 9: more than the clients' own tries
def test_the_next_request_asks_for_the_rest_alone(
    big: HubDouble, source: str, times: int, capfd: pytest.CaptureFixture[str]
) -> None:
    big.cut = {LARGE[big.kind]: times}
    calls: list[tuple[int, int]] = []
    path = get(big, source, lambda _, done, total: calls.append((done, total)))
    assert path.read_bytes() == BYTES
    assert starts(big) == halves(times)
    assert calls[-1][0] == calls[-1][1] == sum(map(len, big.files.values()))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["model"], indirect=True)
def test_a_model_in_a_folder_goes_on_in_the_next_run_too(
    big: HubDouble, source: str, kind: str, tmp_path: Path
) -> None:
    big.cut, big.statuses = {LARGE[kind]: 2}, {LARGE[kind]: [503] * 50}
    with pytest.raises(HubFailed, match="it goes on from there"):
        get(big, source, to=tmp_path / "mine")
    assert not (tmp_path / "mine" / LARGE[kind]).exists()
    big.statuses, before = {}, len(starts(big))
    assert get(big, source, to=tmp_path / "mine").read_bytes() == BYTES
    assert starts(big)[before:] == [halves(2)[-1]]
    left = [p.name for p in (tmp_path / "mine").rglob("*") if "incomplete" in p.name]
    assert left == []


def test_a_server_that_sends_the_whole_file_again_is_understood(big: HubDouble, source: str) -> None:
    big.cut, big.ranges = {LARGE[big.kind]: 1}, False
    assert get(big, source).read_bytes() == BYTES
    assert starts(big) == halves(1)


@pytest.mark.parametrize("status", [503, 416])
def test_a_busy_hub_is_asked_again(big: HubDouble, source: str, status: int) -> None:
    big.cut = {LARGE[big.kind]: 1}
    big.statuses = {LARGE[big.kind]: [status]}
    assert get(big, source).read_bytes() == BYTES


@pytest.mark.parametrize("source", ["huggingface"], indirect=True)
def test_a_connection_that_hangs_is_replaced(
    big: HubDouble, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    big.stalled = {LARGE[big.kind]: 1}
    assert get(big, source).read_bytes() == BYTES
    assert starts(big) == halves(1)


def test_a_hub_that_gives_nothing_more_is_left_with_what_came(big: HubDouble, source: str) -> None:
    path = LARGE[big.kind]
    big.cut, big.statuses = {path: 1}, {path: [503] * 50}
    with pytest.raises(HubFailed, match=rf"(?s)broke off at {path}: .*it goes on from there"):
        get(big, source)
    big.statuses, before = {}, len(starts(big))
    assert get(big, source).read_bytes() == BYTES
    assert starts(big)[before:] == [SIZE // 2]


def test_the_part_that_is_there_needs_no_space_again(
    big: HubDouble, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    big.cut, big.statuses = {LARGE[big.kind]: 1}, {LARGE[big.kind]: [503] * 50}
    with pytest.raises(HubFailed):
        get(big, source)
    big.statuses, left = {}, SIZE - SIZE // 2
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=left - 1))
    with pytest.raises(ResourceError, match="not enough disk space"):
        get(big, source)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=left))
    assert get(big, source).read_bytes() == BYTES


def test_a_disk_that_fills_up_is_a_resource_error(
    big: HubDouble, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if source == "huggingface":
        monkeypatch.setattr("loralab.hub.resume._stream", full)
    else:
        monkeypatch.setattr("modelscope_hub._download.open", full, raising=False)
    with pytest.raises(ResourceError, match=r"(?s)No space left.*free some space"):
        get(big, source)


def test_a_hub_is_not_asked_for_ever(huggingface: HubDouble) -> None:
    huggingface.statuses = {LARGE["model"]: [503] * 50}
    with pytest.raises(HubFailed, match="HTTP 503"):
        fetch(REPOSITORY, "huggingface")
    assert len(huggingface.sent(LARGE["model"])) == TRIES


# ---------------------------------------------------------------------------------- over two processes


def half_files(folder: Path) -> list[Path]:
    """Files of half the size; none while another process moves away what is being looked at, also a folder."""
    try:
        return [p for p in folder.rglob("*.incomplete") if p.stat().st_size == SIZE // 2]
    except FileNotFoundError:
        return []


def part_in(folder: Path) -> Path:
    """The part of the large file that a killed process left."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := half_files(folder):
            return found[0]
        time.sleep(0.01)
    raise AssertionError([str(p) for p in folder.rglob("*")])


PROGRAM = """
import sys
from loralab.hub.data import fetch_data
from loralab.model.fetch import fetch
kind, source, where = sys.argv[1:]
fetch(where, source) if kind == "model" else fetch_data(where)
"""


@pytest.fixture
def killed(big: HubDouble, source: str, tmp_path: Path) -> Path:
    """The part that a process left that was killed in the middle of the large file."""
    big.stalled = {LARGE[big.kind]: 1}
    where = REPOSITORY if big.kind == "model" else f"{SCHEME[source]}://{DATA}/{LARGE['dataset']}"
    environment = os.environ | {"HF_HUB_CACHE": constants.HF_HUB_CACHE}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, big.kind, source, where], env=environment)
    try:
        return part_in(tmp_path / source)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        big.go_on.set()


def test_a_killed_process_leaves_what_the_next_one_goes_on_with(
    killed: Path, big: HubDouble, source: str
) -> None:
    before = len(starts(big))
    assert get(big, source).read_bytes() == BYTES
    assert starts(big)[before:] == [SIZE // 2]
    assert not killed.exists()


def test_a_part_that_was_spoilt_is_never_taken_for_the_file(tmp_path: Path, source: str, kind: str) -> None:
    """Without a process: the parts lie where the test above shows that they lie."""
    with pytest.MonkeyPatch.context() as patch:
        files = {**(model_files() if kind == "model" else {}), LARGE[kind]: BYTES}
        with HubDouble(ANSWERS[source], files, kind) as hub:
            patch.setenv(ENDPOINTS[source], hub.url)
            hub.cut, hub.statuses = {LARGE[kind]: 1}, {LARGE[kind]: [503] * 50}
            with pytest.raises(HubFailed):
                get(hub, source)
            (part,) = [p for p in (tmp_path / source).rglob("*.incomplete") if p.stat().st_size]
            part.write_bytes(bytes(SIZE // 2))
            hub.statuses = {}
            try:
                get(hub, source)
            except UsageError as error:
                assert "damaged and has been deleted" in str(error)
                assert not part.exists()
            assert get(hub, source).read_bytes() == BYTES


# --------------------------------------------------------------------------------------- side by side


def test_two_at_once_send_the_file_once(big: HubDouble, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loralab.hub.modelscope.LOCK_PAUSE_SECONDS", 0.02)
    big.stalled = {LARGE[big.kind]: 1}
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(get(big, source).read_bytes())) for _ in "ab"]
    for thread in threads:
        thread.start()
    while not starts(big):
        time.sleep(0.01)
    big.go_on.set()
    for thread in threads:
        thread.join()
    assert found == [BYTES, BYTES]
    assert sorted(set(starts(big))) == sorted(starts(big)), "no byte was asked for twice"


# ----------------------------------------------------------------------------------------------- xet


@pytest.mark.parametrize("source", ["huggingface"], indirect=True)
def test_weights_that_the_client_gets_faster_are_left_to_it(
    big: HubDouble, source: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hugging Face offers large files in pieces; data go by plain HTTP all the same, to be continued."""
    pytest.importorskip("hf_xet")

    def by_pieces(incomplete_path: Path, **_: object) -> None:
        incomplete_path.write_bytes(BYTES)

    monkeypatch.setattr("huggingface_hub.file_download.xet_get", by_pieces)
    big.xet = True
    assert get(big, source).read_bytes() == BYTES
    assert len(starts(big)) == (kind == "dataset")


@pytest.mark.parametrize("error", [RuntimeError("https://x/?token=secret"), ConnectionError("secret")])
def test_where_that_fails_the_way_to_plain_http_is_said(
    huggingface: HubDouble, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hf_xet")

    def fails(**_: object) -> None:
        raise error

    monkeypatch.setattr("huggingface_hub.file_download.xet_get", fails)
    huggingface.xet = True
    with pytest.raises(HubFailed, match="HF_HUB_DISABLE_XET=1") as caught:
        fetch(REPOSITORY, "huggingface")
    assert "secret" not in caught.value.text()


# ---------------------------------------------------------------------------- bytes on another server


@pytest.mark.parametrize("source", ["huggingface"], indirect=True)
def test_the_storage_of_a_hub_is_asked_for_the_rest_and_not_told_the_token(
    big: HubDouble, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    with HubDouble(storage, big.files, cut={LARGE[big.kind]: 2}) as store:
        big.storage = store.url
        assert get(big, source).read_bytes() == BYTES
        asked = [r.headers for r in store.sent(LARGE[big.kind])]
        assert [h["Range"] for h in asked][1:] == [f"bytes={n}-" for n in halves(2)[1:]]
        assert {h["Authorization"] for h in asked} == {None}
    assert "Bearer hf_verysecret" in {r.headers["Authorization"] for r in big.requests}
