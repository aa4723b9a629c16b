"""Hugging Face and ModelScope on 127.0.0.1: what their own clients ask for, and faults on demand."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c0ffee" * 6 + "c0de"
REPOSITORY, GATED = "owner/model", "owner/gated"
BRANCHES = ("main", "master", COMMIT)


@dataclass
class HubDouble:
    """A hub with one repository. `files` are its bytes; the sets name files that come out wrong."""

    answer: Callable[[HubDouble, Request], None]
    files: dict[str, bytes]
    cut: set[str] = field(default_factory=set)  # the connection breaks halfway, once
    spoilt: set[str] = field(default_factory=set)  # the right number of wrong bytes
    hang_seconds: float = 0.0
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> HubDouble:
        double = self

        class Handler(Request):
            hub = double

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def sent(self, path: str) -> list[Request]:
        """The requests for the bytes of a file."""
        return [r for r in self.requests if r.command == "GET" and r.file == path]


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

    def send_file(self, path: str, **headers: str) -> None:
        """The bytes of a file, from where Range asks, with the faults that the test asked for."""
        self.file = path
        data = self.hub.files[path]
        if path in self.hub.spoilt:
            data = bytes(b ^ 1 for b in data)
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body, length = data[start:], len(data) - start
        if self.command == "GET" and path in self.hub.cut:
            self.hub.cut.remove(path)
            body = body[: len(body) // 2]
        self.send(206 if start else 200, body, length, **headers)


# ------------------------------------------------------------------------------------ Hugging Face


def huggingface(hub: HubDouble, request: Request) -> None:
    """/api/models/{id}[/revision/{rev}] and /{id}/resolve/{rev}/{file}."""
    parts = [unquote(p) for p in urlsplit(request.path).path.strip("/").split("/")]
    if parts[:2] == ["api", "models"]:
        _huggingface_info(hub, request, "/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main")
    elif parts[2:3] == ["resolve"] and "/".join(parts[4:]) in hub.files:
        path = "/".join(parts[4:])
        etag = _sha256(hub.files[path]) if _is_large(path) else _git_blob(hub.files[path])
        headers = (
            {"X_Linked_Etag": f'"{etag}"', "X_Linked_Size": str(len(hub.files[path]))}
            if _is_large(path)
            else {}
        )
        request.send_file(path, ETag=f'"{etag}"', X_Repo_Commit=COMMIT, **headers)
    else:
        request.send_json({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound")


def _huggingface_info(hub: HubDouble, request: Request, name: str, revision: str) -> None:
    if name == GATED:
        request.send_json({"error": "restricted"}, 403, X_Error_Code="GatedRepo")
    elif name != REPOSITORY:
        request.send_json({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
    elif revision not in BRANCHES:
        request.send_json({"error": "Invalid rev id"}, 404, X_Error_Code="RevisionNotFound")
    else:
        siblings = [_sibling(path, data) for path, data in hub.files.items()]
        request.send_json({"id": name, "sha": COMMIT, "siblings": siblings})


def _sibling(path: str, data: bytes) -> dict[str, Any]:
    value: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": _git_blob(data)}
    if _is_large(path):
        value["lfs"] = {"sha256": _sha256(data), "size": len(data), "pointerSize": 134}
    return value


def _is_large(path: str) -> bool:
    return path.endswith((".safetensors", ".bin"))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


# -------------------------------------------------------------------------------------- ModelScope


def modelscope(hub: HubDouble, request: Request) -> None:
    """/api/v1/models/{id}/repo/files and /api/v1/models/{id}/repo?FilePath=."""
    url = urlsplit(request.path)
    query = {k: v[0] for k, v in parse_qs(url.query).items()}
    parts = url.path.strip("/").split("/")[2:]
    if parts == ["repos", "internalAccelerationInfo"]:
        request.send_json({"Code": 200, "Data": {}})
    elif "/".join(parts[1:3]) != REPOSITORY or query.get("Revision") not in BRANCHES:
        request.send_json({"Code": 10010205001, "Message": "not found", "Success": False}, 404)
    elif parts[3:] == ["repo", "files"]:
        files = [
            {"Path": p, "Name": p.rpartition("/")[2], "Size": len(d), "Sha256": _sha256(d), "Type": "blob"}
            for p, d in hub.files.items()
        ]
        request.send_json({"Code": 200, "Data": {"Files": files}, "Success": True})
    else:
        request.send_file(query["FilePath"])


ANSWERS = {"huggingface": huggingface, "modelscope": modelscope}
