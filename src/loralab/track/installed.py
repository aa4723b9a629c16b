"""A config in; the mirrors that it asks for and that cannot be had here out, as problems."""

from __future__ import annotations

from loralab.config.schema import TrackConfig
from loralab.errors import Problem, UsageError
from loralab.extras import is_installed
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
        if asked and not is_installed(package)
    ]
    if problems:
        raise UsageError(*problems)
