"""Mirrors of a run in trackers: fed from its events, on threads and in processes of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loralab.config.schema import Config
from loralab.track.fanout import Fanout, SinkFailed
from loralab.track.sink import Sink
from loralab.track.swanlab import SwanLabSink
from loralab.track.sync import Synced
from loralab.track.tensorboard import TensorBoardSink
from loralab.track.verify import Mirror, verify
from loralab.track.wandb import WandbSink


def sinks_for(config: Config, title: str, settings: Mapping[str, Any]) -> list[Sink]:
    """The sinks a config asks for; `title` names the run in them, `settings` are its hyper-parameters."""
    track = config.track
    sinks: list[Sink] = []
    if track.swanlab != "off":
        sinks.append(SwanLabSink(track.swanlab, track.project, title, settings))
    if track.tensorboard:
        sinks.append(TensorBoardSink(settings))
    if track.wandb != "off":
        sinks.append(WandbSink(track.project, title, settings))
    return sinks


__all__ = [
    "Fanout",
    "Mirror",
    "Sink",
    "SinkFailed",
    "SwanLabSink",
    "Synced",
    "TensorBoardSink",
    "WandbSink",
    "sinks_for",
    "verify",
]
