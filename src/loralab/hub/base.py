"""What loralab asks of a model hub: a listing of a repository's files, then their bytes, checked."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from loralab.errors import Problem, UsageError
from loralab.run.files import sha256
from loralab.words import Words, say

ANSWER_SECONDS = 10.0  # a hub that has not listed the files by then is taken to be unreachable

Progress = Callable[[str, int, int], None]
"""Called with a file, and the bytes done and in total over all files; by one thread at a time."""

Kind = Literal["model", "dataset"]
"""What a repository is for; hubs keep the two apart, also where they bear the same name."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository; what the hub does not tell is None.

    `commit` is the one that last changed the file, where the hub tells it file by file.
    """

    path: str
    size: int | None
    sha256: str | None = None
    git_blob: str | None = None
    commit: str | None = None


@dataclass(frozen=True)
class Listing:
    """The files of a repository; `revision` is the commit where the hub names it, else what was asked for."""

    asked: str
    revision: str
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True)
class Located:
    """A model folder and where it comes from: local, huggingface or modelscope."""

    folder: Path
    origin: str
    revision: str | None


class HubFailed(UsageError):
    """A hub did not give the files of a repository (exit code 2); `reason` leaves out the hub's name."""

    def __init__(
        self, hub: str, endpoint: str, name: str, reason: Words, advice: Words | None = None
    ) -> None:
        self.hub, self.endpoint, self.reason, self.advice = hub, endpoint, reason, advice
        what = say("{hub} ({endpoint}): {reason}", hub=hub, endpoint=endpoint, reason=reason)
        super().__init__(Problem(what, name, next=advice))


class NoRepository(HubFailed):
    """The hub knows no repository of this name and kind, or does not show it without a login."""


class Hub(Protocol):
    """One hub: a module of functions. They raise HubFailed; tokens are the affair of the hub's own client."""

    @property
    def TITLE(self) -> str:
        """Its name for people."""

    @property
    def STORE_VARIABLE(self) -> str:
        """The environment variable that moves `store`."""

    def endpoint(self) -> str:
        """Its address, from the variable that its own client reads."""

    def listing(self, name: str, revision: str | None, kind: Kind = "model") -> Listing:
        """The files of a repository."""

    def cached(self, name: str, revision: str | None, kind: Kind = "model") -> Path | None:
        """The folder of an earlier download, complete or not, found without the network."""

    def cached_data(self, name: str, revision: str | None, path: str) -> tuple[Path, str] | None:
        """A data file of an earlier download and its commit, found without the network."""

    def present(
        self, name: str, revision: str, file: RemoteFile, to: Path | None, kind: Kind = "model"
    ) -> bool:
        """Whether a file of the right size is on disk already."""

    def store(self) -> Path:
        """The folder under which downloads are kept."""

    def partial(
        self, name: str, revision: str, file: RemoteFile, to: Path | None, kind: Kind = "model"
    ) -> Path | None:
        """Where the part of a file lies whose download broke off, if the hub's files can be continued."""

    def download(
        self, name: str, listing: Listing, to: Path | None, meter: Meter, kind: Kind = "model"
    ) -> Path:
        """Get all files of the listing, into `to` or the hub's own cache, and return their folder."""


class Meter:
    """Counts bytes per file for a Progress callback."""

    def __init__(self, files: Sequence[RemoteFile], progress: Progress | None) -> None:
        self._sizes = {file.path: file.size or 0 for file in files}
        self._done = dict.fromkeys(self._sizes, 0)
        self._progress = progress
        self._lock = threading.Lock()

    def add(self, path: str, num_bytes: int) -> None:
        """Count bytes that arrived; a negative number takes back bytes that have to be sent again."""
        with self._lock:
            self._set(path, self._done[path] + num_bytes)

    def reach(self, path: str, num_bytes: int) -> None:
        """Count a file as there up to a number of bytes, more or fewer than before."""
        with self._lock:
            self._set(path, num_bytes)

    def finish(self, path: str) -> None:
        """Count a file as there, however it came."""
        with self._lock:
            if self._done[path] < self._sizes[path]:
                self._set(path, self._sizes[path])

    @property
    def done_bytes(self) -> int:
        """The bytes counted so far, over all files."""
        with self._lock:
            return sum(self._done.values())

    def _set(self, path: str, num_bytes: int) -> None:
        self._done[path] = max(0, min(num_bytes, self._sizes[path] or num_bytes))
        if self._progress:
            self._progress(path, sum(self._done.values()), sum(self._sizes.values()))


def again(name: str, kind: Kind) -> Words:
    """The command that asks for a repository once more."""
    return say("loralab fetch {name}", name=name) if kind == "model" else say("run the same command again")


def unreachable(hub: str, endpoint: str, name: str, reason: str | Words, kind: Kind = "model") -> HubFailed:
    """The failure of a hub that does not answer, with the other hub as the way out."""
    if kind == "model":
        advice = say(
            "loralab fetch {name} --source {other}; or, where there is a connection, loralab fetch {name}"
            " --to FOLDER, and copy the folder here",
            name=name, other="huggingface" if hub == "ModelScope" else "modelscope",
        )  # fmt: skip
    else:
        advice = say(
            "if the other hub has the data, name it as {other}://owner/name/file; or, where there is a"
            " connection, download the file, copy it here, and give its path",
            other="hf" if hub == "ModelScope" else "modelscope",
        )
    return HubFailed(hub, endpoint, name, say("cannot be reached: {reason}", reason=reason), advice)


def verify(path: Path, file: RemoteFile) -> None:
    """Raise UsageError, and delete the file, if a download is not what the hub says of it."""
    wrong = _difference(path, file)
    if wrong is None:
        return
    delete(path)
    raise damaged(file.path, wrong)


def delete(path: Path) -> None:
    """Delete a file, and what it links to in a hub's cache."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def damaged(path: str, reason: Words) -> UsageError:
    """The refusal of a download that is not what the hub announced."""
    return UsageError(
        Problem(
            say("the download is damaged and has been deleted: {reason}", reason=reason),
            path,
            next=say("run the same command again; if it repeats, try another hub or mirror"),
        )
    )


def _difference(path: Path, file: RemoteFile) -> Words | None:
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return say("{found} bytes instead of {expected}", found=size, expected=file.size)
    if file.sha256:
        found, expected = sha256(path), file.sha256
    elif file.git_blob:
        found, expected = _git_blob(path), file.git_blob
    else:
        return None
    if found == expected:
        return None
    return say("checksum {found} instead of {expected}", found=found[:12], expected=expected[:12])


def _git_blob(path: Path) -> str:
    """The name git gives to a file's content: what a hub has for files that are not in large-file storage."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """The result of `call`, or TimeoutError after `seconds`.

    Clients bound each connection attempt, but not the sum over a host's addresses and their own retries.
    The thread is a daemon: one that hangs does not keep the process alive.
    """
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # handed over to the waiting thread, which raises it
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True, name="loralab-hub")
    thread.start()
    thread.join(seconds)
    if failure:
        raise failure[0]
    if not outcome:
        raise TimeoutError
    return outcome[0]


def root_reason(error: BaseException) -> str:
    """The operating system's words for why a connection failed, without addresses or headers."""
    reason, seen = type(error).__name__, set[int]()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, OSError) and link.strerror:
            reason = link.strerror
        link = link.__cause__ or link.__context__
    return reason


@contextlib.contextmanager
def quiet(logger_name: str) -> Iterator[None]:
    """Keep a client's log lines off stderr: what matters comes as an exception."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
