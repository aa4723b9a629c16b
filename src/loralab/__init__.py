"""loralab: LoRA fine-tuning of chat models as recorded, comparable experiments.

    import loralab

    run = loralab.train(loralab.load_config("law.yaml"))
    print(run.scores("after"))

Importing the package is cheap: torch and transformers are imported when a run needs them.
"""

from loralab.api import resume as resume
from loralab.api import train as train  # the name of a room too: this line keeps `loralab.train` the function
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
