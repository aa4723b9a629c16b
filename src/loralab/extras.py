"""Optional packages in, an error that names the extra to install out where one is not there."""

from __future__ import annotations

import importlib.util

from loralab.errors import Problem, UsageError
from loralab.words import say


def need(setting: str, *packages: str, extra: str) -> None:
    """Raise UsageError if a package that `setting` (an option or a key) needs is not installed."""
    problems = [
        Problem(
            say(
                "{setting} needs the package {package}, which is not installed",
                setting=setting,
                package=package,
            ),
            next=say("pip install 'loralab[{extra}]'", extra=extra),
        )
        for package in packages
        if not is_installed(package)
    ]
    if problems:
        raise UsageError(*problems)


def is_installed(package: str) -> bool:
    """A folder of that name in the working folder, such as W&B leaves behind, is no package: it has no origin."""
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None
