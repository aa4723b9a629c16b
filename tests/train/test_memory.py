"""Memory that does not suffice is an answer for the reader, not a bug."""

from __future__ import annotations

import pytest

from loralab.errors import ResourceError
from loralab.train.memory import naming_the_knobs


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 8 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    ],
)
def test_a_failed_allocation_names_the_knobs(error: Exception) -> None:
    with (
        pytest.raises(ResourceError, match=r"step 7.*\n.*\n.*train\.batch_rows") as caught,
        naming_the_knobs("step 7"),
    ):
        raise error
    assert caught.value.exit_code == 4 and caught.value.__cause__ is error


def test_any_other_error_is_left_alone() -> None:
    with pytest.raises(RuntimeError, match="shapes"), naming_the_knobs("step 7"):
        raise RuntimeError("shapes do not match")
