"""The address of data on a hub in, checked files on disk with the address of exactly these files out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from loralab.errors import Problem, UsageError
from loralab.hub.base import Hub, HubFailed, Listing, Meter, NoRepository, Progress, RemoteFile
from loralab.hub.files import COMMIT, HUBS, REPOSITORY, HubName, get_files, is_inside, list_files, select
from loralab.words import Words, say

SCHEMES: dict[str, HubName] = {"hf": "huggingface", "modelscope": "modelscope"}
EXAMPLE = "owner/name/train.jsonl"
NEAR, CLOSE = 3, 0.7  # names suggested, and how like the wrong one
SHOWN = 8  # names listed
LONGEST_NAME = 240  # bytes; a file system's limit, less what a client adds to the name of an unfinished file

SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://|(hf|modelscope):", re.IGNORECASE | re.ASCII)
SPECIAL_REVISION = re.compile(
    r"refs/(?:convert|pr)/[\w.-]+(?=/)", re.ASCII
)  # the only ones spelled with bare /
WEB_PAGE = re.compile(
    r"https?://(?:www\.)?(huggingface|hf-mirror|modelscope)\.\w+/datasets/([\w.-]+/[\w.-]+)/"
    r"(?:blob|resolve|raw|file/view)/([\w.%-]+)/([^?#]+)",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class RemoteData:
    """What an address of data on a hub says; `file` may hold folders, or be a glob pattern."""

    hub: HubName
    name: str
    revision: str | None
    file: str

    @property
    def is_pattern(self) -> bool:
        """Whether `file` is a glob pattern, unless the repository has a file of that very name."""
        return any(c in self.file for c in "*?[")

    def url(self, revision: str | None = None, file: str | None = None) -> str:
        """The address of a file at a revision; `parse` gives them back."""
        scheme = next(s for s, hub in SCHEMES.items() if hub == self.hub)
        named = revision or self.revision
        at = f"@{quote(named, safe='')}" if named else ""
        return f"{scheme}://{self.name}{at}/{file or self.file}"


@dataclass(frozen=True)
class FetchedFile:
    """A data file on disk; `url` is its address with the commit, which stays the same file for ever.

    A hub that names no commits leaves the branch in `url` and `revision`. `note` is what the reader should
    know: that the hub did not answer, and what an earlier download left is used.
    """

    url: str
    path: Path
    revision: str
    note: Words | None = None


# ------------------------------------------------------------------------------------------ addresses


def is_remote(path: str) -> bool:
    """Whether a path of the config has a scheme such as hf://; `parse` refuses those that are no hub's."""
    return SCHEME.match(path) is not None


def parse(path: str) -> RemoteData:
    """The parts of hf://owner/name[@revision]/file, hf://datasets/... or modelscope://...

    Raises UsageError with an example if it is written otherwise. A / in a revision is written %2F.
    """
    match = SCHEME.match(path)
    scheme = (match[1] or match[2]).lower() if match else ""
    if match is None or scheme not in SCHEMES:
        raise _refused(path, say("data come from files on disk, hf:// or modelscope://"), _way_out(path))
    rest = path[match.end() :]
    example = say("write it as in {example}", example=f"{scheme}://{EXAMPLE}")
    if match[2] or rest.startswith("/"):
        raise _refused(path, say("{scheme}: is followed by exactly two slashes", scheme=scheme), example)
    owner, _, rest = rest.removeprefix("datasets/").partition("/")
    repository, _, file = _split_special(rest)
    short, at, revision = repository.partition("@")
    name = f"{owner}/{short}"
    if not REPOSITORY.fullmatch(name):
        raise _refused(path, say("names no repository of the form owner/name"), example)
    if at and not is_inside(unquote(revision)):
        raise _refused(path, say("no branch, tag or commit stands after @"), example)
    if not file or file.endswith("/"):
        pattern = f"{scheme}://{name}{at}{revision}/{file}*.jsonl"
        raise _refused(path, say("names no file of the repository"), say("for example {path}", path=pattern))
    if not is_inside(file) or any(not _is_file_name(part) for part in file.split("/")):
        raise _refused(path, say("names no file inside of the repository"), example)
    return RemoteData(SCHEMES[scheme], name, unquote(revision) or None, file)


def _is_file_name(part: str) -> bool:
    return part not in ("", ".") and "\0" not in part and len(part.encode("utf-8", "replace")) <= LONGEST_NAME


def _split_special(rest: str) -> tuple[str, str, str]:
    """name@refs/convert/parquet/file is split after the revision, anything else at its first slash."""
    name, at, tail = rest.partition("@")
    special = SPECIAL_REVISION.match(tail) if at and "/" not in name else None
    if special is None:
        return rest.partition("/")
    return f"{name}@{special[0]}", "/", tail[special.end() + 1 :]


def _refused(path: str, what: Words, advice: Words) -> UsageError:
    return UsageError(Problem(what, _shown(path), next=advice))


def _shown(path: str) -> str:
    """An address without what may be secret in it: a user's password, a signed query."""
    without_user = re.sub(r"//[^/@]*@", "//", path, count=1)
    if path.lower().startswith(tuple(SCHEMES)):
        return without_user  # a question mark in it is part of a pattern
    return re.split(r"[?#]", without_user)[0]


def _way_out(path: str) -> Words:
    if page := WEB_PAGE.match(path):
        site, name, revision, file = page.groups()
        hub: HubName = "modelscope" if site.lower() == "modelscope" else "huggingface"
        return say("write {path}", path=RemoteData(hub, name, unquote(revision), unquote(file)).url())
    if path.lower().startswith("file://"):
        return say("write the path alone: {path}", path=_shown(path)[len("file://") :])
    return say(
        "download the file and give its path, or name it on a hub: {first} or {second}",
        first=f"hf://{EXAMPLE}",
        second=f"modelscope://{EXAMPLE}",
    )


# ------------------------------------------------------------------------------------------ downloads


def fetch_data(path: str, progress: Progress | None = None) -> list[FetchedFile]:
    """The files that an address names, downloaded to the hub's own cache if they are not there yet.

    Only these files are asked for. A commit that is on disk is not asked for again; where the hub does not
    answer, the file of an earlier download is used, with a note. Raises UsageError if the address is wrong,
    the hub does not give the files or one is damaged, and ResourceError if the disk is full.
    """
    remote = parse(path)
    hub = HUBS[remote.hub]
    earlier = _earlier(hub, remote)
    if earlier and COMMIT.fullmatch(remote.revision or ""):
        return [earlier]
    try:
        listing = _listing(hub, remote)
    except HubFailed as failed:
        return [_without_hub(remote, path, earlier, failed)]
    files = _chosen(remote, path, listing.files)
    try:
        return _download(hub, remote, replace(listing, files=files), progress)
    except HubFailed as failed:
        raise _at(path, failed) from None


def _earlier(hub: Hub, remote: RemoteData) -> FetchedFile | None:
    found = hub.cached_data(remote.name, remote.revision, remote.file)
    if found is None:
        return None
    local, revision = found
    return FetchedFile(remote.url(revision), local, revision)


def _without_hub(
    remote: RemoteData, path: str, earlier: FetchedFile | None, failed: HubFailed
) -> FetchedFile:
    if earlier:
        note = say(
            "{path}: {hub} {reason}; the copy of an earlier download is used: {url}",
            path=path,
            hub=failed.hub,
            reason=failed.reason,
            url=earlier.url,
        )
        return replace(earlier, note=note)
    if remote.is_pattern:
        reason = say("{reason}; without it nobody knows what a pattern stands for", reason=failed.reason)
        failed = HubFailed(failed.hub, failed.endpoint, path, reason, failed.advice)
    raise _at(path, failed) from None


def _at(path: str, failed: HubFailed) -> HubFailed:
    """The same failure, at the address as it was written."""
    return HubFailed(failed.hub, failed.endpoint, path, failed.reason, failed.advice)


def _listing(hub: Hub, remote: RemoteData) -> Listing:
    """The repository's files; of a repository that holds a model instead, this is said."""
    try:
        return list_files(hub, remote.name, remote.revision, "dataset")
    except NoRepository as failed:
        if not _is_model(hub, remote.name):
            raise
        reason = say("{name} is the repository of a model, not of data", name=remote.name)
        advice = say("name a repository of data, or copy the file here and give its path")
        raise HubFailed(failed.hub, failed.endpoint, remote.name, reason, advice) from None


def _is_model(hub: Hub, name: str) -> bool:
    try:
        return bool(list_files(hub, name, None, "model").files)
    except HubFailed:
        return False


def _chosen(remote: RemoteData, path: str, files: Sequence[RemoteFile]) -> tuple[RemoteFile, ...]:
    """The file of that very name, else those that match, in the order of their names."""
    exact = tuple(f for f in files if f.path == remote.file)
    found = exact or tuple(sorted(_matching(remote, files), key=lambda f: f.path))
    if not found:
        what = say("the repository has no such file")
        if remote.is_pattern:
            what = say("no file of the repository matches")
        raise UsageError(Problem(what, path, next=_names(remote, [f.path for f in files])))
    return found


def _matching(remote: RemoteData, files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """Like in a shell, hidden files are those that are asked for with their dot."""
    hidden_too = _is_hidden(remote.file)
    return [f for f in select(files, [remote.file]) if hidden_too or not _is_hidden(f.path)]


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") and part != ".." for part in path.split("/"))


def _names(remote: RemoteData, names: list[str]) -> Words:
    """The names that may have been meant, else those that there are."""
    if any(n.startswith(f"{remote.file}/") for n in names):
        return say("it is a folder; name its files: {path}", path=remote.url(file=f"{remote.file}/*.jsonl"))
    base = PurePosixPath(remote.file).name
    near = [n for n in names if PurePosixPath(n).name == base]
    if near := near or difflib.get_close_matches(remote.file, names, n=NEAR, cutoff=CLOSE):
        return say("did you mean {names}?", names=", ".join(remote.url(file=n) for n in near[:NEAR]))
    shown = [n for n in sorted(names) if not n.startswith(".")]
    listed = ", ".join(shown[:SHOWN]) + (", ..." if len(shown) > SHOWN else "")
    return say("its files ({n}): {names}", n=len(shown), names=listed)


def _download(hub: Hub, remote: RemoteData, listing: Listing, progress: Progress | None) -> list[FetchedFile]:
    """Each file at the commit that last changed it, or else at the one that the listing names."""
    meter = Meter(listing.files, progress)
    pins = {f.path: f.commit or listing.revision for f in listing.files}
    folders = {
        pin: get_files(
            hub, remote.name,
            replace(listing, revision=pin, files=tuple(f for f in listing.files if pins[f.path] == pin)),
            None, meter, "dataset",
        )
        for pin in dict.fromkeys(pins.values())
    }  # fmt: skip
    return [FetchedFile(remote.url(pin, path), folders[pin] / path, pin) for path, pin in pins.items()]
