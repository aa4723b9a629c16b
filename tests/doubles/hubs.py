"""Hugging Face and ModelScope on 127.0.0.1: what their own clients ask for, and faults on demand."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from doubles.loopback import answering

COMMIT, OLD_COMMIT = "c0ffee" * 6 + "c0de", "0ddba11" * 5 + "c0de5"
REPOSITORY, GATED, DATA = "owner/model", "owner/gated", "owner/data"
NAMES = {"model": REPOSITORY, "dataset": DATA}


@dataclass
class HubDouble:
    """A hub with one repository. `files` are its bytes; the fields below name files that come out wrong."""

    answer: Callable[[HubDouble, Request], None]
    files: dict[str, bytes]
    kind: str = "model"
    versions: dict[str, dict[str, bytes]] = field(default_factory=dict)  # older commit -> its files
    tags: dict[str, str] = field(default_factory=dict)  # further names of commits
    commits: dict[str, str] | None = field(default_factory=dict)  # that last changed a file; None: not told
    gated: bool = False  # files are listed, not given
    cut: dict[str, int] = field(default_factory=dict)  # the connection breaks halfway, so many times
    stalled: dict[str, int] = field(default_factory=dict)  # half arrives, then nothing until `go_on` is set
    spoilt: set[str] = field(default_factory=set)  # the right number of wrong bytes
    statuses: dict[str, list[int]] = field(default_factory=dict)  # answers after the cuts, before the rest
    ranges: bool = True  # whether Range is heeded
    xet: bool = False  # large files are offered in pieces too
    storage: str = ""  # the address of another server that has the bytes of large files
    hang_seconds: float = 0.0
    requests: list[Request] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> HubDouble:
        double = self

        class Handler(Request):
            hub = double

        self._serving = answering(Handler, self.go_on)
        self.url = self._serving.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._serving.__exit__(kind, error, trace)

    def commit(self, revision: str) -> str:
        """The commit at which a branch or tag stands."""
        return COMMIT if revision in ("main", "master") else self.tags.get(revision, revision)

    def at(self, name: str, kind: str, revision: str) -> dict[str, bytes] | None:
        """The files of a repository at a branch, tag or commit; None if there is no such thing."""
        if kind != self.kind or name != NAMES[kind]:
            return None
        return {COMMIT: self.files, **self.versions}.get(self.commit(revision))

    def sent(self, path: str) -> list[Request]:
        """The requests for the bytes of a file."""
        return [r for r in self.requests if r.command == "GET" and r.file == path]

    def ranges_of(self, path: str) -> list[str | None]:
        """From where on the bytes of a file were asked for, request by request."""
        return [r.headers["Range"] for r in self.sent(path)]


class Request(BaseHTTPRequestHandler):
    """One request, kept with what it asked for."""

    hub: HubDouble
    file: str = ""

    def do_GET(self) -> None:
        self.hub.requests.append(self)
        time.sleep(self.hub.hang_seconds)
        self.hub.answer(self.hub, self)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None: ...

    def send(self, status: int, body: bytes = b"", length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length or len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def send_json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.send(status, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def send_file(self, path: str, data: bytes, **headers: str) -> None:
        """The bytes of a file, from where Range asks, with the faults that the test asked for."""
        self.file = path
        if self.command == "GET" and self.hub.statuses.get(path) and not self.hub.cut.get(path):
            self.send(self.hub.statuses[path].pop(0))
            return
        if path in self.hub.spoilt:
            data = bytes(b ^ 1 for b in data)
        asked = self.headers.get("Range", "bytes=0-") if self.hub.ranges else "bytes=0-"
        start = int(asked.removeprefix("bytes=").partition("-")[0])
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body, length = data[start:], len(data) - start
        stalled = self.command == "GET" and self.hub.stalled.get(path, 0) > 0
        if self.command == "GET" and self.hub.cut.get(path):
            self.hub.cut[path] -= 1
            body = body[: len(body) // 2]
        self.send(206 if start else 200, body[: len(body) // 2] if stalled else body, length, **headers)
        if stalled:
            self.hub.stalled[path] -= 1
            self.hub.go_on.wait(30)


# ------------------------------------------------------------------------------------ Hugging Face


def huggingface(hub: HubDouble, request: Request) -> None:
    """/api/{kind}s/{id}[/revision/{rev}] and [/datasets]/{id}/resolve/{rev}/{file}."""
    parts = [unquote(p) for p in urlsplit(request.path).path.strip("/").split("/")]
    if parts[:2] in (["api", "models"], ["api", "datasets"]):
        revision = parts[5] if len(parts) > 5 else "main"
        _huggingface_info(hub, request, "/".join(parts[2:4]), parts[1].removesuffix("s"), revision)
        return
    kind = "dataset" if parts[0] == "datasets" else "model"
    owner, name, verb, revision, *file = [*parts[kind == "dataset" :], "", "", ""]
    file = file[:-3]
    files, path = hub.at(f"{owner}/{name}", kind, revision), "/".join(file)
    if verb != "resolve" or files is None or path not in files:
        request.send_json({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound")
    elif hub.gated:
        request.send_json({"error": "restricted"}, 403, X_Error_Code="GatedRepo")
    else:
        data, large = files[path], _is_large(path)
        etag = _sha256(data) if large else _git_blob(data)
        headers = {"X_Linked_Etag": f'"{etag}"', "X_Linked_Size": str(len(data))} if large else {}
        if hub.xet and large:
            headers |= {"X_Xet_Hash": _sha256(data), "X_Xet_Refresh_Route": f"{hub.url}/xet"}
        headers |= {"ETag": f'"{etag}"', "X_Repo_Commit": hub.commit(revision)}
        if hub.storage and large:
            request.send(302, Location=f"{hub.storage}/{path}?signature=x", **headers)
        else:
            request.send_file(path, data, **headers)


def _huggingface_info(hub: HubDouble, request: Request, name: str, kind: str, revision: str) -> None:
    if name == GATED:
        request.send_json({"error": "restricted"}, 403, X_Error_Code="GatedRepo")
    elif hub.at(name, kind, "main") is None:
        request.send_json({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
    elif (files := hub.at(name, kind, revision)) is None:
        request.send_json({"error": "Invalid rev id"}, 404, X_Error_Code="RevisionNotFound")
    else:
        siblings = [_sibling(path, data) for path, data in files.items()]
        request.send_json({"id": name, "sha": hub.commit(revision), "siblings": siblings})


def _sibling(path: str, data: bytes) -> dict[str, Any]:
    value: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": _git_blob(data)}
    if _is_large(path):
        value["lfs"] = {"sha256": _sha256(data), "size": len(data), "pointerSize": 134}
    return value


def _is_large(path: str) -> bool:
    return path.endswith((".safetensors", ".bin", ".jsonl", ".parquet"))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


# -------------------------------------------------------------------------------------- ModelScope


def modelscope(hub: HubDouble, request: Request) -> None:
    """/api/v1/models/{id}/repo/files or /datasets/{id}/repo/tree, and /{kind}s/{id}/repo?FilePath=."""
    url = urlsplit(request.path)
    query = {k: v[0] for k, v in parse_qs(url.query).items()}
    parts = url.path.strip("/").split("/")[2:]
    if parts == ["repos", "internalAccelerationInfo"]:
        request.send_json({"Code": 200, "Data": {}})
        return
    files = hub.at("/".join(parts[1:3]), parts[0].removesuffix("s"), query.get("Revision", ""))
    if files is None:
        request.send_json({"Code": 10010205001, "Message": "not found", "Success": False}, 404)
    elif parts[3:] == ["repo", "files" if hub.kind == "model" else "tree"]:
        entries = [_entry(hub, path, data) for path, data in files.items()]
        if "PageNumber" in query:
            number, size = int(query["PageNumber"]), int(query["PageSize"])
            entries = entries[(number - 1) * size : number * size]
        request.send_json({"Code": 200, "Data": {"Files": entries}, "Success": True})
    elif hub.gated:
        request.send_json({"Code": 10010205001, "Message": "login", "Success": False}, 401)
    else:
        request.send_file(query["FilePath"], files[query["FilePath"]])


def _entry(hub: HubDouble, path: str, data: bytes) -> dict[str, Any]:
    told = {} if hub.commits is None else {"Revision": hub.commits.get(path, COMMIT)}
    name = path.rpartition("/")[2]
    return {"Path": path, "Name": name, "Size": len(data), "Sha256": _sha256(data), "Type": "blob", **told}


# ----------------------------------------------------------------------------------- a hub's storage


def storage(hub: HubDouble, request: Request) -> None:
    """/{file}: bytes for anyone with the address."""
    path = urlsplit(request.path).path.strip("/")
    request.send_file(path, hub.files[path])


ANSWERS = {"huggingface": huggingface, "modelscope": modelscope}
