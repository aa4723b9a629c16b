"""A request to a server in, the JSON object that it sends back out: within a time limit, by HTTP alone.

Redirects are not followed, and proxies of the environment are not used: prompts and key go to the server that was
named, and nowhere else.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import json
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

from loralab.engine.server_address import KEY_VARIABLE, Address
from loralab.engine.server_text import short_line
from loralab.errors import Problem, UsageError
from loralab.words import Words, say

CONNECT_SECONDS = 10.0
PIECE_BYTES, MOST_BYTES = 1 << 16, 1 << 26
PASSING = frozenset({408, 425, 429})  # and every 5xx: the same request may succeed later


class TryAgain(Exception):
    """The server did not answer this time. `wait_seconds` is how long it asks to be left alone."""

    def __init__(self, reason: Words, wait_seconds: float = 0.0) -> None:
        self.reason, self.wait_seconds = reason, wait_seconds
        super().__init__(str(reason))


@dataclass(frozen=True)
class _Received:
    status: int
    retry_after: str
    body: bytes


class Link:
    """One connection, kept open from one request to the next; for one thread, but for `cut`."""

    def __init__(self, address: Address, answer_seconds: float) -> None:
        self.address, self.answer_seconds = address, answer_seconds
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._is_cut = False

    def exchange(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the server answers to GET, or to POST of a body.

        Raises TryAgain for what may pass: no connection, no whole answer in time, HTTP 408, 425, 429 and 5xx. Raises
        UsageError for every other refusal, with the server's own message.
        """
        try:
            return self._judged(self._sent(path, body))
        except (TryAgain, UsageError):
            self.close()  # the next try starts with a connection of its own
            raise

    def close(self) -> None:
        """Close the connection; the next exchange opens another."""
        if self._connection:
            self._connection.close()
        self._connection = self._socket = None

    def cut(self) -> None:
        """From another thread: have a request under way fail at once, and all later ones."""
        self._is_cut = True
        if found := self._socket:
            with contextlib.suppress(OSError):  # it was closed meanwhile
                found.shutdown(socket.SHUT_RDWR)

    # ------------------------------------------------------------------------------------ bytes

    def _sent(self, path: str, body: dict[str, Any] | None) -> _Received:
        end = time.monotonic() + self.answer_seconds
        try:
            connection = self._connected()
            self._limit(end)
            data = None if body is None else json.dumps(body).encode()
            method = "GET" if data is None else "POST"
            connection.request(method, self.address.prefix + path, data, self._headers())
            with contextlib.closing(connection.getresponse()) as response:
                retry_after = response.headers.get("Retry-After", "")
                return _Received(response.status, retry_after, self._read(response, end))
        except ssl.SSLCertVerificationError as error:
            what = say("the server's certificate is not trusted: {reason}", reason=_reason(error))
            raise UsageError(Problem(what, str(self.address))) from None
        except TimeoutError:
            words = say("no whole answer within {seconds} s", seconds=f"{self.answer_seconds:g}")
            raise TryAgain(words) from None
        except (OSError, http.client.HTTPException) as error:
            raise TryAgain(say("{reason}", reason=_reason(error))) from None

    def _connected(self) -> http.client.HTTPConnection:
        """The connection as it is, or a new one where the server closed the last."""
        if self._connection and self._socket and self._connection.sock:
            return self._connection
        self.close()
        address, seconds = self.address, min(CONNECT_SECONDS, self.answer_seconds)
        make = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._connection = make(address.host, address.port, timeout=seconds)
        try:
            self._connection.connect()
        except TimeoutError:
            raise TryAgain(say("no connection within {seconds} s", seconds=f"{seconds:g}")) from None
        self._socket = self._connection.sock
        if self._is_cut:
            raise ConnectionAbortedError
        return self._connection

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "loralab"}
        return headers | ({"Authorization": f"Bearer {self.address.key}"} if self.address.key else {})

    def _limit(self, end: float) -> None:
        """Let the next wait for bytes take no longer than to `end`."""
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        assert self._socket
        self._socket.settimeout(left)

    def _read(self, response: http.client.HTTPResponse, end: float) -> bytes:
        """The whole body; a server that sends byte by byte has no more time than any other."""
        body = bytearray()
        while piece := response.read1(PIECE_BYTES):
            body += piece
            if len(body) > MOST_BYTES:
                raise http.client.HTTPException(f"more than {MOST_BYTES} bytes")
            self._limit(end)
        if response.length:  # of Content-Length so much is missing
            raise http.client.IncompleteRead(bytes(body), response.length)
        return bytes(body)

    def _judged(self, received: _Received) -> dict[str, Any]:
        if received.status == 200:
            return _object(received.body)
        message = _message(received.body, self.address.key)
        if received.status in PASSING or received.status >= 500:
            words = say("HTTP {status}: {message}", status=received.status, message=message)
            raise TryAgain(words, _seconds(received.retry_after))
        raise UsageError(_refusal(received.status, message, str(self.address)))


def _refusal(status: int, message: str, where: str) -> Problem:
    """What no further try would change."""
    if 300 <= status < 400:
        what = say("the server sends elsewhere (HTTP {status}), which is not followed", status=status)
        return Problem(what, where)
    what = say("the server refuses the request: HTTP {status}: {message}", status=status, message=message)
    is_key = status in (401, 403)
    advice = say("set {variable} to the server's key", variable=KEY_VARIABLE) if is_key else None
    return Problem(what, where, next=advice)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):  # cut off, or nested without end
        value = None
    if not isinstance(value, dict):
        raise TryAgain(say("the answer is no whole JSON object ({n} bytes)", n=len(body)))
    return value


def _message(body: bytes, key: str | None) -> str:
    """What the server says of an error: OpenAI's field, those of other servers, else the body as it is."""
    text = body[: 1 << 14].decode("utf-8", "replace")
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(body)
        for name in ("error", "message", "detail"):
            if isinstance(value, dict) and value.get(name):
                value = value[name]
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return short_line(text, key) or "-"


def _reason(error: OSError | http.client.HTTPException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return short_line(str(text))


def _seconds(retry_after: str) -> float:
    """Seconds that a Retry-After header asks for, given as such or as a date; 0 if it cannot be read."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, IndexError, OverflowError, OSError):  # no date, or one beyond what the clock can hold
        return 0.0
