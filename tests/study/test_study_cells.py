"""A cell's id and name follow from its values alone."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from loralab.study.cells import make_cell

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
VALUES = st.dictionaries(
    st.sampled_from(["model.name", "lora.rank", "train.seed", "data.system", "data.batch_rows", "evaluate.batch_rows"]),
    st.one_of(TEXT, st.integers(), st.floats(allow_nan=False), st.none(), st.booleans(), st.lists(TEXT, max_size=2)),
)  # fmt: skip


@settings(max_examples=40)
@given(VALUES, st.randoms())
def test_the_order_of_the_values_does_not_count(values: dict[str, Any], random: Any) -> None:
    items = list(values.items())
    random.shuffle(items)
    assert make_cell(dict(items)).id == make_cell(values).id


@settings(max_examples=40)
@given(VALUES)
def test_a_name_is_one_folder_of_few_letters(values: dict[str, Any]) -> None:
    name = make_cell(values).name
    assert re.fullmatch(r"[\w.\-]+", name) and len(name.encode()) < 256 and name[0] not in ".-"


@settings(max_examples=40)
@given(VALUES, VALUES)
def test_cells_of_one_recipe_differ_in_the_seed_alone(one: dict[str, Any], two: dict[str, Any]) -> None:
    without = [{k: v for k, v in values.items() if k != "train.seed"} for values in (one, two)]
    same = make_cell(without[0]).id == make_cell(without[1]).id
    assert (make_cell(one).recipe == make_cell(two).recipe) == same


def test_keys_of_one_name_are_told_apart() -> None:
    assert (
        make_cell({"train.batch_rows": 2, "evaluate.batch_rows": 3}).label
        == "train.batch_rows=2 evaluate.batch_rows=3"
    )
    assert make_cell({}).label == "base"
