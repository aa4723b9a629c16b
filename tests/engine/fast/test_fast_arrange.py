"""Rows in micro-batches: each row once, in order, within the budget; masks as the plain engine lays them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loralab.encode.encode import Encoded
from loralab.engine.base import TokenRow
from loralab.engine.fast.arrange import arrange, lay_out, used_tokens
from loralab.engine.fast.masks import Masks, only
from loralab.engine.plain import DropoutContext, _batch_mask

flags = st.lists(st.booleans(), min_size=1, max_size=12)


def row(trained: list[bool], first: int = 0) -> TokenRow:
    ids = tuple(range(first, first + len(trained)))
    return TokenRow(f"row-{first}", Encoded(ids, tuple(trained)))


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 120))
def test_every_row_with_labels_is_in_one_group_in_order(lengths: list[int], budget: int) -> None:
    groups = arrange(lengths, budget)
    assert [i for g in groups for i in g] == [i for i, n in enumerate(lengths) if n]
    sizes = [sum(lengths[i] for i in g) for g in groups]
    assert all(size <= budget or len(g) == 1 for size, g in zip(sizes, groups, strict=True))
    following = [lengths[g[0]] for g in groups[1:]]
    assert all(size + n > budget for size, n in zip(sizes, following, strict=False)), "no group ends early"


@given(flags)
def test_a_row_is_used_up_to_what_predicts_its_last_label(trained: list[bool]) -> None:
    used = used_tokens(row(trained))
    assert not any(trained[used + 1 :]) and (used == 0 or trained[used])


@given(st.lists(flags, min_size=1, max_size=5))
def test_labels_follow_their_predictors(many: list[list[bool]]) -> None:
    rows = [row(trained, 100 * i) for i, trained in enumerate(many)]
    places = [i for i, r in enumerate(rows) if used_tokens(r)]
    batch = lay_out(rows, places, "cpu")
    ids, positions = batch.ids.tolist(), batch.positions.tolist()
    assert sum(batch.lengths) == len(ids)
    assert positions == [p for length in batch.lengths for p in range(length)]
    found = list(zip(batch.predictors.tolist(), batch.targets.tolist(), batch.owners.tolist(), strict=True))
    assert all(ids[predictor] + 1 == target for predictor, target, _ in found), "ids count up in each row"
    expected = [
        (owner, rows[place].encoded.ids[i])
        for owner, place in enumerate(places)
        for i, trained in enumerate(many[place])
        if trained and i
    ]
    assert [(owner, target) for _, target, owner in found] == expected


def test_masks_are_the_plain_engines_end_to_end() -> None:
    import torch

    rows = [row([True] * n, 100 * i) for i, n in enumerate((5, 9, 2))]
    context = DropoutContext(7, 0.3, 4, rows)
    padded = _batch_mask(torch.ones(3, 9, 6), "module", context)
    lengths = (4, 9, 1)  # a row that is not used to its end has the beginning of its mask
    masks = Masks(7, 4, 0.3, tuple((r.id, n) for r, n in zip(rows, lengths, strict=True)), "cpu")
    whole = torch.cat([padded[i, :n] for i, n in enumerate(lengths)])
    assert torch.equal(masks.of("module", 6) * masks.scale, whole)
    chosen = torch.tensor([0, 4, 13])
    part = only(masks, chosen)
    assert part is not None and torch.equal(part.of("module", 6), masks.of("module", 6)[chosen])
    assert only(masks, None) is masks and only(None, chosen) is None
