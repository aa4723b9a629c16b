"""The fast engine: the numbers of the plain one, in any arrangement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from doubles.families import FAMILIES
from doubles.tuned import PAD
from loralab.config import Config
from loralab.encode.encode import Encoded
from loralab.engine.base import Engine, StepLoss, TokenRow
from loralab.engine.dropout import Stream
from loralab.engine.fast.attention import Attention, autograd_backward, autograd_forward
from loralab.engine.fast.engine import FastEngine, FastOptions
from loralab.engine.fast.frozen import Frozen
from loralab.engine.plain import PlainEngine
from loralab.model.adapter import trainable
from loralab.model.load import TunedModel

Tuned = Callable[..., tuple[TunedModel, Config]]
SUBSETS = ["q_proj", "v_proj,o_proj", "k_proj,gate_proj", "up_proj,down_proj", "o_proj"]


def gradients(
    engine: Engine, tuned: TunedModel, rows: Sequence[TokenRow], step: int = 1
) -> tuple[StepLoss, dict[str, Any]]:
    for parameter in trainable(tuned.model).values():
        parameter.grad = None
    result = engine.loss_and_gradients(rows, step)
    return result, {n: p.grad.clone() for n, p in trainable(tuned.model).items()}


def relative(a: dict[str, Any], b: dict[str, Any]) -> float:
    """Norm of the difference of two sets of gradients, against the norm of the second; the worst tensor."""
    assert a.keys() == b.keys() and all(float(g.norm()) > 0 for g in b.values())
    return max(float((a[n].double() - b[n].double()).norm() / b[n].double().norm()) for n in b)


def assert_equal_to_plain(
    tuned: TunedModel, config: Config, rows: Sequence[TokenRow], stream: Stream | None = None
) -> None:
    written = FastEngine(tuned, config, options=FastOptions(150), stream=stream)
    fast, fast_grads = gradients(written, tuned, rows, 3)
    engine = PlainEngine(tuned, config, PAD, stream=stream)
    plain, plain_grads = gradients(engine, tuned, rows, 3)
    assert fast.loss == pytest.approx(plain.loss, rel=1e-6)
    assert fast.row_losses == pytest.approx(plain.row_losses, rel=3e-6)
    assert (fast.tokens, fast.label_tokens) == (plain.tokens, plain.label_tokens)
    assert relative(fast_grads, plain_grads) < 1e-5  # a cosine above 1 - 1e-10, and the length too


@pytest.mark.parametrize("dropout", ["0", "0.1"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_the_plain_engines_loss_and_gradients(
    tuned_family: Tuned, mixed_rows: list[TokenRow], family: str, dropout: str
) -> None:
    assert_equal_to_plain(*tuned_family(family, f"lora.dropout={dropout}"), mixed_rows)


@pytest.mark.parametrize("recompute", ["off", "on"])
def test_with_masks_made_on_the_device_it_has_the_plain_engines_loss_and_gradients(
    tuned_family: Tuned, mixed_rows: list[TokenRow], recompute: str
) -> None:
    tuned, config = tuned_family("qwen2", "lora.dropout=0.1", f"train.recompute={recompute}")
    assert_equal_to_plain(tuned, config, mixed_rows, "philox")
    whole = FastEngine(tuned, config, stream="philox").loss_and_gradients(mixed_rows, 3)
    parts = FastEngine(tuned, config, options=FastOptions(60), stream="philox")
    backwards = parts.loss_and_gradients(mixed_rows[::-1], 3)
    assert backwards.row_losses[::-1] == pytest.approx(whole.row_losses, rel=3e-6)
    of_numpy = FastEngine(tuned, config).loss_and_gradients(mixed_rows, 3)
    assert abs(of_numpy.loss - whole.loss) > 1e-5 * whole.loss, "other masks have another loss"


@pytest.mark.parametrize("dropout", ["0", "0.3"])
@pytest.mark.parametrize("targets", SUBSETS)
def test_any_part_of_the_targets_can_be_trained(
    tuned_family: Tuned, mixed_rows: list[TokenRow], targets: str, dropout: str
) -> None:
    overrides = (f"lora.targets=[{targets}]", f"lora.dropout={dropout}", "lora.rank_stabilised=true")
    tuned, config = tuned_family("qwen3", *overrides)
    assert_equal_to_plain(tuned, config, mixed_rows)
    assert all(p.grad is None for p in tuned.model.parameters() if not p.requires_grad)


@pytest.mark.parametrize("family", ["qwen2", "mistral-window"])
def test_held_out_losses_are_the_plain_engines(
    tuned_family: Tuned, mixed_rows: list[TokenRow], family: str
) -> None:
    tuned, config = tuned_family(family, "lora.dropout=0.5")
    engine = FastEngine(tuned, config, options=FastOptions(100))
    losses = engine.row_losses(mixed_rows)
    assert losses == pytest.approx(PlainEngine(tuned, config, PAD).row_losses(mixed_rows), rel=3e-6)
    assert losses == engine.row_losses(mixed_rows)
    assert all(p.grad is None for p in tuned.model.parameters())
    assert engine.row_losses([]) == []


@pytest.mark.parametrize("family", ["qwen3", "llama-biases"])
def test_gradients_are_those_of_finite_differences_with_dropout_on(
    tuned_family: Tuned, mixed_rows: list[TokenRow], family: str
) -> None:
    """In float64, along one random direction for the adapters of each target."""
    import torch

    tuned, config = tuned_family(family, "lora.dropout=0.1", dtype="float64")
    parameters = trainable(tuned.model)
    for parameter in parameters.values():
        parameter.data = parameter.data.double()
    engine, rows = FastEngine(tuned, config, options=FastOptions(200)), mixed_rows[6:13]
    _, grads = gradients(engine, tuned, rows)
    generator = torch.Generator().manual_seed(1)
    for target in config.lora.targets:
        part = {n: p for n, p in parameters.items() if f".{target}." in n}
        ways = {n: torch.randn(p.shape, generator=generator, dtype=torch.float64) for n, p in part.items()}
        losses = []
        for size in (1e-4, -2e-4):  # there, then as far to the other side
            for name, parameter in part.items():
                parameter.data += size * ways[name]
            losses.append(engine.loss_and_gradients(rows, 1).loss)
        for name, parameter in part.items():
            parameter.data += 1e-4 * ways[name]
        slope = sum(float((grads[n] * way).sum()) for n, way in ways.items())
        assert (losses[0] - losses[1]) / 2e-4 == pytest.approx(slope, rel=1e-5, abs=1e-8), target


@pytest.mark.parametrize("dropout", ["0", "0.1"])
def test_loss_and_gradients_do_not_depend_on_the_arrangement(
    tuned_family: Tuned, mixed_rows: list[TokenRow], dropout: str
) -> None:
    tuned, config = tuned_family("qwen3", f"lora.dropout={dropout}")
    first, first_grads = gradients(FastEngine(tuned, config), tuned, mixed_rows)
    for budget, head_rows, rows in ((1, 128, mixed_rows), (97, 5, mixed_rows), (150, 64, mixed_rows[::-1])):
        engine = FastEngine(tuned, config, options=FastOptions(budget, head_rows))
        result, grads = gradients(engine, tuned, rows)
        row_losses = result.row_losses if rows is mixed_rows else result.row_losses[::-1]
        assert result.loss == pytest.approx(first.loss, rel=1e-6)
        assert row_losses == pytest.approx(first.row_losses, rel=3e-6)
        assert relative(grads, first_grads) < 3e-6


@pytest.mark.parametrize("kind", ["flash", "sdpa"])
@pytest.mark.parametrize("dropout", ["0", "0.1"])
def test_changing_one_row_leaves_the_others_losses_alone(
    tuned_family: Tuned, mixed_rows: list[TokenRow], dropout: str, kind: str
) -> None:
    engine = FastEngine(*tuned_family("qwen2", f"lora.dropout={dropout}"))
    if kind == "sdpa":
        engine.attention = Attention(kind, autograd_forward, autograd_backward)
    before = engine.loss_and_gradients(mixed_rows, 1).row_losses
    other = mixed_rows[5].encoded
    ids = tuple((i + 7) % 256 for i in other.ids)
    changed = [
        replace(r, encoded=Encoded(ids, other.trained)) if i == 5 else r for i, r in enumerate(mixed_rows)
    ]
    after = engine.loss_and_gradients(changed, 1).row_losses
    assert after[5] != pytest.approx(before[5], rel=1e-3)
    assert [x for i, x in enumerate(after) if i != 5] == [x for i, x in enumerate(before) if i != 5]


@pytest.fixture(scope="module")
def same_start(mixed_rows: list[TokenRow]) -> list[TokenRow]:
    """Rows of one system prompt, 10 tokens; the last one predicts a label in every second of the later rows."""
    prompt = tuple(range(40, 50))
    return [
        replace(r, encoded=Encoded(prompt + r.encoded.ids, (False,) * 10 + r.encoded.trained))
        for r in mixed_rows
    ]


@pytest.mark.parametrize("kind", ["flash", "sdpa"])
@pytest.mark.parametrize("family", ["qwen3", "smollm2"])
def test_a_beginning_that_rows_share_is_computed_once_and_counts_for_each(
    tuned_family: Tuned, same_start: list[TokenRow], family: str, kind: str
) -> None:
    tuned, config = tuned_family(family, "lora.dropout=0")
    engine = FastEngine(tuned, config)
    if kind == "sdpa":
        engine.attention = Attention(kind, autograd_forward, autograd_backward)
    result, grads = gradients(engine, tuned, same_start)
    plain, plain_grads = gradients(PlainEngine(tuned, config, PAD), tuned, same_start)
    assert result.loss == pytest.approx(plain.loss, rel=1e-6)
    assert result.row_losses == pytest.approx(plain.row_losses, rel=3e-6)
    assert relative(grads, plain_grads) < 1e-5
    assert engine.row_losses(same_start) == pytest.approx(plain.row_losses, rel=3e-6)


def test_what_follows_the_last_label_changes_nothing(tuned_family: Tuned, mixed_rows: list[TokenRow]) -> None:
    tuned, config = tuned_family("llama", "lora.dropout=0.1")
    engine = FastEngine(tuned, config)
    tail = ((1, 2, 3), (False,) * 3)
    longer = [
        replace(r, encoded=Encoded(r.encoded.ids + tail[0], r.encoded.trained + tail[1])) for r in mixed_rows
    ]
    short, short_grads = gradients(engine, tuned, mixed_rows)
    long, long_grads = gradients(engine, tuned, longer)
    assert long.row_losses == short.row_losses and long.tokens == short.tokens + 3 * len(mixed_rows)
    assert all((long_grads[n] == g).all() for n, g in short_grads.items())


@pytest.mark.parametrize("dropout", ["0", "0.1"])
def test_recomputing_changes_no_bit_and_keeps_one_tensor_a_layer(
    tuned_family: Tuned, mixed_rows: list[TokenRow], dropout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loralab.engine.fast import engine as module

    passes, results = [], []
    real = module.attend
    for recompute in ("off", "on"):
        count = [0]
        monkeypatch.setattr(module, "attend", lambda *a, c=count: c.__setitem__(0, c[0] + 1) or real(*a))
        tuned, config = tuned_family("qwen3", f"lora.dropout={dropout}", f"train.recompute={recompute}")
        results.append(gradients(FastEngine(tuned, config), tuned, mixed_rows))
        passes.append(count[0])
    assert passes == [3, 6]
    assert results[0][0] == results[1][0]
    assert all((results[0][1][n] == g).all() for n, g in results[1][1].items())


@pytest.mark.parametrize("packing", ["in_place", "forward", "both"])
def test_packed_weights_give_the_same_within_rounding(
    tuned_family: Tuned, mixed_rows: list[TokenRow], packing: Any
) -> None:
    tuned, config = tuned_family("qwen2", "lora.dropout=0.1")
    unpacked = FastEngine(tuned, config, options=FastOptions(packing="off"))
    plain, plain_grads = gradients(unpacked, tuned, mixed_rows)
    engine = FastEngine(tuned, config, options=FastOptions(packing=packing))
    if engine.packing == "off":
        pytest.skip("this torch is built without oneDNN, as for some ARM machines")
    assert engine.decoder.head.packed is not None
    assert (engine.decoder.layers[0].mlp.down.frozen.packed_back is not None) == (packing == "both")
    assert engine.decoder.head.packed_back is None
    result, grads = gradients(engine, tuned, mixed_rows)
    assert result.row_losses == pytest.approx(plain.row_losses, rel=1e-5)
    assert relative(grads, plain_grads) < 1e-5


def test_weights_that_cannot_be_packed_are_not_said_to_be(tuned_family: Tuned) -> None:
    tuned, config = tuned_family("qwen2", dtype="bfloat16")
    engine = FastEngine(tuned, config, options=FastOptions(packing="both"))
    assert engine.packing == "off" and engine.decoder.head.packed is None


@pytest.mark.parametrize("dropout", ["0", "0.1"])
def test_five_steps_follow_the_plain_engine(
    tuned_family: Tuned, mixed_rows: list[TokenRow], dropout: str
) -> None:
    import torch

    losses: dict[str, list[float]] = {}
    for name in ("plain", "fast"):
        tuned, config = tuned_family("qwen2", f"lora.dropout={dropout}")
        engine: Engine = FastEngine(tuned, config) if name == "fast" else PlainEngine(tuned, config, PAD)
        optimizer = torch.optim.AdamW(trainable(tuned.model).values(), lr=5e-3)
        for step in range(1, 6):
            optimizer.zero_grad(set_to_none=step % 2 == 0)
            losses.setdefault(engine.name, []).append(engine.loss_and_gradients(mixed_rows, step).loss)
            optimizer.step()
    assert losses["fast"] == pytest.approx(losses["plain"], rel=1e-5)
    assert losses["plain"][0] - losses["plain"][-1] > 0.1, "the steps must have learned something"


def test_gradients_add_up_as_the_plain_engines_do(tuned_family: Tuned, mixed_rows: list[TokenRow]) -> None:
    tuned, config = tuned_family("qwen2", "lora.dropout=0")
    engine = FastEngine(tuned, config, options=FastOptions(60))
    _, once = gradients(engine, tuned, mixed_rows)
    engine.loss_and_gradients(mixed_rows, 1)
    twice = {n: p.grad for n, p in trainable(tuned.model).items()}
    assert relative(twice, {n: 2 * g for n, g in once.items()}) < 1e-6


def test_a_row_without_labels_costs_nothing_and_loses_nothing(
    tuned_family: Tuned, mixed_rows: list[TokenRow]
) -> None:
    tuned, config = tuned_family("qwen2", "lora.dropout=0.1")
    engine = FastEngine(tuned, config)
    silent = [
        TokenRow("silent", Encoded((4, 5), (False, False))),
        TokenRow("first", Encoded((4, 5), (True, False))),
    ]
    alone = engine.loss_and_gradients(mixed_rows, 1)
    together = engine.loss_and_gradients([silent[0], *mixed_rows, silent[1]], 1)
    assert together.row_losses == (0.0, *alone.row_losses, 0.0)
    assert together.loss == alone.loss and together.label_tokens == alone.label_tokens
    assert engine.row_losses(silent) == [0.0, 0.0]


def test_a_bfloat16_base_keeps_adapter_gradients_in_float32(
    tuned_family: Tuned, mixed_rows: list[TokenRow]
) -> None:
    import torch

    tuned, config = tuned_family("qwen2", "lora.dropout=0.1", dtype="bfloat16")
    fast, fast_grads = gradients(FastEngine(tuned, config), tuned, mixed_rows)
    plain, plain_grads = gradients(PlainEngine(tuned, config, PAD), tuned, mixed_rows)
    assert {g.dtype for g in fast_grads.values()} == {torch.float32}
    assert fast.loss == pytest.approx(plain.loss, rel=0.01)
    cosine = torch.nn.functional.cosine_similarity
    assert all(cosine(fast_grads[n].flatten(), g.flatten(), 0) > 0.99 for n, g in plain_grads.items())


@pytest.mark.parametrize("dropout", ["0", "0.1"])
@pytest.mark.parametrize("family", ["qwen2", "qwen3", "smollm2"])
def test_in_bfloat16_it_is_no_further_from_float32_than_the_plain_engine(
    tuned_family: Tuned, mixed_rows: list[TokenRow], family: str, dropout: str
) -> None:
    """Errors of all gradients together: a single tensor's are chance, and chance gets a tenth."""
    overrides = (f"lora.dropout={dropout}",)
    exact, config = tuned_family(family, *overrides, dtype="bfloat16")
    exact.model.get_base_model().float()  # the same weights, already rounded
    loss, grads = gradients(PlainEngine(exact, config, PAD), exact, mixed_rows)
    norm = sum(float(g.square().sum()) for g in grads.values())
    errors = {}
    for name in ("plain", "fast"):
        tuned, config = tuned_family(family, *overrides, dtype="bfloat16")
        engine: Engine = FastEngine(tuned, config) if name == "fast" else PlainEngine(tuned, config, PAD)
        found, rounded = gradients(engine, tuned, mixed_rows)
        wrong = sum(float((rounded[n] - g).square().sum()) for n, g in grads.items())
        rows = zip(found.row_losses, loss.row_losses, strict=True)
        errors[name] = ((wrong / norm) ** 0.5, sum((a - b) ** 2 for a, b in rows) ** 0.5)
    assert all(a <= 1.1 * b for a, b in zip(errors["fast"], errors["plain"], strict=True)), errors
    assert errors["fast"][0] > 1e-5, "a number format without an error was not measured"


def test_dead_work_is_not_done(
    tuned_family: Tuned, mixed_rows: list[TokenRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last layer's second half sees label positions alone, and nothing goes below the first layer."""
    tuned, config = tuned_family("qwen3", "lora.dropout=0.1")
    engine = FastEngine(tuned, config)
    names = {id(n.frozen): n.name for layer in engine.decoder.layers for n in layer.linears}
    forward: dict[str, int] = {}
    backward: set[str] = set()
    real_forward, real_backward = Frozen.forward, Frozen.input_gradient

    def watch_forward(self: Frozen, x: Any) -> Any:
        forward[names.get(id(self), "head")] = len(x)
        return real_forward(self, x)

    def watch_backward(self: Frozen, dy: Any, onto: Any = None) -> Any:
        backward.add(names.get(id(self), "head"))
        return real_backward(self, dy, onto)

    monkeypatch.setattr(Frozen, "forward", watch_forward)
    monkeypatch.setattr(Frozen, "input_gradient", watch_backward)
    result = engine.loss_and_gradients(mixed_rows, 1)
    used = sum(max(i for i, t in enumerate(r.encoded.trained) if t) for r in mixed_rows)
    late = {
        f"model.layers.2.{n}" for n in ("self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
    }
    assert {n for n, rows in forward.items() if rows == used} == set(names.values()) - late
    assert {forward[n] for n in late} == {result.label_tokens} and result.label_tokens < used
    first = {f"model.layers.0.self_attn.{n}_proj" for n in "qkv"}
    assert {*names.values(), "head"} - backward == first


def test_every_micro_batch_is_a_place_to_stop(tuned_family: Tuned, mixed_rows: list[TokenRow]) -> None:
    ticks = [0]
    tuned, config = tuned_family("qwen2", "lora.dropout=0.5")
    engine = FastEngine(
        tuned, config, lambda: ticks.__setitem__(0, ticks[0] + 1), FastOptions(budget_tokens=1)
    )
    engine.loss_and_gradients(mixed_rows, 1)
    assert ticks == [len(mixed_rows)]
    clean = engine.row_losses(mixed_rows)
    assert ticks == [2 * len(mixed_rows)]
    allowed = iter([None, None])
    engine.tick = lambda: next(allowed)
    with pytest.raises(StopIteration):
        list(engine.row_losses(mixed_rows))
    engine.tick = lambda: None
    assert engine.row_losses(mixed_rows) == clean


def test_the_model_itself_stays_as_it_was(tuned_family: Tuned, mixed_rows: list[TokenRow]) -> None:
    import torch

    tuned, config = tuned_family("qwen2", "lora.dropout=0.5")
    ids = torch.tensor([mixed_rows[0].encoded.ids])
    state = {n: t.clone() for n, t in tuned.model.state_dict().items()}
    modules = list(tuned.model.named_modules())
    with torch.no_grad():
        before = tuned.model(input_ids=ids).logits
        FastEngine(tuned, config).loss_and_gradients(mixed_rows, 1)
        after = tuned.model(input_ids=ids).logits
    assert torch.equal(before, after) and list(tuned.model.named_modules()) == modules
    assert all(torch.equal(t, state[n]) for n, t in tuned.model.state_dict().items())
