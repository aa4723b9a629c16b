"""The process that drives SwanLab: messages on standard input in, a SwanLab run in the working folder out.

Messages are JSON lines: one `open`, any number of `event`, one `close`. Replies go to standard output:
`ready`, then `finished` or `failed`. End of input, and SIGTERM, close as well. Everything that SwanLab
prints goes to standard error, without the key.

A SwanLab run begins with the history in force: a run that joins late, or is resumed, is filled from
events.jsonl up to the first event it is given, so that the newest SwanLab run is always whole.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import math
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

from loralab.run.events import Event, read_events
from loralab.track.curves import Curves, Mark, Points, clean, in_force

LAST_RESORT_SECONDS = 60.0
STATES = {"finished": "success", "failed": "crashed"}
Message = Mapping[str, Any]


class Session:
    """The SwanLab run that is being written, and what is known about the events so far."""

    def __init__(self, names: Message) -> None:
        self._names = names
        self._curves: Curves | None = None
        self._error = ""
        self.run = _init(names)

    def take(self, event: Event) -> None:
        """Mirror one event."""
        if event["kind"] == "run_failed":
            self._error = str(event.get("error") or "")
        if self._curves is None or event["kind"] == "run_resumed":
            self._begin(event)
        else:
            self._log(self._curves.take(event))

    def finish(self, status: str) -> None:
        """Log what is held and let SwanLab finish, on this thread, which must be the main one."""
        if self._curves is not None:
            self._log(self._curves.rest())
        state = STATES.get(status, "aborted")
        self.run.finish(
            state=state, error=None if state == "success" else clean(self._error or f"run {status}")
        )

    def _begin(self, event: Event) -> None:
        """Start with the history in force. SwanLab keeps the first value of a step, so a resume within one
        stream needs a new SwanLab run.
        """
        if self._curves is not None:
            self.run.finish(state="aborted", error=f"resumed from step {event.get('from_step')}")
            self.run = _init(self._names)
        self._curves = Curves()
        history = read_events(Path(self._names["events"])).events
        earlier = [e for e in history if e["seq"] < event.get("seq", 0)]
        for each in in_force([*earlier, event]):
            self._log(self._curves.take(each))

    def _log(self, marks: Iterable[Mark]) -> None:
        import swanlab

        for mark in marks:
            if isinstance(mark, Points):
                self.run.log(mark.values, step=mark.step)
            else:
                texts = [swanlab.Text(content, caption=caption) for caption, content in mark.texts]
                self.run.log({mark.key: texts}, step=mark.step)


def _init(names: Message) -> Any:
    import swanlab

    if names["mode"] == "local" and importlib.util.find_spec("swanboard") is None:
        # SwanLab itself prints this and goes on to write a run that its viewer never shows.
        raise RuntimeError("local mode needs swanboard: pip install 'swanlab[dashboard]'")
    off = dict.fromkeys(("hardware", "runtime", "requirements", "conda", "git", "swanlab", "monitor"), False)
    run = swanlab.init(
        mode=names["mode"],
        project=names["project"],
        name=names["name"],
        description=names["description"],
        log_dir=str(Path.cwd()),
        config=flatten(names["settings"]),
        settings=swanlab.Settings(
            interactive=False,
            terminal=swanlab.Settings.Terminal(proxy_type="none"),
            probe=swanlab.Settings.Probe(**off),
        ),
        callbacks=[_flusher()],
        reinit=True,
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # init has put a handler that finishes the run
    # Private, and done without if it goes: records otherwise wait for 99 others or half a quiet second.
    with contextlib.suppress(AttributeError):
        run._components.consumer._batch_size = 1
    return run


def _flusher() -> Any:
    """A callback that hands SwanLab's file buffer to the system, which SwanLab does only at the end."""
    import swanlab

    class Flusher(swanlab.Callback):  # type: ignore[misc]
        name = "loralab-flush"

        def on_scalar_flush(self, *_: Any, **__: Any) -> None:
            with contextlib.suppress(AttributeError, OSError, RuntimeError):
                swanlab.get_run()._core._store.ensure_flushed()

        on_media_flush = on_scalar_flush

    return Flusher()


def flatten(settings: Message, prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted keys; what SwanLab would drop or show as an object becomes text."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        key = clean(f"{prefix}{name}")
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{key}.")
        elif isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
            flat[key] = value
        else:
            flat[key] = _as_text(value)
    return flat


def _as_text(value: Any) -> str:
    if value is None:
        return "none"
    return clean(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))


class Censor(io.TextIOBase):
    """A text stream that strikes out secrets."""

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self.secrets: set[str] = set()

    def write(self, text: str) -> int:
        """Write `text` without the secrets."""
        self._target.write(self.strike(text))
        self._target.flush()
        return len(text)

    def strike(self, text: str) -> str:
        """`text` with *** for every secret."""
        for secret in filter(None, self.secrets):
            text = text.replace(secret, "***")
        return text

    def flush(self) -> None:
        """Nothing is held."""


def serve(messages: SimpleQueue[Message], replies: TextIO, censor: Censor) -> int:
    """Carry out the messages up to the first `close`; the exit code."""
    try:
        session: Session | None = None
        while "close" not in (message := messages.get()):
            if "open" in message:
                censor.secrets |= _known_keys()
                session = Session(message["open"])
                _reply(replies, {"ready": session.run.id})
            elif session is not None:
                session.take(message["event"])
        if session is not None:
            session.finish(message["close"])
        _reply(replies, {"finished": True})
        return 0
    except Exception as error:  # seam: isolates a tracker, whatever it raises becomes one line
        traceback.print_exc()
        text = " ".join(censor.strike(str(error)).split())
        told = f"SwanLab: {text[:400] or type(error).__name__} (more in track/swanlab/child.log)"
        _reply(replies, {"failed": told})
        return 1


def _known_keys() -> set[str]:
    """The key in use, wherever SwanLab found it."""
    import swanlab

    with contextlib.suppress(Exception):  # settings that cannot be read fail again, with words, in init
        return {str(swanlab.Settings().api_key or "")}
    return set()


def _reply(replies: TextIO, message: Message) -> None:
    with contextlib.suppress(OSError):  # the run is gone; what is left is to finish
        replies.write(json.dumps(message) + "\n")
        replies.flush()


def _read(messages: SimpleQueue[Message]) -> None:
    """Take in every line at once, so that the run's side never waits; the end of input closes."""
    for line in sys.stdin.buffer:
        with contextlib.suppress(ValueError):  # a line torn by a kill
            messages.put(json.loads(line))
    messages.put({"close": "interrupted"})


def main() -> None:
    """Serve standard input; never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    censor = Censor(sys.stderr)
    censor.secrets.add(os.environ.get("SWANLAB_API_KEY", ""))
    sys.stdout = sys.stderr = censor
    messages: SimpleQueue[Message] = SimpleQueue()
    signal.signal(signal.SIGTERM, lambda *_: messages.put({"close": "interrupted"}))
    threading.Thread(target=_read_then_limit, args=(messages,), daemon=True).start()
    code = serve(messages, replies, censor)
    # Not sys.exit: SwanLab's exit hooks would try to finish again, without a limit of time.
    os._exit(code)


def _read_then_limit(messages: SimpleQueue[Message]) -> None:
    """Read to the end of input; a finish() that hangs then outlives the run by a minute at most."""
    _read(messages)
    threading.Event().wait(LAST_RESORT_SECONDS)
    os._exit(3)


if __name__ == "__main__":
    main()
