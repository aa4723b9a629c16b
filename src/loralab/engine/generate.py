"""Greedy answers from the model in this process: prompts as token ids in, answers out, some at a time.

In float32 on CPU a model of a known family is read apart and computed by its weights; any other by its own forward.
Both give the same tokens, so both have one name. The model's generation_config is not obeyed: no sampling, no
repetition penalty, no hidden stop tokens.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from loralab.engine.base import Answer, Reason, Tick
from loralab.engine.decoding import Limits, greedy_answers
from loralab.engine.decoding_cache import make_reader
from loralab.engine.fast.support import unreadable
from loralab.model.shard import Sharded, Whole
from loralab.words import Words, say

# Answers that are computed with one another, in batches. More fill the places of those that have ended for longer;
# of an evaluation that was broken off, they are what is computed again.
SET_BATCHES = 4


class LocalGenerator:
    """Answers with a key-value cache, `batch_rows` at a time, by one of two ways."""

    name = "local"

    def __init__(
        self, model: Any, device: str, pad_id: int, batch_rows: int, shard: Whole | Sharded | None = None
    ) -> None:
        self.model, self.device, self.pad_id, self.batch_rows = model, device, pad_id, batch_rows
        self.shard = shard or Whole()

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        stop_ids: Sequence[int],
        tick: Tick,
        known: Collection[int] = (),
    ) -> Iterator[Answer]:
        """One answer for each prompt, those that are computed with others together unless all are `known`.

        Which are computed together follows from the prompts alone.
        """
        self.model.eval()
        limits = Limits(self.batch_rows, max_new_tokens, frozenset(stop_ids))
        apart = self.why_forward(max(map(len, prompts), default=0) + max_new_tokens) is None
        size = self.batch_rows * SET_BATCHES if apart else self.batch_rows
        for start in range(0, len(prompts), size):
            part = prompts[start : start + size]
            if all(index in known for index in range(start, start + len(part))):
                continue
            if apart:
                answers = greedy_answers(make_reader(self.model), part, limits, tick)
            else:
                answers = self._forward_batch(part, limits, tick)
            yield from (replace(answer, index=start + answer.index) for answer in answers)

    def why_forward(self, longest_tokens: int) -> Words | None:
        """Why answers of such length come from the model's own forward; None if its weights are read apart.

        Asked anew each time: an adapter may have been switched off or merged. On GPU and in bfloat16, tokens of
        the two ways were not compared.
        """
        import torch

        if self.shard.is_split:
            return say("the base is split over the processes of this run")
        weight = self.model.get_input_embeddings().weight
        if weight.device.type != "cpu" or weight.dtype != torch.float32:
            text = f"{weight.device.type} {str(weight.dtype).removeprefix('torch.')}"
            return say("the fast engine does not compute {setting}", setting=text)
        return unreadable(self.model, longest_tokens)

    def _forward_batch(
        self, prompts: Sequence[Sequence[int]], limits: Limits, tick: Tick
    ) -> Iterator[Answer]:
        """Left-padded, row beside row until the last one has ended."""
        import torch
        from transformers import DynamicCache

        began = time.monotonic()
        ids, attention = self._pad(prompts)
        cache = DynamicCache(config=self.model.config)
        answers: list[list[int]] = [[] for _ in prompts]
        reasons: list[Reason | None] = [None] * len(prompts)
        with torch.inference_mode():
            while not all(reasons):
                tick()
                positions = (attention.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
                with self.shard.one_pass("forward"):
                    logits = self.model(
                        input_ids=ids, attention_mask=attention, position_ids=positions, cache=cache,
                        use_cache=True, logits_to_keep=1,
                    ).logits[:, -1]  # fmt: skip
                ids = logits.argmax(-1, keepdim=True)
                for index, token in enumerate(ids[:, 0].tolist()):
                    reasons[index] = reasons[index] or limits.reason(answers[index], token)
                attention = torch.cat([attention, attention.new_ones(len(prompts), 1)], 1)
        seconds = (time.monotonic() - began) / len(prompts)
        for index, reason in enumerate(reasons):
            assert reason is not None
            yield Answer(index, tuple(answers[index]), reason, seconds)

    def _pad(self, prompts: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """ids and attention mask, each (B, T), padded on the left."""
        import torch

        width = max(len(p) for p in prompts)
        ids = torch.full((len(prompts), width), self.pad_id)
        attention = torch.zeros((len(prompts), width), dtype=torch.long)
        for index, prompt in enumerate(prompts):
            ids[index, width - len(prompt) :] = torch.tensor(prompt)
            attention[index, width - len(prompt) :] = 1
        return ids.to(self.device), attention.to(self.device)
