"""Prompts of one batch in, their greedy answers out, by the model's own weights and a cache of keys and values.

No row is padded: prompts are laid end to end, what all begin with is read once, and a row that has ended leaves.
The mathematics is the model's; what differs from its own `generate` is the order of sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loralab.engine.base import Tick
from loralab.engine.fast.arrange import in_order, shared_start
from loralab.engine.fast.decoder import Decoder, Layer, read_decoder
from loralab.engine.fast.frozen import Frozen, can_pack
from loralab.engine.fast.lora import project
from loralab.engine.fast.mlp_block import MlpBlock, feed
from loralab.engine.fast.norm import Norm
from loralab.engine.fast.rope import Turns, turns_of

BUDGET_TOKENS = 1024  # of prompts that are read together
MORE_SLOTS = 64  # by which the cache grows
Mix = Callable[[Any, Any, Any], Any]  # queries, keys and values of tokens in, what each token takes out


@dataclass(frozen=True)
class Reader:
    """A decoder twice over the same tensors: `one` for a single token, `many` for several at once."""

    one: Decoder
    many: Decoder

    def of(self, num_tokens: int) -> Decoder:
        """The one that is faster for so many tokens."""
        return self.one if num_tokens == 1 else self.many


def make_reader(model: Any) -> Reader:
    """For a model that `unreadable` finds nothing against.

    With few tokens a product costs what reading the weights costs; where there are many more outputs than inputs,
    that of MKL costs more, and oneDNN's does not. For one token, and for the other layers, MKL's is the faster.
    """
    decoder = read_decoder(model)
    weight = decoder.embedding
    return Reader(
        decoder, _widest_in_place(decoder) if can_pack(weight.device.type, weight.dtype) else decoder
    )


@dataclass(frozen=True)
class Piece:
    """Tokens of a prompt from place `start` on, for the rows of the cache from `first` up to `end`."""

    first: int
    end: int
    start: int
    ids: tuple[int, ...]

    @property
    def stop(self) -> int:
        """The place after its last token."""
        return self.start + len(self.ids)


def greedy_answers(
    reader: Reader, prompts: Sequence[Sequence[int]], max_new_tokens: int, stop_ids: set[int], tick: Tick
) -> list[tuple[list[int], bool]]:
    """Of each prompt the new tokens, without the stop token, and whether one ended it; `tick` before each token.

    No prompt may be empty, and `max_new_tokens` is 1 or more.
    """
    import torch

    assert all(prompts) and max_new_tokens > 0
    answers: list[list[int]] = [[] for _ in prompts]
    stopped = [False] * len(prompts)
    rows = list(
        range(len(prompts))
    )  # of each row of the cache the prompt: rows that ended give their place away
    with torch.inference_mode():
        tick()
        cache, tokens = _read_prompts(reader, prompts)
        while True:
            for place in reversed(range(len(rows))):
                row, token = rows[place], tokens[place]
                stopped[row] = token in stop_ids
                if not stopped[row]:
                    answers[row].append(token)
                if stopped[row] or len(answers[row]) == max_new_tokens:
                    _leave(place, rows, tokens, cache)
            if not rows:
                return list(zip(answers, stopped, strict=True))
            tick()
            places = [len(prompts[row]) + len(answers[row]) - 1 for row in rows]
            cache = _with_room(cache, len(rows), max(places) + 1)
            tokens = _next_tokens(reader, tokens, places, cache)


# ------------------------------------------------------------------------------------------- the cache


def _make_cache(decoder: Decoder, num_rows: int, slots: int) -> Any:
    """(layers, keys and values, rows, kv_heads, slots, head_dim), zero: what is masked is multiplied, too."""
    import torch

    block, weight = decoder.layers[0].attention, decoder.embedding
    heads = block.qkv[1].frozen.weight.shape[0] // block.head_dim
    shape = (len(decoder.layers), 2, num_rows, heads, slots, block.head_dim)
    return torch.zeros(shape, dtype=weight.dtype, device=weight.device)


def _with_room(cache: Any, num_rows: int, slots: int) -> Any:
    """The cache of the first rows with at least so many slots."""
    import torch

    if slots <= cache.shape[4]:
        return cache
    more = slots - cache.shape[4] + MORE_SLOTS
    return torch.nn.functional.pad(cache[:, :, :num_rows], (0, 0, 0, more))


def _leave(place: int, rows: list[int], tokens: list[int], cache: Any) -> None:
    """Give the place of a row that has ended to the last one."""
    last = len(rows) - 1
    if place != last:
        cache[:, :, place] = cache[:, :, last]
        rows[place], tokens[place] = rows[last], tokens[last]
    rows.pop()
    tokens.pop()


# ------------------------------------------------------------------------------------------- prompts


def _read_prompts(reader: Reader, prompts: Sequence[Sequence[int]]) -> tuple[Any, list[int]]:
    """The filled cache and the first token of each answer."""
    pieces = cut_prompts(prompts)
    longest = max(len(prompt) for prompt in prompts)
    cache = _make_cache(reader.one, len(prompts), longest + MORE_SLOTS)
    firsts: list[int] = []
    for group in in_order([len(piece.ids) for piece in pieces], BUDGET_TOKENS):
        firsts += _read_pieces(reader, [pieces[i] for i in group], cache)
    return cache, firsts[len(pieces) - len(prompts) :]


def cut_prompts(prompts: Sequence[Sequence[int]]) -> list[Piece]:
    """What all prompts begin with as one piece, if there is any; then the rest of each, which is never empty."""
    shared = shared_start([prompt[:-1] for prompt in prompts]) if len(prompts) > 1 else 0
    rests = [Piece(i, i + 1, shared, tuple(prompt[shared:])) for i, prompt in enumerate(prompts)]
    return [Piece(0, len(prompts), 0, tuple(prompts[0][:shared])), *rests] if shared else rests


def _read_pieces(reader: Reader, pieces: Sequence[Piece], cache: Any) -> list[int]:
    """The token that follows each piece; keys and values are left in the cache, where later pieces find them."""
    import torch

    device = cache.device
    decoder = reader.of(sum(len(piece.ids) for piece in pieces))
    ids = torch.tensor([i for piece in pieces for i in piece.ids], device=device)
    positions = torch.cat([torch.arange(piece.start, piece.stop, device=device) for piece in pieces])
    masks = [_seen(piece, device) for piece in pieces]
    ends = torch.tensor([len(piece.ids) for piece in pieces], device=device).cumsum(0) - 1

    def mix_in(layer: Any) -> Mix:
        return lambda q, k, v: _mix_pieces(q, k, v, pieces, masks, layer)

    turns = turns_of(decoder.rotary, positions, decoder.embedding)
    return _predict(decoder, decoder.embedding[ids], turns, [mix_in(layer) for layer in cache], ends)


def _seen(piece: Piece, device: Any) -> Any:
    """Which places (length, stop) each token of a piece sees; None where that is the triangle torch makes itself."""
    import torch

    if not piece.start:
        return None
    return torch.ones(len(piece.ids), piece.stop, dtype=torch.bool, device=device).tril(piece.start)


def _mix_pieces(q: Any, k: Any, v: Any, pieces: Sequence[Piece], masks: Sequence[Any], layer: Any) -> Any:
    """q (T, heads, head_dim) and k, v (T, kv_heads, head_dim) of pieces end to end to (T, heads, head_dim)."""
    import torch

    attend = torch.nn.functional.scaled_dot_product_attention
    lengths = [len(piece.ids) for piece in pieces]
    outs = []
    for piece, mask, *parts in zip(pieces, masks, *(t.split(lengths) for t in (q, k, v)), strict=True):
        queries, keys, values = (t.transpose(0, 1) for t in parts)
        layer[0, piece.first : piece.end, :, piece.start : piece.stop] = keys
        layer[1, piece.first : piece.end, :, piece.start : piece.stop] = values
        seen, seen_values = layer[:, piece.first : piece.first + 1, :, : piece.stop]
        out = attend(queries[None], seen, seen_values, mask, is_causal=mask is None, enable_gqa=True)
        outs.append(out[0].transpose(0, 1))
    return torch.cat(outs)


# ------------------------------------------------------------------------------------------- new tokens


def _next_tokens(reader: Reader, tokens: Sequence[int], places: Sequence[int], cache: Any) -> list[int]:
    """The token that follows each row's newest one, which stands at its place (a position)."""
    import torch

    decoder, device = reader.of(len(tokens)), cache.device
    positions = torch.tensor(places, device=device)
    width = max(places) + 1
    mask = torch.arange(width, device=device) <= positions[:, None]
    rows = torch.arange(len(tokens), device=device)

    def mix_in(layer: Any) -> Mix:
        return lambda q, k, v: _mix_rows(q, k, v, (rows, positions), mask, layer)

    x = decoder.embedding[torch.tensor(tokens, device=device)]
    turns = turns_of(decoder.rotary, positions, decoder.embedding)
    return _predict(decoder, x, turns, [mix_in(layer) for layer in cache], None)


def _mix_rows(q: Any, k: Any, v: Any, where: tuple[Any, Any], mask: Any, layer: Any) -> Any:
    """q (R, heads, head_dim) and k, v (R, kv_heads, head_dim) of one token of each row to (R, heads, head_dim)."""
    import torch

    rows, positions = where
    layer[0, rows, :, positions] = k
    layer[1, rows, :, positions] = v
    keys, values = layer[:, : len(q), :, : mask.shape[1]]
    # queries that share a key head go as several queries of one head: no keys are repeated
    grouped = q.view(len(q), k.shape[1], -1, q.shape[2])
    out = torch.nn.functional.scaled_dot_product_attention(
        grouped, keys, values, attn_mask=mask[:, None, None]
    )
    return out.reshape(q.shape)


# ------------------------------------------------------------------------------------------- the model


def _predict(decoder: Decoder, x: Any, turns: Turns, mixes: Sequence[Mix], chosen: Any) -> list[int]:
    """x (T, width) through all layers; the most likely next token of each, or of those `chosen` (N,) alone."""
    for index, (layer, mix) in enumerate(zip(decoder.layers, mixes, strict=True)):
        x = _layer(layer, x, turns, mix, chosen if index == len(mixes) - 1 else None)
    hidden, _ = decoder.norm.forward(x)
    return [int(token) for token in decoder.head.forward(hidden).argmax(-1).tolist()]


def _layer(layer: Layer, x: Any, turns: Turns, mix: Mix, chosen: Any) -> Any:
    block = layer.attention
    h, _ = block.norm.forward(x)
    outs, _ = project(block.qkv, h, None)
    q, k, v = (t.view(len(x), -1, block.head_dim) for t in outs)
    q, k = turns.forward(_normed(block.q_norm, q)), turns.forward(_normed(block.k_norm, k))
    mixed = mix(q, k, v).flatten(1)
    if chosen is not None:
        mixed, x = mixed[chosen], x[chosen]
    (added,), _ = project((block.out,), mixed, None)
    return feed(layer.mlp, added.add_(x), None)[0]


def _normed(norm: Norm | None, x: Any) -> Any:
    return x if norm is None else norm.forward(x)[0]


def _widest_in_place(decoder: Decoder) -> Decoder:
    """The decoder with oneDNN's products for its widest layers, over the weights as they lie: nothing is copied."""
    layers = tuple(replace(layer, mlp=_mlp_in_place(layer.mlp)) for layer in decoder.layers)
    return replace(decoder, layers=layers, head=_frozen_in_place(decoder.head))


def _mlp_in_place(block: MlpBlock) -> MlpBlock:
    gate, up = (replace(linear, frozen=_frozen_in_place(linear.frozen)) for linear in block.gate_up)
    return replace(block, gate_up=(gate, up))


def _frozen_in_place(frozen: Frozen) -> Frozen:
    return replace(frozen, packed=frozen.weight)
