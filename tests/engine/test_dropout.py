"""The dropout mask: pure, the same everywhere, and the share it says."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loralab.engine.dropout import dropout_mask, keep_scale

MODULE = "model.layers.0.self_attn.q_proj"
names = st.text(min_size=1, max_size=12)


def mask(seed=1, step=2, row="a", module=MODULE, num_tokens=64, width=96, dropout=0.1):  # type: ignore[no-untyped-def]
    return dropout_mask(seed, step, row, module, num_tokens, width, dropout)


def test_the_mask_of_one_tuple_is_what_it_always_was() -> None:
    kept = dropout_mask(42, 7, "0123456789abcdef", MODULE, 33, 50, 0.1)
    assert hashlib.sha256(np.packbits(kept).tobytes()).hexdigest()[:32] == "169e4ba660b1def0f368da290d408f8e"
    assert kept[0, :20].astype(int).tolist() == [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]


@given(st.integers(0, 2**63), st.integers(0, 10**6), names, names, st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_it_depends_on_its_arguments_alone(
    seed: int, step: int, row: str, module: str, num_tokens: int, width: int
) -> None:
    first = dropout_mask(seed, step, row, module, num_tokens, width, 0.5)
    np.random.seed(step % 1000)
    assert np.array_equal(first, dropout_mask(seed, step, row, module, num_tokens, width, 0.5))
    assert first.shape == (num_tokens, width) and first.dtype == np.bool_


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 33))
@settings(max_examples=40, deadline=None)
def test_fewer_tokens_get_the_beginning_of_the_same_mask(short: int, more: int, width: int) -> None:
    longer = mask(num_tokens=short + more, width=width, dropout=0.4)
    assert np.array_equal(mask(num_tokens=short, width=width, dropout=0.4), longer[:short])


@pytest.mark.parametrize("dropout", [0.05, 0.1, 0.5, 0.9])
def test_the_share_kept_is_within_binomial_bounds(dropout: float) -> None:
    kept = mask(num_tokens=1000, width=1000, dropout=dropout)
    deviation = math.sqrt(dropout * (1 - dropout) / kept.size)
    assert abs(kept.mean() - (1 - dropout)) < 5 * deviation + 1 / (1 << 17)
    columns, rows = kept.mean(0), kept.mean(1)
    worst = 6 * math.sqrt(dropout * (1 - dropout) / 1000)
    assert abs(columns - (1 - dropout)).max() < worst and abs(rows - (1 - dropout)).max() < worst


@pytest.mark.parametrize("dropout", [0.1, 0.3, 0.5])
def test_the_scale_keeps_the_expectation(dropout: float) -> None:
    share_kept = 1 - round(dropout * (1 << 16)) / (1 << 16)
    assert keep_scale(dropout) * share_kept == pytest.approx(1, abs=1e-15)


def test_a_dropout_close_to_one_leaves_something_to_scale() -> None:
    assert keep_scale(0.999999) == 1 << 16 and not mask(dropout=0.999999).all()


def test_nothing_is_dropped_at_zero() -> None:
    assert mask(dropout=0.0).all() and keep_scale(0.0) == 1.0


def test_masks_of_other_modules_rows_steps_and_seeds_are_independent() -> None:
    masks = [
        mask(num_tokens=200, width=200, dropout=0.5, **other).ravel().astype(float)
        for other in (
            {}, {"seed": 2}, {"step": 3}, {"row": "b"}, {"row": "a-2"}, {"module": "model.layers.0.self_attn.k_proj"},
            {"module": "model.layers.1.self_attn.q_proj"},
        )
    ]  # fmt: skip
    matrix = np.corrcoef(masks) - np.eye(len(masks))
    assert np.abs(matrix).max() < 5 / math.sqrt(masks[0].size)


def test_neighbouring_tokens_and_channels_are_independent() -> None:
    kept = mask(num_tokens=400, width=400, dropout=0.5).astype(float)
    for a, b in ((kept[:-1], kept[1:]), (kept[:, :-1], kept[:, 1:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / 400


def test_parts_of_the_key_do_not_run_into_each_other() -> None:
    """Seed 1 with step 12 is not seed 11 with step 2; row and module are apart too."""
    keys = [(1, 12, "a", "b"), (11, 2, "a", "b"), (1, 12, "ab", ""), (1, 12, "", "ab")]
    masks = [dropout_mask(*key, 16, 16, 0.5) for key in keys]
    assert all(not np.array_equal(a, b) for a, b in pairwise(masks))
