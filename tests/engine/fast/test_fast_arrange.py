"""Rows in micro-batches: each row once, in order, within the budget; masks as the plain engine lays them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.encode.encode import Encoded
from loralab.engine.base import TokenRow
from loralab.engine.dropout import Stream, dropout_mask
from loralab.engine.fast import masks as module
from loralab.engine.fast.arrange import Documents, fullest, in_order, lay_out, shared_start, used_tokens
from loralab.engine.fast.masks import Masks, only
from loralab.engine.plain import DropoutContext, _batch_mask

flags = st.lists(st.booleans(), min_size=1, max_size=12)


def row(trained: list[bool], first: int = 0) -> TokenRow:
    ids = tuple(range(first, first + len(trained)))
    return TokenRow(f"row-{first}", Encoded(ids, tuple(trained)))


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 120))
def test_every_row_with_labels_is_in_one_group_in_order(lengths: list[int], budget: int) -> None:
    groups = in_order(lengths, budget)
    assert [i for g in groups for i in g] == [i for i, n in enumerate(lengths) if n]
    sizes = [sum(lengths[i] for i in g) for g in groups]
    assert all(size <= budget or len(g) == 1 for size, g in zip(sizes, groups, strict=True))
    following = [lengths[g[0]] for g in groups[1:]]
    assert all(size + n > budget for size, n in zip(sizes, following, strict=False)), "no group ends early"


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 120))
def test_every_row_with_labels_is_in_one_full_group(lengths: list[int], budget: int) -> None:
    groups = fullest(lengths, budget)
    assert sorted(i for g in groups for i in g) == [i for i, n in enumerate(lengths) if n]
    sizes = [sum(lengths[i] for i in g) for g in groups]
    assert all(size <= budget or len(g) == 1 for size, g in zip(sizes, groups, strict=True))
    shortest = [min(lengths[i] for i in g) for g in groups]
    assert all(size + n > budget for k, size in enumerate(sizes) for n in shortest[k + 1 :]), (
        "no later row fits earlier"
    )


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 120))
def test_filling_groups_never_takes_more_of_them(lengths: list[int], budget: int) -> None:
    assert len(fullest(lengths, budget)) <= max(len(in_order(lengths, budget)), 1) * 11 / 9 + 1


@given(flags)
def test_a_row_is_used_up_to_what_predicts_its_last_label(trained: list[bool]) -> None:
    used = used_tokens(row(trained))
    assert not any(trained[used + 1 :]) and (used == 0 or trained[used])


@given(st.lists(flags, min_size=1, max_size=5))
def test_labels_follow_their_predictors(many: list[list[bool]]) -> None:
    rows = [row(trained, 100 * i) for i, trained in enumerate(many)]
    places = [i for i, r in enumerate(rows) if used_tokens(r)]
    batch = lay_out(rows, places, "cpu", share=False)
    ids, positions = batch.ids.tolist(), batch.positions.tolist()
    assert sum(batch.documents.lengths) == len(ids)
    assert positions == [p for length in batch.documents.lengths for p in range(length)]
    found = list(zip(batch.predictors.tolist(), batch.targets.tolist(), batch.owners.tolist(), strict=True))
    assert all(ids[predictor] + 1 == target for predictor, target, _ in found), "ids count up in each row"
    expected = [
        (owner, rows[place].encoded.ids[i])
        for owner, place in enumerate(places)
        for i, trained in enumerate(many[place])
        if trained and i
    ]
    assert [(owner, target) for _, target, owner in found] == expected


def test_what_all_rows_begin_with_is_laid_down_once() -> None:
    def asked(ids: tuple[int, ...], first_label: int) -> TokenRow:
        return TokenRow(str(ids), Encoded(ids, tuple(i >= first_label for i in range(len(ids)))))

    rows = [asked((1, 2, 3, 4, 5, 6), 4), asked((1, 2, 3, 9, 8), 3), asked((1, 2, 3, 4, 7, 7, 7), 5)]
    batch = lay_out(rows, (0, 1, 2), "cpu", share=True)
    # the third token predicts a label of the second row, so it is each row's own
    assert batch.documents == Documents((3, 2, 4), 2) and batch.documents.parts == (2, 3, 2, 4)
    assert batch.ids.tolist() == [1, 2, 3, 4, 5, 3, 9, 3, 4, 7, 7]
    assert batch.positions.tolist() == [0, 1, 2, 3, 4, 2, 3, 2, 3, 4, 5]
    following = [batch.ids.tolist()[i] for i in batch.predictors.tolist()]
    assert following == [4, 5, 3, 9, 7, 7] and batch.targets.tolist() == [5, 6, 9, 8, 7, 7]
    for alone in (
        lay_out(rows, (0, 1, 2), "cpu", share=False),
        lay_out(rows, (1,), "cpu", share=True),
        lay_out([*rows, asked((0, 2, 3, 4, 5), 3)], (0, 1, 2, 3), "cpu", share=True),
        lay_out([asked((1, *range(5, 300)), 3), asked((1, *range(9, 300)), 3)], (0, 1), "cpu", share=True),
    ):
        assert alone.documents.shared == 0 and sum(alone.documents.lengths) == len(alone.ids)


@given(st.lists(st.lists(st.integers(0, 2), max_size=8), min_size=1, max_size=4))
def test_the_shared_start_is_the_longest_one(many: list[list[int]]) -> None:
    shared = shared_start(many)
    assert all(ids[:shared] == many[0][:shared] for ids in many) and shared <= min(map(len, many))
    assert shared == min(map(len, many)) or len({ids[shared] for ids in many}) > 1


@pytest.mark.parametrize("stream", ["sfc64", "philox"])
def test_masks_are_the_plain_engines_end_to_end(stream: Stream) -> None:
    import torch

    rows = [row([True] * n, 100 * i) for i, n in enumerate((5, 9, 2))]
    context = DropoutContext(7, 0.3, 4, rows, stream)
    padded = _batch_mask(torch.ones(3, 9, 6), "module", context)
    lengths = (4, 9, 1)  # a row that is not used to its end has the beginning of its mask
    masks = Masks(7, 4, 0.3, tuple((r.id, n) for r, n in zip(rows, lengths, strict=True)), "cpu", stream)
    whole = torch.cat([padded[i, :n] for i, n in enumerate(lengths)])
    ones = torch.ones(14, 6)
    assert torch.equal(masks.drop("module", ones)[0] * masks.scale, whole) and (ones == 1).all()
    chosen = torch.tensor([0, 4, 12])  # none of the last row
    part = only(masks, chosen)
    assert part is not None
    one, other = part.drop("module", ones[chosen], 2 * ones[chosen])
    assert torch.equal(one * masks.scale, whole[chosen]) and torch.equal(other, 2 * one)
    assert only(masks, None) is masks and only(None, chosen) is None


@pytest.mark.parametrize("threads", [1, 3])
def test_masks_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    import torch

    rows = tuple((f"row-{n}", n) for n in range(1, 9))
    masks = Masks(1, 2, 0.5, rows, "cpu", "sfc64")
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    expected = np.concatenate([dropout_mask(1, 2, row, "module", n, 5, 0.5) for row, n in rows])
    assert torch.equal(masks.drop("module", torch.ones(36, 5))[0] != 0, torch.from_numpy(expected))


def test_what_philox_needs_is_brought_to_the_device_once_for_all_modules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    brought = []
    real = module.mask_tokens
    monkeypatch.setattr(module, "mask_tokens", lambda *a: brought.append(a) or real(*a))
    masks = Masks(1, 2, 0.5, (("a", 4), ("b", 3)), "cpu", "philox")
    q, k, again = (masks.drop(name, torch.ones(7, 8))[0] for name in ("q", "k", "q"))
    assert torch.equal(q, again) and not torch.equal(q, k) and len(brought) == 1
