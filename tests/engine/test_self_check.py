"""The fast engine's self-check: it sees what is wrong, and leaves no trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.tuned import PAD
from loralab.config import Config
from loralab.encode.encode import Encoded
from loralab.engine.base import StepLoss, TokenRow
from loralab.engine.fast.engine import FastEngine
from loralab.engine.self_check import MAX_ROWS, MAX_TOKENS, SelfCheck, check_fast, choose_rows
from loralab.model.adapter import trainable
from loralab.model.load import TunedModel, load_tuned

Tuned = Callable[..., tuple[TunedModel, Config]]


@pytest.fixture
def fresh_with(tiny_model: Any, engine_config: Callable[..., Config]) -> Tuned:
    """fresh_with("lora.dropout=0", ...): the tiny model with an adapter as training begins with it: B is 0."""

    def make(*overrides: str) -> tuple[TunedModel, Config]:
        config = engine_config(*overrides)
        return load_tuned(tiny_model, config, "cpu"), config

    return make


def checked(tuned: TunedModel, config: Config, rows: Sequence[TokenRow], fast: Any = None) -> SelfCheck:
    return check_fast(fast or FastEngine(tuned, config), tuned, config, rows, PAD, lambda: None)


@pytest.mark.parametrize("dropout", ["0", "0.1"])
def test_an_engine_that_is_right_agrees(fresh_with: Tuned, token_rows: list[TokenRow], dropout: str) -> None:
    check = checked(*fresh_with(f"lora.dropout={dropout}"), token_rows)
    assert check.agrees and check.rows == 4
    assert check.tokens == sum(len(row.encoded.ids) for row in token_rows[:4])
    assert check.loss_fast == pytest.approx(check.loss_plain, rel=1e-6) and check.loss_plain > 1
    assert check.worst_cosine > 1 - 1e-9 and check.worst_difference < 1e-5
    assert check.worst_tensor.endswith(".weight") and check.seconds > 0


def test_the_gradient_of_a_is_compared_although_b_begins_at_0(
    fresh_with: Tuned, token_rows: list[TokenRow]
) -> None:
    tuned, config = fresh_with()
    fast = Wrong(FastEngine(tuned, config), tuned.model, "lora_A", lambda g: 1.01 * g)
    check = checked(tuned, config, token_rows, fast)
    assert not check.agrees and check.worst_difference == pytest.approx(0.01, rel=1e-3)


class Wrong:
    """A fast engine with one gradient spoilt, or its loss."""

    name = "fast"

    def __init__(self, engine: FastEngine, model: Any, part: str, spoil: Callable[[Any], Any]) -> None:
        self.engine, self.spoil = engine, spoil
        self.tensor, self.parameter = next(
            ((n, p) for n, p in trainable(model).items() if part in n), ("", None)
        )

    def loss_and_gradients(self, rows: Sequence[TokenRow], step: int) -> StepLoss:
        result = self.engine.loss_and_gradients(rows, step)
        if self.parameter is None:
            return replace(result, loss=self.spoil(result.loss))
        self.parameter.grad = self.spoil(self.parameter.grad)
        return result

    def row_losses(self, rows: Sequence[TokenRow]) -> list[float]:
        return self.engine.row_losses(rows)


@pytest.mark.parametrize(
    "spoil",
    [lambda g: -g, lambda g: 1.002 * g, lambda g: g * float("nan"), lambda g: g + float("inf"), lambda g: None],
    ids=["sign", "length", "nan", "infinity", "none"],
)  # fmt: skip
def test_one_wrong_gradient_is_enough(
    fresh_with: Tuned, token_rows: list[TokenRow], spoil: Callable[[Any], Any]
) -> None:
    tuned, config = fresh_with()
    fast = Wrong(FastEngine(tuned, config), tuned.model, "layers.1.mlp.down_proj.lora_B", spoil)
    check = checked(tuned, config, token_rows, fast)
    assert not check.agrees and check.worst_difference > 1e-3
    assert check.worst_tensor == fast.tensor or check.worst_cosine > 0.9999


@pytest.mark.parametrize("spoil", [lambda x: x * (1 + 2e-5), lambda x: float("nan")], ids=["off", "nan"])
def test_a_wrong_loss_is_enough(
    fresh_with: Tuned, token_rows: list[TokenRow], spoil: Callable[[float], float]
) -> None:
    tuned, config = fresh_with()
    check = checked(tuned, config, token_rows, Wrong(FastEngine(tuned, config), tuned.model, "none", spoil))
    assert not check.agrees and check.worst_difference < 1e-5


def test_a_gradient_that_is_rounding_alone_is_not_compared(fresh_with: Tuned) -> None:
    """A token that sees itself alone gives queries and keys no gradient but noise."""
    check = checked(*fresh_with("lora.dropout=0"), [TokenRow("r", Encoded((5, 6), (False, True)))])
    assert check.agrees and "q_proj" not in check.worst_tensor and "k_proj" not in check.worst_tensor


def test_bfloat16_has_its_own_tolerance(fresh_with: Tuned, token_rows: list[TokenRow]) -> None:
    tuned, config = fresh_with("model.dtype=bfloat16")
    check = checked(tuned, config, token_rows)
    assert check.agrees and check.tolerance.cosine == 0.99
    fast = Wrong(FastEngine(tuned, config), tuned.model, "up_proj.lora_B", lambda g: 1.5 * g)
    assert not checked(tuned, config, token_rows, fast).agrees


def remembered(tuned: TunedModel) -> dict[str, Any]:
    """All that a check could leave behind."""
    import torch

    return {
        "tensors": {n: t.clone() for n, t in tuned.model.state_dict().items()},
        "parameters": {n: id(p) for n, p in tuned.model.named_parameters()},
        "storage": {n: p.data_ptr() for n, p in tuned.model.named_parameters()},
        "modules": [(n, id(m), m.training) for n, m in tuned.model.named_modules()],
        "gradients": [p.grad for p in tuned.model.parameters()],
        "recomputes": tuned.model.is_activation_checkpointing,
        "generators": (torch.get_rng_state().tolist(), str(np.random.get_state())),
    }


def assert_no_trace(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert set(before["gradients"]) == set(after["gradients"]) == {None}
    assert all((after["tensors"][n] == t).all() for n, t in before["tensors"].items())
    rest = before.keys() - {"tensors", "gradients"}
    assert {k: before[k] for k in rest} == {k: after[k] for k in rest}


@pytest.mark.parametrize("recompute", ["on", "off"])
@pytest.mark.parametrize("start", ["fresh", "trained"])
def test_a_check_leaves_everything_as_it_was(
    fresh_with: Tuned, tuned_with: Tuned, token_rows: list[TokenRow], start: str, recompute: str
) -> None:
    make = fresh_with if start == "fresh" else tuned_with
    tuned, config = make("lora.dropout=0.5", f"train.recompute={recompute}")
    before = remembered(tuned)
    assert checked(tuned, config, token_rows).agrees
    assert_no_trace(before, remembered(tuned))


@pytest.mark.parametrize("ticks", [0, 2])
def test_a_check_that_is_broken_off_leaves_everything_as_it_was(
    fresh_with: Tuned, token_rows: list[TokenRow], ticks: int
) -> None:
    """At the first tick the plain engine is at work, and again for the second row; at the third the fast one."""
    tuned, config = fresh_with("lora.dropout=0.5")
    before, left = remembered(tuned), iter(range(ticks))
    tick = lambda: next(left)  # noqa: E731
    with pytest.raises(StopIteration):
        check_fast(FastEngine(tuned, config, tick), tuned, config, token_rows[:2], PAD, tick)
    assert_no_trace(before, remembered(tuned))


@given(lengths=st.lists(st.integers(2, 900), min_size=1, max_size=40))
def test_few_rows_are_checked_and_always_some(lengths: list[int]) -> None:
    rows = [
        TokenRow(str(i), Encoded(tuple(range(n)), (False,) * (n - 1) + (True,)))
        for i, n in enumerate(lengths)
    ]
    chosen = choose_rows(rows)
    tokens = sum(len(row.encoded.ids) for row in chosen)
    assert 0 < tokens <= MAX_TOKENS and len(chosen) <= min(MAX_ROWS, max(2, len(rows) // 4))
    places = [int(row.id) for row in chosen]
    assert places == sorted(set(places))
    whole = [row for row in rows if len(row.encoded.ids) <= MAX_TOKENS]
    assert all(row in whole for row in chosen) if whole else chosen[0].id == "0"


def test_a_row_that_is_too_long_is_cut_before_its_last_label() -> None:
    trained = (True,) * 100 + (False,) * 800 + (True,) * 50 + (False,) * 30
    (row,) = choose_rows([TokenRow("long", Encoded(tuple(range(980)), trained))])
    assert row.encoded.ids == tuple(range(350, 950)) and sum(row.encoded.trained) == 50
