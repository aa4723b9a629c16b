"""A config in; the mirrors that it asks for and that cannot be had here out, as problems."""

from __future__ import annotations

import importlib.util

from loralab.config.schema import TrackConfig
from loralab.errors import Problem, UsageError
from loralab.words import say


def refuse_missing_trackers(track: TrackConfig) -> None:
    """Raise UsageError for each mirror whose package is not installed, naming the extra that has it."""
    wanted = {
        "tensorboard": ("track.tensorboard", track.tensorboard),
        "wandb": ("track.wandb", track.wandb != "off"),
    }
    problems = [
        Problem(
            say(
                "{setting} needs the package {package}, which is not installed", setting=key, package=package
            ),
            next=say("pip install 'loralab[{extra}]', or switch it off", extra=package),
        )
        for package, (key, asked) in wanted.items()
        if asked and not _is_installed(package)
    ]
    if problems:
        raise UsageError(*problems)


def _is_installed(package: str) -> bool:
    """A folder of that name in the working folder, such as W&B leaves behind, is no package: it has no origin."""
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None
