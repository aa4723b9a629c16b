"""As much of SwanLab's server as a run needs, on this machine, with the faults that a server can have.

`faults` is a set of words, to be changed at any time: "503" and "400" answer metrics so, "hang" never
answers them, "silent" never answers anything, "401" turns the key down, "dead" closes every connection without
a word. What arrives is kept as the server keeps it: of a key and step the first value counts, an experiment has
one id.
"""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOGIN = {"sid": "s", "expiredAt": "2099-01-01T00:00:00.000Z", "userInfo": {"username": "u", "name": None}}
PROJECT = {"cuid": "p", "name": "p", "path": "/u/p", "version": 1, "group": {"username": "u"},
           "_count": {"experiments": 0}}  # fmt: skip
CREATED = "2026-11-25T00:00:00.000Z"


class Experiment:
    """What one experiment holds: values, texts with captions, times and states."""

    def __init__(self):
        self.scalars, self.media, self.times, self.states, self.sent = {}, {}, {}, [], 0

    def take(self, kind, metrics):
        kept = {"scalar": self.scalars, "media": self.media}.get(kind, {})
        for each in metrics:
            place = each.get("key"), each.get("index")
            self.sent += kind in ("scalar", "media")
            self.times.setdefault(place, each.get("create_time"))
            kept.setdefault(place, each if kind == "media" else each.get("data"))

    def summary(self):
        found = {}
        for kind, kept in (("scalar", self.scalars), ("media", self.media)):
            last = {}
            for key, step in kept:
                last[key] = max(step, last.get(key, -1))
            found[kind] = [{"key": key, "step": step} for key, step in last.items()]
        return {"log": [], **found}


class Cloud(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server, path = self.server, self.path.partition("?")[0]
        server.asked.append(path)
        if "dead" in server.faults:
            self.close_connection = True
            return
        if "silent" in server.faults:
            server.over.wait()
        if path.startswith("/store/"):
            server.resources[path.removeprefix("/store/")] = body
            self._answer(200, {})
        elif path == "/api/login/api_key":
            server.keys.add(self.headers["authorization"])
            self._answer(401 if "401" in server.faults else 200, LOGIN)
        else:
            self._api(path, json.loads(body or b"{}"))

    do_GET = do_PUT = do_POST

    def _api(self, path, body):
        server = self.server
        if path == "/api/house/metrics":
            self._metrics(body)
        elif path.endswith("/experiment"):
            identity = body.get("cuid", "e")
            known = identity in server.experiments
            server.experiments.setdefault(identity, Experiment())
            names = {"cuid": identity, "slug": identity, "name": body["name"], "createdAt": CREATED}
            self._answer(200 if known else 201, names)
        elif "/metrics/summaries/" in path:
            self._answer(200, server.experiments[path.rpartition("/")[2]].summary())
        elif path == "/api/resources/presigned/put":
            root = f"http://127.0.0.1:{server.server_port}/store/"
            self._answer(200, {"urls": [root + name for name in body["paths"]]})
        elif path.endswith("/state"):
            server.experiments[path.split("/")[-2]].states.append(body["state"])
            self._answer(200, {})
        else:
            self._answer(200, PROJECT)

    def _metrics(self, body):
        server = self.server
        code = next((int(word) for word in ("503", "400") if word in server.faults), 200)
        if code == 200 and "hang" not in server.faults:
            server.experiments[body["experimentId"]].take(body["type"], body["metrics"])
            server.arrived.set()
        else:
            server.refused.set()
        if "hang" in server.faults:
            server.over.wait()
        self._answer(code, {})

    def _answer(self, code, body):
        data = json.dumps(body).encode()
        with contextlib.suppress(OSError):
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)


@contextlib.contextmanager
def cloud(*faults):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Cloud)
    server.daemon_threads, server.block_on_close = True, False
    server.faults, server.asked, server.keys = set(faults), [], set()
    server.experiments, server.resources = {}, {}
    server.refused, server.arrived, server.over = threading.Event(), threading.Event(), threading.Event()
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def texts_of(server, experiment):
    """(key, step, caption) to text, of all media of an experiment."""
    return {
        (key, step, more["caption"]): server.resources[path].decode("utf-8")
        for (key, step), each in experiment.media.items()
        for path, more in zip(each["data"], each["more"], strict=True)
    }
