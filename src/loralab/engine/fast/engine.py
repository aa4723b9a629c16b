"""Encoded rows in, loss and gradients out, by a forward and a backward written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loralab.config.schema import Config
from loralab.engine.base import StepLoss, Tick, TokenRow, budget_tokens, recomputes
from loralab.engine.dropout import Stream, stream_of
from loralab.engine.fast.arrange import MicroBatch, fullest, lay_out, used_tokens
from loralab.engine.fast.attention import choose_attention
from loralab.engine.fast.attention_block import Attended, Line, attend, attend_backward
from loralab.engine.fast.decoder import Layer, read_decoder
from loralab.engine.fast.frozen import Packing, can_pack
from loralab.engine.fast.head import label_losses
from loralab.engine.fast.malloc import Malloc, tune_malloc
from loralab.engine.fast.masks import Masks, only
from loralab.engine.fast.mlp_block import Fed, feed, feed_backward
from loralab.engine.fast.rope import turns_of
from loralab.model.load import TunedModel
from loralab.model.shard_units import EMBEDDING, HEAD


@dataclass(frozen=True)
class FastOptions:
    """How the rows of a step are computed; the result depends on it by rounding alone.

    `budget_tokens`: tokens of a micro-batch. `head_rows`: labels that go through the vocabulary together.
    `packing`: how products with frozen weights are made; "forward" and "both" hold one and two copies of them.
    """

    budget_tokens: int = 1024
    head_rows: int = 128
    packing: Packing = "in_place"


class FastEngine:
    """Micro-batches of at most `budget_tokens`, without padding, in the order given.

    Made for models against which `unsupported` has nothing. `packing` is what is in force: "off" where torch
    cannot pack these weights, no copies of those that are split over processes. `malloc` tells whether making the
    engine tuned the allocator of this process. `stream` is that of dropout masks, of the device if it is not given.
    """

    name = "fast"

    def __init__(
        self,
        tuned: TunedModel,
        config: Config,
        tick: Tick = lambda: None,
        options: FastOptions | None = None,
        stream: Stream | None = None,
    ) -> None:
        self.options = options or FastOptions(budget_tokens(config, tuned.device))
        self.device, self.tick, self.shard = tuned.device, tick, tuned.shard
        self.seed, self.dropout = config.train.seed, config.lora.dropout
        self.stream = stream or stream_of(tuned.device)
        self.recompute = recomputes(config.train.recompute, tuned.device)
        self.malloc: Malloc = tune_malloc(tuned.device)
        dtype = tuned.model.get_base_model().model.embed_tokens.weight.dtype
        self.packing = _packing(self.options.packing, can_pack(tuned.device, dtype), tuned.shard.is_split)
        self.decoder = read_decoder(tuned.model, self.packing)
        self.attention = choose_attention(tuned.device, dtype)

    def loss_and_gradients(self, rows: Sequence[TokenRow], step: int) -> StepLoss:
        """Summed loss over label count of all rows; gradients accumulate micro-batch by micro-batch."""
        import torch

        label_tokens = sum(sum(row.encoded.trained[1:]) for row in rows)
        row_losses = [0.0] * len(rows)
        with torch.no_grad():
            for batch in self._micro_batches(rows, share=not self.dropout):
                self.tick()
                masks = self._masks(rows, batch, step) if self.dropout else None
                with self.shard.one_pass("train"):
                    losses = self._train(batch, masks, 1 / label_tokens)
                _put(row_losses, batch, losses)
        tokens = sum(len(row.encoded.ids) for row in rows)
        return StepLoss(sum(row_losses) / label_tokens, tuple(row_losses), label_tokens, tokens)

    def row_losses(self, rows: Sequence[TokenRow]) -> list[float]:
        """Summed token loss of each row, without dropout and without gradients; 0 for a row without a label."""
        import torch

        row_losses = [0.0] * len(rows)
        with torch.no_grad():
            for batch in self._micro_batches(rows, share=True):
                self.tick()
                with self.shard.one_pass("forward"):
                    losses = self._losses(batch)
                _put(row_losses, batch, losses)
        return row_losses

    def _micro_batches(self, rows: Sequence[TokenRow], share: bool) -> Iterator[MicroBatch]:
        """A beginning that rows share is only shared without dropout: each row has masks of its own."""
        for places in fullest([used_tokens(row) for row in rows], self.options.budget_tokens):
            yield lay_out(rows, places, self.device, share)

    def _masks(self, rows: Sequence[TokenRow], batch: MicroBatch, step: int) -> Masks:
        documents = tuple((rows[i].id, n) for i, n in zip(batch.rows, batch.documents.lengths, strict=True))
        return Masks(self.seed, step, self.dropout, documents, self.device, self.stream)

    def _line(self, batch: MicroBatch, masks: Masks | None) -> Line:
        turns = turns_of(self.decoder.rotary, batch.positions, self.decoder.embedding)
        return Line(batch.documents, turns, self.attention, masks)

    def _losses(self, batch: MicroBatch) -> Any:
        """Loss of each label (N,), forward only."""
        line, x = self._line(batch, None), self._embed(batch)
        for index, layer, chosen in self._layers(batch):
            self.shard.hold(index)
            x, _ = _forward(layer, x, line, chosen)
        hidden, _ = self.decoder.norm.forward(x)
        self.shard.hold(HEAD)
        return label_losses(self.decoder.head, hidden, batch.targets, self.options.head_rows, None)[0]

    def _train(self, batch: MicroBatch, masks: Masks | None, gradient_scale: float) -> Any:
        """Loss of each label (N,); the gradients of the adapter are added to its `.grad`."""
        decoder, line = self.decoder, self._line(batch, masks)
        x = self._embed(batch)
        kept: list[Any] = []  # of each layer its input, or what its backward needs
        for index, layer, chosen in self._layers(batch):
            self.shard.hold(index)
            y, saved = _forward(layer, x, line, chosen)
            kept.append(x if self.recompute else saved)
            x = y
        hidden, inverse = decoder.norm.forward(x)
        self.shard.hold(HEAD)
        losses, dhidden = label_losses(
            decoder.head, hidden, batch.targets, self.options.head_rows, gradient_scale
        )
        dx = decoder.norm.backward(dhidden, x, inverse)
        for index, layer, chosen in reversed(self._layers(batch)):
            self.shard.hold(index)
            state = kept.pop()
            saved = _forward(layer, state, line, chosen)[1] if self.recompute else state
            dx = _backward(layer, dx, saved, line, chosen, index > 0)
        return losses

    def _embed(self, batch: MicroBatch) -> Any:
        """The inputs of the first layer (T, width)."""
        self.shard.hold(EMBEDDING)
        return self.decoder.embedding[batch.ids]

    def _layers(self, batch: MicroBatch) -> list[tuple[int, Layer, Any]]:
        """Number and weights of each layer, with the tokens that matter after its attention: in the last one those that predict a label."""
        last = len(self.decoder.layers) - 1
        return [
            (i, layer, batch.predictors if i == last else None) for i, layer in enumerate(self.decoder.layers)
        ]


def _packing(wanted: Packing, can_pack: bool, is_split: bool) -> Packing:
    """How products can be made: a copy of a weight that is split would lie whole in every process."""
    if not can_pack:
        return "off"
    return "in_place" if is_split and wanted != "off" else wanted


Saved = tuple[Attended, Fed]


def _forward(layer: Layer, x: Any, line: Line, chosen: Any) -> tuple[Any, Saved]:
    middle, attended = attend(layer.attention, x, line, chosen)
    y, fed = feed(layer.mlp, middle, only(line.masks, chosen))
    return y, (attended, fed)


def _backward(layer: Layer, dy: Any, saved: Saved, line: Line, chosen: Any, need_input: bool) -> Any:
    attended, fed = saved
    dmiddle = feed_backward(layer.mlp, dy, fed, only(line.masks, chosen))
    return attend_backward(layer.attention, dmiddle, attended, line, chosen, need_input)


def _put(row_losses: list[float], batch: MicroBatch, losses: Any) -> None:
    """Sum the losses of labels (N,) in float64 by the row they belong to."""
    import torch

    zeros = torch.zeros(len(batch.rows), dtype=torch.float64, device=losses.device)
    sums = zeros.index_add(0, batch.owners, losses.double()).tolist()
    for place, loss in zip(batch.rows, sums, strict=True):
        row_losses[place] = loss
