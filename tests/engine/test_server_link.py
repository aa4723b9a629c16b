"""One exchange with a server: within its time, to nobody else, and with an error that says what happened."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.completions import CompletionsDouble
from loralab.engine import server_link
from loralab.engine.server_address import KEY_VARIABLE, read_address
from loralab.engine.server_link import Link, TryAgain
from loralab.errors import UsageError

BODY = {"model": "base", "prompt": [1], "max_tokens": 2, "stop_token_ids": [9]}


@contextlib.contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server of one connection that reads a request and then sends what it likes; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):  # the client hung up
                connection, _ = listener.accept()
                with connection:
                    request = b""
                    while not request.endswith(b"}"):  # the body comes apart from the head
                        request += connection.recv(1 << 16)
                    talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def exchange(url: str, seconds: float = 10.0) -> object:
    link = Link(read_address(url, {}), seconds)
    try:
        return link.exchange("/v1/completions", BODY)
    finally:
        link.close()


def test_a_server_that_sends_byte_by_byte_has_no_more_time_than_any_other() -> None:
    hung_up = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not hung_up.wait(0.02):
            connection.sendall(b" ")

    with serving(drip) as url:
        with pytest.raises(TryAgain, match=r"no whole answer within 0\.3 s"):
            exchange(url, 0.3)
        hung_up.set()


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_link, "MOST_BYTES", 1 << 20)

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b" " * (1 << 16))

    with serving(flood) as url, pytest.raises(TryAgain, match="more than 1048576 bytes"):
        exchange(url)


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"nonsense", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{\"model\"", b"HTTP/1.1 200 OK\r\n\r\n[1]", b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 9999,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"", b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n{}",
    ],
)  # fmt: skip
def test_whatever_is_no_whole_json_object_may_pass(sent: bytes) -> None:
    with serving(lambda connection: connection.sendall(sent)) as url, pytest.raises(TryAgain):
        exchange(url)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_whole_object_is_read_however_it_is_sent(chunked: bool) -> None:
    plain = b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}'
    pieces = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n4\r\n: 1}\r\n0\r\n\r\n'
    with serving(lambda connection: connection.sendall(pieces if chunked else plain)) as url:
        assert exchange(url) == {"a": 1}


def test_the_key_goes_to_the_server_and_into_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "sesame")
    with CompletionsDouble(key="sesame") as double:
        link = Link(read_address(double.url), 10.0)
        link.exchange("/v1/completions", BODY)
        double.key = "other"
        with pytest.raises(UsageError, match=KEY_VARIABLE) as refused:
            link.exchange("/v1/completions", BODY)
        link.close()
    assert "wrong key: Bearer ***" in str(refused.value) and "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "too long"}}, {"error": "too long"}, {"message": "too long"}, {"detail": "too long"},
        {"object": "error", "message": "too long", "code": 400}, "too long",
    ],
)  # fmt: skip
def test_the_servers_own_words_are_found_where_servers_put_them(body: object) -> None:
    data = json.dumps(body).encode()
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(data)
    serve = serving(lambda connection: connection.sendall(head + data))
    with serve as url, pytest.raises(UsageError, match=r"HTTP 400: too long\Z"):
        exchange(url)


def test_nothing_is_sent_to_a_server_whose_certificate_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connect(self: http.client.HTTPConnection) -> None:
        self.sock = socket.create_connection((self.host, self.port))
        raise ssl.SSLCertVerificationError(1, "self-signed certificate")

    with CompletionsDouble() as double:
        monkeypatch.setattr(http.client.HTTPConnection, "connect", connect)
        link = Link(read_address(double.url), 10.0)
        for _ in range(2):
            with pytest.raises(UsageError, match="certificate is not trusted: self-signed"):
                link.exchange("/v1/completions", BODY)
        assert double.requests == []


def test_after_a_cut_there_is_no_exchange() -> None:
    with CompletionsDouble() as double:
        link = Link(read_address(double.url), 10.0)
        link.cut()
        with pytest.raises(TryAgain):
            link.exchange("/v1/completions", BODY)
        link.close()


def test_a_pause_may_be_asked_for_in_seconds_or_by_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    earlier = format_datetime(datetime.now(UTC) - timedelta(seconds=100), usegmt=True)
    assert server_link._seconds("30") == 30 and 90 < server_link._seconds(later) <= 100
    assert server_link._seconds(earlier) == 0


@given(
    st.text(st.characters(max_codepoint=255), max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ [0-9:]+ [-+A-Z0-9]+")
)
def test_a_pause_that_cannot_be_read_is_none(text: str) -> None:
    assert server_link._seconds(text) >= 0
