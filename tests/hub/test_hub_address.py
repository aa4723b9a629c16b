"""Addresses of data on hubs: what they mean, and how a wrong one is answered."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loralab.errors import UsageError
from loralab.hub.data import RemoteData, fetch_data, is_remote, parse


def refusal(path: str) -> str:
    with pytest.raises(UsageError) as caught:
        fetch_data(path)
    return caught.value.text()


@pytest.mark.parametrize(
    ("path", "remote"),
    [
        ("hf://o/n/f.jsonl", RemoteData("huggingface", "o/n", None, "f.jsonl")),
        ("hf://datasets/o/n/f.jsonl", RemoteData("huggingface", "o/n", None, "f.jsonl")),
        ("HF://o/n/a/b c.jsonl", RemoteData("huggingface", "o/n", None, "a/b c.jsonl")),
        ("hf://o/n@v1.0/a/*.json", RemoteData("huggingface", "o/n", "v1.0", "a/*.json")),
        ("hf://o/n@f%2Fx/f.csv", RemoteData("huggingface", "o/n", "f/x", "f.csv")),
        ("hf://o/n@refs/convert/parquet/a/0.parquet",
         RemoteData("huggingface", "o/n", "refs/convert/parquet", "a/0.parquet")),
        ("hf://o/n/a@b/f.csv", RemoteData("huggingface", "o/n", None, "a@b/f.csv")),
        ("modelscope://o/n/f.jsonl", RemoteData("modelscope", "o/n", None, "f.jsonl")),
        ("modelscope://datasets/o/n@master/f", RemoteData("modelscope", "o/n", "master", "f")),
    ],
)  # fmt: skip
def test_the_forms_of_an_address(path: str, remote: RemoteData) -> None:
    assert is_remote(path)
    assert parse(path) == remote
    assert parse(remote.url()) == remote


NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True).filter(lambda n: n != "datasets")
PART = st.text(
    st.characters(exclude_characters="/\\\0", exclude_categories=["Cs"]), min_size=1, max_size=9
).filter(lambda p: p not in (".", ".."))


@given(
    st.sampled_from(["huggingface", "modelscope"]), NAME, NAME, st.none() | st.lists(PART, min_size=1),
    st.lists(PART, min_size=1, max_size=3),
)  # fmt: skip
def test_an_address_is_read_as_it_was_written(
    hub: str, owner: str, name: str, revision: list[str] | None, file: list[str]
) -> None:
    remote = RemoteData(hub, f"{owner}/{name}", "/".join(revision) if revision else None, "/".join(file))  # type: ignore[arg-type]
    assert parse(remote.url()) == remote


@pytest.mark.parametrize(
    ("path", "remote"),
    [
        ("law.jsonl", False), ("./a/b.jsonl", False), ("/data/*.json", False), ("~/x", False), ("C:/x", False),
        ("C://x", False), ("a:b.jsonl", False), ("https://x.org/a.jsonl", True), ("s3://bucket/a", True),
        ("file:///a", True), ("hf:/o/n/f", True), ("modelscope:o/n/f", True), ("hf", False), ("", False),
    ],
)  # fmt: skip
def test_a_scheme_makes_an_address(path: str, remote: bool) -> None:
    assert is_remote(path) is remote


@pytest.mark.parametrize(
    ("path", "what", "way_out"),
    [
        ("hf://o/n", "names no file", "hf://o/n/*.jsonl"),
        ("hf://o/n@v1/a/", "names no file", "hf://o/n@v1/a/*.jsonl"),
        ("modelscope://o", "no repository of the form owner/name", "modelscope://owner/name/train.jsonl"),
        ("hf://spaces/o/n@x y/../f", "inside", "hf://owner/name/train.jsonl"),
        ("hf://o/n/../../f", "inside", "hf://owner/name"), ("hf://o/n//f", "inside", "hf://owner/name"),
        ("hf://o/n/" + "x" * 250, "inside", "hf://owner/name"), ("hf://o/n@/f", "after @", "hf://owner/name"),
        ("hf://o/n@%2e%2e%2Fx/f", "after @", "hf://owner/name"), ("hf:/o/n/f", "two slashes", "hf://owner/name"),
        ("hf:///o/n/f", "two slashes", "hf://owner/name"), ("s3://b/f", "hf://", "download the file"),
        ("file:///data/a.json", "hf://", "write the path alone: /data/a.json"),
        ("https://huggingface.co/datasets/o/n/blob/main/a/f.json?x=1", "hf://", "write hf://o/n@main/a/f.json"),
        ("https://hf-mirror.com/datasets/o/n/resolve/main/f.json", "hf://", "write hf://o/n@main/f.json"),
        ("https://www.modelscope.cn/datasets/o/n/file/view/master/a%2Ff.json?id=1", "hf://",
         "write modelscope://o/n@master/a/f.json"),
        ("https://example.org/a.json", "hf://", "download the file"),
    ],
)  # fmt: skip
def test_a_wrong_address_is_answered_with_a_right_one(path: str, what: str, way_out: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(path)
    (problem,) = caught.value.problems
    assert what in str(problem.what)
    assert way_out in str(problem.next)


def test_a_refusal_does_not_repeat_secrets() -> None:
    message = refusal("https://me:geheim@example.org/a.json?X-Signature=geheim#geheim")
    assert message.startswith("https://example.org/a.json: ")
    assert "geheim" not in message
    for scheme in ("hf", "modelscope"):
        assert "geheim" not in refusal(f"{scheme}://me:geheim@host/x")


@given(st.sampled_from(["hf://", "hf://o/n", "hf://o/n@", "modelscope://o/n/", "s3:", "ftp://"]), st.text())
@example("hf://o/n/", "\ud800.jsonl")
@example("modelscope://o/n/", "a\0b")
@example("hf://", "o/na--me/f")
@example("hf://", "o/na..me/f")
@example("hf://", f"o/{'n' * 300}/f")
def test_no_address_ends_in_a_traceback(start: str, rest: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loralab.hub.files.ANSWER_SECONDS", 0.0)  # nobody is asked
        patch.setenv("HF_HUB_OFFLINE", "1")
        assert refusal(start + rest)
