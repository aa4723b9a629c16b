"""Data on hubs by their address: which file it gives, what serves without a connection, what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from doubles.hubs import COMMIT, DATA, GATED, OLD_COMMIT, REPOSITORY, HubDouble
from loralab.errors import ResourceError, UsageError
from loralab.hub.base import HubFailed
from loralab.hub.data import FetchedFile, fetch_data, parse

NO_HUB = "http://127.0.0.1:9"
TRAIN = "train.jsonl"

Address = Callable[..., str]


@pytest.fixture
def at(source: str) -> Address:
    """at("file", "revision"): the address of a file of the double's repository."""

    def address(file: str, revision: str = "", name: str = DATA) -> str:
        scheme = "hf" if source == "huggingface" else "modelscope"
        return f"{scheme}://{name}{f'@{revision}' if revision else ''}/{file}"

    return address


def refusal(path: str) -> str:
    with pytest.raises(UsageError) as caught:
        fetch_data(path)
    return caught.value.text()


def one(path: str) -> FetchedFile:
    (file,) = fetch_data(path)
    return file


# ----------------------------------------------------------------------------------------- the file


def test_only_the_named_file_is_sent(data_hub: HubDouble, at: Address) -> None:
    file = one(at(TRAIN))
    assert file == FetchedFile(at(TRAIN, COMMIT), file.path, COMMIT)
    assert (file.path.name, file.path.read_bytes()) == (TRAIN, data_hub.files[TRAIN])
    assert {r.file for r in data_hub.requests if r.file} == {TRAIN}


def test_the_pinned_address_is_the_same_file_and_asks_nobody(data_hub: HubDouble, at: Address) -> None:
    file = one(at(TRAIN))
    data_hub.requests.clear()
    assert one(file.url) == file
    assert data_hub.requests == []


def test_a_second_fetch_sends_nothing_again(data_hub: HubDouble, at: Address) -> None:
    assert one(at(TRAIN)) == one(at(TRAIN))
    assert len(data_hub.sent(TRAIN)) == 1


def test_a_pinned_address_gives_the_old_file_when_the_branch_has_moved(
    data_hub: HubDouble, source: str, at: Address, tmp_path: Path
) -> None:
    old, new = b'{"old": 1}\n', data_hub.files[TRAIN]
    data_hub.versions = {OLD_COMMIT: {TRAIN: old}}
    data_hub.commits = {TRAIN: COMMIT}
    pinned = at(TRAIN, OLD_COMMIT)
    for _ in ("from the hub", "from disk", "and from the hub again"):
        if source == "modelscope":
            data_hub.commits = {TRAIN: OLD_COMMIT}
        assert one(pinned).path.read_bytes() == old
        data_hub.commits = {TRAIN: COMMIT}
        assert one(at(TRAIN)).path.read_bytes() == new
        assert one(pinned).path.read_bytes() == old, "the newer file has not taken its place"
    shutil.rmtree(tmp_path / source)
    assert one(at(TRAIN)).path.read_bytes() == new


def test_a_moved_branch_gives_the_new_file(data_hub: HubDouble, source: str, at: Address) -> None:
    data_hub.tags, data_hub.versions = {"next": OLD_COMMIT}, {OLD_COMMIT: dict(data_hub.files)}
    before = one(at(TRAIN, "next"))
    newer = "beef" * 10
    data_hub.tags, data_hub.versions = {"next": newer}, {newer: {TRAIN: b'{"new": 1}\n'}}
    data_hub.commits = {TRAIN: newer}
    after = one(at(TRAIN, "next"))
    assert (after.path.read_bytes(), after.revision) == (b'{"new": 1}\n', newer)
    assert before.path.read_bytes() == data_hub.files[TRAIN]


@pytest.mark.parametrize("revision", ["v1", "feature%2Fx"])
def test_tags_and_branches(data_hub: HubDouble, at: Address, revision: str) -> None:
    data_hub.versions = {OLD_COMMIT: {TRAIN: b"{}\n"}}
    data_hub.tags, data_hub.commits = {"v1": OLD_COMMIT, "feature/x": OLD_COMMIT}, {TRAIN: OLD_COMMIT}
    file = one(at(TRAIN, revision))
    assert (file.url, file.path.read_bytes()) == (at(TRAIN, OLD_COMMIT), b"{}\n")


def test_a_pattern_gives_its_files_in_the_order_of_their_names(data_hub: HubDouble, at: Address) -> None:
    files = fetch_data(at("extra/*"))
    assert [f.url for f in files] == [at("extra/exam.json", COMMIT), at("extra/qa.jsonl", COMMIT)]
    assert [f.path.read_bytes() for f in files] == [
        data_hub.files["extra/exam.json"],
        data_hub.files["extra/qa.jsonl"],
    ]
    assert [parse(f.url).file for f in fetch_data(at("**/*.jsonl"))] == ["extra/qa.jsonl", TRAIN]
    assert [parse(f.url).file for f in fetch_data(at("*"))] == ["README.md", TRAIN], "no hidden files"


def test_a_name_with_the_signs_of_a_pattern_is_a_name_first(data_hub: HubDouble, at: Address) -> None:
    data_hub.files |= {"a[1].jsonl": b"{}\n", "a1.jsonl": b"{}\n"}
    file = one(at("a[1].jsonl"))
    assert file.url == at("a[1].jsonl", COMMIT)
    assert one(file.url) == file
    assert data_hub.sent("a1.jsonl") == []


def test_progress_counts_the_chosen_files_alone(data_hub: HubDouble, at: Address) -> None:
    calls: list[tuple[str, int, int]] = []
    fetch_data(at("extra/*"), lambda *call: calls.append(call))
    total = len(data_hub.files["extra/exam.json"]) + len(data_hub.files["extra/qa.jsonl"])
    assert calls[-1][1:] == (total, total)


@pytest.mark.parametrize("source", ["modelscope"], indirect=True)
def test_modelscope_pins_each_file_to_its_own_commit(data_hub: HubDouble, at: Address) -> None:
    data_hub.versions = {OLD_COMMIT: dict(data_hub.files)}
    data_hub.commits = {"extra/qa.jsonl": OLD_COMMIT}
    files = fetch_data(at("extra/*"))
    assert [f.url for f in files] == [at("extra/exam.json", COMMIT), at("extra/qa.jsonl", OLD_COMMIT)]
    data_hub.requests.clear()
    assert [one(f.url) for f in files] == files
    assert data_hub.requests == []


@pytest.mark.parametrize("source", ["modelscope"], indirect=True)
def test_where_no_commit_is_told_the_branch_stands(data_hub: HubDouble, at: Address) -> None:
    data_hub.commits = None
    file = one(at(TRAIN))
    assert (file.url, file.revision) == (at(TRAIN, "master"), "master")
    data_hub.files[TRAIN] = b"{}\n"
    assert one(file.url).path.read_bytes() == b"{}\n"


@pytest.mark.parametrize("source", ["modelscope"], indirect=True)
def test_modelscope_lists_more_files_than_a_page(data_hub: HubDouble, at: Address) -> None:
    data_hub.files = {f"part-{i:04}.jsonl": b"{}\n" for i in range(401)}
    assert one(at("part-0400.jsonl")).path.read_bytes() == b"{}\n"


@pytest.mark.parametrize("source", ["modelscope"], indirect=True)
def test_the_folder_of_an_old_modelscope_is_left_alone(
    data_hub: HubDouble, at: Address, tmp_path: Path
) -> None:
    old = tmp_path / "modelscope" / "datasets" / DATA / TRAIN
    old.parent.mkdir(parents=True)
    old.write_text("of an unknown version")
    assert one(at(TRAIN)).path.read_bytes() == data_hub.files[TRAIN]
    assert old.read_text() == "of an unknown version"


# -------------------------------------------------------------------------------- without a connection


def without_hub(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT" if source == "huggingface" else "MODELSCOPE_ENDPOINT", NO_HUB)
    monkeypatch.setattr("loralab.hub.files.ANSWER_SECONDS", 0.2)


@pytest.mark.parametrize("revision", ["", "v1"])
def test_the_file_on_disk_serves_without_a_hub_and_it_is_said(
    data_hub: HubDouble, source: str, at: Address, revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_hub.tags = {"v1": COMMIT}
    before = one(at(TRAIN, revision))
    without_hub(source, monkeypatch)
    after = one(at(TRAIN, revision))
    assert (after.url, after.path) == (before.url, before.path)
    assert f"the copy of an earlier download is used: {before.url}" in str(after.note)
    assert before.note is None


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
@pytest.mark.parametrize("source", ["huggingface"], indirect=True)
def test_offline_the_hub_is_not_asked(
    data_hub: HubDouble, at: Address, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = one(at(TRAIN))
    data_hub.requests.clear()
    monkeypatch.setenv(variable, "1")
    assert one(at(TRAIN)).path == before.path
    assert f"{variable} is set" in str(one(at(TRAIN)).note)
    assert f"unset {variable}, then run the same command again" in refusal(at("extra/qa.jsonl"))
    assert data_hub.requests == []


def test_a_pattern_needs_the_hub(
    data_hub: HubDouble, source: str, at: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on disk may be a part of what the pattern stands for."""
    fetch_data(at("extra/*"))
    without_hub(source, monkeypatch)
    assert "nobody knows what a pattern stands for" in refusal(at("extra/*"))


def test_a_file_never_fetched_is_refused_with_both_ways_out(
    data_hub: HubDouble, source: str, at: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    one(at(TRAIN))
    without_hub(source, monkeypatch)
    other = "modelscope" if source == "huggingface" else "hf"
    message = refusal(at("extra/qa.jsonl"))
    assert f"name it as {other}://owner/name/file" in message
    assert "copy it here" in message


# ------------------------------------------------------------------------------------------- refusing


@pytest.mark.parametrize(
    ("file", "advice"),
    [
        ("trian.jsonl", "did you mean {TRAIN}"), ("qa.jsonl", "did you mean {extra/qa.jsonl}?"),
        ("extra", "name its files: {extra/*.jsonl}"), ("nothing-like-it", "its files (4): README.md, extra/exam.json,"),
        ("*.csv", "its files (4)"),
    ],
)  # fmt: skip
def test_no_such_file_names_those_that_there_are(
    data_hub: HubDouble, at: Address, file: str, advice: str
) -> None:
    message = refusal(at(file))
    head, _, rest = advice.partition("{")
    name, _, tail = rest.partition("}")
    wanted = head + (at(name.replace("TRAIN", TRAIN)) if name else "") + tail
    assert message.startswith(f"{at(file)}: ")
    assert wanted in message
    assert not any(r.file for r in data_hub.requests)


def test_no_such_repository(data_hub: HubDouble, at: Address) -> None:
    message = refusal(at(TRAIN, name="owner/other"))
    assert "login, then run the same command again" in message
    assert message.startswith(at(TRAIN, name="owner/other"))


def test_no_such_revision(data_hub: HubDouble, at: Address) -> None:
    assert "revision" in refusal(at(TRAIN, "v9"))


def test_a_model_is_called_one(hub: HubDouble, at: Address) -> None:
    assert f"{REPOSITORY} is the repository of a model, not of data" in refusal(at(TRAIN, name=REPOSITORY))


def test_data_that_need_a_login_say_how(data_hub: HubDouble, source: str, at: Address) -> None:
    data_hub.gated = True
    login = "hf auth login" if source == "huggingface" else "ms-hub login"
    assert f"{login}, then run the same command again" in refusal(at(TRAIN))


@pytest.mark.parametrize("source", ["huggingface"], indirect=True)
def test_a_gated_repository_says_to_log_in(data_hub: HubDouble, at: Address) -> None:
    assert "licence" in refusal(at(TRAIN, name=GATED))


@pytest.mark.parametrize("name", [DATA, "owner/other"])
@pytest.mark.parametrize("gated", [False, True])
def test_a_token_goes_to_the_hub_and_nowhere_else(
    data_hub: HubDouble, source: str, at: Address, name: str, gated: bool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    variable = "HF_TOKEN" if source == "huggingface" else "MODELSCOPE_API_TOKEN"
    monkeypatch.setenv(variable, "hf_verysecret")
    data_hub.gated = gated
    said = ""
    try:
        said = repr(fetch_data(at(TRAIN, name=name)))
    except UsageError as error:
        said = repr(error) + error.text() + error.text("zh")
    bearers = {r.headers["Authorization"] for r in data_hub.requests if DATA in r.path or "other" in r.path}
    assert bearers == {"Bearer hf_verysecret"}
    assert "verysecret" not in said
    assert not any(b"verysecret" in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_a_spoilt_file_is_refused_and_deleted(data_hub: HubDouble, at: Address, tmp_path: Path) -> None:
    wrong = bytes(b ^ 1 for b in data_hub.files[TRAIN])
    data_hub.spoilt = {TRAIN}
    assert "damaged and has been deleted" in refusal(at(TRAIN))
    assert not any(p.read_bytes() == wrong for p in tmp_path.rglob("*") if p.is_file())
    data_hub.spoilt = set()
    assert one(at(TRAIN)).path.read_bytes() == data_hub.files[TRAIN]


def test_a_listing_that_leaves_the_folder_is_refused(
    data_hub: HubDouble, at: Address, tmp_path: Path
) -> None:
    data_hub.files["../evil.jsonl"] = b"{}"
    assert "not safe to write" in refusal(at("**"))
    assert not list(tmp_path.rglob("evil.jsonl"))


def test_a_small_disk_is_noticed_before_the_download(
    data_hub: HubDouble, source: str, at: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    variable = "HF_HUB_CACHE" if source == "huggingface" else "MODELSCOPE_CACHE"
    with pytest.raises(ResourceError, match=rf"(?s)not enough disk space.*set {variable}"):
        fetch_data(at(TRAIN))
    assert data_hub.sent(TRAIN) == []


def test_a_hub_that_hangs_is_given_up(
    data_hub: HubDouble, at: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_hub.hang_seconds = 0.5
    monkeypatch.setattr("loralab.hub.files.ANSWER_SECONDS", 0.2)
    with pytest.raises(HubFailed, match="no answer in"):
        fetch_data(at(TRAIN))
