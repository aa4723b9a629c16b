"""An address from the command line and a key from the environment in, the server that is to be asked out."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from loralab.errors import Problem, UsageError
from loralab.words import Words, say

OPTION, KEY_VARIABLE = "--server", "LORALAB_SERVER_KEY"
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """Where a server listens; `prefix` stands before every path. The key is sent there and shown nowhere."""

    scheme: str
    host: str
    port: int
    prefix: str = ""
    key: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"

    @property
    def shows_key(self) -> bool:
        """Whether others on the way could read the key: without encryption, and not on this machine."""
        return self.key is not None and self.scheme == "http" and not _is_loopback(self.host)


def read_address(url: str, environment: Mapping[str, str] = os.environ) -> Address:
    """The server at a URL, with or without /v1 at its end; its key is that of LORALAB_SERVER_KEY.

    Raises UsageError for what is no such URL, without repeating it: it may hold a password.
    """
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise _refused(say("holds characters that an address cannot have"))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused(say("is no address")) from None
    if problem := _problem(parts):
        raise _refused(problem)
    assert parts.hostname
    prefix = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return Address(
        parts.scheme, parts.hostname, PORTS[parts.scheme] if port is None else port, prefix, _key(environment)
    )


def _problem(parts: SplitResult) -> Words | None:
    if parts.scheme not in PORTS:
        return say("must start with http:// or https://")
    if "@" in parts.netloc:
        return say("holds a user name or password: a key belongs into {variable}", variable=KEY_VARIABLE)
    if not parts.hostname:
        return say("names no host")
    return say("must end before ? and #") if parts.query or parts.fragment else None


def _refused(what: Words) -> UsageError:
    advice = say("name a server such as {example}", example="http://127.0.0.1:8000")
    return UsageError(Problem(what, OPTION, next=advice))


def _key(environment: Mapping[str, str]) -> str | None:
    key = environment.get(KEY_VARIABLE, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(Problem(say("holds characters that a key cannot have"), KEY_VARIABLE))
    return key or None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
