"""As much of SwanLab's server as a run needs, on this machine; metrics can be refused from a moment on."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOGIN = {"sid": "s", "expiredAt": "2099-01-01T00:00:00.000Z", "userInfo": {"username": "u", "name": None}}
PROJECT = {"cuid": "p", "name": "p", "path": "/u/p", "version": 1, "group": {"username": "u"},
           "_count": {"experiments": 0}}  # fmt: skip
EXPERIMENT = {"cuid": "e", "slug": "e", "name": "e"}


class Cloud(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(self.path)
        if "/house/metrics" in self.path and self.server.refusing:
            self.server.refused.set()
            self._answer(503, {})
        elif self.path == "/api/login/api_key":
            self.server.keys.add(self.headers["authorization"])
            self._answer(200, LOGIN)
        elif self.path.endswith("/experiment"):
            self._answer(201, EXPERIMENT)
        else:
            self._answer(200, PROJECT)

    do_GET = do_PUT = do_POST

    def _answer(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)


@contextlib.contextmanager
def cloud(refusing=False):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Cloud)
    server.daemon_threads = True
    server.asked, server.keys, server.refusing, server.refused = [], set(), refusing, threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
