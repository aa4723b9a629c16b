"""The process that drives SwanLab: messages on standard input in, a SwanLab run in the working folder out.

An `open` message holds mode, project, name, description and settings, the path `events` and, if given,
`replay` (the whole record now), `upload_only` (to the server, without files here) and `log_dir` (where SwanLab
is to put its run instead of the working folder).
"""

from __future__ import annotations

import contextlib
import importlib.util
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loralab.run.events import Event
from loralab.run.folder import RunFolder
from loralab.run.view import Run
from loralab.track.child import Message, Tracker, main
from loralab.track.curves import Mark, Points
from loralab.track.experiment import experiment_id
from loralab.track.follow import Writer
from loralab.track.settings import flatten
from loralab.track.verify import note_elsewhere, verify

STATES = {"finished": "success", "failed": "crashed"}


class SwanLabWriter:
    """One SwanLab run.

    `given` counts points and lists of texts, `known` those of them that the server had before; `refused` counts
    what it has turned down for good, with the `reason` of the last.
    """

    def __init__(self, names: Message, events: Sequence[Event]) -> None:
        self.run = _init(names, experiment_id(str(names["run"]), events))
        self.given = self.known = self.refused = 0
        self.reason = ""
        self._last: dict[str, int] = {}
        # both private, and done without if they go
        with contextlib.suppress(AttributeError):
            self._last = {key: each.min_step for key, each in self.run._core._metrics._metrics.items()}
        with contextlib.suppress(AttributeError):
            self._count_refusals(self.run._core._transport._sender)

    def write(self, mark: Mark, when: str | None) -> None:
        """Log a mark, at the time of its event where that has passed."""
        data: dict[str, Any]
        if isinstance(mark, Points):
            data = dict(mark.values)
        else:
            import swanlab

            data = {mark.key: [swanlab.Text(content, caption=caption) for caption, content in mark.texts]}
        self.given += len(data)
        self.known += sum(mark.step <= self._last.get(key, -1) for key in data)
        emit = getattr(getattr(getattr(self.run, "_components", None), "emitter", None), "emit", None)
        if when is None or emit is None or (event := _dated(data, mark.step, when)) is None:
            self.run.log(data, step=mark.step)
        else:
            emit(event)

    def end(self, status: str, error: str) -> None:
        """Let SwanLab finish, on this thread, which must be the main one."""
        state = STATES.get(status, "aborted")
        self.run.finish(state=state, error=None if state == "success" else error)

    def _count_refusals(self, sender: Any) -> None:
        """SwanLab prints what a server refuses and goes on as if it had been taken; count it."""
        upload = sender.upload

        def counted(record_type: str, records: Any) -> Any:
            result = upload(record_type, records)
            if result.failures and not result.remaining_records:
                self.refused += sum(len(failure.records) for failure in result.failures)
                self.reason = str(result.failures[-1].message)
            return result

        sender.upload = counted


def _dated(data: dict[str, Any], step: int, when: str) -> Any:
    """What run.log() makes of its arguments, with a time of ours; None if SwanLab has moved it."""
    try:
        from google.protobuf.timestamp_pb2 import Timestamp
        from swanlab.sdk.internal.bus.events import MetricLogEvent
        from swanlab.sdk.internal.run.fmt import flatten_dict
    except ImportError:
        return None
    moment = Timestamp()
    moment.FromJsonString(when)
    return MetricLogEvent(data=flatten_dict(data), step=step, timestamp=moment)


def _init(names: Message, identity: str) -> Any:
    import swanlab

    online = names["mode"] == "online"
    off = dict.fromkeys(("hardware", "runtime", "requirements", "conda", "git", "swanlab", "monitor"), False)
    run = swanlab.init(
        mode=names["mode"],
        project=names["project"],
        name=names["name"],
        description=names["description"],
        id=identity,
        resume="allow" if online else None,
        log_dir=names.get("log_dir") or str(Path.cwd()),
        config=flatten(names["settings"]),
        settings=swanlab.Settings(
            interactive=False,
            terminal=swanlab.Settings.Terminal(proxy_type="none"),
            probe=swanlab.Settings.Probe(**off),
            core=swanlab.Settings.Core(skip_store=online and bool(names.get("upload_only"))),
        ),
        callbacks=[_flusher()],
        reinit=True,
    )
    if names.get("log_dir"):
        note_elsewhere(Path.cwd(), Path(run.dir))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # init has put a handler that finishes the run
    # Private, and done without if it goes: records otherwise wait for 99 others or half a quiet second.
    if not names.get("replay"):
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


def _prepare(names: Message) -> set[str]:
    """Import SwanLab; the key in use, wherever SwanLab found it."""
    import swanlab

    if names["mode"] == "local" and importlib.util.find_spec("swanboard") is None:
        # SwanLab itself prints this and goes on to write a run that its viewer never shows.
        raise RuntimeError("local mode needs swanboard: pip install 'swanlab[dashboard]'")
    with contextlib.suppress(Exception):  # settings that cannot be read fail again, with words, in init
        return {str(swanlab.Settings().api_key or "")}
    return set()


def _outcome(names: Message, writer: Writer) -> Message:
    """What the server refused, and how much of events.jsonl is in the record here."""
    assert isinstance(writer, SwanLabWriter)
    counts = {name: getattr(writer, name) for name in ("given", "known", "refused", "reason")}
    if names.get("upload_only"):
        return counts
    folder = RunFolder(Path(names["events"]).parent)
    return {**counts, "mirror": verify(Run(folder)).to_dict()}


def _progress(writer: Writer) -> Message:
    assert isinstance(writer, SwanLabWriter)
    with contextlib.suppress(AttributeError):  # private
        stats = writer.run._core.get_operation_stats().stats
        return {"done": stats.uploaded_records, "total": stats.total_records}
    return {}


if __name__ == "__main__":
    main(
        Tracker(
            "swanlab", "SwanLab", _prepare, SwanLabWriter,
            ready=lambda writer: {"id": writer.run.id} if isinstance(writer, SwanLabWriter) else {},
            outcome=_outcome, progress=_progress,
        ),
        "SWANLAB_API_KEY",
    )  # fmt: skip
