"""A server of completions on 127.0.0.1, as vLLM and SGLang answer, with faults on demand."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

from doubles.loopback import answering
from loralab.engine.server_patience import Patience

QUICK = Patience(tries=4, answer_seconds=10.0, first_pause_seconds=0.002, longest_pause_seconds=0.01)
END = 258  # the end token of the tiny model
# what may pass when the request is sent again; "stalled" takes as long as the client's patience
PASSING = ("busy", "limited", "halved", "no json", "closed", "empty", "late")

Ids = Sequence[int]


def made_up(prompt: Ids, limit: int, stop_ids: Ids) -> list[int]:
    """Tokens that differ from prompt to prompt, with a stop token in about half of the answers."""
    start, length = sum((i + 1) * token for i, token in enumerate(prompt)), 1 + sum(prompt) % (2 * limit)
    ids = [(start * 31 + place * 7) % 95 + 1 for place in range(length)]
    return [*ids[: limit - 1], stop_ids[0]] if length < limit and stop_ids else ids[:limit]


@dataclass
class CompletionsDouble:
    """Answers by `answer`; `faults` says what goes wrong at the n-th time (from 0) a prompt comes, if anything does."""

    answer: Callable[[Ids, int, Ids], Ids] = made_up
    faults: Callable[[Ids, int], str | None] = lambda prompt, time: None
    models: tuple[dict[str, Any], ...] = ({"id": "base", "owned_by": "vllm"},)
    version: str | None = "0.33.0"
    key: str | None = None
    closes: bool = False  # the connection, after each answer
    changes: dict[str, Any] = field(default_factory=dict)  # of every completion's one choice
    whole: dict[str, Any] = field(default_factory=dict)  # of every completion
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    seen: Counter[tuple[int, ...]] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    go_on: threading.Event = field(default_factory=threading.Event)  # ends what is stalled
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> CompletionsDouble:
        double = self

        class Handler(Exchange):
            server_double = double

        self._serving = answering(Handler, self.go_on)
        self.url = self._serving.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._serving.__exit__(kind, error, trace)

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The bodies of the completions that were asked for."""
        return [body for path, _, body in self.requests if path.endswith("/completions")]


class Exchange(BaseHTTPRequestHandler):
    """One connection, which stays open."""

    server_double: CompletionsDouble
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        double = self.server_double
        double.requests.append((self.path, dict(self.headers), {}))
        if self.path.endswith("/v1/models"):
            self.send({"object": "list", "data": list(double.models)})
        elif double.version and self.path.endswith(("/version", "/server_info")):
            self.send({"version": double.version})
        else:
            self.send({"detail": "Not Found"}, 404)

    def do_POST(self) -> None:
        double = self.server_double
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with double.lock:
            double.requests.append((self.path, dict(self.headers), body))
            prompt = tuple(body["prompt"])
            number = double.seen[prompt]
            double.seen[prompt] += 1
            double.under_way += 1
            double.most_under_way = max(double.most_under_way, double.under_way)
        try:
            self.answer(body, double.faults(prompt, number))
        finally:
            with double.lock:
                double.under_way -= 1

    def answer(self, body: dict[str, Any], fault: str | None) -> None:
        double = self.server_double
        if double.key and self.headers["Authorization"] != f"Bearer {double.key}":
            self.send({"error": {"message": f"wrong key: {self.headers['Authorization']}"}}, 401)
        elif fault in ("busy", "limited"):
            message = {"error": {"message": "\x1b[31mtoo many\x1b[0m\nrequests"}}
            self.send(message, 503 if fault == "busy" else 429, **{"Retry-After": "0"})
        elif fault and fault.isdecimal():
            headers = {"307": {"Location": "http://127.0.0.1:9/"}, "429": {"Retry-After": "9999"}}
            self.send({"error": {"message": "as told"}}, int(fault), **headers.get(fault, {}))
        elif fault == "closed":
            self.close_connection = True
        elif fault == "stalled":
            double.go_on.wait(30)
            self.close_connection = True
        else:
            if fault == "late":
                time.sleep(0.01 + 0.02 * (sum(body["prompt"]) % 2))
            self.complete(body, fault)

    def complete(self, body: dict[str, Any], fault: str | None) -> None:
        double = self.server_double
        ids = list(double.answer(body["prompt"], body["max_tokens"], body["stop_token_ids"]))
        ended = bool(ids) and ids[-1] in body["stop_token_ids"]
        choice = {
            "index": 0, "text": "not looked at", "finish_reason": "stop" if ended else "length", "stop_reason": None,
            "token_ids": ids, "prompt_token_ids": body["prompt"],
        }  # fmt: skip
        value = {"model": body["model"], "choices": [choice | double.changes]} | double.whole
        data = json.dumps(value).encode()
        if fault == "halved":
            self.send_bytes(data[: len(data) // 2], len(data))
            self.close_connection = True
        elif fault == "no json":
            self.send_bytes(data[:-1])
        else:
            self.send_bytes(b"" if fault == "empty" else data)

    def send(self, value: Any, status: int = 200, **headers: str) -> None:
        self.send_bytes(json.dumps(value).encode(), status=status, **headers)

    def send_bytes(self, data: bytes, length: int | None = None, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length or len(data)), **headers}.items():
            self.send_header(name, value)
        if self.server_double.closes:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None: ...
