"""Requests in, only those of a browser on this machine that reads through; security headers on all that goes out."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
HEADERS = {
    # scripts and styles are files of our own; pictures of charts are made in the page (blob)
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Wraps an application (ASGI).

    A page of a stranger can have a name of its own point to 127.0.0.1 and then read what is served there; such a
    request names that host, and is refused (DNS rebinding).
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = refused(scope["method"], _host(scope))
        await (refusal or self.app)(scope, receive, send_guarded)


def refused(method: str, host: str) -> PlainTextResponse | None:
    """The answer to a request that is not let through."""
    if host_name(host) not in LOCAL_NAMES:
        return PlainTextResponse("loralab board answers to 127.0.0.1 and localhost only\n", 403)
    if method not in ("GET", "HEAD"):
        return PlainTextResponse("loralab board only reads\n", 405, {"Allow": "GET, HEAD"})
    return None


def host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _host(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
