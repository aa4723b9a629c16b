"""Rows dealt to processes: each to one, alike everywhere, about as many tokens to each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loralab.train.ranks.deal import deal

LENGTHS = st.lists(st.integers(1, 4096), max_size=40)
WORLDS = st.integers(1, 12)


@given(LENGTHS, WORLDS)
def test_every_row_goes_to_exactly_one_process(lengths: list[int], world: int) -> None:
    dealt = deal(lengths, world)
    assert len(dealt) == world
    assert sorted(place for places in dealt for place in places) == list(range(len(lengths)))
    assert all(places == sorted(places) for places in dealt)


@given(LENGTHS, WORLDS)
def test_no_process_has_more_than_its_share_and_one_row(lengths: list[int], world: int) -> None:
    for places in deal(lengths, world):
        assert sum(lengths[i] for i in places) <= sum(lengths) / world + max(lengths, default=0)


@given(LENGTHS)
def test_one_process_has_the_rows_in_their_order(lengths: list[int]) -> None:
    assert deal(lengths, 1) == [list(range(len(lengths)))]


def test_more_processes_than_rows_leave_some_without() -> None:
    assert deal([5, 9], 4) == [[1], [0], [], []]
