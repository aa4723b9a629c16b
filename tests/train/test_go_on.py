"""A disk that does not take what a run writes: the words name the run and how it goes on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from loralab.errors import Problem, ResourceError
from loralab.run.files import writing
from loralab.run.folder import RunFolder
from loralab.train.go_on import refuse_unwritable, telling_how_to_go_on
from loralab.words import say

RUN = RunFolder(Path("/runs/0001-x"))


@pytest.mark.parametrize(
    ("number", "next_"),
    [
        (errno.ENOSPC, "free some space, then: loralab resume /runs/0001-x"),
        (errno.EDQUOT, "free some space, then: loralab resume /runs/0001-x"),
        (errno.EROFS, "make the folder writable, then: loralab resume /runs/0001-x"),
        (errno.EIO, "make the folder writable, then: loralab resume /runs/0001-x"),
    ],
)
def test_the_next_command_is_that_of_this_run(number: int, next_: str) -> None:
    with pytest.raises(ResourceError) as caught, telling_how_to_go_on(RUN), writing(RUN.events):
        raise OSError(number, os.strerror(number))
    text = caught.value.text()
    assert f"{RUN.events}: cannot be written: {os.strerror(number)}" in text
    assert text.endswith(f"next: {next_}") and "it goes on from its last checkpoint" in text


def test_other_errors_are_left_as_they_are() -> None:
    memory = ResourceError(Problem(say("memory does not suffice: {reason}", reason="x")))
    for error in (memory, ValueError("x")):
        with pytest.raises(type(error)) as caught, telling_how_to_go_on(RUN):
            raise error
        assert caught.value is error


def test_a_folder_that_can_be_written_is_not_refused(tmp_path: Path) -> None:
    refuse_unwritable(RunFolder(tmp_path))
    with pytest.raises(ResourceError, match="this run folder cannot be written"):
        refuse_unwritable(RunFolder(tmp_path / "absent"))
