"""Text of strangers cannot steer a terminal, end a line, or become a command; secrets are struck out."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.hostile import FORGED, NASTY, OBEYED
from loralab.safe_text import (
    command_line,
    first_line,
    json_for_terminals,
    one_line,
    quoted,
    visible,
    without_secrets,
    without_users,
)

EDGES = st.sampled_from(
    [NASTY, FORGED, "\u2028", "\ud800", "🦊", "'", "\\", "$(id)", "`id`", "-rf", "!", "a b"]
)
TEXTS = st.lists(st.one_of(EDGES, st.characters(), st.integers(0, 0xA0).map(chr)), max_size=8).map("".join)


@given(TEXTS)
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = one_line(text)
    assert not OBEYED.search(shown) and "\n" not in shown
    shown.encode("utf-8")  # lone surrogates could not be written
    assert one_line(shown) == shown
    assert not OBEYED.search(visible(text))


@pytest.mark.parametrize(
    "text", ["法律 问答\t“x” 🦊", "Ünïcödé — naïve", "a@b.example: 1/2", "hf://owner/name@rev/f"]
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == one_line(text) == text


@given(
    st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
)
def test_json_for_a_terminal_is_the_same_document(value: object) -> None:
    document = json.dumps(value, ensure_ascii=False)
    shown = json_for_terminals(document)
    assert json.loads(shown) == value and not OBEYED.search(shown)


def test_a_shell_reads_back_every_quoted_word(tmp_path: Path) -> None:
    words = [NASTY.replace("\0", ""), FORGED, "a b", "$(touch x)", "`touch x`", "it's", "\\", "\\'\n", "-rf", "😀", "", "!x",
             "\udcff\udc80.jsonl", "中文\t文件", "~", "*", "a\\x41\x01"]  # fmt: skip
    script = f"printf '%s\\0' {command_line(*words)}"
    assert not OBEYED.search(script)
    done = subprocess.run(["bash", "-c", os.fsencode(script)], capture_output=True, check=True, cwd=tmp_path)
    assert done.stdout.split(b"\0")[:-1] == [os.fsencode(word) for word in words]
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_looks_like_an_option_is_none() -> None:
    assert quoted(Path("-rf")) == "./-rf" and quoted("-rf") == "-rf"
    assert quoted(Path("/a/-rf")) == "/a/-rf" and quoted(Path("a b")) == "'a b'"


@pytest.mark.parametrize(
    "text",
    ["https://me:s3cr3t@host/x", "http://s3cr3t@host", "ftp://a:s3cr3t@h, https://b:s3cr3t@h", "/cwd/https:/me:s3cr3t@host/x"],
)  # fmt: skip
def test_users_in_addresses_are_struck_out(text: str) -> None:
    assert "s3cr3t" not in without_users(text) and "***@h" in without_users(text)
    assert "s3cr3t" not in one_line(text)


def test_values_of_secret_variables_are_struck_out() -> None:
    environment = {
        "HF_TOKEN": "hf_0123456789", "AWS_SECRET_ACCESS_KEY": "hf_0123456789abc", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "PATH": "/usr/local/bin", "EMPTY_KEY": "",
    }  # fmt: skip
    text = "1 of /usr/local/bin: hf_0123456789abc, hf_0123456789"
    assert without_secrets(text, environment) == "1 of /usr/local/bin: ***, ***"


@pytest.mark.parametrize(
    ("text", "line"),
    [("one\ntwo", "one"), ("", "ValueError"), ("field 'x':\n    is no int\nmore", "field 'x': is no int")],
)
def test_the_first_line_of_an_error(text: str, line: str) -> None:
    assert first_line(ValueError(text)) == line
    assert first_line(KeyError("foo")) == "KeyError: 'foo'"
