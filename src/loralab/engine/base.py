"""The seams of an engine: encoded rows in, loss and gradients out; token ids in, answers out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from loralab.config.schema import Config
from loralab.encode.encode import Encoded

Tick = Callable[[], None]
Reason = Literal["stop", "length"]  # why an answer ended: at a stop token, or for want of more


def recomputes(recompute: str, device: str) -> bool:
    """Whether `train.recompute` has an engine compute activations again in the backward pass."""
    return recompute == "on" or (recompute == "auto" and device == "cuda")


def budget_tokens(config: Config, device: str) -> int:
    """Tokens of a micro-batch: as many as `train.batch_rows` rows may have, so that memory is what was asked for.

    At least 256, or every product would be small. At most 640 on a CPU, where more takes memory and no less time
    (measured from 300 to 3,000), and 4,096 elsewhere.
    """
    return min(max(config.train.batch_rows * config.data.max_tokens, 256), 640 if device == "cpu" else 4096)


@dataclass(frozen=True)
class TokenRow:
    """An encoded row and its id, on which its dropout masks depend."""

    id: str
    encoded: Encoded


@dataclass(frozen=True)
class StepLoss:
    """Result of one optimizer step's rows before the update.

    `loss` is the summed token loss / `label_tokens`, natural log; `row_losses` the summed loss of each row;
    `tokens` counts real tokens, without padding.
    """

    loss: float
    row_losses: tuple[float, ...]
    label_tokens: int
    tokens: int


class Engine(Protocol):
    """Computes losses and gradients of the adapter. Arranges the rows of a step as it likes."""

    name: str

    def loss_and_gradients(self, rows: Sequence[TokenRow], step: int) -> StepLoss:
        """The loss of an optimizer step; its gradients are left in the adapter's `.grad`."""

    def row_losses(self, rows: Sequence[TokenRow]) -> list[float]:
        """Summed token loss of each row, without dropout and without gradients."""


@dataclass(frozen=True)
class Answer:
    """An answer: which prompt it belongs to, its token ids without the stop token, why it ended, its share of the time."""

    index: int
    ids: tuple[int, ...]
    finish_reason: Reason
    seconds: float


class TextGenerator(Protocol):
    """Answers prompts greedily. `name` is part of the evaluation fingerprint."""

    name: str

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        stop_ids: Sequence[int],
        tick: Tick,
        known: Collection[int] = (),
    ) -> Iterator[Answer]:
        """One answer for each prompt, as they are there: `index` says whose. `tick` is called often meanwhile.

        `known` are prompts whose answers are there already. They are asked again, and answered again, only where
        others are computed together with them: those are to be the same, to the last bit, as if none were known.
        """
