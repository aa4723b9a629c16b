"""Tensors on disk: they come back, and a disk that does not take them says so as for every other file."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from loralab.errors import ResourceError
from loralab.run.files import writing
from loralab.run.tensor_files import write_tensors


def test_tensors_come_back(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(0)}
    write_tensors(tensors, tmp_path / "x.safetensors", {"format": "pt"})
    found = load_file(tmp_path / "x.safetensors")
    assert found.keys() == tensors.keys() and all(torch.equal(found[k], tensors[k]) for k in tensors)


@pytest.mark.parametrize(("number", "words"), [(28, "No space left on device"), (5, "Input/output error")])
def test_a_disk_that_does_not_take_them_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """safetensors raises an error that is not an OSError: a full disk ended a run as a bug, exit 1."""
    fail(monkeypatch, f"Error while serializing: I/O error: {words} (os error {number})")
    path = tmp_path / "x.safetensors"
    with pytest.raises(ResourceError, match=words) as caught, writing(path):
        write_tensors({}, path)
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == number


def test_any_other_error_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors import SafetensorError

    fail(monkeypatch, "Error while serializing: invalid header")
    with pytest.raises(SafetensorError, match="invalid header"):
        write_tensors({}, tmp_path / "x.safetensors")


def fail(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    import safetensors.torch
    from safetensors import SafetensorError

    def save_file(*_: Any, **__: Any) -> None:
        raise SafetensorError(text)

    monkeypatch.setattr(safetensors.torch, "save_file", save_file)


def test_the_numbers_are_those_of_this_system() -> None:
    assert (errno.ENOSPC, errno.EIO) == (28, 5)
