"""The reference engine: Hugging Face forward and PEFT adapter, for any causal language model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from loralab.config.schema import Config
from loralab.engine.base import StepLoss, Tick, TokenRow, recomputes
from loralab.engine.device_dropout import device_mask, mask_tokens
from loralab.engine.dropout import Stream, dropout_mask, keep_scale, stream_of
from loralab.errors import Problem, UsageError
from loralab.model.load import TunedModel
from loralab.words import say


@dataclass
class DropoutContext:
    """What the masks of the current micro-batch depend on.

    `tokens` is what masks of Philox need, by device: a model may lie on several.
    """

    seed: int
    dropout: float
    step: int = 0
    rows: Sequence[TokenRow] = ()
    stream: Stream = "sfc64"
    tokens: dict[Any, tuple[Any, Any]] = field(default_factory=dict)

    def enter(self, rows: Sequence[TokenRow]) -> None:
        """Go on to another micro-batch, or to none."""
        self.rows, self.tokens = rows, {}


def install_dropout(model: Any, context: DropoutContext) -> None:
    """Put `MaskedDropout` in place of PEFT's dropout in every adapted layer."""
    import torch
    from peft.tuners.lora import LoraLayer

    class MaskedDropout(torch.nn.Module):
        """Drops elements of (B, T, width) by the masks of the rows in the context; identity outside training."""

        def __init__(self, module_name: str) -> None:
            super().__init__()
            self.module_name = module_name

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """The masked and rescaled input."""
            if not self.training or not context.rows:
                return x
            mask: torch.Tensor = _batch_mask(x, self.module_name, context)
            return x * mask

    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            for adapter in module.lora_A:
                module.lora_dropout[adapter] = MaskedDropout(name.removeprefix("base_model.model."))


def _batch_mask(x: Any, module_name: str, context: DropoutContext) -> Any:
    """0 or the keep scale for each element of x (B, T, width); padding is 0."""
    make = _numpy_mask if context.stream == "sfc64" else _device_mask
    return make(x, module_name, context).mul_(keep_scale(context.dropout)).to(x.device)


def _numpy_mask(x: Any, module_name: str, context: DropoutContext) -> Any:
    import torch

    mask = torch.zeros(x.shape, dtype=x.dtype)
    for index, row in enumerate(context.rows):
        length = len(row.encoded.ids)
        kept = dropout_mask(
            context.seed, context.step, row.id, module_name, length, x.shape[2], context.dropout
        )
        mask[index, :length] = torch.from_numpy(kept)
    return mask


def _device_mask(x: Any, module_name: str, context: DropoutContext) -> Any:
    """All rows at once; what is known of their tokens is brought to the device once for a micro-batch."""
    import torch

    if x.device not in context.tokens:
        context.tokens[x.device] = _token_places(x, context)
    tokens, places = context.tokens[x.device]
    kept = device_mask(tokens, context.seed, context.step, module_name, x.shape[2], context.dropout)
    mask = torch.zeros(x.shape, dtype=x.dtype, device=x.device)
    mask.view(-1, x.shape[2]).index_copy_(0, places, kept.to(x.dtype))
    return mask


def _token_places(x: Any, context: DropoutContext) -> tuple[Any, Any]:
    """The tokens of the rows end to end, and which of the padded (B T) each is."""
    import torch

    lengths = [len(row.encoded.ids) for row in context.rows]
    documents = [(row.id, length) for row, length in zip(context.rows, lengths, strict=True)]
    places = torch.cat([torch.arange(length) + i * x.shape[1] for i, length in enumerate(lengths)])
    tokens = mask_tokens(context.seed, context.step, documents, x.device)
    return tokens, places.to(x.device, non_blocking=True)


class PlainEngine:
    """Right-padded micro-batches of `train.batch_rows` rows, in the order given.

    `stream` is that of dropout masks, of the device if it is not given.
    """

    name = "plain"

    def __init__(
        self,
        tuned: TunedModel,
        config: Config,
        pad_id: int,
        tick: Tick = lambda: None,
        stream: Stream | None = None,
    ) -> None:
        self.model, self.device, self.pad_id, self.tick = tuned.model, tuned.device, pad_id, tick
        self.shard = tuned.shard
        self.batch_rows = config.train.batch_rows
        self.stream = stream or stream_of(tuned.device)
        self.context = DropoutContext(config.train.seed, config.lora.dropout, stream=self.stream)
        if config.lora.dropout:
            install_dropout(self.model, self.context)
        self.recompute = recomputes(config.train.recompute, tuned.device)
        if self.recompute:
            _recompute(self.model)

    def loss_and_gradients(self, rows: Sequence[TokenRow], step: int) -> StepLoss:
        """Summed loss over label count of all rows; gradients accumulate micro-batch by micro-batch."""
        label_tokens = sum(_num_labels(row) for row in rows)
        row_losses: list[float] = []
        with self._training(step):
            for batch in self._batches(rows):
                self.tick()
                self.context.enter(batch)
                with self.shard.one_pass("train"):
                    sums = self._losses(batch)
                    (sums.sum() / label_tokens).backward()
                row_losses += sums.tolist()
        tokens = sum(len(row.encoded.ids) for row in rows)
        return StepLoss(sum(row_losses) / label_tokens, tuple(row_losses), label_tokens, tokens)

    def row_losses(self, rows: Sequence[TokenRow]) -> list[float]:
        """Losses of each row; rows of like length go together, the result is in the order given."""
        import torch

        order = sorted(range(len(rows)), key=lambda i: len(rows[i].encoded.ids))
        losses = [0.0] * len(rows)
        with torch.no_grad():
            for start in range(0, len(order), self.batch_rows):
                self.tick()
                part = order[start : start + self.batch_rows]
                with self.shard.one_pass("forward"):
                    found = self._losses([rows[i] for i in part]).tolist()
                for index, loss in zip(part, found, strict=True):
                    losses[index] = loss
        return losses

    @contextlib.contextmanager
    def _training(self, step: int) -> Iterator[None]:
        """Dropout on, with the masks of a step; off again also when the step is broken off."""
        self.model.train()
        self.context.step = step
        try:
            yield
        finally:
            self.context.enter(())
            self.model.eval()

    def _batches(self, rows: Sequence[TokenRow]) -> Iterator[Sequence[TokenRow]]:
        for start in range(0, len(rows), self.batch_rows):
            yield rows[start : start + self.batch_rows]

    def _losses(self, batch: Sequence[TokenRow]) -> Any:
        """Summed token loss of each row, float64 (B,); each token's loss is computed in float32."""
        import torch

        ids, attention, trained = self._pad(batch)
        logits = self.model(input_ids=ids, attention_mask=attention, use_cache=False).logits
        chosen = trained[:, 1:]
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1][chosen].float(), ids[:, 1:][chosen], reduction="none"
        )
        owner = torch.arange(len(batch), device=ids.device)[:, None].expand_as(chosen)[chosen]
        wide = torch.float32 if self.device == "mps" else torch.float64
        return torch.zeros(len(batch), dtype=wide, device=ids.device).index_add(0, owner, losses.to(wide))

    def _pad(self, batch: Sequence[TokenRow]) -> tuple[Any, Any, Any]:
        """ids, attention mask and trained flags, each (B, T), padded on the right."""
        import torch

        width = max(len(row.encoded.ids) for row in batch)
        ids = torch.full((len(batch), width), self.pad_id)
        attention = torch.zeros((len(batch), width), dtype=torch.long)
        trained = torch.zeros((len(batch), width), dtype=torch.bool)
        for index, row in enumerate(batch):
            length = len(row.encoded.ids)
            ids[index, :length] = torch.tensor(row.encoded.ids)
            attention[index, :length] = 1
            trained[index, :length] = torch.tensor(row.encoded.trained)
        return ids.to(self.device), attention.to(self.device), trained.to(self.device)


def _recompute(model: Any) -> None:
    """Have activations recomputed in the backward pass; raises UsageError if the architecture cannot."""
    try:
        model.activation_checkpointing_enable({"use_reentrant": False})
    except ValueError as error:
        raise UsageError(
            Problem(
                say("this architecture cannot recompute activations: {reason}", reason=error),
                next=say("set train.recompute=off"),
            )
        ) from error


def _num_labels(row: TokenRow) -> int:
    return sum(row.encoded.trained[1:])
