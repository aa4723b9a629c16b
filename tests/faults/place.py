"""What a command was given in, the folder for its runs out, apart from everything of the user's."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def place(given: Path | None) -> Path:
    """A folder, new unless one is given; token ids are kept in it, and no tracker's login or variable is taken over."""
    folder = given or Path(tempfile.mkdtemp(prefix="loralab-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    for name in [name for name in os.environ if name.startswith(("SWANLAB_", "WANDB_"))]:
        del os.environ[name]
    os.environ |= {
        "LORALAB_CACHE": str(folder / "cache"), "LORALAB_LANG": "en", "SWANLAB_ROOT": str(folder / "login"),
        "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip
    return folder.absolute()
