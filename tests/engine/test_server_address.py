"""Only a plain address is taken, and neither key nor password is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.engine.server_address import KEY_VARIABLE, read_address
from loralab.engine.server_text import short_line
from loralab.errors import UsageError


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"), ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000"),
        ("https://gpu.example/team/v1", "https://gpu.example:443/team"), ("http://[::1]:80", "http://[::1]:80"),
    ],
)  # fmt: skip
def test_an_address_with_and_without_its_usual_end(url: str, shown: str) -> None:
    assert str(read_address(url, {})) == shown
    assert str(read_address(str(read_address(url, {})), {})) == shown


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000", "ftp://secret.example", "http://user:secret@host", "http://secret@host", "http://",
        "http://host/v1?key=secret", "http://host/#secret", "http://host:99999/secret", "http://[secret",
        "http://host/\nsecret", "http://host/se cret", "",
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="--server") as refused:
        read_address(url, {KEY_VARIABLE: "secret"})
    assert "secret" not in str(refused.value)


def test_the_key_is_shown_nowhere() -> None:
    address = read_address("http://host:1", {KEY_VARIABLE: " secret\n"})
    assert address.key == "secret" and "secret" not in f"{address}{address!r}"
    assert read_address("http://host:1", {KEY_VARIABLE: ""}).key is None


@pytest.mark.parametrize("key", ["se\ncret: x", "sécret", "se\x00cret"])
def test_a_key_that_would_break_a_header_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(UsageError, match=KEY_VARIABLE) as refused:
        read_address("http://host", {KEY_VARIABLE: key})
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shows"),
    [
        ("http://127.0.0.1:1", False), ("http://localhost", False), ("http://[::1]:1", False),
        ("https://host", False), ("http://host", True), ("http://10.0.0.1", True),
    ],
)  # fmt: skip
def test_whether_others_on_the_way_could_read_the_key(url: str, shows: bool) -> None:
    assert read_address(url, {KEY_VARIABLE: "secret"}).shows_key == shows
    assert not read_address(url, {}).shows_key


@given(st.text(st.characters() | st.sampled_from("\x1b[]m\x07"), max_size=400))
def test_text_of_a_server_is_one_line_without_codes(text: str) -> None:
    line = short_line(text)
    assert line.isprintable() and len(line) <= 303


def test_a_secret_in_a_servers_words_is_covered() -> None:
    assert short_line("\x1b[31mwrong key abc\x1b[0m\n(\x1b]0;title\x07abc)", "abc") == "wrong key *** (***)"
