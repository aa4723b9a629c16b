"""The plain engine: one mathematics in every arrangement of the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doubles.tuned import PAD, fill_b
from loralab.config import Config
from loralab.encode.encode import Encoded
from loralab.engine.base import StepLoss, TokenRow
from loralab.engine.plain import PlainEngine, _recompute
from loralab.errors import UsageError
from loralab.model.adapter import trainable
from loralab.model.load import TunedModel, load_tuned

ARRANGEMENTS = [(1, 16), (4, 4), (16, 1)]


def gradients(
    engine: PlainEngine, rows: Sequence[TokenRow], step: int = 1
) -> tuple[StepLoss, dict[str, Any]]:
    for parameter in trainable(engine.model).values():
        parameter.grad = None
    result = engine.loss_and_gradients(rows, step)
    return result, {n: p.grad.clone() for n, p in trainable(engine.model).items()}


def relative(a: dict[str, Any], b: dict[str, Any]) -> float:
    """Norm of the difference of two sets of gradients, against the norm of the second; the worst tensor."""
    return max(float((a[n].double() - b[n].double()).norm() / b[n].double().norm()) for n in b)


@pytest.mark.parametrize("recompute", ["off", "on"])
def test_loss_and_gradients_do_not_depend_on_the_arrangement(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow], recompute: str
) -> None:
    first: tuple[StepLoss, dict[str, Any]] | None = None
    for batch_rows, accumulate in ARRANGEMENTS:
        engine = engine_with(
            f"train.batch_rows={batch_rows}", f"train.accumulate={accumulate}", f"train.recompute={recompute}"
        )
        result, grads = gradients(engine, token_rows)
        if first is None:
            first = result, grads
            continue
        assert result.loss == pytest.approx(first[0].loss, rel=1e-6)
        assert result.row_losses == pytest.approx(first[0].row_losses, rel=2e-6)
        assert (result.tokens, result.label_tokens) == (first[0].tokens, first[0].label_tokens)
        assert relative(grads, first[1]) < 1e-6


def test_masks_made_on_the_device_do_not_depend_on_the_arrangement(
    tuned_with: Callable[..., tuple[TunedModel, Config]], token_rows: list[TokenRow]
) -> None:
    found = []
    for batch_rows, recompute in ((5, "on"), (16, "off")):
        tuned, config = tuned_with(f"train.batch_rows={batch_rows}", f"train.recompute={recompute}")
        found.append(gradients(PlainEngine(tuned, config, PAD, stream="philox"), token_rows))
    (first, first_grads), (result, grads) = found
    assert result.row_losses == pytest.approx(first.row_losses, rel=2e-6)
    assert relative(grads, first_grads) < 1e-6
    assert result.loss != PlainEngine(tuned, config, PAD).loss_and_gradients(token_rows, 1).loss


def test_recomputing_changes_nothing_and_really_recomputes(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow]
) -> None:
    passes = []
    results = []
    for recompute in ("off", "on"):
        engine = engine_with(f"train.recompute={recompute}")
        count = [0]
        layer = engine.model.get_base_model().model.layers[0].mlp
        layer.register_forward_pre_hook(lambda *_, count=count: count.__setitem__(0, count[0] + 1))
        results.append(gradients(engine, token_rows[:4]))
        passes.append(count[0])
    assert passes == [1, 2]
    assert results[0][0] == results[1][0]
    assert all((results[0][1][n] == g).all() for n, g in results[1][1].items())


def test_the_order_of_the_rows_does_not_matter(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow]
) -> None:
    engine = engine_with()
    result, grads = gradients(engine, token_rows)
    backwards, grads_backwards = gradients(engine, token_rows[::-1])
    assert backwards.loss == pytest.approx(result.loss, rel=1e-6)
    assert backwards.row_losses[::-1] == pytest.approx(result.row_losses, rel=2e-6)
    assert relative(grads_backwards, grads) < 1e-6


def test_dropout_masks_differ_from_step_to_step_and_are_the_same_again(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow]
) -> None:
    import torch

    engine = engine_with()
    first = engine.loss_and_gradients(token_rows, 1)
    torch.manual_seed(123)
    assert engine.loss_and_gradients(token_rows, 2).row_losses != first.row_losses
    assert engine.loss_and_gradients(token_rows, 1) == first


def test_every_adapted_layer_is_dropped_by_its_own_mask(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    from loralab.engine import plain

    real = plain.dropout_mask
    monkeypatch.setattr(plain, "dropout_mask", lambda *a: asked.append(a[:4]) or real(*a))
    engine_with("train.batch_rows=1").loss_and_gradients(token_rows[:1], 9)
    projections = ["self_attn." + p for p in ("q_proj", "k_proj", "v_proj", "o_proj")]
    projections += ["mlp." + p for p in ("gate_proj", "up_proj", "down_proj")]
    expected = {(42, 9, "row-0", f"model.layers.{i}.{p}") for i in range(2) for p in projections}
    assert set(asked) == expected and len(asked) == len(expected)


@pytest.mark.parametrize("dropout", ["0", "0.1"])
def test_changing_one_row_leaves_the_others_losses_alone(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow], dropout: str
) -> None:
    engine = engine_with("train.batch_rows=16", f"lora.dropout={dropout}")
    before = engine.loss_and_gradients(token_rows, 1).row_losses
    other = token_rows[5].encoded
    ids = tuple((i + 7) % 256 for i in other.ids)
    changed = [
        replace(r, encoded=Encoded(ids, other.trained)) if i == 5 else r for i, r in enumerate(token_rows)
    ]
    after = engine.loss_and_gradients(changed, 1).row_losses
    assert after[5] != pytest.approx(before[5], rel=1e-3)
    assert [x for i, x in enumerate(after) if i != 5] == [x for i, x in enumerate(before) if i != 5]


def test_loss_is_the_summed_token_loss_over_the_label_count(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow]
) -> None:
    """Against a reference that takes one row at a time and one token at a time."""
    import torch

    engine = engine_with("lora.dropout=0")
    result, grads = gradients(engine, token_rows)
    total, count, sums = torch.zeros(()), 0, []
    for parameter in trainable(engine.model).values():
        parameter.grad = None
    for row in token_rows:
        logits = engine.model(input_ids=torch.tensor([row.encoded.ids])).logits[0]
        mine = torch.zeros(())
        for position, (token, trained) in enumerate(zip(row.encoded.ids, row.encoded.trained, strict=True)):
            if trained:
                mine = mine - logits[position - 1].log_softmax(-1)[token]
                count += 1
        sums.append(float(mine.detach()))
        total = total + mine
    (total / count).backward()
    assert result.label_tokens == count == sum(sum(r.encoded.trained) for r in token_rows)
    assert result.tokens == sum(len(r.encoded.ids) for r in token_rows)
    assert result.row_losses == pytest.approx(sums, rel=1e-5)
    assert result.loss == pytest.approx(float(total.detach()) / count, rel=1e-6)
    assert relative(grads, {n: p.grad for n, p in trainable(engine.model).items()}) < 1e-6


def test_tokens_that_are_not_trained_on_have_no_influence_as_labels(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow]
) -> None:
    """The first half trained, then the same first half alone: what follows it neither counts nor leaks back."""
    engine = engine_with("train.batch_rows=16", "lora.dropout=0")
    heads, whole = [], []
    for row in token_rows:
        half = len(row.encoded.ids) // 2
        trained = (False,) + (True,) * (half - 1)
        heads.append(replace(row, encoded=Encoded(row.encoded.ids[:half], trained)))
        flags = trained + (False,) * (len(row.encoded.ids) - half)
        whole.append(replace(row, encoded=Encoded(row.encoded.ids, flags)))
    short, grads_short = gradients(engine, heads)
    long, grads_long = gradients(engine, whole)
    assert long.label_tokens == short.label_tokens and long.tokens > short.tokens
    assert long.row_losses == pytest.approx(short.row_losses, rel=2e-6)
    assert relative(grads_long, grads_short) < 1e-6


def test_a_trained_first_token_has_nothing_that_predicts_it(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow]
) -> None:
    encoded = token_rows[0].encoded
    every = Encoded(encoded.ids, (True,) * len(encoded.ids))
    result = engine_with().loss_and_gradients([replace(token_rows[0], encoded=every)], 1)
    assert result.label_tokens == len(encoded.ids) - 1


def test_held_out_losses_know_no_dropout_and_touch_no_gradient(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow]
) -> None:
    engine = engine_with("train.batch_rows=4", "lora.dropout=0.5")
    _, before = gradients(engine, token_rows)
    losses = engine.row_losses(token_rows)
    assert all((p.grad == before[n]).all() for n, p in trainable(engine.model).items())
    undropped = engine_with("train.batch_rows=4", "lora.dropout=0")
    assert losses == pytest.approx(undropped.loss_and_gradients(token_rows, 1).row_losses, rel=2e-6)
    assert losses == engine.row_losses(token_rows)
    assert engine.row_losses([]) == []


def test_held_out_losses_stay_clean_after_a_step_was_broken_off(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow]
) -> None:
    """A stop between micro-batches left the model in training mode, with the masks of the broken step."""
    engine = engine_with("train.batch_rows=4", "lora.dropout=0.5")
    clean = engine.row_losses(token_rows)

    ticks = iter([None, None])
    engine.tick = lambda: next(ticks)
    with pytest.raises(StopIteration):
        engine.loss_and_gradients(token_rows, 1)
    engine.tick = lambda: None
    assert engine.row_losses(token_rows) == clean


def test_every_micro_batch_is_a_place_to_stop(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow]
) -> None:
    engine = engine_with("train.batch_rows=4")
    ticks = [0]
    engine.tick = lambda: ticks.__setitem__(0, ticks[0] + 1)
    engine.loss_and_gradients(token_rows, 1)
    assert ticks == [4]
    engine.row_losses(token_rows)
    assert ticks == [8]


def test_a_bfloat16_base_keeps_adapter_gradients_and_optimizer_in_float32(
    engine_with: Callable[..., PlainEngine], token_rows: list[TokenRow]
) -> None:
    import torch

    engine = engine_with("model.dtype=bfloat16")
    parameters = trainable(engine.model)
    optimizer = torch.optim.AdamW(list(parameters.values()), lr=1e-3)
    result = engine.loss_and_gradients(token_rows, 1)
    optimizer.step()
    frozen = {p.dtype for p in engine.model.parameters() if not p.requires_grad}
    assert frozen == {torch.bfloat16}
    assert (
        {p.dtype for p in parameters.values()}
        == {p.grad.dtype for p in parameters.values()}
        == {torch.float32}
    )
    moments = [optimizer.state[p][k] for p in parameters.values() for k in ("exp_avg", "exp_avg_sq")]
    assert {m.dtype for m in moments} == {torch.float32}
    full = engine_with().loss_and_gradients(token_rows, 1)
    assert result.loss == pytest.approx(full.loss, rel=0.02)


def test_a_base_with_dropout_of_its_own_drops_nothing(
    tiny_model: Path, engine_config: Callable[..., Config], token_rows: list[TokenRow], tmp_path: Path
) -> None:
    """Dropout of the base model draws from a global generator: losses then differ from run to run."""
    import json
    import shutil

    folder = shutil.copytree(tiny_model, tmp_path / "dropping")
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(settings | {"attention_dropout": 0.5}), "utf-8")
    config = engine_config(f"model.name={folder}")
    engines = []
    for where in (folder, tiny_model):
        tuned: TunedModel = load_tuned(where, config, "cpu")
        fill_b(tuned.model)
        engines.append(PlainEngine(tuned, config, PAD))
    dropping, plain = (e.loss_and_gradients(token_rows, 1) for e in engines)
    assert dropping == plain


def test_an_architecture_that_cannot_recompute_is_a_usage_error() -> None:
    class Model:
        def activation_checkpointing_enable(self, settings: dict[str, bool]) -> None:
            raise ValueError("Model does not support gradient checkpointing.")

    with pytest.raises(UsageError, match=r"train\.recompute=off"):
        _recompute(Model())
