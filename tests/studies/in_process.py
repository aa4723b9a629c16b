"""A study file in, its cells trained out, one after another in this process, where torch is loaded already."""

from __future__ import annotations

import contextlib
from pathlib import Path

from loralab import api
from loralab.config import load_config
from loralab.study.begin import begin
from loralab.study.folder import StudyFolder
from loralab.study.next_cells import Cells
from loralab.study.plan import load_study


def train_here(file: Path, folder: Path) -> StudyFolder:
    """The study with `folder` as the working folder; it has no report of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        plan = load_study(file)
        study = begin(plan)
        for cell in Cells(plan, study)():
            api.train(load_config(study.of(cell).config))
    return study
