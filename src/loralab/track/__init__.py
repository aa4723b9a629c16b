"""Mirrors of a run in trackers: fed from its events, on threads and in processes of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loralab.config.schema import Config
from loralab.track.fanout import Fanout, SinkFailed
from loralab.track.sink import Sink
from loralab.track.swanlab import SwanLabSink
from loralab.track.verify import Mirror, verify


def sinks_for(config: Config, title: str, settings: Mapping[str, Any]) -> list[Sink]:
    """The sinks a config asks for; `title` names the run in them, `settings` are its hyper-parameters."""
    track = config.track
    if track.swanlab == "off":
        return []
    return [SwanLabSink(track.swanlab, track.project, title, settings)]


__all__ = ["Fanout", "Mirror", "Sink", "SinkFailed", "SwanLabSink", "sinks_for", "verify"]
