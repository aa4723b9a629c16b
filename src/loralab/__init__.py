"""loralab: LoRA fine-tuning of chat models as recorded, comparable experiments.

    import loralab

    run = loralab.train(loralab.load_config("law.yaml"))
    print(run.scores("after"))

Importing the package is cheap: each name is imported when it is first used, torch and transformers when a run
needs them.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loralab.api import resume as resume
    from loralab.api import train as train
    from loralab.config import Config, load_config, make_config, override
    from loralab.errors import DataError, Interrupted, LoralabError, ResourceError, RunFailed, UsageError
    from loralab.run import Run, list_runs, open_run

__version__ = "0.1.0"

__all__ = [
    "Config",
    "DataError",
    "Interrupted",
    "LoralabError",
    "ResourceError",
    "Run",
    "RunFailed",
    "UsageError",
    "list_runs",
    "load_config",
    "make_config",
    "open_run",
    "override",
    "resume",
    "train",
]

_HOMES = {
    "loralab.api": ("resume", "train"),
    "loralab.config": ("Config", "load_config", "make_config", "override"),
    "loralab.errors": (
        "DataError",
        "Interrupted",
        "LoralabError",
        "ResourceError",
        "RunFailed",
        "UsageError",
    ),
    "loralab.run": ("Run", "list_runs", "open_run"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # a type checker would believe any name to be here

    def __getattr__(name: str) -> object:
        """A public name, or a room of the package, imported now."""
        if name in _HOME_OF:
            value = getattr(import_module(_HOME_OF[name]), name)
        elif not name.startswith("_") and find_spec(f"{__name__}.{name}"):
            value = import_module(f"{__name__}.{name}")
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """What is here, also what nobody has used yet."""
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Python makes an imported room an attribute of its package; `train` is the function, not the room."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name == "train" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
