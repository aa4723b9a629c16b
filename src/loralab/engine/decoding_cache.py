"""Pieces of prompts and newest tokens of answers in, the token that follows each out, by a cache of keys and values.

All of them lie end to end in one line of tokens, without padding, so that the weights are read once for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from loralab.engine.fast.arrange import in_order
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
    """Tokens of a prompt from position `start` on, for the rows of the cache from `first` up to `end`."""

    first: int
    end: int
    start: int
    ids: tuple[int, ...]

    @property
    def stop(self) -> int:
        """The position after its last token."""
        return self.start + len(self.ids)


class Newest(NamedTuple):
    """The newest token of the answer in a row of the cache, and its position."""

    row: int
    position: int
    token: int


class Cache:
    """Keys and values of answers on their way; each row is as wide as the longest."""

    def __init__(self, reader: Reader, num_rows: int, slots: int) -> None:
        import torch

        decoder = reader.one
        block, weight = decoder.layers[0].attention, decoder.embedding
        heads = block.qkv[1].frozen.weight.shape[0] // block.head_dim
        shape = (len(decoder.layers), 2, num_rows, heads, slots + MORE_SLOTS, block.head_dim)
        with torch.inference_mode():
            # (layers, keys and values, rows, kv_heads, slots, head_dim), zero: what is masked is multiplied, too
            self.held = torch.zeros(shape, dtype=weight.dtype, device=weight.device)
        self.reader = reader

    def next_tokens(self, pieces: Sequence[Piece], newest: Sequence[Newest]) -> list[int]:
        """The most likely token after each piece, then after each newest token, given what is in its row.

        Their own keys and values are left there. A piece may stand on one before it.
        """
        import torch

        *groups, last = _groups(pieces) or [[]]
        with torch.inference_mode():
            self._make_room(max([piece.stop for piece in pieces] + [place.position + 1 for place in newest]))
            found = [token for group in groups for token in self._forward(group, ())]
            return found + self._forward(last, newest)

    def clear(self, row: int, start: int) -> None:
        """Forget a row from position `start` on: a value that is not finite would spoil even what masks it."""
        import torch

        with torch.inference_mode():
            self.held[:, :, row, :, start:] = 0

    def move(self, row: int, to: int) -> None:
        """Copy a row over another."""
        import torch

        with torch.inference_mode():
            self.held[:, :, to] = self.held[:, :, row]

    def _make_room(self, slots: int) -> None:
        import torch

        if slots > self.held.shape[4]:
            self.held = torch.nn.functional.pad(self.held, (0, 0, 0, slots - self.held.shape[4] + MORE_SLOTS))

    def _forward(self, pieces: Sequence[Piece], newest: Sequence[Newest]) -> list[int]:
        line = _lay_out(pieces, newest, self.held.device)
        decoder = self.reader.of(len(line.ids))
        turns = turns_of(decoder.rotary, line.positions, decoder.embedding)

        def mix_in(layer: Any) -> Mix:
            return lambda q, k, v: _mix(q, k, v, line, layer)

        x = decoder.embedding[line.ids]
        return _predict(decoder, x, turns, [mix_in(layer) for layer in self.held], line.ends)


# ------------------------------------------------------------------------------------------- the line


@dataclass(frozen=True)
class Line:
    """T tokens: those of `pieces` end to end, then the newest tokens of R rows of the cache.

    `ids` and `positions` (T,) are of all; `ends` are the places whose next token is asked for, None where that is
    each. `masks` has of each piece the places (length, stop) that its tokens see, None where that is the triangle
    torch makes itself. `rows` (R,) are places in the cache, `seen` (R, width) is what each of the newest tokens sees
    there. `together` are the rows once more, as a slice where no copy of them is needed.
    """

    pieces: Sequence[Piece]
    ids: Any
    positions: Any
    ends: Any
    masks: Sequence[Any]
    rows: Any
    seen: Any
    together: Any

    @property
    def num_read(self) -> int:
        """Tokens of pieces."""
        return len(self.ids) - len(self.rows)


def _groups(pieces: Sequence[Piece]) -> list[list[Piece]]:
    return [
        [pieces[i] for i in group] for group in in_order([len(piece.ids) for piece in pieces], BUDGET_TOKENS)
    ]


def _lay_out(pieces: Sequence[Piece], newest: Sequence[Newest], device: Any) -> Line:
    import torch

    ids = [i for piece in pieces for i in piece.ids] + [place.token for place in newest]
    own = torch.tensor([place.position for place in newest], dtype=torch.long, device=device)
    read = [torch.arange(piece.start, piece.stop, device=device) for piece in pieces]
    lengths = [len(piece.ids) for piece in pieces] + [1] * len(newest)
    rows = torch.tensor([place.row for place in newest], dtype=torch.long, device=device)
    width = max((place.position + 1 for place in newest), default=0)
    first = [place.row for place in newest] == list(range(len(newest)))
    return Line(
        pieces,
        torch.tensor(ids, device=device),
        torch.cat([*read, own]),
        torch.tensor(lengths, device=device).cumsum(0) - 1 if pieces else None,
        [_seen(piece, device) for piece in pieces],
        rows,
        torch.arange(width, device=device) <= own[:, None],
        slice(0, len(newest)) if first else rows,
    )


def _seen(piece: Piece, device: Any) -> Any:
    import torch

    if not piece.start:
        return None
    return torch.ones(len(piece.ids), piece.stop, dtype=torch.bool, device=device).tril(piece.start)


# ------------------------------------------------------------------------------------------- attention


def _mix(q: Any, k: Any, v: Any, line: Line, layer: Any) -> Any:
    """q (T, heads, head_dim) and k, v (T, kv_heads, head_dim) of the line to (T, heads, head_dim)."""
    import torch

    if not line.pieces:
        return _mix_rows(q, k, v, line, layer)
    n = line.num_read
    outs = _mix_pieces(q[:n], k[:n], v[:n], line, layer)
    return torch.cat([*outs, _mix_rows(q[n:], k[n:], v[n:], line, layer)] if len(line.rows) else outs)


def _mix_pieces(q: Any, k: Any, v: Any, line: Line, layer: Any) -> list[Any]:
    """Of each piece (length, heads, head_dim)."""
    import torch

    attend = torch.nn.functional.scaled_dot_product_attention
    lengths = [len(piece.ids) for piece in line.pieces]
    outs = []
    for piece, mask, *parts in zip(
        line.pieces, line.masks, *(t.split(lengths) for t in (q, k, v)), strict=True
    ):
        queries, keys, values = (t.transpose(0, 1) for t in parts)
        layer[0, piece.first : piece.end, :, piece.start : piece.stop] = keys
        layer[1, piece.first : piece.end, :, piece.start : piece.stop] = values
        seen, seen_values = layer[:, piece.first : piece.first + 1, :, : piece.stop]
        out = attend(queries[None], seen, seen_values, mask, is_causal=mask is None, enable_gqa=True)
        outs.append(out[0].transpose(0, 1))
    return outs


def _mix_rows(q: Any, k: Any, v: Any, line: Line, layer: Any) -> Any:
    """q (R, heads, head_dim) and k, v (R, kv_heads, head_dim) of one token of each row to (R, heads, head_dim)."""
    import torch

    positions = line.positions[line.num_read :]
    layer[0, line.rows, :, positions] = k
    layer[1, line.rows, :, positions] = v
    keys, values = layer[:, line.together, :, : line.seen.shape[1]]
    # queries that share a key head go as several queries of one head: no keys are repeated
    grouped = q.view(len(q), k.shape[1], -1, q.shape[2])
    out = torch.nn.functional.scaled_dot_product_attention(
        grouped, keys, values, attn_mask=line.seen[:, None, None]
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
