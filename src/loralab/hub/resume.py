"""A large file of Hugging Face in, its bytes on disk out, going on where an earlier download ended.

The client keeps nothing of a file whose download broke off for good or whose process was killed. Here the
part that arrived stays on disk, under a name that the client's cache tools know to be unfinished.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loralab.hub.base import root_reason

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

TRIES = 5  # in a row without one new byte
PAUSE_SECONDS = 1.0
BUSY = (408, 429, 500, 502, 503, 504)
BAD_RANGE = 416


def receive(url: str, partial: Path, size: int, count: Callable[[int], None]) -> str | None:
    """Append to `partial` until it holds `size` bytes of `url`, and tell `count` how many there are.

    Returns None when all are there, else why no more arrive; what arrived stays for the next call. Raises
    the client's HfHubHTTPError for an answer that another try will not change, OSError if the disk is full.
    """
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.touch()
    fruitless = 0
    while (before := partial.stat().st_size) < size:
        count(before)
        reason = _attempt(url, partial, size, count)
        fruitless = 0 if partial.stat().st_size > before else fruitless + 1
        if fruitless == TRIES:
            return reason
        if reason:
            time.sleep(PAUSE_SECONDS * max(1, fruitless))
    return None


def _attempt(url: str, partial: Path, size: int, count: Callable[[int], None]) -> str:
    """One connection; why it ended early, empty if the server ended it."""
    from huggingface_hub.errors import HfHubHTTPError

    transport: Any = HfHubHTTPError.__mro__[1]  # httpx's, by the name that it has in this version
    try:
        _stream(url, partial, size, count)
    except transport as error:
        if not isinstance(error, HfHubHTTPError):
            return root_reason(error)
        return _status(error, partial)
    return ""


def _status(error: HfHubHTTPError, partial: Path) -> str:
    status = error.response.status_code
    if status == BAD_RANGE:  # what is there cannot be a part of the file
        partial.write_bytes(b"")
    elif status not in BUSY:
        raise error
    return f"HTTP {status}"


def _stream(url: str, partial: Path, size: int, count: Callable[[int], None]) -> None:
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

    there = partial.stat().st_size
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
        hf_raise_for_status(response)
        if not response.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
            there = 0  # a server that pays no heed to Range sends the whole file
        with partial.open("r+b") as stream:
            stream.seek(there)
            stream.truncate()
            for piece in response.iter_bytes():
                stream.write(piece)
                stream.flush()  # a killed process leaves all that it got
                there += len(piece)
                count(there)
                if there > size:
                    return
