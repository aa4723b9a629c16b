"""Greedy answers from the model in this process: prompts as token ids in, answers out, batch by batch.

In float32 on CPU a model of a known family is read apart and computed by its weights; any other by its own forward.
Both give the same tokens, so both have one name. The model's generation_config is not obeyed: no sampling, no
repetition penalty, no hidden stop tokens.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from loralab.engine.base import Answer, Tick
from loralab.engine.decoding import greedy_answers, make_reader
from loralab.engine.fast.support import unreadable
from loralab.model.shard import Sharded, Whole
from loralab.words import Words, say


class LocalGenerator:
    """Batches with a key-value cache, by one of two ways."""

    name = "local"

    def __init__(
        self, model: Any, device: str, pad_id: int, batch_rows: int, shard: Whole | Sharded | None = None
    ) -> None:
        self.model, self.device, self.pad_id, self.batch_rows = model, device, pad_id, batch_rows
        self.shard = shard or Whole()

    def generate(
        self, prompts: Sequence[Sequence[int]], max_new_tokens: int, stop_ids: Sequence[int], tick: Tick
    ) -> Iterator[Answer]:
        """One answer for each prompt. Batches are fixed by the order of the prompts."""
        self.model.eval()
        apart = self.why_forward(max(map(len, prompts), default=0) + max_new_tokens) is None
        for start in range(0, len(prompts), self.batch_rows):
            began = time.monotonic()
            part = prompts[start : start + self.batch_rows]
            if apart:
                answers = greedy_answers(make_reader(self.model), part, max_new_tokens, set(stop_ids), tick)
            else:
                answers = self._forward_batch(part, max_new_tokens, set(stop_ids), tick)
            seconds = (time.monotonic() - began) / len(part)
            for offset, (ids, stopped) in enumerate(answers):
                yield Answer(start + offset, tuple(ids), "stop" if stopped else "length", seconds)

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
        self, prompts: Sequence[Sequence[int]], max_new_tokens: int, stop_ids: set[int], tick: Tick
    ) -> list[tuple[list[int], bool]]:
        """Left-padded, row beside row until the last one has ended."""
        import torch
        from transformers import DynamicCache

        ids, attention = self._pad(prompts)
        cache = DynamicCache(config=self.model.config)
        answers: list[list[int]] = [[] for _ in prompts]
        stopped = [False] * len(prompts)
        with torch.inference_mode():
            for _ in range(max_new_tokens):
                tick()
                positions = (attention.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
                with self.shard.one_pass("forward"):
                    logits = self.model(
                        input_ids=ids, attention_mask=attention, position_ids=positions, cache=cache,
                        use_cache=True, logits_to_keep=1,
                    ).logits[:, -1]  # fmt: skip
                ids = logits.argmax(-1, keepdim=True)
                _take(ids[:, 0].tolist(), answers, stopped, stop_ids)
                if all(stopped):
                    break
                attention = torch.cat([attention, attention.new_ones(len(prompts), 1)], 1)
        return list(zip(answers, stopped, strict=True))

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


def _take(tokens: list[int], answers: list[list[int]], stopped: list[bool], stop_ids: set[int]) -> None:
    """Add each row's new token to its answer, unless the row has stopped or stops with it."""
    for index, token in enumerate(tokens):
        if token in stop_ids:
            stopped[index] = True
        elif not stopped[index]:
            answers[index].append(token)
