"""Every field has words in two languages, and a default that its own check allows."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.config import Config, Slice
from loralab.config.coerce import READERS
from loralab.config.load import SECTIONS

FIELDS = [(section, item) for section, cls in SECTIONS.items() for item in dataclasses.fields(cls)]


@pytest.mark.parametrize(("section", "item"), FIELDS, ids=lambda v: getattr(v, "name", v))
def test_a_field_is_documented_and_its_default_is_allowed(
    section: str, item: dataclasses.Field[object]
) -> None:
    data = item.metadata
    assert data["doc"].endswith(".")
    assert data["doc_zh"].endswith("。")
    assert not data["parse"] or data["parse"] in READERS
    assert bool(data["check"]) == bool(data["limits"])
    default = getattr(getattr(Config(), section), item.name)
    if data["check"] and default is not None:
        assert data["check"](default) == (data["limits"] != "is required")


def test_a_config_cannot_be_changed_by_accident() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().train.seed = 1  # type: ignore[misc]
    assert Config().data.fields is not Config().data.fields


@given(st.integers(0, 50), st.integers(0, 50), st.integers(-5, 60))
def test_a_slice_is_half_open(start: int, stop: int, position: int) -> None:
    assert (position in Slice(start, stop)) == (position in range(start, stop))
